import csv
from dataclasses import replace
from pathlib import Path

from batchmri.outputs.inventory import INVENTORY_COLUMNS, Inventory
from batchmri.outputs.tables.csv import write_table
from batchmri.reasons import Reason
from batchmri.records import Decision, FileNote, Series, SliceRef
from tests.outputs import records


def series(n: int = 3, **header: object) -> Series:
    refs = tuple(SliceRef("a", "/a", "1", 1, i, None) for i in range(n))
    whole = records.series(slices=refs)
    return replace(whole, header=replace(whole.header, **header))  # type: ignore[arg-type]


def inventory() -> Inventory:
    found = Inventory(studies=2, files=12)
    found.add(series(), Decision(True))
    found.add(series(5, manufacturer="[b]Maker"), Decision(True))
    found.add(series(1, manufacturer=""), Decision(False, Reason.LOCALIZER))
    found.add_note(FileNote("x", Reason.NOT_AN_IMAGE))
    return found


def test_wanted_and_estimates() -> None:
    assert (inventory().wanted_series, inventory().wanted_slices) == (2, 8)
    assert inventory().seconds(1) > inventory().seconds(4) > 0
    assert inventory().disk_bytes > 0
    assert Inventory().disk_bytes == 0
    assert inventory().inodes > Inventory().inodes


def test_a_long_series_has_more_pictures_since_it_has_more_deciding_slices() -> None:
    short, long = Inventory(), Inventory()
    short.add(series(60), Decision(True))
    long.add(series(170), Decision(True))
    assert (short.pictures, long.pictures) == (3, 9)
    assert long.inodes - short.inodes == 6


def test_rows(tmp_path: Path) -> None:
    write_table(tmp_path / "dry-run.csv", INVENTORY_COLUMNS, inventory().rows())
    with (tmp_path / "dry-run.csv").open(newline="") as file:
        rows = {(r["section"], r["value"]): r for r in csv.DictReader(file)}
    assert rows["decision", "classify"]["slices"] == "8"
    assert rows["decision", "localizer"]["series"] == "1"
    assert rows["manufacturer", "(none)"]["series"] == "1"
    assert rows["transfer_syntax", "ExplicitVRLittleEndian"]["series"] == "3"


def test_every_section_counts_every_series() -> None:
    rows = list(inventory().rows())
    for section in {row["section"] for row in rows}:
        assert sum(row["series"] for row in rows if row["section"] == section) == 3  # type: ignore[misc]


def test_memory_is_bounded_whatever_headers_say() -> None:
    found = Inventory()
    for i in range(5000):
        found.add(series(1, manufacturer=f"maker {i}"), Decision(True))
    assert len(found.series) < 2100
    assert found.series["manufacturer", "(other)"] > 2000
