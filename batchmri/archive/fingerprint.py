"""Fingerprint of a series: whether its files, or what was read from their headers, have changed.

The fields are listed here, so that a new field of a record does not change the fingerprints of an
archive that is already classified. If a new field has to change them, add it and increase
FINGERPRINT_VERSION: results stored under an older version are kept while their files are unchanged.
"""

import json
from collections.abc import Iterable
from dataclasses import astuple

from batchmri.identifiers import digest, files_digest
from batchmri.records import Series

FINGERPRINT_VERSION = 1
_HEADER = (
    "modality", "manufacturer", "series_description", "series_number", "transfer_syntax",
    "sop_class", "image_type", "body_part", "named_sequence", "scanning_sequence", "echo_time",
    "repetition_time", "inversion_time", "flip_angle", "b_value", "contrast_agent",
)  # fmt: skip
_SLICE = ("source", "instance_uid", "frame", "index", "position_mm", "tile")
_SERIES = (
    "key", "source", "format", "n_files", "sequence", "rows", "columns", "plane", "pixel_spacing",
    "slice_spacing", "n_slices", "slice_axis", "refusal", "detail", "flags",
)  # fmt: skip


def fingerprint(series: Series, versions: Iterable[tuple[str, str]]) -> str:
    """The version, a digest of the header fields, and a digest of the files, joined by `:`.

    `versions` contains the source of every file of the series and a text that changes with the
    file. The mount point and the identifiers of the patient do not enter it.
    """
    fields = (
        [getattr(series.header, name) for name in _HEADER],
        [[getattr(ref, name) for name in _SLICE] for ref in series.slices],
        [getattr(series, name) for name in _SERIES],
        astuple(series.display),
    )
    return f"{FINGERPRINT_VERSION}:{digest(json.dumps(fields))}:{files_digest(versions)}"


def is_same_files_in_older_version(stored: str, current: str) -> bool:
    """Whether a fingerprint of an older version describes the same files as the current one."""
    older = not stored.startswith(f"{FINGERPRINT_VERSION}:")
    return older and stored.rpartition(":")[2] == current.rpartition(":")[2]
