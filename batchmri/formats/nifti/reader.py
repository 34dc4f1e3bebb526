"""The reader of NIfTI-1, NIfTI-2 and Analyze 7.5 files."""

from typing import BinaryIO

from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from batchmri.formats.base import Reader
from batchmri.formats.decode_task import Decoded, DecodeTask
from batchmri.formats.header_context import HeaderContext
from batchmri.formats.inflate import SNIFFED_BYTES, inflated_head
from batchmri.formats.nifti.header import header_entry, header_path_of, read_nifti_header
from batchmri.formats.nifti.pixels import read_nifti_pixels
from batchmri.formats.nifti.sniff import kind_of
from batchmri.records import FileEntry, FileNote, Instance


class NiftiReader(Reader):
    """Reads volumes, gzipped or not, in one file or in a pair of files."""

    title = "NIfTI"
    reads_whole_file = True

    def sniff(self, path: str, head: bytes) -> bool:
        """Return whether a file starts with a NIfTI or Analyze header."""
        return bool(kind_of(inflated_head(head)))

    def read_header(
        self, entry: FileEntry, context: HeaderContext, file: BinaryIO
    ) -> Instance | FileNote:
        """Return the header of a volume. Only the header of a gzipped file is inflated."""
        head = inflated_head(file.read(SNIFFED_BYTES))
        try:
            return read_nifti_header(entry, context, head, pair=kind_of(head) == "pair")
        except (HeaderDataError, WrapStructError):
            raise ValueError("invalid header") from None  # the text may contain header values

    def read_pixels(self, task: DecodeTask) -> Decoded:
        """Decode slices of the first volume."""
        return read_nifti_pixels(task)

    def header_file(self, entry: FileEntry) -> FileEntry | None:
        """Return the .hdr file of an .img file."""
        header_path = header_path_of(entry)
        return None if header_path is None else header_entry(entry, header_path)
