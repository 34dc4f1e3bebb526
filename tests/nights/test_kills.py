from pathlib import Path

import pytest

from tests.nights.kills import check, make_archive, make_model, run
from tests.pipeline.outputs import contents

pytestmark = pytest.mark.slow


def test_killed_scans_are_resumed_to_the_same_bytes() -> None:
    """The short form of `python -m tests.nights.kills`: one kill at each planted point."""
    assert check(n_kills=3, n_series=4, seed=3) >= 2


def test_a_terminated_scan_finishes_what_is_in_flight_and_ends_with_143(tmp_path: Path) -> None:
    archive, model = make_archive(tmp_path / "archive", 6), make_model(tmp_path)
    assert run(archive, tmp_path / "reference", model).wait() == 0
    # The first two commits belong to the walk, the fifth to the second group of series.
    assert run(archive, tmp_path / "out", model, "term", 5).wait() == 143
    assert (tmp_path / "out" / "studies.csv").is_file()
    assert run(archive, tmp_path / "out", model).wait() == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "reference")
