from dataclasses import replace
from typing import Any

import pytest

from batchmri.archive.assembly import assemble
from batchmri.archive.selection import select
from batchmri.header import Header
from batchmri.reasons import Reason
from batchmri.records import Series
from batchmri.settings.selection import SelectionSettings
from tests.builders import instance

RULES = SelectionSettings()


def series(**changes: Any) -> Series:
    """A series that is selected, except for `changes` of it or of its header."""
    names = Header.__dataclass_fields__
    header = {name: changes.pop(name) for name in tuple(changes) if name in names}
    (study,) = assemble([instance(n) for n in range(1, 21)], {})
    taken = replace(study.series[0], sequence="t1")
    return replace(taken, **changes, header=replace(taken.header, **header))


def test_a_t1_of_the_head_is_selected() -> None:
    assert select(series(), RULES).wanted
    assert select(series(body_part="brain", sequence="t1_contrast"), RULES).wanted
    assert select(series(sequence="unknown"), RULES).wanted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"refusal": Reason.COLOR, "modality": "CT"}, Reason.COLOR),
        ({"modality": "CT", "body_part": "knee"}, Reason.NOT_MR),
        ({"modality": ""}, Reason.NOT_MR),
        ({"body_part": "spine", "sequence": "t2"}, Reason.NOT_BRAIN),
        ({"body_part": "phantom"}, Reason.NOT_BRAIN),
        ({"body_part": "phantom", "series_description": "T1map"}, Reason.NOT_BRAIN),
        ({"body_part": "phantom", "sequence": "bold"}, Reason.OTHER_SEQUENCE),
        ({"body_part": "animal", "sequence": "localizer"}, Reason.LOCALIZER),
        ({"sequence": "mra", "image_type": ("DERIVED", "MIP")}, Reason.OTHER_SEQUENCE),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, Reason.LOCALIZER),
        ({"sequence": "localizer"}, Reason.LOCALIZER),
        ({"slice_spacing": 20.0, "slices": series().slices[:6]}, Reason.LOCALIZER),
        ({"flags": ("several_planes",), "slices": series().slices[:6]}, Reason.LOCALIZER),
        ({"image_type": ("DERIVED", "SECONDARY", "PROJECTION IMAGE")}, Reason.DERIVED),
        ({"image_type": ("DERIVED", "PRIMARY", "SUBTRACTION")}, Reason.DERIVED),
        ({"image_type": ("DERIVED", "PRIMARY", "ADC")}, Reason.DERIVED),
        ({"image_type": ("ORIGINAL", "PRIMARY", "P")}, Reason.DERIVED),
        ({"series_description": "T1 SUBTRACTION"}, Reason.DERIVED),
        ({"series_description": "T1 MIP"}, Reason.DERIVED),
        ({"series_description": "T1map"}, Reason.DERIVED),
        ({"series_description": "gre_field_mapping"}, Reason.DERIVED),
        ({"sequence": "t2", "slices": series().slices[:1]}, Reason.OTHER_SEQUENCE),
        ({"pixel_spacing": (0.1, 0.1)}, Reason.NOT_BRAIN),
        ({"pixel_spacing": (0.1, 0.1), "sequence": "t2"}, Reason.NOT_BRAIN),
        ({"pixel_spacing": (0.1, 0.1), "sequence": "localizer"}, Reason.NOT_BRAIN),
        ({"series_description": "T1map", "slices": series().slices[:4]}, Reason.DERIVED),
        (
            {
                "format": "nifti",
                "modality": "",
                "pixel_spacing": (1.0, 1.0),
                "rows": 64,
                "columns": 64,
            },
            Reason.NOT_BRAIN,
        ),
        ({"slice_spacing": 50.0, "slices": series().slices[:4]}, Reason.TOO_FEW_SLICES),
        ({"slices": series().slices[:4]}, Reason.TOO_FEW_SLICES),
    ],
)
def test_the_first_rule_that_excludes_a_series_decides(changes, reason) -> None:
    decision = select(series(**changes), RULES)
    assert (decision.wanted, decision.reason) == (False, reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_type": ("DERIVED", "SECONDARY", "MPR")},
        {"image_type": ("DERIVED", "PRIMARY", "M", "NORM")},
        {"image_type": ("DERIVED", "PRIMARY", "WATER")},
        {"series_description": "t1_vibe_dixon_in_phase"},
        {"series_description": "T1 SE phase enc RL"},
        {"series_description": "MPR cor T1"},
        {"flags": ("several_planes",)},
        {"pixel_spacing": (1.0, 1.0), "rows": 64, "columns": 64},
        {"pixel_spacing": None},
        {"format": "nifti", "modality": ""},
    ],
)
def test_series_that_only_resemble_excluded_ones_are_selected(changes) -> None:
    assert select(series(**changes), RULES).wanted


def test_settings_define_the_rules() -> None:
    few = series(slices=series().slices[:3])
    assert select(few, SelectionSettings(min_slices=3)).wanted
    t2 = series(sequence="t2")
    assert select(t2, SelectionSettings(sequences=("t2",))).wanted
    assert select(t2, SelectionSettings(all_sequences=True)).wanted
    assert not select(series(sequence="localizer"), SelectionSettings(all_sequences=True)).wanted
    assert select(series(modality="PT"), SelectionSettings(modalities=("MR", "PT"))).wanted
    ct = series(format="nifti", modality="CT")
    assert select(ct, RULES).reason is Reason.NOT_MR


def test_three_planes_of_one_series_are_a_localizer() -> None:
    sagittal, coronal = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)), ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
    planes = [
        *(instance(n) for n in range(1, 6)),
        *(instance(n, position=(n, 0.0, 0.0), orientation=sagittal) for n in range(11, 16)),
        *(instance(n, position=(0.0, n, 0.0), orientation=coronal) for n in range(21, 26)),
    ]
    (study,) = assemble(planes, {})
    assert {select(part, RULES).reason for part in study.series} == {Reason.LOCALIZER}
    assert len(study.series) == 3
