import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmri.outputs import formatting as cells


@pytest.mark.parametrize(
    ("value", "cell"),
    [(0.12344, "0.1234"), (1.0000001, "1.0000"), (-1e-9, "0.0000"), (0.99999, "1.0000")],
)
def test_probability(value: float, cell: str) -> None:
    assert cells.probability(value) == cell


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\x00=1"])
def test_formulas_are_escaped(value: str) -> None:
    assert cells.text(value).startswith("'")


@given(st.text())
def test_text_is_one_harmless_line(value: str) -> None:
    cell = cells.text(value)
    assert cell.isprintable()
    assert not cell.startswith(("=", "+", "-", "@"))
    cell.encode()
    assert cells.text(cell) == cell


def test_ordinary_text_stays() -> None:
    assert cells.text("T1 axial, Schädel 脳 a=b") == "T1 axial, Schädel 脳 a=b"
