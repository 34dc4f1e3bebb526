from tests.extending.examples import install
from tests.pipeline.conftest import compiled_once, random_model, settings

__all__ = ["compiled_once", "install", "random_model", "settings"]
