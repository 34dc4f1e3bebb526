from pathlib import Path

import pytest

from batchmri.training.settings import TrainSettings

CONFIGS = Path(__file__).resolve().parents[2] / "experiments" / "b1"


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("release-0.1/first", 1),
        ("release-0.1/second", 1),
        ("release-0.1/third", 1),
        ("release-0.1/wide-a", 1.02),
        ("release-0.1/wider-b", 1.02),
        ("release-0.1/fold-a", 1.02),
        ("release-0.1/mean", 1.02),
        ("tune", 1),
        ("tune-second", 1),
        ("tune-posterior", 1),
        ("recipe-base", 1),
        ("recipe-tune", 1),
    ],
)
def test_configs_are_valid_and_their_weights_add_up(name: str, total: float) -> None:
    settings = TrainSettings.load(CONFIGS / f"{name}.yaml")
    weights = sum(sum(group.values()) for group in settings.sampling_weights.values())
    assert weights == pytest.approx(total)
