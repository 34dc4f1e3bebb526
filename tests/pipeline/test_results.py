"""Results as DataFrames."""

from pathlib import Path

import pytest

import batchmri
from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import write_json
from batchmri.outputs.datapackage import datapackage
from batchmri.settings import Settings
from tests.outputs.records import CLASSES
from tests.pipeline.builders import write_series


def test_a_scan_returns_its_tables(tmp_path: Path, settings: Settings) -> None:
    write_series(tmp_path / "archive", SeriesDescription="NA")
    (tmp_path / "archive" / "note.txt").write_text("no image")
    out = tmp_path / "out"
    found = batchmri.scan([tmp_path / "archive"], out=out, settings=settings)
    assert found.exit_code == 0
    for results in (found, batchmri.read_results(out)):
        assert [len(t) for t in (results.studies, results.series, results.slices)] == [1, 1, 6]
        assert results.files["reason"].tolist() == ["not_an_image"]
        assert results.changes["change"].tolist() == ["new"]
        types = results.series.dtypes.astype(str)
        assert (types["n_files"], types["p_glioma"], types["series_uid"]) == (
            "Int64",
            "float64",
            "string",
        )
        assert results.series["series_description"].tolist() == ["NA"]
        assert results.series["series_part"].isna().all()
        joined = results.slices.merge(results.series, on=["study_uid", "series_uid"])
        assert len(joined) == 6


def test_an_empty_table_has_its_types(tmp_path: Path) -> None:
    write_json(tmp_path / "datapackage.json", datapackage(CLASSES.names))
    names = ",".join(
        f["name"] for f in datapackage(CLASSES.names)["resources"][0]["schema"]["fields"]
    )
    (tmp_path / "studies.csv").write_text(names + "\r\n")
    types = batchmri.read_results(tmp_path).studies.dtypes.astype(str)
    assert (types["n_series"], types["source"], types["p_tumor"]) == ("Int64", "string", "float64")


def test_a_folder_without_results_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run batchmri scan first"):
        batchmri.read_results(tmp_path)
