"""The same values in CSV, Parquet and JSON Lines, read by pandas, polars and DuckDB."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from batchmri.errors import SettingsError
from batchmri.extensions import SINKS
from batchmri.outputs.rows import file_row, study_export
from batchmri.outputs.schema import TABLES
from batchmri.outputs.sinks import SinkContext
from batchmri.pipeline.commands.reexport import reexport
from batchmri.pipeline.scan import scan
from batchmri.reasons import Reason
from batchmri.records import FileNote
from batchmri.settings import Settings
from tests.outputs.records import CLASSES, HOSTILE, KEY, VERDICT, classified, not_classified
from tests.pipeline.builders import changed, write_series


def write(folder: Path, *formats: str, n: int = 1) -> None:
    settings = Settings()
    results = [classified(), not_classified(Reason.LOCALIZER, source=HOSTILE)]
    for name in formats:
        with SINKS.load(name)(SinkContext(folder, CLASSES, settings)) as sink:
            for number in range(n):
                study = study_export(
                    f"1.2.{number}", results, {KEY: VERDICT}, KEY, CLASSES, settings.report
                )
                sink.add_study(study)
            sink.add_file(file_row(FileNote("r/x", Reason.NOT_AN_IMAGE, "NA")))
            sink.add_change({"study_uid": "1.2.0", "source": "r", "change": "new"})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    write(folder, "csv", "parquet", "jsonl")
    return folder


def csv_text(folder: Path, table: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{table}.csv", dtype=str, keep_default_na=False)


def same(text: str, value: object) -> bool:
    """Whether a CSV cell contains a typed value."""
    if isinstance(value, float):
        return not math.isnan(value) and float(text) == value
    if isinstance(value, list):
        return text == ";".join(value)
    return text == ("" if value is None else str(value))


@pytest.mark.parametrize("table", TABLES)
def test_parquet_contains_the_values_of_csv(written: Path, table: str) -> None:
    text, found = csv_text(written, table), pq.read_table(written / f"{table}.parquet")
    assert found.column_names == list(text.columns)
    assert found.num_rows == len(text) > 0
    for name in found.column_names:
        for cell, value in zip(text[name], found[name].to_pylist(), strict=True):
            assert same(cell, value), (name, cell, value)


def test_parquet_has_types_enumerations_and_descriptions(written: Path) -> None:
    schema = pq.read_schema(written / "series.parquet")
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert (types["p_glioma"], types["n_files"], types["source"]) == ("double", "int64", "string")
    assert types["status"].startswith("dictionary")
    assert types["flags"] == "list<element: string>"
    assert schema.metadata[b"contract_version"] == b"2"
    assert schema.field("slice_spacing_mm").metadata[b"unit"] == b"mm"
    assert "indeterminate" in json.loads(schema.field("verdict").metadata[b"allowed"])
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)


def test_json_lines_contain_the_values_of_csv_with_series_nested(written: Path) -> None:
    (study,) = map(json.loads, (written / "studies.jsonl").read_text().splitlines())
    nested = study.pop("series")
    (row,) = csv_text(written, "studies").to_dict("records")
    assert set(study) == set(row)
    assert all(same(row[name], value) for name, value in study.items())
    for row, one in zip(csv_text(written, "series").to_dict("records"), nested, strict=True):
        assert set(one) == set(row) - {"study_uid"}
        assert all(same(row[name], value) for name, value in one.items())


def test_pandas_polars_and_duckdb_read_the_same(written: Path) -> None:
    path = written / "series.parquet"
    frame, other = pd.read_parquet(path), pl.read_parquet(path)
    found = duckdb.sql(f"SELECT p_glioma, flags, status FROM '{path}' WHERE p_tumor > 0.5")
    assert found.fetchall() == [(0.9, ["gap"], "classified")]
    assert frame["p_glioma"].tolist()[0] == other["p_glioma"].to_list()[0] == 0.9
    assert other.schema["flags"] == pl.List(pl.String)
    lines = pl.read_ndjson(written / "studies.jsonl")
    assert lines["series"][0].to_list()[0]["p_glioma"] == 0.9


PAGE = Path(__file__).parents[2] / "docs" / "reading-results.md"
RECIPES = re.findall(
    r"^\| (pandas|polars|DuckDB)[^|]*\| `(.*)` \|$", PAGE.read_text(), re.MULTILINE
)


@pytest.mark.parametrize(("program", "recipe"), RECIPES)
def test_the_documented_recipes_work(
    written: Path, monkeypatch: pytest.MonkeyPatch, program: str, recipe: str
) -> None:
    monkeypatch.chdir(written)
    recipe = recipe.replace("OUT/", "")
    frame = duckdb.sql(recipe).df() if program == "DuckDB" else eval(recipe, {"pd": pd, "pl": pl})
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        assert frame.schema.get("study_uid") == pl.String
        assert frame.schema.get("crop_x", pl.Int64) == pl.Int64
        return
    if "series_uid" in frame and program == "pandas":
        types = frame.dtypes.astype(str)
        assert (types["series_uid"], types["n_files"]) == ("string", "Int64")
    assert len(frame) > 0


@pytest.mark.skipif(not shutil.which("Rscript"), reason="needs R (r-base-core)")
@pytest.mark.parametrize("package", ["base", "readr"])
def test_the_documented_recipes_for_r_work(written: Path, package: str) -> None:
    if subprocess.run(["Rscript", "-e", f"library({package})"], check=False).returncode:
        pytest.skip(f"needs the R package {package}")
    program = "R" if package == "base" else "R with readr"
    (recipe,) = re.findall(rf"^\| {program}, CSV \| `(.*)` \|$", PAGE.read_text(), re.MULTILINE)
    script = (
        f"s <- {recipe}; f <- {recipe.replace('series.csv', 'files.csv')}; "
        "cat(nrow(s), class(s$study_uid), is.numeric(s$n_files), is.na(s$p_glioma[2]), "
        "is.na(f$detail[1]), sprintf('%.4f', s$p_glioma[1]), sep = '|')"
    )
    done = subprocess.run(
        ["Rscript", "-e", script.replace("OUT/", "")],
        cwd=written, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "2|character|TRUE|TRUE|FALSE|0.9000", done.stderr


def test_there_are_recipes_for_every_program_and_format() -> None:
    assert {program for program, _ in RECIPES} == {"pandas", "polars", "DuckDB"}
    assert len(RECIPES) == 8


def test_the_same_rows_give_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write(tmp_path, "csv", "parquet", "jsonl")
    for path in written.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_parquet_is_written_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchmri.outputs.tables.parquet._ROWS_PER_GROUP", 4)
    write(tmp_path, "parquet", n=10)
    found = pq.ParquetFile(tmp_path / "slices.parquet")
    assert [found.metadata.row_group(i).num_rows for i in range(found.num_row_groups)] == [4] * 5


def test_after_an_exception_the_old_files_stay(tmp_path: Path) -> None:
    write(tmp_path, "parquet", "jsonl")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("parquet", "jsonl"):
        with (
            pytest.raises(KeyboardInterrupt),
            SINKS.load(name)(SinkContext(tmp_path, CLASSES, Settings())),
        ):
            raise KeyboardInterrupt
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_formats_of_a_scan_are_the_same_as_of_an_export_later(
    tmp_path: Path, settings: Settings
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive)
    rules = changed(settings, "verdict", tumor_above=0.9, min_confidence=0.1)
    both = changed(rules, "report", formats=["parquet", "jsonl"])
    scan([archive], out=out, settings=both)
    names = ["studies.parquet", "slices.parquet", "studies.jsonl", "studies.csv"]
    expected = {name: (out / name).read_bytes() for name in names}
    (out / "slices.parquet").unlink()
    scan([archive], out=out, settings=both)
    assert (out / "slices.parquet").read_bytes() == expected["slices.parquet"]
    for name in names[:3]:
        (out / name).unlink()
    state = (out / "state.db").read_bytes()
    reexport(out, settings=Settings.load(report={"formats": ["parquet", "jsonl"]}))
    assert {name: (out / name).read_bytes() for name in names} == expected
    assert (out / "state.db").read_bytes() == state


def test_an_unknown_format_names_the_setting_and_the_nearest(
    tmp_path: Path, settings: Settings
) -> None:
    settings = changed(settings, "report", formats=["parket"])
    with pytest.raises(SettingsError, match=r"report\.formats: unknown .*'parket'.*'parquet'"):
        scan([tmp_path], out=tmp_path / "out", settings=settings)


def test_a_missing_package_is_named_before_the_scan(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmri.outputs.sinks.find_spec", lambda _: None)
    settings = changed(settings, "report", formats=["parquet"])
    with pytest.raises(SettingsError, match=r"pip install 'batchmri\[parquet\]'"):
        scan([tmp_path], out=tmp_path / "out", settings=settings)
