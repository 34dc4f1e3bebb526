"""What the reading of headers needs to know beside the files."""

import hashlib
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

    def patient_digest(self, patient_id: str, issuer: str) -> str:
        """A keyed digest of the patient id and who gave it; empty where there is no id."""
        if not patient_id:
            return ""
        text = f"{patient_id}\0{issuer}".encode()
        return hashlib.blake2b(text, key=self.patient_key, digest_size=16).hexdigest()
