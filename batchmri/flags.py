"""Flags of series in words, for the report; docs/verdict.md and docs/archive.md explain them."""

FLAG_WORDS = {
    "assumed_orientation": "no orientation in the file: axes assumed",
    "contrast_unstated": "contrast is not stated",
    "crop_failed": "no brain box in some slice",
    "gap": "slices are missing",
    "incomplete": "some slices could not be read",
    "looks_not_brain": "does not look like a brain",
    "looks_other_sequence": "not T1-weighted",
    "lost_spacing": "voxel size is lost",
    "low_quality": "low resolution",
    "multi_volume": "first of several volumes",
    "no_positions": "slice positions are missing",
    "out_of_distribution": "unlike the training images",
    "patient_id_changed": "sent under several patient IDs",
    "sequence_contradiction": "description and times contradict each other",
    "series_joined": "joined from single-slice series",
    "several_planes": "stacks of several planes",
    "sidecar_ignored": "JSON sidecar ignored",
    "skull_stripped": "skull and scalp removed",
    "trailing_bytes": "extra bytes ignored",
    "uid_replaced": "UID replaced",
    "uneven_spacing": "uneven slice distances",
    "without_contrast": "without contrast",
}
"""A few words per flag code."""


def in_words(flag: str) -> str:
    """The flag in words; an unknown flag as it is, with spaces."""
    return FLAG_WORDS.get(flag, flag.replace("_", " "))
