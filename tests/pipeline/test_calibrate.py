"""`batchmri calibrate` on a generated state, and the use of its file."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from batchmri.cli import cli
from batchmri.cli.outcome import exit_code_of
from batchmri.errors import UsageError
from batchmri.model.card import Card
from batchmri.pipeline.commands.calibrate import calibrate
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.run.provenance import remember_model
from batchmri.reasons import Reason, Status
from batchmri.records import Classes, CropBox, DomainScores, Scores, SeriesKey, SliceRef
from batchmri.records import SeriesResult as Result
from batchmri.settings import Settings
from batchmri.state.series import Trouble
from batchmri.state.store import Store
from batchmri.verdict.site_rules import Targets
from tests.outputs.records import series
from tests.pipeline.outputs import table

CLASSES = Classes(("glioma", "meningioma", "notumor"), "notumor")
MODEL = "abcdef0123456789"
FREE = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
TUMORS = [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]
TARGETS = Targets(0.2, 0.1, 0.2)


def add(store: Store, name: str, p: float, ood: float = 0.3, share: float = 0.8) -> None:
    key = SeriesKey(f"1.{name}", f"1.{name}.1")
    whole = series(key=key, sequence="t1_contrast", source=f"archive/{name}/scan", fingerprint=name)
    scores = Scores(
        SliceRef(whole.source, "", f"1.{name}.1.1", 1, 0, 0.0),
        (share * p, (1 - share) * p, 1 - p),
        CropBox(0, 0, 60, 60),
        (),
        DomainScores(ood, 0.9, 0.9),
    )
    store.series.put(whole, name, None)
    result = Result(whole, Status.CLASSIFIED, scores=(scores,), model_digest=MODEL)
    store.series.put_result(replace(result, series=whole), name, [], Trouble.NONE)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """18 labeled studies, one out of distribution, one skipped; temperature 0.8."""
    folder = tmp_path / "out"
    folder.mkdir()
    with Store(folder / "state.db") as store:
        provenance = {"model": MODEL, "temperature": "0.8"}
        card = Card(
            classes=CLASSES.names,
            no_tumor_class="notumor",
            preparation={},
            temperature=0.8,
            verdict={"tumor_above": 0.643, "notumor_below": 0.261},
            weights_digest=MODEL,
        )
        remember_model(store, provenance, CLASSES, card, rescan=False)
        for i, p in enumerate(FREE):
            add(store, f"1{i}", p)
        for i, p in enumerate(TUMORS):
            add(store, f"2{i}", p)
        add(store, "30", 0.99, ood=5.0)
        skipped = series(key=SeriesKey("1.40", "1.40.1"), source="archive/40/scan")
        store.series.put(skipped, "40", (Reason.LOCALIZER, ""))
    return folder


def labels(folder: Path, text: str = "", header: str = "study_uid,label") -> Path:
    rows = [f"1.1{i},notumor" for i in range(9)] + [f"1.2{i},glioma" for i in range(9)]
    path = folder / "labels.csv"
    path.write_text("\n".join([header, *(text.splitlines() or rows)]) + "\n")
    return path


def test_rules_error_rates_and_model_are_written(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = labels(tmp_path).read_text() + "1.30,notumor\n1.40,glioma\n1.19999,\n"
    (tmp_path / "labels.csv").write_text(text)
    to = tmp_path / "site.yaml"
    calibrate(output, tmp_path / "labels.csv", to, targets=TARGETS, log_format="plain")
    written = yaml.safe_load(to.read_text())
    assert written["model_digest"] == MODEL
    assert written["verdict"] == {"tumor_above": 0.4, "notumor_below": 0.3, "min_class_share": 0.8}
    assert written["labels"] == {
        "glioma": 9, "notumor": 9, "out_of_distribution": 1, "not_classified": 1,
    }  # fmt: skip
    expected = written["expected"]
    # Without it, the highest tumor-free series leaves 0.35 as the second highest of 8 (rank 1).
    assert expected["tumor-free called a tumor"]["n"] == 9
    assert expected["wrong class of those given one"]["share"] == 0
    # The lowest tumor is below the lowest of the others.
    assert expected["tumors after contrast called tumor-free"]["share"] == pytest.approx(
        1 / 9, 1e-3
    )
    before = to.read_bytes()
    calibrate(output, tmp_path / "labels.csv", to, targets=TARGETS, log_format="plain")
    assert to.read_bytes() == before
    assert "site.yaml" in capsys.readouterr().out


def test_the_file_changes_verdicts_and_probabilities_without_pixels(
    output: Path, tmp_path: Path
) -> None:
    to = tmp_path / "site.yaml"
    rules = {"tumor_above": 0.6, "min_class_share": 0.7, "temperature": 1.6}
    content = {"model_digest": MODEL, "verdict": rules}
    to.write_text(yaml.safe_dump(content))
    (output / "run.json").write_text(json.dumps({"state": str((output / "state.db").resolve())}))
    reclassify(output)
    before = {row["study_uid"]: row for row in table(output, "studies")}
    assert before["1.26"]["verdict"] == "indeterminate" and before["1.26"]["p_tumor"] == "0.6000"
    reclassify(output, settings=Settings.load(classifier={"calibration": to}))
    after = {row["study_uid"]: row for row in table(output, "studies")}
    root = [value**0.5 for value in (0.48, 0.12, 0.4)]
    assert float(after["1.26"]["p_glioma"]) == pytest.approx(root[0] / sum(root), abs=1e-4)
    assert (after["1.26"]["verdict"], after["1.26"]["verdict_reason"]) == ("tumor", "kind_open")
    assert float(after["1.26"]["confidence"]) == pytest.approx(0.6216, abs=1e-4)
    slices = {row["study_uid"]: row for row in table(output, "slices")}
    assert slices["1.26"]["p_glioma"] == after["1.26"]["p_glioma"]
    record = json.loads((output / "run.json").read_text())["reclassified"]
    assert record["verdict"]["temperature"] == 1.6 and record["calibration"]["path"] == str(to)
    # Flags take precedence over the file, and the file over the card.
    flags = Settings.load(classifier={"calibration": to}, verdict={"tumor_above": 0.99})
    reclassify(output, settings=flags)
    changed = {row["study_uid"]: row for row in table(output, "studies")}
    assert changed["1.26"]["verdict"] == "indeterminate"
    reclassify(output)
    assert {row["study_uid"]: row for row in table(output, "studies")} == before


def tumor_verdicts(
    output: Path, share: float | None = None, calibration: Path | None = None
) -> set[str]:
    """The verdicts of the series that are called a tumor by every rule of these tests."""
    reclassify(
        output,
        settings=Settings.load(
            classifier={"calibration": calibration}, verdict={"min_class_share": share}
        ),
    )
    return {
        row["verdict"] for row in table(output, "studies") if row["study_uid"] in ("1.27", "1.28")
    }


@pytest.mark.parametrize("of_card", [0.5, 0.9])
def test_a_share_of_all_classes_precedes_the_shares_of_the_card(
    output: Path, tmp_path: Path, of_card: float
) -> None:
    rules = {"tumor_above": 0.643, "notumor_below": 0.261, "min_class_shares": {"glioma": of_card}}
    with Store(output / "state.db") as store:
        store.set_meta("verdict_rules", json.dumps(rules))
    assert tumor_verdicts(output) == {"glioma" if of_card == 0.5 else "tumor"}
    assert tumor_verdicts(output, 0) == {"glioma"}
    assert tumor_verdicts(output, 1) == {"tumor"}
    site = tmp_path / "site.yaml"
    for share, name in ((0.7, "glioma"), (0.85, "tumor")):
        verdict = {"min_class_share": share}
        site.write_text(yaml.safe_dump({"model_digest": MODEL, "verdict": verdict}))
        assert tumor_verdicts(output, calibration=site) == {name}
        assert tumor_verdicts(output, 0, calibration=site) == {"glioma"}
        assert tumor_verdicts(output, 1, calibration=site) == {"tumor"}


def test_the_fitted_share_applies_in_spite_of_the_shares_of_the_card(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The share of glioma is 0.8004 in all tumors."""
    card = {"notumor_below": 0.261, "min_confidence": 0, "min_class_shares": {"glioma": 0.9}}
    with Store(output / "state.db") as store:
        store.set_meta("verdict_rules", json.dumps(card))
        for i, p in enumerate(TUMORS):
            add(store, f"2{i}", p, share=0.8004)
    to = tmp_path / "site.yaml"
    table_of_labels = labels(tmp_path)
    found = calibrate(output, table_of_labels, to, targets=TARGETS, log_format="json")
    assert (found.verdict["tumor_above"], found.verdict["min_class_share"]) == (0.4, 0.8)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (rule,) = [row for row in rows if row.get("setting") == "min_class_share"]
    assert rule["now"] == "glioma 0.9, meningioma 0"
    (given,) = [row for row in rows if row.get("what") == "tumors labeled with a class given one"]
    # Seven of nine reach 0.4; with the share of the card, none of them gets a class.
    assert (given["series"], given["now"], given["calibrated"]) == (9, "0.000", "0.778")
    reclassify(output, settings=Settings.load(classifier={"calibration": to}))
    rows = table(output, "studies")
    tumors = [row["verdict"] for row in rows if row["study_uid"].startswith("1.2")]
    assert tumors.count("glioma") == 7


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"model_digest": "fedc", "verdict": {}}, "was made for the model fedc, not for abcdef"),
        ({"model_digest": MODEL, "verdict": {"top_slices": 3}}, "top_slices"),
        ({"model_digest": MODEL, "verdict": {"tumor_above": 2}}, "tumor_above: '2"),
        ({"model_digest": MODEL, "verdict": {"tumor_above": 0.1}}, "notumor_below"),
        ({"verdict": {}}, "model_digest: field required"),
        ([], "calibration file"),
    ],
)
def test_unusable_calibration_files_end_with_one_line_and_code_2(
    output: Path, tmp_path: Path, content: object, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "site.yaml"
    to.write_text(yaml.safe_dump(content))
    arguments = ["reclassify", str(output), "--calibration", str(to)]
    code = exit_code_of(lambda: cli.main(arguments, standalone_mode=False), arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2 and says in line and "site.yaml" in line


@pytest.mark.parametrize(
    ("header", "text", "says"),
    [
        (
            "study_uid,label",
            "1.777,glioma",
            "line 2: this output contains no series with study_uid",
        ),
        ("study_uid,label", "1.10,gliom", "did you mean glioma"),
        ("study_uid,label", "1.10,notumor\n1.10,glioma", "line 3: study_uid 1.10 was already"),
        ("study_uid,label", "1.10,notumor\n1.11,notumor", "0 series with a tumor"),
        ("study_uid,label", "1.10,", "no row has a label"),
        ("study_uid,kind", "1.10,glioma", "needs the columns label"),
        ("source,label", "archive,glioma", "contains 20 studies"),
        ("source,label", "archive/20,glioma\narchive/20/scan,notumor", "same series as line 2"),
        ("study_uid,label", ",glioma", "line 2: study_uid is empty"),
        ("study_uid,label", "1.10,notumor\n1.20,glioma", "too few"),
        ("study_uid,label", "1.40,notumor\n1.20,glioma", "1 series with a tumor and 0 without"),
    ],
)
def test_unusable_labels_end_with_one_line(
    output: Path, tmp_path: Path, header: str, text: str, says: str
) -> None:
    to = tmp_path / "site.yaml"
    with pytest.raises(UsageError) as caught:
        calibrate(output, labels(tmp_path, text, header), to)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.exit_code == 2 and not to.exists()


def test_too_few_labels_end_with_a_table_and_a_short_line(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=r"too few labeled series .* \(table above\)") as caught:
        table = labels(tmp_path, "1.10,notumor\n1.20,glioma", "study_uid,label")
        calibrate(output, table, tmp_path / "site.yaml", log_format="json")
    assert len(str(caught.value).removeprefix(f"--labels {table}: ")) < 100
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["requested rate"], row["needed"], row["labeled"]) for row in rows] == [
        ("--target-fpr", 19, 1),
        ("--target-fnr", 9, 1),
        ("--target-class-error", 6, 1),
    ]


def test_folders_and_series_can_be_labeled_too(output: Path, tmp_path: Path) -> None:
    by_folder = "\n".join(
        [f"archive/1{i},notumor" for i in range(9)] + [f"archive/2{i},glioma" for i in range(9)]
    )
    by_series = by_folder.replace("archive/", "1.").replace(",", ".1,")
    to = tmp_path / "site.yaml"
    for header, text in (("source,label", by_folder), ("series_uid,label", by_series)):
        found = calibrate(output, labels(tmp_path, text, header), to, targets=TARGETS)
        assert found.verdict["tumor_above"] == 0.4


def test_warnings_name_what_the_labels_do_not_support(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings.load(verdict={"notumor_below": 0.2})
    targets = Targets(0.05, 0.1, 0.2)
    found = calibrate(
        output, labels(tmp_path), tmp_path / "site.yaml", targets=targets, settings=settings,
        log_format="plain",
    )  # fmt: skip
    assert "tumor_above" not in found.verdict
    printed = capsys.readouterr().err
    assert "--target-fpr 0.05 needs 19 tumor-free series, 9 are labeled" in printed
    assert "verdict.notumor_below takes precedence over the calibration file" in printed
