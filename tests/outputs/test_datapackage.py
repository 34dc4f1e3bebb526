import json
from pathlib import Path

import pytest
from frictionless import Package, system

from batchmri.outputs.atomic_write import write_json
from batchmri.outputs.datapackage import datapackage
from batchmri.outputs.rows import change_row, file_row, series_row, slice_rows, study_row
from batchmri.outputs.schema import columns
from batchmri.outputs.tables.csv import write_table
from batchmri.reasons import Reason
from batchmri.records import FileNote
from batchmri.settings.report import ReportSettings
from tests.outputs.records import CLASSES, HOSTILE, KEY, VERDICT, classified, not_classified


def write_output(folder: Path) -> None:
    results = [classified(), not_classified(Reason.LOCALIZER, source=HOSTILE)]
    settings = ReportSettings()
    rows = {
        "studies": [study_row("1.2.3", results, {KEY: VERDICT}, KEY, "m.png", CLASSES)],
        "series": [
            series_row(results[0], VERDICT, CLASSES, settings),
            series_row(results[1], None, CLASSES, settings),
        ],
        "slices": list(slice_rows(results[0], CLASSES)),
        "files": [
            file_row(FileNote("r/x", Reason.NOT_AN_IMAGE)),
            file_row(FileNote("r/y", Reason.DUPLICATE_INSTANCE, key=KEY)),
        ],
        "changes": [change_row("9.9", "r/gone", "gone", "glioma", "")],
    }
    for table, of_table in rows.items():
        write_table(folder / f"{table}.csv", columns(table, CLASSES.names), of_table)
    write_json(folder / "datapackage.json", datapackage(CLASSES.names))


def errors(folder: Path) -> list[str]:
    with system.use_context(trusted=True):
        report = Package(str(folder / "datapackage.json")).validate()
    return [f"{task.name}: {error.message}" for task in report.tasks for error in task.errors]


def test_an_output_is_valid_by_its_own_description(tmp_path: Path) -> None:
    write_output(tmp_path)
    assert errors(tmp_path) == []


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("slices", "0.9000", "much"),
        ("slices", "1.2.3.4,ab12", "1.2.3.5,ab12"),
        ("series", "1.2.3,", "9.9,"),
        ("studies", "p_glioma", "p_other"),
        ("files", "not_an_image", "a,b"),
    ],
)
def test_a_broken_output_is_invalid(tmp_path: Path, table: str, old: str, new: str) -> None:
    write_output(tmp_path)
    path = tmp_path / f"{table}.csv"
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    assert errors(tmp_path)


def test_datapackage_states_contract_units_and_line_ends(tmp_path: Path) -> None:
    write_output(tmp_path)
    document = json.loads((tmp_path / "datapackage.json").read_text())
    assert document["contract_version"] == "2"
    for resource in document["resources"]:
        assert resource["dialect"]["lineTerminator"] == "\r\n"
        assert all(field["description"] for field in resource["schema"]["fields"])
    series = next(r for r in document["resources"] if r["name"] == "series")
    units = {f["name"]: f.get("unit") for f in series["schema"]["fields"]}
    assert units["slice_spacing_mm"] == "mm"


CONTRACT = {
    "studies": "study_uid source status verdict verdict_reason confidence p_tumor p_a p_b "
    "n_series n_classified n_skipped n_failed n_slices deciding_series_uid "
    "deciding_series_part deciding_slice montage_png flags model_digest",
    "series": "study_uid series_uid series_part format source n_files modality sequence "
    "series_description series_number manufacturer transfer_syntax rows columns n_slices plane "
    "pixel_spacing_mm slice_spacing_mm status reason detail verdict verdict_reason confidence "
    "p_tumor p_a p_b n_tumor_slices ood_score deciding_slice flags model_digest",
    "slices": "study_uid series_uid series_part instance_uid source frame slice_index "
    "position_mm predicted confidence p_tumor p_a p_b ood_score crop_x crop_y "
    "crop_width crop_height flags gradcam_png",
    "files": "source status reason detail study_uid series_uid series_part",
    "changes": "study_uid source change verdict_before verdict",
}


def test_columns_and_their_order_are_a_contract() -> None:
    actual = {table: " ".join(c.name for c in columns(table, ["a", "b"])) for table in CONTRACT}
    assert actual == CONTRACT


def test_the_documented_columns_are_these() -> None:
    from batchmri.outputs.schema import markdown

    page = Path(__file__).resolve().parents[2] / "docs" / "columns.md"
    assert page.read_text() == markdown()
