"""batchmri: brain MRI archives in, CSV reports and Grad-CAM pictures out.

Research use only: not a medical device.

    batchmri.scan(paths, out=…)                 the main job, as the command line runs it
    batchmri.load_classifier(model=None)        a callable on a list of 2-D arrays
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from batchmri.pipeline.api import load_classifier
    from batchmri.pipeline.scan import scan

__all__ = ["__version__", "load_classifier", "scan"]
_MODULES = {"load_classifier": "batchmri.pipeline.api", "scan": "batchmri.pipeline.scan"}


def __getattr__(name: str) -> "Any":
    # Nothing is imported before it is used: the first line of a command takes interrupts, and
    # `batchmri --help` answers before torch would be imported.
    if name == "__version__":
        from importlib.metadata import version

        return version("batchmri")
    if name not in _MODULES:
        raise AttributeError(f"module 'batchmri' has no attribute {name!r}")
    from importlib import import_module

    try:
        module = import_module(_MODULES[name])
    except AttributeError as error:
        # `from batchmri import scan` would replace it by "cannot import name".
        raise ImportError(f"{_MODULES[name]}: {error}") from error
    return getattr(module, name)
