"""A BIDS data set as archive: visits are studies; names and sidecars describe the images."""

import json
from pathlib import Path

import numpy as np
import pytest

from batchmri.archive.selection import select
from batchmri.records import Series, Study
from batchmri.settings.selection import SelectionSettings
from tests.builders import is_accounted, scan
from tests.formats.nifti.test_header import nifti

SHAPE, MM = (60, 60, 10), np.diag([3.0, 3.0, 5.0, 1.0])

IMAGES = {
    "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz": "taken",
    "sub-01/ses-a/anat/sub-01_ses-a_ce-gadolinium_T1w.nii.gz": "taken",
    "sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz": "other_sequence",
    "sub-01/ses-a/anat/sub-01_ses-a_FLAIR.nii.gz": "other_sequence",
    "sub-01/ses-a/anat/sub-01_ses-a_desc-brain_mask.nii.gz": "label_map",
    "sub-01/ses-a/anat/sub-01_ses-a_dseg.nii.gz": "label_map",
    "sub-01/ses-a/func/sub-01_ses-a_task-rest_bold.nii.gz": "other_sequence",
    "sub-01/ses-a/func/sub-01_ses-a_task-rest_sbref.nii.gz": "other_sequence",
    "sub-01/ses-a/dwi/sub-01_ses-a_dir-AP_dwi.nii.gz": "other_sequence",
    "sub-01/ses-a/perf/sub-01_ses-a_asl.nii.gz": "other_sequence",
    "sub-01/ses-a/fmap/sub-01_ses-a_dir-PA_epi.nii.gz": "other_sequence",
    "sub-01/ses-a/fmap/sub-01_ses-a_phasediff.nii.gz": "derived",
    "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz": "taken",
    "sub-02/anat/sub-02_T1w.nii": "taken",
    "derivatives/prep/sub-01/ses-a/anat/sub-01_ses-a_desc-preproc_T1w.nii.gz": "derived",
    "derivatives/prep/sub-01/ses-a/anat/sub-01_ses-a_space-MNI_dseg.nii.gz": "label_map",
}
OTHER_FILES = {
    "dataset_description.json": "{}",
    "participants.tsv": "participant_id\tage\nsub-01\t40\n",
    "README": "A data set",
    "sub-01/ses-a/anat/sub-01_ses-a_T1w.json": json.dumps({"Modality": "MR", "EchoTime": 0.003}),
    "sub-01/ses-a/dwi/sub-01_ses-a_dir-AP_dwi.bval": "0 1000",
    "sub-01/ses-a/dwi/sub-01_ses-a_dir-AP_dwi.bvec": "0 1\n0 0\n0 0",
    "sub-01/ses-a/func/sub-01_ses-a_task-rest_events.tsv": "onset\tduration\n",
}


@pytest.fixture
def studies(tmp_path: Path) -> list[Study]:
    for name in IMAGES:
        nifti(tmp_path / "set" / name, SHAPE, affine=MM)
    for name, content in OTHER_FILES.items():
        (tmp_path / "set" / name).write_text(content)
    studies, notes, walked = scan(tmp_path / "set")
    assert is_accounted(studies, notes, walked)
    found = {note.source.removeprefix("set/"): str(note.reason) for note in notes}
    assert found == {
        name: "not_an_image" if name == "README" else "sidecar" for name in OTHER_FILES
    }
    return studies


def _by_name(studies: list[Study]) -> dict[str, Series]:
    return {s.source.removeprefix("set/"): s for study in studies for s in study.series}


def test_every_image_has_the_reason_of_its_name(studies: list[Study]) -> None:
    reasons = {
        name: str(select(series, SelectionSettings()).reason or "taken")
        for name, series in _by_name(studies).items()
    }
    assert reasons == IMAGES


def test_a_visit_is_a_study_and_its_derivatives_belong_to_it(studies: list[Study]) -> None:
    visits = {
        frozenset(
            part for part in series.source.split("/") if part.startswith("ses-") or part == "sub-02"
        )
        for study in studies
        for series in study.series
    }
    assert len(studies) == len(visits) == 3
    assert sorted(len(study.series) for study in studies) == [1, 1, 14]


def test_entities_are_the_description_and_name_no_subject(studies: list[Study]) -> None:
    described = {series.header.series_description for series in _by_name(studies).values()}
    assert {"T1w", "ce-gadolinium_T1w", "task-rest_bold", "desc-preproc_T1w"} <= described
    assert not any("sub-" in text or "ses-" in text for text in described)


def test_sequences(studies: list[Study]) -> None:
    found = {n.rsplit("_", 1)[-1]: s.sequence for n, s in _by_name(studies).items() if "_ce-" in n}
    assert found == {"T1w.nii.gz": "t1_contrast"}


def test_the_sidecar_of_one_image_is_read_for_that_image(studies: list[Study]) -> None:
    found = {n: s.header.echo_time for n, s in _by_name(studies).items() if s.header.modality}
    assert found == {"sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz": 3.0}
