"""Options for reading headers."""

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal


@dataclass(frozen=True, slots=True)
class HeaderContext:
    """Options for reading headers.

    `patient_key` (at most 64 bytes) is the key of the digest that replaces a patient ID.
    `nifti_study` states whether each NIfTI file outside BIDS is a study, or each folder.
    `identifiers` states whether to keep the patient's name, ID, dates and accession number.
    """

    patient_key: bytes
    nifti_study: Literal["file", "folder"] = "file"
    identifiers: bool = False

    def patient_digest(self, patient_id: str) -> str:
        """Return a keyed digest of the normalized patient ID, or an empty string without an ID."""
        return _keyed_digest(patient_id, self.patient_key)


@lru_cache(maxsize=64)  # a patient has many files
def _keyed_digest(patient_id: str, key: bytes) -> str:
    text = normalized_id(patient_id).encode()
    return hashlib.blake2b(text, key=key, digest_size=16).hexdigest() if text else ""


def normalized_id(patient_id: str) -> str:
    """Return a patient ID without the variations that systems introduce when they forward images.

    These are letter case, full-width characters, surrounding or repeated spaces, control
    characters, the assigning authority of HL7 (`123^^^HOSPITAL`), and leading zeros of a number.
    Only IDs within one StudyInstanceUID are compared, so two patients are not confused.
    """
    text = unicodedata.normalize("NFKC", patient_id).casefold().partition("^^^")[0]
    printable = "".join(char if char.isprintable() else " " for char in text)
    words = " ".join(printable.split())
    return (words.lstrip("0") or "0") if words.isdecimal() else words
