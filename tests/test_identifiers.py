import io
import os

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from batchmri.identifiers import (
    common_folder,
    digest,
    escape,
    is_valid_uid,
    made_uid,
    part_name,
    unescape,
)


@given(st.binary(max_size=40))
def test_escape_is_reversible_and_printable(raw: bytes) -> None:
    name = os.fsdecode(raw)
    source = escape(name)
    assert source.isprintable()
    assert os.fsencode(unescape(source)) == raw


def test_plain_names_stay() -> None:
    assert escape("Schädel T1 (3).dcm") == "Schädel T1 (3).dcm"


def test_what_could_harm_a_terminal_or_a_table_is_escaped() -> None:
    assert escape("a\nb\x1b[31m\\") == r"a\x0ab\x1b[31m\x5c"
    assert escape("\u202e") == r"\xe2\x80\xae"


def test_uids() -> None:
    for good in ("1.2.840.10008", "0", "1" * 64, "1.2."):
        assert is_valid_uid(good)
    for bad in ("", ".", "..", "1.2/3", "../1", "1" * 65, "1.2 ", "1.2\n", "1.2a", ".1.2", "1..2"):
        assert not is_valid_uid(bad)
    made = made_uid("study", "x")
    assert made.startswith("2.25.") and is_valid_uid(made)
    assert made != made_uid("studyx", "")


def test_common_folder() -> None:
    assert common_folder(["r/a/1.dcm"]) == "r/a/1.dcm"
    assert common_folder(["r/a/1.dcm", "r/a/2.dcm"]) == "r/a"
    assert common_folder(["r/a/1.dcm", "r/ab/2.dcm"]) == "r"
    assert common_folder(["r/a/1.dcm", "s/2.dcm"]) == "r/a"
    assert common_folder(["one.dcm", "two.dcm"]) == "one.dcm"


def test_part_names_are_read_as_text() -> None:
    stacks = [f"stack {number}" for number in range(1000)]
    looks_numeric = [s for s in stacks if digest(s, size=4).replace("e", "", 1).isdecimal()]
    assert len(looks_numeric) > 10
    for stack in looks_numeric:
        name = part_name(stack)
        table = pd.read_csv(io.StringIO(f"series_part\r\n{name}\r\n"))
        assert table["series_part"].tolist() == [name]
    assert len({part_name(stack) for stack in stacks}) == len(stacks)
