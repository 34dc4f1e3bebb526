"""Read the header of a NIfTI or Analyze file as an Instance."""

import math
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import HeaderDataError

from batchmri.formats.header_context import HeaderContext
from batchmri.formats.header_error import HeaderError
from batchmri.formats.nifti.bids import description_of, is_derivative, is_label_map, subject_folder
from batchmri.formats.nifti.descrip import with_description
from batchmri.formats.nifti.sidecar import with_sidecar
from batchmri.geometry import frames_of_volume, has_lost_spacing, slice_axis_of
from batchmri.header import Header
from batchmri.identifiers import folder_of, made_uid
from batchmri.links import may_open
from batchmri.reasons import Reason
from batchmri.records import FileEntry, FileNote, Instance
from batchmri.terms.body_part import body_part_of, modality_of
from batchmri.terms.contrast import contrast_in_words
from batchmri.terms.sequence import sequence_in_words

OWN_HEAT_MAP = b"batchmri heat map"
"""Beginning of the `descrip` field of heat maps that batchmri wrote."""

_HEADER_ENDING = re.compile(r"\.hdr(\.gz)?$", re.IGNORECASE)
_IMAGE_ENDING = re.compile(r"\.img(\.gz)?$", re.IGNORECASE)
_GZIP_RATIO = 1032  # maximum compression ratio of deflate, RFC 1951
_MAX_SLICES = 65_536
_COLORS = {128: "RGB", 2304: "RGBA"}
_COMPLEX = (32, 1792, 2048)
_BITS = 1
_LABEL_INTENT = 1002
_STATISTICS = range(2, 25)
_VECTORS = range(1003, 1012)
_SURFACES = range(2000, 2019)
_CIFTI = range(3000, 3100)

Affine = npt.NDArray[np.float64]
ReasonDetail = tuple[Reason, str]


@dataclass(frozen=True, slots=True)
class _Volume:
    """The array according to the header: first three axes, number of volumes, bytes per voxel."""

    shape: tuple[int, int, int]
    n_volumes: int
    itemsize: int
    offset: int

    @property
    def size(self) -> int:
        return self.offset + math.prod(self.shape) * self.n_volumes * self.itemsize


def header_path_of(entry: FileEntry) -> str | None:
    """Return the path of the .hdr or .hdr.gz file of an .img or .img.gz file, if there is one."""
    return _partner_path(entry, _IMAGE_ENDING, ".hdr")


def header_entry(entry: FileEntry, path: str) -> FileEntry:
    """Return the entry of the .hdr file at `path`, in the same folder as the .img of `entry`."""
    source = posixpath.join(folder_of(entry.source), _renamed(entry, path))
    return FileEntry.of(source, path, Path(path).stat())


def read_nifti_header(
    entry: FileEntry, context: HeaderContext, head: bytes, pair: bool
) -> Instance | FileNote:
    """Return the Instance of a NIfTI-1, NIfTI-2 or Analyze 7.5 file, with one Frame per slice.

    `head` is the inflated header. Declared sizes are compared with the file size before frames are
    created. Raises HeaderError, nibabel's HeaderDataError, or ValueError for an invalid header.
    """
    header = _header_class(head, pair)(head[: _header_size(head)], check=False)
    volume = _volume_of(header, pair)
    code = int(header["datatype"])
    affine = _affine_of(header)
    slice_axis = slice_axis_of(volume.shape, affine)
    refusal = (
        _refusal_by_type(code)
        or _refusal_by_purpose(header, entry.source)
        or _refusal_by_size(entry, volume, pair)
    )
    row_axis, column_axis = (axis for axis in range(3) if axis != slice_axis)
    uid = made_uid("nifti", entry.source)
    described = description_of(entry.source)
    named = Header(
        modality=modality_of(described, names_sequence=bool(sequence_in_words(described))),
        series_description=described,
        body_part=body_part_of(described),
        contrast_agent=contrast_in_words(described),
    )
    facts, more_flags = with_sidecar(named, entry.path, entry.source.count("/"))
    return Instance(
        source=entry.source,
        path=entry.path,
        format="nifti",
        study_uid=made_uid("study", _study_of(entry.source, context)),
        series_uid=uid,
        instance_uid=uid,
        header=with_description(facts, header["descrip"].tobytes()),
        rows=volume.shape[row_axis],
        columns=volume.shape[column_axis],
        frames=()
        if refusal
        else frames_of_volume(volume.shape, affine, _voxel_sizes(header), slice_axis),
        slice_axis=slice_axis,
        refusal=refusal[0] if refusal else None,
        detail=refusal[1] if refusal else "",
        flags=tuple(sorted(_flags(header, volume, affine) | more_flags)),
    )


def _header_size(head: bytes) -> int:
    return 540 if head[4:7] in (b"n+2", b"ni2") else 348


def _header_class(head: bytes, pair: bool) -> Any:
    if _header_size(head) == 540:
        return nibabel.nifti2.Nifti2PairHeader if pair else nibabel.Nifti2Header
    if head[344:347] in (b"n+1", b"ni1"):
        return nibabel.nifti1.Nifti1PairHeader if pair else nibabel.Nifti1Header
    return nibabel.AnalyzeHeader


