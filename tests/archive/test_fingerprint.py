from dataclasses import dataclass, fields, replace

import pytest

from batchmri.archive import fingerprint as module
from batchmri.archive.fingerprint import fingerprint, is_same_files_in_older_version
from batchmri.header import STATED, Header
from batchmri.reasons import Reason
from batchmri.records import Display, Series, SeriesKey, SliceRef

REF = SliceRef("r/a", "/mnt/a", "1.5", 1, 0, 2.5)
SERIES = Series(
    key=SeriesKey("1.1", "1.2"),
    source="r",
    format="dicom",
    n_files=1,
    header=Header(modality="MR", echo_time=10.5),
    sequence="t1",
    rows=64,
    columns=32,
    plane="axial",
    pixel_spacing=(1.0, 0.5),
    slice_spacing=5.0,
    slices=(REF,),
    n_slices=1,
)
FILES = [("r/a", "10:1")]


@dataclass(frozen=True, slots=True)
class LaterHeader(Header):
    """The header of a later version, with a new field."""

    echo_train_length: int = 0


def test_a_new_header_field_does_not_change_the_fingerprint() -> None:
    later = LaterHeader(modality="MR", echo_time=10.5, echo_train_length=7)
    assert fingerprint(replace(SERIES, header=later), FILES) == fingerprint(SERIES, FILES)


def test_the_fingerprint_of_a_series_is_a_contract() -> None:
    """If this fails, every archive would be classified again: increase FINGERPRINT_VERSION."""
    assert module.FINGERPRINT_VERSION == 1
    assert (
        fingerprint(SERIES, FILES)
        == "1:ee46d962652cc761982606dcccc337da:1dc8a1c101f7d6a57158d7b3e02caf06"
    )


def test_every_field_is_listed_or_left_out_on_purpose() -> None:
    only_shown = {f.name for f in fields(Header)} - set(module._HEADER)
    assert set(module._HEADER) <= {f.name for f in fields(Header)} and only_shown <= set(STATED)
    assert {f.name for f in fields(SliceRef)} - set(module._SLICE) == {"path"}
    apart = {"header", "slices", "display", "fingerprint", "identifiers"}
    assert {f.name for f in fields(Series)} - set(module._SERIES) == apart


@pytest.mark.parametrize(
    "change",
    [
        {"header": Header(modality="MR", echo_time=11.0)},
        {"display": Display(transpose=True)},
        {"slices": (replace(REF, index=1),)},
        {"flags": ("gap",)},
        {"refusal": Reason.LOCALIZER},
    ],
)
def test_changed_header_values_change_the_fingerprint(change: dict) -> None:
    assert fingerprint(replace(SERIES, **change), FILES) != fingerprint(SERIES, FILES)


def test_an_older_fingerprint_is_accepted_for_the_same_files_only() -> None:
    now = fingerprint(SERIES, FILES)
    older = f"0::{now.rpartition(':')[2]}"
    assert is_same_files_in_older_version(older, now)
    assert not is_same_files_in_older_version(older, fingerprint(SERIES, [("r/a", "10:2")]))
    changed = fingerprint(replace(SERIES, flags=("gap",)), FILES)
    assert not is_same_files_in_older_version(changed, now), "the same version is compared whole"
    assert not is_same_files_in_older_version("", now)
