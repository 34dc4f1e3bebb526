"""Classify archives of brain MRI, and write CSV tables and Grad-CAM pictures.

Research use only: not a medical device.

    batchmri.scan(paths, out=…)                 the same as `batchmri scan`
    batchmri.read_results(out)                  the tables of an earlier scan as DataFrames
    batchmri.load_classifier(model=None)        a callable on a list of 2-D arrays
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from batchmri.pipeline.api import load_classifier
    from batchmri.pipeline.results import read_results
    from batchmri.pipeline.scan import scan

__all__ = ["__version__", "load_classifier", "read_results", "scan"]
_MODULES = {
    "load_classifier": "batchmri.pipeline.api",
    "read_results": "batchmri.pipeline.results",
    "scan": "batchmri.pipeline.scan",
}


def __getattr__(name: str) -> "Any":
    # Lazy imports, so that a command handles interrupts from its start and `batchmri --help` does
    # not import torch.
    if name == "__version__":
        from importlib.metadata import version

        return version("batchmri")
    if name not in _MODULES:
        raise AttributeError(f"module 'batchmri' has no attribute {name!r}")
    from importlib import import_module

    try:
        module = import_module(_MODULES[name])
    except AttributeError as error:
        # `from batchmri import scan` would turn an AttributeError into "cannot import name".
        raise ImportError(f"{_MODULES[name]}: {error}") from error
    return getattr(module, name)
