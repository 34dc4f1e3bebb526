"""Messages for packages that are hidden by a local folder of the same name."""

import subprocess
import sys
from pathlib import Path

import pytest

import batchmri
from batchmri.cli.imports import explain_import
from tests.pipeline.builders import write_series


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("pydantic", ("scan", "archive", "--out", "out")),
        pytest.param("monai", ("scan", "archive", "--out", "out"), marks=pytest.mark.slow),
    ],
)
def test_a_package_hidden_by_a_local_folder_is_named(
    package: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    write_series(tmp_path / "archive" / "notumor")
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-m", "batchmri", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"batchmri: error: {package} was loaded from {tmp_path / package}")
    assert "Traceback" not in done.stderr and "pip install" not in done.stderr


def test_a_missing_package_names_its_extra() -> None:
    error = ModuleNotFoundError("No module named 'onnx'", name="onnx")
    message = explain_import(error) or ""
    assert message == "onnx is missing: pip install 'batchmri[export]'" or "onnx" in sys.modules
    assert explain_import(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert explain_import(AttributeError("of ours")) is None


def test_the_cause_of_a_failed_lazy_import_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise AttributeError("module 'pandas' has no attribute 'DataFrame'")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(ImportError, match=r"pipeline.scan: module 'pandas' has no attribute"):
        _ = batchmri.scan
