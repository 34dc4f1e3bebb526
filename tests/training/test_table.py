from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batchmri.errors import UsageError
from batchmri.training.table import classes_of, read_rows, read_table


def test_paths_are_relative_to_the_table(heads: Path) -> None:
    rows = read_table(heads)
    assert len(rows) == 16
    assert rows[0].file == heads.parent / "head0.png"
    assert rows[0].mask == heads.parent / "mask0.png"
    assert rows[1].mask is None
    assert classes_of(rows) == ("notumor", "spot")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"split": "training"}, "line 3: split 'training' is not one of train, val, test, dev"),
        ({"label": ""}, "line 3: label is empty"),
        ({"file": "gone.png"}, "line 3: no file"),
        ({"file": ""}, "line 3: no file"),
        ({"mask": "gone.png"}, "line 3: no file"),
        ({"weight": "heavy"}, "line 3: .*heavy"),
        ({"weight": "-1"}, "line 3: weight"),
        ({"slice": "4"}, "line 3: slice and plane must be given together"),
        ({"slice": "4", "plane": "oblique"}, "line 3: plane 'oblique'"),
        ({"mask_use": "inside"}, "line 3: mask_use"),
        ({"label": "unheard of", "split": "test"}, "'unheard of' is in test, not in train"),
        ({"color": "red"}, "unknown column 'color'"),
    ],
)
def test_invalid_values_are_named(
    tmp_path: Path,
    write_table: Callable[[list[dict[str, Any]]], Path],
    change: dict[str, str],
    says: str,
) -> None:
    (tmp_path / "a.png").touch()
    records = [
        {"file": "a.png", "label": label, "split": split}
        for label in ("x", "y")
        for split in ("train", "val")
    ]
    columns = dict.fromkeys(change, "")
    records = [columns | record for record in records]
    records[1] |= change
    with pytest.raises(UsageError, match=says):
        read_table(write_table(records))


@pytest.mark.parametrize("missing", ["file", "label", "split"])
def test_a_missing_column_is_named(heads: Path, missing: str) -> None:
    heads.write_text(heads.read_text().replace(missing, "weight", 1))
    with pytest.raises(UsageError, match=f"no column '{missing}'"):
        read_table(heads)


def test_an_empty_split_is_named(heads: Path) -> None:
    heads.write_text(heads.read_text().replace(",val,", ",test,"))
    with pytest.raises(UsageError, match="split val is empty"):
        read_table(heads)


def test_missing_table_raises_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "text",
    [
        "file,label,split\na b.png,x,train\n",
        "\ufefffile,label,split\r\na b.png,x,train\r\n",
        ",file,label,split\n0,a b.png,x,train\n",
        "Unnamed: 0,file,label,split\n0,a b.png,x,train\n",
        "\ufeff;file;label;split\n0;a b.png;x;train\n",
        "file\tlabel\tsplit\na b.png\tx\ttrain\n",
        "file, label, split\na b.png, x, train\n",
        "file,label,split,\na b.png,x,train,,\n",
    ],
)
def test_tables_of_spreadsheets_and_pandas_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "a b.png").touch()
    table = tmp_path / "table.csv"
    table.write_text(text, encoding="utf-8", newline="")
    (row,) = read_rows(table)
    assert (row.file, row.label, row.split) == (tmp_path / "a b.png", "x", "train")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file or folder"),
        (b"", "no column 'file' .it has none"),
        ("file,label,split\n".encode("utf-16"), "is not UTF-8 text; save it as CSV UTF-8"),
        (b"file,lable,label,split\n", "unknown column 'lable'; did you mean label"),
        (b"file,label,split,zzz\n", "unknown column 'zzz'$"),
    ],
)
def test_unusable_tables_raise_one_line_errors(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    table = tmp_path / "table.csv"
    if content is not None:
        table.write_bytes(content)
    with pytest.raises(UsageError, match=says) as caught:
        read_rows(table)
    assert "\n" not in str(caught.value) and "Errno" not in str(caught.value)
