from dataclasses import replace

import pytest
from pydicom.uid import UID

from batchmri.outputs.rows import (
    TRANSFER_SYNTAXES,
    change_row,
    common_source,
    file_row,
    series_row,
    slice_rows,
    study_export,
    study_row,
    transfer_syntax,
)
from batchmri.outputs.schema import columns
from batchmri.reasons import Reason
from batchmri.records import FileNote, SeriesKey
from batchmri.settings.report import ReportSettings
from tests.outputs.records import CLASSES, KEY, VERDICT, classified, not_classified, scores, series

SETTINGS = ReportSettings()


def names(table: str) -> list[str]:
    return [column.name for column in columns(table, CLASSES.names)]


def test_every_row_has_only_columns_of_its_table() -> None:
    rows = {
        "studies": study_row("1.2.3", [classified()], {KEY: VERDICT}, KEY, "m.png", CLASSES),
        "series": series_row(classified(), VERDICT, CLASSES, SETTINGS),
        "slices": next(slice_rows(classified(), CLASSES)),
        "files": file_row(FileNote("a", Reason.EMPTY_FILE, "0 bytes")),
        "changes": change_row("1.2.3", "a", "new", "", "glioma"),
    }
    for table, row in rows.items():
        assert set(row) <= set(names(table))
    # A complete row has every cell except reason, which is for series that were not classified.
    assert set(names("slices")) == set(rows["slices"])
    assert set(names("series")) == set(rows["series"])
    assert set(names("studies")) == set(rows["studies"])


def test_a_classified_series() -> None:
    row = series_row(classified(), VERDICT, CLASSES, SETTINGS)
    assert row["pixel_spacing_mm"] == "0.938\\1.5"
    assert row["slice_spacing_mm"] == 5.0
    assert row["transfer_syntax"] == "ExplicitVRLittleEndian"
    assert (row["verdict"], row["confidence"]) == ("glioma", 0.9)
    assert (row["p_glioma"], row["p_notumor"]) == (0.9, 0.1)
    assert (row["status"], row["reason"], row["n_slices"]) == ("classified", None, 2)


def test_values_that_are_not_numbers_are_missing_and_probabilities_stay_between_0_and_1() -> None:
    row = series_row(classified(slice_spacing=float("nan")), VERDICT, CLASSES, SETTINGS)
    assert row["slice_spacing_mm"] is None
    above = replace(VERDICT, probabilities=(1.0000001, -1e-9))
    row = series_row(classified(), above, CLASSES, SETTINGS)
    assert (row["p_glioma"], row["p_notumor"], row["p_tumor"]) == (1.0, 0.0, 1.0)


def test_a_skipped_series_has_a_reason_and_no_verdict() -> None:
    row = series_row(not_classified(Reason.LOCALIZER), None, CLASSES, SETTINGS)
    assert (row["status"], row["reason"], row["detail"]) == ("skipped", "localizer", "why")
    assert not {"verdict", "confidence", "p_glioma", "deciding_slice"} & set(row)


def test_without_descriptions_no_header_text_is_left() -> None:
    row = series_row(classified(), VERDICT, CLASSES, ReportSettings(descriptions=False))
    assert not {"series_description", "manufacturer"} & set(row)
    assert "Maker" not in str(row)


@pytest.mark.parametrize("syntax", ["1.2.3.999", "not a uid", "1..2", ""])
def test_an_unknown_transfer_syntax_stays_as_it_is(
    syntax: str, recwarn: pytest.WarningsRecorder
) -> None:
    header = replace(series().header, transfer_syntax=syntax)
    row = series_row(classified(header=header), VERDICT, CLASSES, SETTINGS)
    assert row["transfer_syntax"] == syntax
    assert [str(warning.message) for warning in recwarn] == []


def test_slices_contain_their_class_box_and_picture() -> None:
    first, second = slice_rows(classified(), CLASSES)
    assert (first["predicted"], first["confidence"]) == ("glioma", 0.9)
    assert (second["predicted"], second["confidence"]) == ("notumor", 0.8)
    assert (second["slice_index"], second["position_mm"], second["frame"]) == (1, 5.0, 1)
    assert (first["crop_x"], first["crop_height"]) == (1, 40)
    assert first["gradcam_png"] == "gradcam/00/1.2.3/1.2.3.4_ab12_0001.png"
    assert second["gradcam_png"] == ""


@pytest.mark.parametrize(
    ("rules", "listed"),
    [("all", [0, 1, 2, 3]), ("deciding", [0, 2]), ("none", [])],
)
def test_listed_slices_are_those_that_decided_or_have_a_picture(
    rules: str, listed: list[int]
) -> None:
    result = replace(
        classified(),
        scores=tuple(scores(index) for index in range(4)),
        pictures=((0, "a.png"),),
    )
    verdicts = {KEY: replace(VERDICT, deciding=(2,))}
    study = study_export("1.2.3", [result], verdicts, KEY, CLASSES, SETTINGS)
    settings = ReportSettings.model_validate({"slices": rules})
    assert [row["slice_index"] for row in study.listed_slices(settings)] == listed
    assert len(study.slices) == 4


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([not_classified(Reason.LOCALIZER)], "skipped"),
        ([not_classified(Reason.LOCALIZER), not_classified(Reason.TRUNCATED)], "failed"),
        ([not_classified(Reason.TRUNCATED), classified()], "classified"),
    ],
)
def test_status_of_a_study(results: list, status: str) -> None:
    verdicts = {r.series.key: VERDICT for r in results if r.scores}
    row = study_row("1.2.3", results, verdicts, next(iter(verdicts), None), "", CLASSES)
    assert row["status"] == status
    counts = [row[f"n_{name}"] for name in ("classified", "skipped", "failed")]
    assert row["n_series"] == len(results) == sum(map(int, map(str, counts)))
    assert ("verdict" in row) == (status == "classified")


def test_a_study_names_the_series_that_decided() -> None:
    row = study_row("1.2.3", [classified()], {KEY: VERDICT}, KEY, "m.png", CLASSES)
    assert (row["deciding_series_uid"], row["deciding_series_part"]) == ("1.2.3.4", "ab12")
    assert (row["deciding_slice"], row["n_slices"], row["flags"]) == (0, 2, ("gap",))


@pytest.mark.parametrize(
    ("sources", "common"),
    [
        (["r/a/1.nii"], "r/a/1.nii"),
        (["r/a/b", "r/a/b"], "r/a/b"),
        (["r/a/b", "r/a/c"], "r/a"),
        (["r/ab", "r/ac"], "r"),
        (["r/a", "q/a"], ""),
        (["r/a", "r/a/b"], "r/a"),
    ],
)
def test_common_source(sources: list[str], common: str) -> None:
    assert common_source(sources) == common


def test_a_file_in_no_series_has_an_empty_key() -> None:
    row = file_row(FileNote("r/x", Reason.NOT_AN_IMAGE))
    assert (row["status"], row["reason"]) == ("skipped", "not_an_image")
    assert SeriesKey(row["study_uid"], row["series_uid"], row["series_part"]) == ("", "", "")


def test_common_transfer_syntaxes_have_the_keywords_of_pydicom() -> None:
    known = {uid: UID(uid).keyword for uid in TRANSFER_SYNTAXES if uid}
    assert known == {uid: keyword for uid, keyword in TRANSFER_SYNTAXES.items() if uid}
    assert transfer_syntax("") == ""
    assert transfer_syntax("1.2.840.10008.1.2.4.201") == "HTJ2KLossless"
