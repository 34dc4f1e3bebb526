"""Settings: sources, validation, and messages."""

from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from batchmri.errors import SettingsError
from batchmri.preparation.transforms import PreparationSettings
from batchmri.settings import Settings
from batchmri.settings.selection import Sequence
from batchmri.terms import sequence_patterns as patterns

INTERNAL_WORDS = ("constrained", "literal[", "regex", "pattern", "input", "\\d", "datetime", "^(")


def config_file(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(config: Path | None = None, **flags: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(config, **flags)
    text = str(caught.value)
    assert "\n" not in text
    assert not [word for word in INTERNAL_WORDS if word in text.lower()], text
    return text


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("classifier.batch_size", "0", "a whole number of at least 1, or auto"),
        ("classifier.device", "gpu", "auto, cpu, cuda or cuda:N"),
        ("classifier.precision", "fp61", "auto, fp32, bf16 or fp16; did you mean fp16?"),
        ("schedule.settle", "tenm", "a time such as 90s, 10m, 6h or 2d"),
        ("schedule.settle", "99999999999999d", "a time such as 90s, 10m, 6h or 2d"),
        ("schedule.settle", "-5m", "a time such as 90s, 10m, 6h or 2d"),
        ("schedule.time_budget", "0s", "a time such as 90s, 10m, 6h or 2d, more than none"),
        (
            "schedule.max_failures",
            "150%",
            "a number such as 5, or a percentage up to 100% such as 5%",
        ),
        (
            "schedule.max_failures",
            "-1",
            "a number such as 5, or a percentage up to 100% such as 5%",
        ),
        ("report.gradcam", "top:0", "top:K with K of at least 1, all or none"),
        ("verdict.top_slices", "2.5", "a whole number of at least 1"),
        ("verdict.tumor_above", "nan", "a number of at least 0 and of at most 1"),
        ("selection.sequences", "t1, flaire", "did you mean flair?"),
        ("archive.root_labels", "a/b=/x", "LABEL=PATH"),
        ("archive.follow_links", "maybe", "true or false"),
    ],
)
def test_a_value_is_refused_with_what_is_allowed(
    setting: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    section, key = setting.split(".")
    assert refusal(**{section: {key: value}}).startswith(f"{setting}: ")
    assert expected in refusal(**{section: {key: value}})
    name = f"BATCHMRI_{section}__{key}".upper()
    monkeypatch.setenv(name, value)
    assert refusal().startswith(f"{name}: ")


def test_the_message_names_where_the_value_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_file(tmp_path, "verdict:\n  top_slices: zero\n")
    assert refusal(config).startswith(f"config file {config}: verdict.top_slices: 'zero'")
    monkeypatch.setenv("BATCHMRI_VERDICT__TOP_SLICES", "none")
    assert refusal(config).startswith("BATCHMRI_VERDICT__TOP_SLICES: 'none'")
    with pytest.raises(SettingsError, match=r"^--top-slices: '-1'"):
        Settings.load(config, {"verdict.top_slices": "--top-slices"}, verdict={"top_slices": "-1"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("verdict:\n  top_slices: 3\n bad: [\n", "line 3, column 2"),
        ("verdict:\n\ttop_slices: 3\n", "line 2, column 1"),
        ("verdict:\n  top_slices: 3\n  top_slices: 4\n", "line 3, column 3: no valid YAML: top_s"),
        ("verdict: 5\n", "verdict: expected settings such as verdict.top_slices"),
        ("- verdict\n", "expected sections such as 'verdict:'"),
        ("top_slices: 3\n", "top_slices: unknown setting; did you mean verdict.top_slices?"),
        ("verdikt:\n  top_slices: 3\n", "verdikt: unknown setting; did you mean verdict?"),
        ("schedule:\n  max-failures: 3\n", "did you mean schedule.max_failures?"),
        ("schedule:\n  1: 3\n", "schedule.1: unknown setting"),
        ("verdict:\n  top_slices: true\n", "'true' is not allowed; expected a whole number"),
        ("archive:\n  exclude: 2024-01-01\n", "archive.exclude: '2024-01-01' is not allowed"),
        ("selection:\n  sequences: []\n", "selection.sequences: '' is not allowed"),
        ("a: &a [*a]\n", "c.yaml"),
        ("[" * 2000, "no valid YAML"),
    ],
)
def test_a_config_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    config = config_file(tmp_path, text)
    told = refusal(config)
    assert told.startswith(f"config file {config}")
    assert message in told


def test_a_config_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path).endswith("is a folder; name a YAML file")
    assert "cannot be read (No such file" in refusal(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"report:\n  gradcam: \xe4\n")
    assert "is not UTF-8 text (byte 19)" in refusal(tmp_path / "latin.yaml")


