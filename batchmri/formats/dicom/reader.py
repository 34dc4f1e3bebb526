"""The reader of DICOM files."""

from typing import BinaryIO

from batchmri.formats.base import Reader
from batchmri.formats.decode_task import Decoded, DecodeTask
from batchmri.formats.dicom.header import read_dicom_header
from batchmri.formats.dicom.pixels import read_dicom_pixels
from batchmri.formats.dicom.sniff import is_dicom
from batchmri.formats.header_context import HeaderContext
from batchmri.records import FileEntry, FileNote, Instance


class DicomReader(Reader):
    """Reads DICOM objects with one or several frames."""

    title = "DICOM"

    def sniff(self, path: str, head: bytes) -> bool:
        """Return whether a file is DICOM, with or without preamble."""
        return is_dicom(head)

    def read_header(
        self, entry: FileEntry, context: HeaderContext, file: BinaryIO
    ) -> Instance | FileNote:
        """Return the header of an object, or why it has no usable slice."""
        return read_dicom_header(entry, context, file)

    def read_pixels(self, task: DecodeTask) -> Decoded:
        """Decode frames, or tiles of a mosaic."""
        return read_dicom_pixels(task)
