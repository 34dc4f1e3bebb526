"""Backends of other packages."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from batchmri.errors import SettingsError, StateError
from batchmri.model.backends.registry import choose
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.settings.classifier import ClassifierSettings
from tests.pipeline.builders import changed, write_series
from tests.pipeline.outputs import table


def test_a_backend_of_another_package_is_chosen_by_name(
    tmp_path: Path, settings: Settings, install: Callable[[str], None]
) -> None:
    write_series(tmp_path / "archive")
    install("eager_backend")
    assert choose(ClassifierSettings(device="cpu")).backend == "openvino"
    both = {}
    for backend in ("eager", "torch"):
        chosen = changed(settings, "classifier", backend=backend, precision="fp32")
        out = tmp_path / backend
        scan([tmp_path / "archive"], out=out, settings=chosen)
        assert json.loads((out / "run.json").read_text())["model"]["device"] == f"{backend} cpu"
        both[backend] = [float(row["p_glioma"]) for row in table(out, "slices")]
    assert both["eager"] == pytest.approx(both["torch"], abs=2e-3)
    with pytest.raises(StateError, match=r"eager on cpu \(now --backend torch on cpu\)"):
        scan([tmp_path / "archive"], out=tmp_path / "eager", settings=chosen)


def test_a_backend_without_the_device_is_refused() -> None:
    with pytest.raises(SettingsError, match="device cuda:0: openvino can use 0 CUDA devices"):
        choose(ClassifierSettings(backend="openvino", device="cuda:0"))
    with pytest.raises(SettingsError, match="'onnx' is not allowed; expected auto, openvino"):
        Settings.load(classifier={"backend": "onnx"})
    assert choose(ClassifierSettings(backend="torch", device="cpu")).backend == "torch"