def _volume_of(header: Any, pair: bool) -> _Volume:
    n_dimensions = int(header["dim"][0])
    if not 1 <= n_dimensions <= 7:
        raise HeaderError(f"the header states {n_dimensions} dimensions, not 1 to 7")
    sizes = [int(size) for size in header["dim"][1 : n_dimensions + 1]]
    if min(sizes) <= 0:
        raise HeaderError("the header states a dimension of size 0 or less")
    sizes += [1] * (3 - len(sizes))
    offset = 0 if pair else max(352, _offset(header))
    bits = int(header["bitpix"])
    return _Volume((sizes[0], sizes[1], sizes[2]), math.prod(sizes[3:]), max(1, bits // 8), offset)


def _offset(header: Any) -> int:
    offset = float(header["vox_offset"])
    if not math.isfinite(offset):
        raise HeaderError(f"the header states {offset} as the offset of its values")
    return int(offset)


def _affine_of(header: Any) -> Affine | None:
    """Return the RAS affine: sform, else qform, else from voxel sizes; None if none is usable."""
    choices = []
    if "sform_code" in header:
        choices = [header.get_sform(coded=True)[0], _qform(header)]
    choices.append(header.get_base_affine())
    return next((a for a in choices if a is not None and _is_usable(a)), None)


def _qform(header: Any) -> Affine | None:
    try:
        affine: Affine | None = header.get_qform(coded=True)[0]
    except (HeaderDataError, ValueError):  # a quaternion longer than 1
        return None
    return affine


def _is_usable(affine: Affine) -> bool:
    steps = affine[:3, :3]
    if not np.isfinite(affine).all():
        return False
    lengths = np.linalg.norm(steps, axis=0)
    if lengths.min() < 1e-6 or lengths.max() > 1e6:
        return False
    return bool(abs(np.linalg.det(steps / lengths)) > 0.1)


def _voxel_sizes(header: Any) -> Sequence[float]:
    sizes = [abs(float(size)) for size in header["pixdim"][1:4]]
    return [size if math.isfinite(size) else 0.0 for size in sizes]


def _flags(header: Any, volume: _Volume, affine: Affine | None) -> frozenset[str]:
    flags = {
        "multi_volume": volume.n_volumes > 1,
        "lost_spacing": affine is not None and has_lost_spacing(volume.shape, affine),
        "assumed_orientation": not _states_orientation(header),
    }
    return frozenset(flag for flag, is_set in flags.items() if is_set)


def _states_orientation(header: Any) -> bool:
    return "sform_code" in header and (header["sform_code"] > 0 or header["qform_code"] > 0)


def _study_of(source: str, context: HeaderContext) -> str:
    return subject_folder(source) or (
        folder_of(source) if context.nifti_study == "folder" and folder_of(source) else source
    )


def _refusal_by_type(code: int) -> ReasonDetail | None:
    if code in _COLORS:
        return Reason.COLOR, _COLORS[code]
    if code in _COMPLEX:
        return Reason.UNSUPPORTED_OBJECT, "complex numbers"
    if code == _BITS:
        return Reason.UNSUPPORTED_OBJECT, "single bits"
    if code not in nibabel.nifti1.data_type_codes.code:
        return Reason.BAD_HEADER, f"data type {code}"
    return None


def _refusal_by_purpose(header: Any, source: str) -> ReasonDetail | None:
    intent = int(header["intent_code"]) if "intent_code" in header else 0
    if intent == _LABEL_INTENT or is_label_map(source):
        return Reason.LABEL_MAP, ""
    if intent in _STATISTICS:
        return Reason.DERIVED, "statistic map"
    if intent in _VECTORS or intent in _SURFACES or intent in _CIFTI:
        return Reason.UNSUPPORTED_OBJECT, f"intent {intent}"
    if header["descrip"].tobytes().startswith(OWN_HEAT_MAP):
        return Reason.OWN_RESULT, "heat map"
    if is_derivative(source):
        return Reason.DERIVED, "in derivatives/"
    return None


def _refusal_by_size(entry: FileEntry, volume: _Volume, pair: bool) -> ReasonDetail | None:
    if max(volume.shape) > _MAX_SLICES:
        return Reason.TOO_LARGE, "x".join(map(str, volume.shape))
    path: str | None = entry.path
    size = entry.size
    if pair:
        path = _partner_path(entry, _HEADER_ENDING, ".img")
        if path is None:
            return Reason.TRUNCATED, "its .img file is missing"
        size = Path(path).stat().st_size
    assert path is not None
    most = size * _GZIP_RATIO if _is_gzip(path) else size
    if volume.size > most:
        return Reason.TRUNCATED, f"{size} of {volume.size} declared bytes"
    return None


def _is_gzip(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _partner_path(entry: FileEntry, ending: "re.Pattern[str]", other: str) -> str | None:
    stem = ending.sub("", entry.path)
    if stem == entry.path:
        return None
    depth = entry.source.count("/")
    paths = (stem + name for name in (other, other + ".gz", other.upper(), other.upper() + ".GZ"))
    return next((p for p in paths if Path(p).is_file() and may_open(p, entry.path, depth)), None)


def _renamed(entry: FileEntry, path: str) -> str:
    stem = _IMAGE_ENDING.sub("", posixpath.basename(entry.source))
    return stem + _HEADER_ENDING.search(path)[0]  # type: ignore[index]
