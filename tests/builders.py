"""Small DICOM files and records for the tests of the archive stage."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from batchmri.archive.assembly import assemble
from batchmri.archive.root_labels import label_roots
from batchmri.archive.walker import walk
from batchmri.formats.read_headers import HeaderContext, read_headers
from batchmri.header import Header
from batchmri.records import FileEntry, FileNote, Frame, Instance, Study

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
CONTEXT = HeaderContext(b"key of a test")
AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]
CORONAL = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]


def dataset(number: int = 1, **tags: Any) -> Dataset:
    """An axial T1 slice of a head, number `number` of its series; a tag of None is omitted."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values: dict[str, Any] = {
        "SOPClassUID": MR,
        "SOPInstanceUID": f"1.2.3.{number}",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.0",
        "Modality": "MR",
        "PatientID": "P1",
        "SeriesDescription": "T1 SE",
        "SeriesNumber": 1,
        "InstanceNumber": number,
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "SE"],
        "ImagePositionPatient": [-100.0, -100.0, 5.0 * number],
        "ImageOrientationPatient": AXIAL,
        "PixelSpacing": [10.0, 10.0],
        "Rows": 16,
        "Columns": 20,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": np.full((16, 20), number, np.uint16).tobytes(),
        **tags,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(ds, keyword, value)
    return ds


def write(path: Path, ds: Dataset, *, bare: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if bare:
        syntax = ds.file_meta.TransferSyntaxUID
        del ds.file_meta
        pydicom.dcmwrite(
            path, ds, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian
        )
    else:
        ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", MR)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2")
        pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


def dicom(path: Path, number: int = 1, **tags: Any) -> Path:
    return write(path, dataset(number, **tags))


def entry(path: Path, source: str = "") -> FileEntry:
    status = path.stat()
    return FileEntry(source or f"root/{path.name}", str(path), status.st_size, status.st_mtime_ns)


def read(path: Path, source: str = "") -> Instance | FileNote:
    return read_headers([entry(path, source)], CONTEXT)[0]


def read_instance(path: Path, source: str = "") -> Instance:
    found = read(path, source)
    assert isinstance(found, Instance), found
    return found


def read_note(path: Path) -> FileNote:
    found = read(path)
    assert isinstance(found, FileNote), found
    return found


def scan(*roots: Path) -> tuple[list[Study], list[FileNote], int]:
    """Studies, notes of files in no study, and the number of files found."""
    met = list(walk(label_roots([str(root) for root in roots]), (), ()))
    entries = [item for item in met if isinstance(item, FileEntry)]
    found = read_headers(entries, CONTEXT)
    notes = [item for item in (*met, *found) if isinstance(item, FileNote)]
    by_study: dict[str, list[Instance]] = {}
    for item in found:
        if isinstance(item, Instance):
            by_study.setdefault(item.study_uid, []).append(item)
    studies = [study for group in by_study.values() for study in assemble(group, {})]
    return studies, notes, len(met)


def is_accounted(studies: list[Study], notes: list[FileNote], walked: int) -> bool:
    """Whether every file is counted exactly once, in a series or in a note."""
    return walked == len(notes) + sum(s.n_files for study in studies for s in study.series)


def instance(number: int = 1, *, z: float | None = None, **fields: Any) -> Instance:
    """An Instance as read from an axial slice, at 5 mm times its number (or at `z`)."""
    orientation = fields.pop("orientation", ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    position = fields.pop("position", (-100.0, -100.0, 5.0 * number if z is None else z))
    frame = Frame(
        position=position,
        orientation=orientation,
        pixel_spacing=(1.0, 1.0),
        echo=fields.pop("echo", ""),
        time_point=fields.pop("time_point", ""),
        component=fields.pop("component", ""),
        slice_location=fields.pop("slice_location", None),
    )
    values: dict[str, Any] = {
        "source": f"root/{number:04d}.dcm",
        "path": f"/data/{number:04d}.dcm",
        "format": "dicom",
        "study_uid": "1.2.3",
        "series_uid": "1.2.3.0",
        "instance_uid": f"1.2.3.{number}",
        "header": Header(modality="MR", series_description="T1"),
        "rows": 256,
        "columns": 256,
        "frames": (frame,),
        "instance_number": number,
        "patient": "p1",
        **fields,
    }
    return Instance(**values)
