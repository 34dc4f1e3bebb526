"""Validation of DICOM files with other programs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.dataset import Dataset


def program(name: str) -> str:
    """The path of a program, from this environment or the system; skip the test without it."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}, which is not here")
    return found


def save(ds: Dataset, path: Path) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def dciodvfy_errors(path: Path) -> list[str]:
    """The errors that dciodvfy reports."""
    done = subprocess.run([program("dciodvfy"), str(path)], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    return [line for line in lines if line.startswith("Error")]