def test_a_byte_order_mark_and_empty_sections_are_read(tmp_path: Path) -> None:
    config = config_file(tmp_path, "\ufeffverdict:\nnight:\n  max_failures: 5\n")
    settings = Settings.load(config, verdict={"top_slices": "4"})
    assert (settings.schedule.max_failures, settings.verdict.top_slices) == ("5", 4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BATCHMRI_VERSION", "unset it, or name a setting such as BATCHMRI_VERDICT__TOP_SLICES"),
        ("BATCHMRI_TOP_SLICES", "did you mean BATCHMRI_VERDICT__TOP_SLICES?"),
        ("BATCHMRI_VERDICT_TOP_SLICES", "did you mean BATCHMRI_VERDICT__TOP_SLICES?"),
        ("BATCHMRI_VERDICT__TOPSLICES", "did you mean BATCHMRI_VERDICT__TOP_SLICES?"),
        ("BATCHMRI_VERDICT", "names a section; set verdict.top_slices"),
    ],
)
def test_an_unknown_variable_is_named(
    name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1.0")
    told = refusal()
    assert told.startswith(f"{name}: ")
    assert message in told


@pytest.mark.parametrize(
    ("text", "globs"),
    [
        ("*.tmp", ("*.tmp",)),
        ("*.tmp, old/*", ("*.tmp", "old/*")),
        ("[ab]*", ("[ab]*",)),
        ("[0-9]", ("[0-9]",)),
        ("!x", ("!x",)),
        ("&x", ("&x",)),
        ("{a}", ("{a}",)),
        ("#backup", ("#backup",)),
        ("a: b", ("a: b",)),
        ("null", ("null",)),
        ("2024", ("2024",)),
        ('["*.tmp"]', ("*.tmp",)),
        ("[one, two]", ("one", "two")),
    ],
)
def test_text_in_the_environment_is_not_parsed_as_yaml(
    text: str, globs: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHMRI_ARCHIVE__EXCLUDE", text)
    assert Settings.load().archive.exclude == globs


def test_values_of_the_environment_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (
        ("VERDICT__TOP_SLICES", "4"),
        ("NIGHT__SETTLE", "1h30m"),
        ("NIGHT__TIME_BUDGET", "none"),
        ("NIGHT__MAX_FAILURES", "2.5%"),
        ("REPORT__GRADCAM_NOTUMOR", "yes"),
        ("PIXELS__WORKERS", "auto"),
        ("SELECTION__MODALITIES", "mr"),
        ("CLASSIFIER__MODEL", "2024"),
        ("ARCHIVE__ROOT_LABELS", "a=/x,b=/y"),
        ("REPORT__SLICES", ""),
    ):
        monkeypatch.setenv(f"BATCHMRI_{name}", text)
    settings = Settings.load(schedule={"settle": None})
    assert settings.verdict.top_slices == 4
    assert settings.schedule.settle == timedelta(minutes=90)
    assert settings.schedule.time_budget is None
    assert settings.schedule.too_many(3, 100) and not settings.schedule.too_many(2, 100)
    assert settings.report.gradcam_notumor
    assert settings.pixels.workers == "auto"
    assert settings.selection.modalities == ("MR",)
    assert settings.classifier.model == Path("2024")
    assert settings.archive.root_labels == {"a": "/x", "b": "/y"}
    assert settings.report.slices == "all"


@pytest.mark.parametrize("given", ["5", 5])
def test_a_number_of_failures_is_allowed(given: object) -> None:
    schedule = Settings.load(schedule={"max_failures": given}).schedule
    assert schedule.too_many(6, 1000)
    assert not schedule.too_many(5, 1000)


def test_settings_that_exclude_each_other_are_refused() -> None:
    told = refusal(verdict={"notumor_below": "0.7", "tumor_above": "0.6"})
    assert told == (
        "verdict.notumor_below is 0.7, above verdict.tumor_above with 0.6; "
        "notumor_below must be at most tumor_above"
    )
    assert "max_distance must be at most brain_distance" in refusal(
        verdict={"max_distance": 2, "brain_distance": 1}
    )
    with pytest.raises(ValidationError, match="notumor_below"):
        Settings.model_validate({"verdict": {"notumor_below": 0.7, "tumor_above": 0.6}})
    with pytest.raises(ValidationError, match="lower_percentile 60 must be below"):
        PreparationSettings(lower_percentile=60, upper_percentile=40)


def test_the_card_completes_what_was_not_set() -> None:
    card = {"top_slices": 7, "tumor_above": 0.9, "notumor_below": 0.2}
    rules = Settings.load(verdict={"top_slices": 5}).with_model_rules(card).verdict
    assert (rules.top_slices, rules.tumor_above, rules.notumor_below) == (5, 0.9, 0.2)
    # Below the default of notumor_below, but not below the card's.
    assert Settings.load(verdict={"tumor_above": 0.3}).with_model_rules(card).verdict
    with pytest.raises(SettingsError, match=r"verdict.no_such: unknown setting"):
        Settings.load().with_model_rules({"no_such": 1})
    with pytest.raises(SettingsError, match=r"model card: verdict.top_slices: 'x' is not allowed"):
        Settings.load().with_model_rules({"top_slices": "x"})


def test_a_share_of_all_classes_replaces_shares_of_lower_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = {"min_class_share": 0.9, "min_class_shares": {"glioma": 0.9, "pituitary": 0.5}}
    site = ("calibration file", {"min_class_share": 0.7})
    config = config_file(
        tmp_path, "verdict: {min_class_share: 0.6, min_class_shares: {glioma: 0.4}}"
    )

    def shares(settings: Settings, *further: Any) -> tuple[float, dict[str, float]]:
        rules = settings.with_model_rules(card, further).verdict
        return rules.min_class_share, rules.min_class_shares

    assert shares(Settings.load()) == (0.9, {"glioma": 0.9, "pituitary": 0.5})
    assert shares(Settings.load(), site) == (0.7, {})
    assert shares(Settings.load(config), site) == (0.6, {"glioma": 0.4})
    by_class = Settings.load(verdict={"min_class_shares": {"glioma": 0.3}})
    assert shares(by_class, site) == (0.7, {"glioma": 0.3})
    monkeypatch.setenv("BATCHMRI_VERDICT__MIN_CLASS_SHARE", "0.2")
    assert shares(Settings.load(config), site) == (0.2, {})
    monkeypatch.setenv("BATCHMRI_VERDICT__MIN_CLASS_SHARES", "glioma=0.1")
    assert shares(Settings.load(config), site) == (0.2, {"glioma": 0.1})
    flag = Settings.load(config, verdict={"min_class_share": 0})
    assert shares(flag, site) == (0.0, {})


def test_a_flag_that_contradicts_the_card_or_a_default_is_refused() -> None:
    flags = {"verdict.tumor_above": "--tumor-above"}
    settings = Settings.load(None, flags, verdict={"tumor_above": "0.3"})
    with pytest.raises(
        SettingsError,
        match=r"^model card: verdict.notumor_below is 0.4, above --tumor-above with 0.3; ",
    ):
        settings.with_model_rules({"notumor_below": 0.4})
    with pytest.raises(SettingsError, match=r"^verdict.notumor_below \(default\) is 0.5, above"):
        settings.with_model_rules({})


def test_a_dumped_config_file_sets_the_same(tmp_path: Path) -> None:
    given: dict[str, dict[str, object]] = {
        "archive": {"exclude": ("*.tmp", "[ab]*", "#x"), "root_labels": {"a": "/x"}},
        "schedule": {"settle": "90m", "time_budget": "36h", "max_failures": "5%"},
        "classifier": {"model": "m.safetensors", "batch_size": "8"},
        "verdict": {"top_slices": 4},
    }
    settings = Settings.load(**given).with_model_rules({"tumor_above": 0.643})
    again = Settings.load(config_file(tmp_path, settings.dump()))
    assert again == settings
    assert "settle: 90m" in settings.dump() and "time_budget: 36h" in settings.dump()
    # Settings in the file are not taken from the card.
    assert again.with_model_rules({"tumor_above": 0.9}) == settings


def test_every_sequence_that_headers_name_can_be_selected() -> None:
    codes = {code for code, _ in (*patterns.WORDS, *patterns.PULSE_SEQUENCES)}
    codes |= {*patterns.ACQUISITION_CONTRASTS.values(), *patterns.BIDS_SUFFIXES.values()}
    named = codes - {"pd t2", "tirm"} | {"t1_contrast", "unknown"}  # these are told apart by times
    assert named == set(get_args(Sequence))


@pytest.mark.parametrize(
    "given",
    [("pituitary=0.5", "glioma=0"), "pituitary=0.5, glioma=0", {"pituitary": 0.5, "glioma": 0}],
)
def test_shares_of_single_classes_are_mappings_or_texts(given: object) -> None:
    verdict = Settings.load(None, {}, verdict={"min_class_shares": given}).verdict
    assert verdict.min_class_shares == {"pituitary": 0.5, "glioma": 0.0}
