"""References to slices in source instances."""

from batchmri.pipeline.dicom.dicom_sources import instances_with_frames, reference_to
from batchmri.records import CropBox, Scores, SliceRef


def test_a_frame_is_named_only_if_several_frames_of_its_instance_were_classified() -> None:
    refs = [
        SliceRef("a", "/a", "1.1", 1, 0, 0.0),
        SliceRef("a", "/a", "1.1", 2, 1, 5.0),
        SliceRef("b", "/b", "1.2", 3, 2, 10.0),
        SliceRef("c", "/c", "1.3", 1, 3, 15.0, tile=(0, 0, 8, 8)),
        SliceRef("c", "/c", "1.3", 2, 4, 20.0, tile=(0, 8, 8, 8)),
    ]
    several = instances_with_frames(tuple(Scores(r, (0.5, 0.5), CropBox(0, 0, 8, 8)) for r in refs))
    found = [reference_to(ref, several, "1.2.840") for ref in refs]
    assert [(one.instance_uid, one.frame) for one in found] == [
        ("1.1", 1),
        ("1.1", 2),
        ("1.2", None),
        ("1.3", None),
        ("1.3", None),
    ]
