"""docs/formats.md is true: its tests and codes exist, and no reason for refusal is missing."""

import re
from pathlib import Path

from batchmri.reasons import Reason

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs/formats.md"

# Reasons that do not depend on the kind of file: time, machine, or rules for whole series.
ELSEWHERE = {
    Reason.STILL_ARRIVING, Reason.OUT_OF_MEMORY, Reason.DECODER_TIMEOUT, Reason.DECODER_CRASHED,
    Reason.LOCALIZER, Reason.NOT_BRAIN,
}  # fmt: skip
FLAGS = {
    "gap", "multi_volume", "uid_replaced", "assumed_orientation", "lost_spacing", "sidecar_ignored",
    "patient_id_changed", "no_positions", "series_joined",
}  # fmt: skip


def _rows() -> list[list[str]]:
    lines = [line for line in DOC.read_text().splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if len(row) == 3 and row[0] != "kind of file" and row[0] != "---"]


def test_every_row_names_tests_that_exist() -> None:
    for kind, _, tests in _rows():
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", tests)
        assert named and len(named) == tests.count("`") // 2, kind
        for file, function in named:
            assert f"def {function}(" in (ROOT / "tests" / file).read_text(), (file, function)


def test_every_code_is_a_reason_or_a_flag() -> None:
    known = {str(reason) for reason in Reason} | FLAGS | {"oblique"}
    for kind, answer, _ in _rows():
        assert set(re.findall(r"`(\w+)`", answer)) <= known, kind


def test_every_refusal_of_a_kind_of_file_is_documented() -> None:
    documented = {code for _, answer, _ in _rows() for code in re.findall(r"`(\w+)`", answer)}
    assert {str(reason) for reason in set(Reason) - ELSEWHERE} <= documented
