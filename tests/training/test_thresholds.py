from pathlib import Path

import pytest

from batchmri.training.table import Row
from batchmri.training.thresholds import fit_thresholds


def patients(label: str, values: list[float]) -> tuple[list[Row], list[float]]:
    """Create three slices for each patient, whose mean suspicion is the given value."""
    rows, suspicion = [], []
    for number, value in enumerate(values):
        for shift in (-0.01, 0.01, 0.0):
            file = Path(f"{label}-{number}-{shift}.png")
            rows.append(Row(file, label, "dev", source="x", patient=f"{label}-{number}"))
            suspicion.append(value + shift)
    return rows, suspicion


def fitted(free: list[float], tumor: list[float], rates: tuple[float, float]) -> dict[str, float]:
    rows, suspicion = patients("none", free)
    more, others = patients("tumor", tumor)
    return fit_thresholds(rows + more, suspicion + others, "none", *rates)[0]


def test_stated_shares_exceed_the_thresholds() -> None:
    free = [0.01 * n for n in range(1, 40)]  # 39 values: 5% is the two highest
    tumor = [0.5 + 0.01 * n for n in range(1, 20)]  # 19 values: 10% is the two lowest
    assert fitted(free, tumor, (0.05, 0.1)) == pytest.approx(
        {"tumor_above": 0.52, "notumor_below": 0.52}, abs=0.002
    )
    assert fitted(free, tumor, (0.5, 0.3)) == pytest.approx(
        {"tumor_above": 0.56, "notumor_below": 0.56}, abs=0.002
    )
    low = [value - 0.5 for value in tumor]
    assert fitted(free, low, (0.05, 0.1)) == pytest.approx(
        {"tumor_above": 0.38, "notumor_below": 0.02}, abs=0.002
    )


def test_too_few_series_fit_no_threshold() -> None:
    assert fitted([0.1] * 18, [0.9] * 8, (0.05, 0.1)) == {}
    rules = fitted([0.1] * 19, [0.9] * 8, (0.05, 0.1))
    assert rules == {"tumor_above": pytest.approx(0.1, abs=0.002)}


def test_slices_without_series_are_ignored_and_single_slices_do_not_decide() -> None:
    alone = [Row(Path("a.png"), "none", "dev")] * 30
    assert fit_thresholds(alone, [0.9] * 30, "none", 0.05, 0.1)[0] == {}
    volume = [Row(Path("a.nii"), "none", "dev", slice=n, plane="axial") for n in range(9)]
    curve = [0.0, 0.0, 0.9, 0.0, 0.0, 0.3, 0.3, 0.3, 0.0]
    fitted, metrics = fit_thresholds(volume, curve, "none", 0.5, 0.5)
    assert metrics["tumor_free_series"] == 1
    assert fitted["tumor_above"] == pytest.approx(0.3, abs=0.002)
