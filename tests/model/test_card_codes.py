"""Codes of classes in a model card."""

import pytest
from pydantic import ValidationError

from batchmri.model.card import SHIPPED, Card, ClassCode, read_card


def test_every_tumor_class_of_the_shipped_model_has_a_code() -> None:
    codes = read_card(SHIPPED).codes
    assert {name: (code.scheme, code.value) for name, code in codes.items()} == {
        "glioma": ("NCIt", "C3059"),
        "meningioma": ("NCIt", "C3230"),
        "pituitary": ("NCIt", "C3329"),
    }


def test_a_code_for_an_unknown_class_is_refused() -> None:
    with pytest.raises(ValidationError, match="'adenoma' is not one of the classes"):
        Card(
            classes=("glioma", "notumor"),
            no_tumor_class="notumor",
            preparation={},
            codes={"adenoma": ClassCode(value="C1", scheme="NCIt", meaning="Adenoma")},
        )
