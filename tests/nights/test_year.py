import pytest

from tests.nights.year import simulate


@pytest.mark.slow
def test_a_week_of_nights_equals_one_fresh_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short form of `python -m tests.nights.year`."""
    if not simulate(nights=6, seed=5, patch=monkeypatch):
        pytest.skip("the nights passed, but no tmpfs could be mounted for a full disk")


@pytest.mark.slow
def test_three_nights_equal_one_fresh_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(nights=3, seed=5, patch=monkeypatch)
