from pathlib import Path

import pytest
import torch

from batchmri.errors import SettingsError, UsageError
from batchmri.model.checkpoint import load_checkpoint
from batchmri.preparation.transforms import PreparationSettings
from batchmri.training.settings import TrainSettings
from batchmri.training.train import train, zoom_range

SETTINGS = TrainSettings.model_validate(
    {
        "init": "random",
        "epochs": 2,
        "samples_per_epoch": 8,
        "batch_size": 4,
        "ema_decay": 0.5,
        "threads": 1,
        "loaders": 0,
        "preparation": {"size": 32},
        "card": {"license": "none", "sources": [{"name": "made up", "license": "CC0"}]},
    }
)


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run / "model.safetensors")[0].state_dict()


@pytest.mark.slow
def test_resumed_training_equals_an_uninterrupted_one(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = train(heads, tmp_path / "whole", SETTINGS)
    assert card.classes == ("notumor", "spot")
    assert card.metrics["test"]["n"] == 4
    assert card.weights_digest and card.training_data_digest and card.sources
    assert (tmp_path / "whole" / "metrics.csv").read_text().count("\n") == 3
    plots = {path.stem for path in (tmp_path / "whole" / "figures").iterdir()}
    assert {"curves", "class_distribution", "crop_quality", "augmentations"} <= plots

    class CutError(Exception):
        pass

    from batchmri.training import progress

    close, cut = progress.Progress.close_epoch, tmp_path / "cut"

    def close_and_cut(self: progress.Progress, *rest: object) -> None:
        close(self, *rest)  # type: ignore[arg-type]
        raise CutError

    monkeypatch.setattr(progress.Progress, "close_epoch", close_and_cut)
    with pytest.raises(CutError):
        train(heads, cut, SETTINGS)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="--resume"):
        train(heads, cut, SETTINGS)
    other = SETTINGS.model_copy(update={"learning_rate": 1.0})
    with pytest.raises(UsageError, match="other data or settings"):
        train(heads, cut, other, resume=True)
    assert train(heads, cut, SETTINGS, resume=True) == card
    resumed = weights_of(cut)
    for name, tensor in weights_of(tmp_path / "whole").items():
        assert torch.equal(tensor, resumed[name]), name


def test_unknown_no_tumor_class_raises(heads: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"no_tumor_class": "healthy"})
    with pytest.raises(UsageError, match="'healthy' is not one of"):
        train(heads, tmp_path / "run", settings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epoch: 3", "unknown key epoch; did you mean epochs"),
        ("epochs: -1", "epochs: "),
        ("a: [", "config file"),
        ("- 1", "config file"),
        ("extends: none.yaml", "config file"),
        ("extends: train.yaml", "unknown key extends"),
    ],
)
def test_invalid_config_raises_one_line_error(tmp_path: Path, text: str, says: str) -> None:
    config = tmp_path / "train.yaml"
    config.write_text(text)
    with pytest.raises(SettingsError, match=says) as caught:
        TrainSettings.load(config)
    assert "\n" not in str(caught.value)


def test_config_overrides_the_config_it_extends(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("epochs: 3\nshares: {a: {b: 1}, c: {d: 1}}\nseed: 1\n")
    config = tmp_path / "train.yaml"
    config.write_text("extends: other.yaml\nseed: 2\nshares: {a: {b: 0.5}}\n")
    settings = TrainSettings.load(config)
    assert (settings.epochs, settings.seed, settings.sampling_weights) == (3, 2, {"a": {"b": 0.5}})


@pytest.mark.parametrize("name", ["train", "paper"])
def test_project_configs_are_valid(name: str) -> None:
    config = Path(__file__).resolve().parents[2] / "configs" / f"{name}.yaml"
    assert not TrainSettings.load(config).sampling_weights, "they would name sources of other data"


def test_the_recipe_lists_every_setting() -> None:
    recipe = TrainSettings.load(Path(__file__).resolve().parents[2] / "configs" / "train.yaml")
    assert recipe.model_fields_set == set(TrainSettings.model_fields)
    assert recipe.preparation.model_fields_set == set(PreparationSettings.model_fields)
    changed = {"preparation", "card"}
    assert recipe.model_dump(exclude=changed) == TrainSettings().model_dump(exclude=changed)


@pytest.mark.slow
def test_frozen_stages_keep_weights_and_batch_statistics(heads: Path, tmp_path: Path) -> None:
    train(heads, tmp_path / "first", SETTINGS.model_copy(update={"epochs": 1}))
    first = tmp_path / "first" / "model.safetensors"
    changed = {"init": str(first), "frozen_stages": 2, "epochs": 1}
    train(heads, tmp_path / "second", SETTINGS.model_copy(update=changed))
    before, after = weights_of(first.parent), weights_of(tmp_path / "second")
    held = ("stem.", "blocks.0.", "blocks.1.")
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith(held)} <= same
    later = {name for name in before if name.startswith("blocks.2.") and "weight" in name}
    assert later
    assert not later & same


@pytest.mark.slow
def test_weights_of_several_models_are_averaged(heads: Path, tmp_path: Path) -> None:
    files = []
    for seed in (1, 2):
        train(heads, tmp_path / str(seed), SETTINGS.model_copy(update={"epochs": 1, "seed": seed}))
        files.append(str(tmp_path / str(seed) / "model.safetensors"))
    card = train(
        heads, tmp_path / "mean", SETTINGS.model_copy(update={"init": tuple(files), "epochs": 0})
    )
    assert card.metrics["test"]["n"] == 4
    one, other, mean = (weights_of(tmp_path / name)["linear.weight"] for name in ("1", "2", "mean"))
    assert not torch.equal(one, other)
    torch.testing.assert_close(mean, (one + other) / 2, rtol=2e-3, atol=1e-4)  # half precision


def test_held_out_patients_do_not_train(heads: Path, tmp_path: Path) -> None:
    lines = heads.read_text().splitlines()
    patients = ["patient", *(f"p{number // 4}" for number in range(len(lines) - 1))]
    heads.write_text("".join(f"{a},{b}\n" for a, b in zip(lines, patients, strict=True)))
    with pytest.raises(UsageError, match="held_out: split train has no source or patient 'p9'"):
        train(heads, tmp_path / "typo", SETTINGS.model_copy(update={"held_out": ("p9",)}))
    digests = [
        train(
            heads,
            tmp_path / "-".join(("run", *patients)),
            SETTINGS.model_copy(update={"epochs": 0, "held_out": patients}),
        ).training_data_digest
        for patients in ((), ("made up p0",), ("made up p1",))
    ]
    assert len(set(digests)) == 3


def test_resampling_in_mm_is_a_zoom_of_the_prepared_square() -> None:
    settings = SETTINGS.model_copy(update={"resampling_mm": (0.8, 2.5)})
    settings = settings.model_copy(update={"preparation": PreparationSettings(size=100)})
    assert zoom_range(settings) == (0.8, 2.5)  # pixels of 2 mm
    assert zoom_range(SETTINGS) is None
