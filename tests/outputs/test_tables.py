import csv
import os
import stat
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from batchmri.errors import OutputError
from batchmri.outputs.atomic_write import readers
from batchmri.outputs.schema import columns
from batchmri.outputs.tables.csv import TableWriter, write_table
from tests.outputs.records import HOSTILE

COLUMNS = columns("files", ())
ROWS = [{"source": "a", "status": "failed"}, {"source": "b", "detail": 'said "no", twice'}]


def test_rfc_4180(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", COLUMNS, ROWS)
    assert (tmp_path / "t.csv").read_bytes() == (
        b"source,status,reason,detail,study_uid,series_uid,series_part\r\n"
        b"a,failed,,,,,\r\n"
        b'b,,,"said ""no"", twice",,,\r\n'
    )


def test_hostile_text_becomes_one_harmless_cell(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, COLUMNS, [{"source": HOSTILE, "detail": "\ud800 lone"}, {"source": "-x"}])
    with path.open(newline="", encoding="utf-8") as file:
        head, first, second = csv.reader(file)
    assert len(head) == len(first) == len(second)
    assert first[0] == '\'=cmd|"/C calc"!A0,  [bold] [31m"; x'
    assert second[0] == "'-x"
    frame = pd.read_csv(path, keep_default_na=False)
    assert frame["source"].tolist() == [first[0], "'-x"]


def test_numbers_keep_their_sign_and_integers_stay_integers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [{"position_mm": "-12.5", "crop_x": 3}, {"position_mm": "", "crop_x": None}]
    write_table(path, columns("slices", ()), rows)
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["position_mm"], first["crop_x"]) == ("-12.5", "3")
    assert (second["position_mm"], second["crop_x"]) == ("", "")


def test_rows_keep_their_order_across_chunks(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    names = [f"r/{i}" for i in range(5000)]
    write_table(path, COLUMNS, ({"source": name} for name in names))
    assert pd.read_csv(path)["source"].tolist() == names


def test_the_same_table_is_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    assert write_table(path, COLUMNS, ROWS)
    os.utime(path, ns=(1, 1))
    before = path.stat()
    assert not write_table(path, COLUMNS, ROWS)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, 1)
    assert write_table(path, COLUMNS, ROWS[:1])
    assert path.stat().st_mtime_ns != 1
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_an_interrupted_write_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, COLUMNS, ROWS)
    before = path.read_bytes()

    def rows() -> Iterator[dict[str, object]]:
        yield from ({"source": str(i)} for i in range(5000))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table(path, COLUMNS, rows())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_leftovers_of_a_killed_run_are_replaced(tmp_path: Path) -> None:
    (tmp_path / ".t.csv.tmp").write_text("half of a tab")
    write_table(tmp_path / "t.csv", COLUMNS, ROWS)
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_an_empty_table_has_its_header(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "t.csv", COLUMNS) as writer:
        pass
    assert writer.changed
    assert (tmp_path / "t.csv").read_bytes().count(b"\r\n") == 1


@pytest.mark.parametrize(("group", "modes"), [(False, (0o600, 0o700)), (True, (0o640, 0o750))])
def test_tables_are_readable_for_the_owner_or_the_group(
    tmp_path: Path, group: bool, modes: tuple[int, int]
) -> None:
    with readers(group=group):
        write_table(tmp_path / "new" / "t.csv", COLUMNS, ROWS)
    made = (tmp_path / "new" / "t.csv", tmp_path / "new")
    assert tuple(stat.S_IMODE(path.stat().st_mode) for path in made) == modes


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*t\.csv"):
        write_table(tmp_path / "file" / "t.csv", COLUMNS, ROWS)


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    def peak(n: int) -> int:
        tracemalloc.start()
        write_table(tmp_path / "t.csv", COLUMNS, ({"source": f"r/{i}"} for i in range(n)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(3000)
    assert peak(24000) < 1.5 * peak(6000)
