"""batchmri: brain MRI archives in, CSV reports and Grad-CAM pictures out.

Research use only: not a medical device.

    batchmri.scan(paths, out=…)                 the main job, as the command line runs it
    batchmri.load_classifier(model=None)        a callable on a list of 2-D arrays
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from batchmri.pipeline import load_classifier, scan

__all__ = ["__version__", "load_classifier", "scan"]


def __getattr__(name: str) -> "Any":
    # Nothing is imported before it is used: the first line of a command takes interrupts, and
    # `batchmri --help` answers before torch would be imported.
    if name == "__version__":
        from importlib.metadata import version

        return version("batchmri")
    if name == "scan":
        from batchmri.pipeline import scan

        return scan
    if name == "load_classifier":
        from batchmri.pipeline import load_classifier

        return load_classifier
    raise AttributeError(f"module 'batchmri' has no attribute {name!r}")
