from pathlib import Path

import pytest

from batchmri.errors import UsageError
from batchmri.training.holdout import without
from batchmri.training.table import Row, Split


def row(source: str, patient: str, split: Split = "train", made_of: tuple[str, ...] = ()) -> Row:
    return Row(Path("x.png"), "notumor", split, source, patient, made_of=made_of)


ONE, TWELVE, OTHER = row("s", "1"), row("s", "12"), row("t", "1")
MADE = row("removed", "s 1", made_of=("s 1", "t 1"))
JUDGES = row("s", "1", "dev")
ROWS = [ONE, JUDGES, TWELVE, MADE, OTHER]


@pytest.mark.parametrize(
    ("held_out", "kept"),
    [
        ([], ROWS),
        (["s 1"], [JUDGES, TWELVE, OTHER]),
        (["s 12"], [ONE, JUDGES, MADE, OTHER]),
        (["t"], [ONE, JUDGES, TWELVE]),
        (["s", "t 1"], [JUDGES]),
    ],
)
def test_held_out_persons_and_images_made_from_them_do_not_train(
    held_out: list[str], kept: list[Row]
) -> None:
    assert without(ROWS, held_out) == kept


def test_unknown_name_raises() -> None:
    with pytest.raises(UsageError, match="held_out: split train has no source or patient 's 2'"):
        without(ROWS, ["s 2"])
