"""Section `verdict` of the settings."""

from collections.abc import Collection, MutableMapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from batchmri.renamed import without_removed
from batchmri.settings.messages import Contradiction
from batchmri.settings.section import Section, allowed_values
from batchmri.settings.values import labels, or_none


class VerdictSettings(Section):
    """Verdict rules; rules that are not set are taken from the model card."""

    top_slices: int = Field(3, ge=1, description="Minimum number of deciding slices (adjacent).")
    run_fraction: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Minimum share of eligible slices that decide, if more than top_slices.",
    )
    min_box_fraction: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A slice whose brain box is below this share of the largest does not decide.",
    )
    temperature: Annotated[float | None, BeforeValidator(or_none)] = Field(
        None,
        gt=0,
        description="Temperature of the probabilities; none: that of the model card.",
        **allowed_values("a number above 0, or none"),
    )
    tumor_above: float = Field(
        0.5, ge=0, le=1, description="A tumor is reported at this p_tumor or above."
    )
    notumor_below: float = Field(
        0.5, ge=0, le=1, description="No tumor is reported at this p_tumor or below."
    )
    min_confidence: float = Field(
        0.5, ge=0, le=1, description="A class with a lower probability is not reported."
    )
    min_class_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="If the share of the leading tumor class in p_tumor is below this, the verdict "
        "is tumor without a class. 0: always name the class, 1: never.",
    )
    min_class_shares: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1)]], BeforeValidator(labels)
    ] = Field(
        {},
        description="min_class_share of one class, such as glioma=0.9; can be repeated. A source "
        "of higher priority that sets only min_class_share replaces these shares.",
        **allowed_values("CLASS=SHARE with a share from 0 to 1"),
    )
    min_class_share_without_contrast: float = Field(
        0.0,
        ge=0,
        le=1,
        description="min_class_share of series without contrast, according to header or images.",
    )
    max_distance: float = Field(
        1.0, gt=0, description="A series with a higher ood_score is out of distribution."
    )
    brain_distance: float = Field(
        1.5, gt=0, description="A series with a higher ood_score does not look like a brain."
    )
    min_t1: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A series with a lower probability of T1 weighting is of another sequence.",
    )
    min_contrast: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A series with a lower probability of contrast counts as without contrast.",
    )
    notumor_below_without_contrast: float = Field(
        0.1,
        ge=0,
        le=1,
        description="No tumor is reported at this p_tumor or below in a series without contrast, "
        "or whose header does not state it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_removed(cls, given: Any) -> Any:
        """Drop settings of version 0.1 that were removed, with a warning on stderr."""
        return without_removed("verdict", given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # Check only the given settings; the others are taken from the model card later.
        self.check_pairs(self.model_fields_set)
        return self

    def check_pairs(self, names: Collection[str]) -> None:
        """Raise Contradiction if two of the named settings exclude each other."""
        for lower, upper in (("notumor_below", "tumor_above"), ("max_distance", "brain_distance")):
            if {lower, upper} <= set(names) and getattr(self, lower) > getattr(self, upper):
                raise Contradiction(lower, getattr(self, lower), upper, getattr(self, upper))


def drop_replaced_shares(rules: MutableMapping[str, Any], given: Collection[str]) -> None:
    """Remove `min_class_shares` from `rules` if a source of higher priority replaces them.

    `given` contains the names of the rules that this source sets. `min_class_share` without
    `min_class_shares` is the share of all classes.
    """
    if "min_class_share" in given and "min_class_shares" not in given:
        rules.pop("min_class_shares", None)
