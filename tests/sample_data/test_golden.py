"""Verdicts of the shipped model on the sample data, which README shows."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import batchmri
from batchmri.outputs.pictures import _HEADER_HEIGHT, _LEFTS, _PANEL

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "archive"
TOLERANCE = 0.03  # between processors and precisions
CLASSES = ["glioma", "meningioma", "notumor", "pituitary"]

EXPECTED = {
    "archive/alpha": ("tumor", "kind_open", [0.85, 0.14, 0.00, 0.01]),
    "archive/DISC/PAT00001": ("notumor", "no_tumor", [0.17, 0.02, 0.79, 0.01]),
    "archive/sub-gamma/anat/sub-gamma_ce-gadolinium_T1w.nii.gz": (
        "meningioma",
        "tumor",
        [0.03, 0.96, 0.00, 0.01],
    ),
}
# Maximum of the heat map in the right panel (x, y), in hundredths of its side. The tumor
# of alpha is on the right of the patient, that of gamma at the left convexity.
WARMEST = {"archive/alpha": (37, 54), "archive/sub-gamma": (72, 35)}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("golden") / "out"
    assert batchmri.scan([SAMPLE], out=out).exit_code == 0
    return out


def test_verdicts_and_probabilities(output: Path) -> None:
    studies = pd.read_csv(output / "studies.csv").set_index("source")
    assert set(studies.index) == set(EXPECTED)
    for source, (verdict, reason, probabilities) in EXPECTED.items():
        row = studies.loc[source]
        assert (row["verdict"], row["verdict_reason"]) == (verdict, reason)
        found = [row[f"p_{name}"] for name in CLASSES]
        assert np.allclose(found, probabilities, atol=TOLERANCE), f"{source}: {found}"


def test_pictures_have_their_size_and_are_warm_where_the_tumor_is(output: Path) -> None:
    slices = pd.read_csv(output / "slices.csv").dropna(subset=["gradcam_png"])
    assert len(slices) == 6
    assert not any("PAT00001" in source for source in slices["source"])
    for folder, expected in WARMEST.items():
        rows = slices[slices["source"].str.startswith(folder)]
        clearest = rows.sort_values("confidence").iloc[-1]
        picture = cv2.imread(str(output / clearest["gradcam_png"]))
        assert picture.shape == (498, 858, 3)
        left = _LEFTS[1]
        panel = picture[_HEADER_HEIGHT : _HEADER_HEIGHT + _PANEL, left : left + _PANEL].astype(int)
        colorful = cv2.blur(np.ptp(panel, axis=2).astype(np.float32), (9, 9))
        y, x = np.unravel_index(colorful.argmax(), colorful.shape)
        place = (100 * x / _PANEL, 100 * y / _PANEL)
        assert np.hypot(*np.subtract(place, expected)) < 8, f"{folder}: {place}"
