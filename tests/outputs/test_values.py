import pytest

from batchmri.outputs.rows import Value
from batchmri.outputs.schema import Column, columns
from batchmri.outputs.values import cell, stored
from tests.outputs.records import CLASSES, HOSTILE

COLUMNS = {
    column.name: column
    for table in ("series", "slices")
    for column in columns(table, CLASSES.names)
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("p_glioma", 0.12344, "0.1234"),
        ("p_tumor", 1.0, "1.0000"),
        ("confidence", 0.99999, "1.0000"),
        ("ood_score", 0.5, "0.500"),
        ("ood_score", None, None),
        ("position_mm", 5.0, "5"),
        ("position_mm", 0.9375, "0.938"),
        ("position_mm", -0.0001, "0"),
        ("slice_spacing_mm", 100.0, "100"),
        ("crop_x", 100, 100),
        ("flags", ("crop_failed", "gap"), "crop_failed;gap"),
        ("flags", (), ""),
        ("source", HOSTILE, '\'=cmd|"/C calc"!A0,  [bold] [31m"; x'),
    ],
)
def test_the_declaration_of_a_column_decides_how_csv_writes_it(
    name: str, value: Value, expected: Value
) -> None:
    assert cell(COLUMNS[name], value) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("p_glioma", 0.12345678, 0.1235),
        ("position_mm", -0.0001, 0.0),
        ("flags", ("=gap",), ("'=gap",)),
        ("source", "a\x1bb", "a b"),
        ("crop_x", 3, 3),
    ],
)
def test_every_format_contains_the_same_values_as_csv(
    name: str, value: Value, expected: Value
) -> None:
    found = stored(COLUMNS[name], value)
    assert (found, type(found)) == (expected, type(expected))
    assert str(found) != "-0.0"


def test_numbers_without_declared_decimals_are_not_rounded() -> None:
    assert cell(Column("x", "", "number"), 0.123456789) == 0.123456789
    assert cell(Column("x", "", "number"), float("nan")) is None
