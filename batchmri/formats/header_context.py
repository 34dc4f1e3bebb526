"""What the reading of headers needs to know beside the files."""

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class HeaderContext:
    """`patient_key` keys the digest that stands for a patient id, at most 64 bytes.

    `identifiers` keeps name, id, dates and accession number of the patient beside it.
    """

    patient_key: bytes
    nifti_study: Literal["file", "folder"] = "file"
    identifiers: bool = False

    def patient_digest(self, patient_id: str) -> str:
        """A keyed digest of the normalized patient ID; empty if there is no ID."""
        text = normalized_id(patient_id).encode()
        if not text:
            return ""
        return hashlib.blake2b(text, key=self.patient_key, digest_size=16).hexdigest()


def normalized_id(patient_id: str) -> str:
    """A patient ID without the differences that systems introduce when they pass it on.

    These are letter case, full-width characters, surrounding or repeated spaces, control
    characters, the assigning authority of HL7 (`123^^^HOSPITAL`), and leading zeros of a number.
    Only IDs within one StudyInstanceUID are compared, so two patients are not confused.
    """
    text = unicodedata.normalize("NFKC", patient_id).casefold().partition("^^^")[0]
    printable = "".join(char if char.isprintable() else " " for char in text)
    words = " ".join(printable.split())
    return (words.lstrip("0") or "0") if words.isdecimal() else words
