"""Records for the tests of the report stage."""

from dataclasses import replace

from batchmri.header import Header
from batchmri.reasons import Reason, Status, VerdictReason
from batchmri.records import (
    Classes,
    CropBox,
    Scores,
    Series,
    SeriesKey,
    SeriesResult,
    SliceRef,
    Verdict,
)

CLASSES = Classes(("glioma", "notumor"), "notumor")
KEY = SeriesKey("1.2.3", "1.2.3.4", "ab12")
HOSTILE = '=cmd|"/C calc"!A0,\r\n[bold]\x1b[31m"; x\u202e'


def series(**changes: object) -> Series:
    header = Header(
        modality="MR",
        manufacturer="Maker, Inc.",
        series_description="AX T1",
        series_number=4,
        transfer_syntax="1.2.840.10008.1.2.1",
    )
    whole = Series(
        key=KEY,
        source="root/a/b",
        format="dicom",
        n_files=2,
        header=header,
        sequence="t1",
        rows=64,
        columns=32,
        plane="axial",
        pixel_spacing=(0.93756, 1.5),
        slice_spacing=5.0,
        slices=(),
        n_slices=2,
        flags=("gap",),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def scores(index: int, glioma: float = 0.9) -> Scores:
    ref = SliceRef(f"root/a/b/{index}.dcm", "/x", f"1.2.3.4.{index + 5}", 1, index, 5.0 * index)
    return Scores(ref, (glioma, 1 - glioma), CropBox(1, 2, 30, 40, failed=False))


def classified(**changes: object) -> SeriesResult:
    return SeriesResult(
        series(**changes),
        Status.CLASSIFIED,
        scores=(scores(0), scores(1, 0.2)),
        pictures=((0, "gradcam/00/1.2.3/1.2.3.4_ab12_0001.png"),),
        picture_class="glioma",
        model_digest="d1",
    )


def not_classified(reason: Reason, uid: str = "1.2.3.9", **changes: object) -> SeriesResult:
    key = SeriesKey("1.2.3", uid)
    return SeriesResult(series(key=key, flags=(), **changes), reason.status, reason, "why")


VERDICT = Verdict(
    "glioma",
    0.9,
    (0.9, 0.1),
    0,
    VerdictReason.TUMOR,
    deciding=(0,),
    n_tumor_slices=1,
    shown_class="glioma",
    shown=(0,),
)
