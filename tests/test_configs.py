from datetime import timedelta
from pathlib import Path

from batchmri.settings import Settings

CONFIGS = Path(__file__).parents[1] / "configs"


def test_nightly_yaml_is_valid_and_sets_the_bounds_of_a_night() -> None:
    schedule = Settings.load(CONFIGS / "nightly.yaml").schedule
    assert schedule.settle == timedelta(minutes=10)
    assert schedule.time_budget == timedelta(hours=6)
    assert schedule.too_many(failed=6, total=100)
    assert not schedule.too_many(failed=5, total=100)
