"""Join labels with constructed tables of a scan."""

from pathlib import Path

import pytest

from batchmri.errors import UsageError
from batchmri.evaluation.volume_join import ScanTables, patient_cases, series_cases, slice_cases
from batchmri.evaluation.volume_labels import VolumeLabel, read_volume_labels
from batchmri.evaluation.volume_scores import case_measures, slice_measures

from .make import write_csv

CLASSES = ("glioma", "notumor")


def series(number: int, source: str, verdict: str, p_notumor: str, **more: object) -> dict:
    return {
        "study_uid": str(number),
        "series_uid": str(number),
        "series_part": "",
        "source": f"data/{source}",
        "n_files": 1,
        "sequence": "t1",
        "manufacturer": "",
        "plane": "axial",
        "status": "classified" if verdict else "skipped",
        "reason": "" if verdict else "other_sequence",
        "verdict": verdict,
        "p_notumor": p_notumor,
        **more,
    }


@pytest.fixture
def tables(tmp_path: Path) -> ScanTables:
    """Tables of eight series: one consists of two files, two are skipped, one has no label."""
    found = [
        series(1, "a/one.nii.gz", "glioma", "0.1"),
        series(2, "a/two.nii.gz", "notumor", "0.8", plane="sagittal"),
        series(3, "b", "indeterminate", "0.5", n_files=2),
        series(4, "c.nii", "notumor", "0.9"),
        series(5, "d/t1", "glioma", "0.3"),
        series(6, "d/flair", "", ""),
        series(7, "e", "", ""),
        series(8, "not-labeled.nii", "glioma", "0.0"),
    ]
    scan = tmp_path / "scan"
    write_csv(scan / "series.csv", found)
    write_csv(scan / "studies.csv", [row for row in found if row["verdict"]])
    slices = [
        {
            "study_uid": row["study_uid"],
            "series_uid": row["series_uid"],
            "series_part": "",
            "source": row["source"] if row["n_files"] == 1 else f"{row['source']}/{index}.dcm",
            "slice_index": index,
            "predicted": "glioma" if index else "notumor",
        }
        for row in found
        for index in range(2)
        if row["verdict"]
    ]
    write_csv(scan / "slices.csv", slices)
    (tmp_path / "data").mkdir()
    return ScanTables(scan, tmp_path / "data", "notumor")


LABELS = [
    VolumeLabel("a", "glioma", "p1", "here"),
    VolumeLabel("b", "glioma", "p2", "here"),
    VolumeLabel("c.nii", "notumor", "p3", "there"),
    VolumeLabel("d", "notumor", "p4", "there"),
    VolumeLabel("e", "glioma", "p5", "there"),
    VolumeLabel("f", "notumor", "p6", "there"),
]


def test_series_have_the_label_of_their_folder(tables: ScanTables) -> None:
    cases = series_cases(tables, LABELS)
    found = [(c.record["source"], c.label, c.verdict or c.reason) for c in cases]
    assert found == [
        ("data/a/one.nii.gz", "glioma", "glioma"),
        ("data/a/two.nii.gz", "glioma", "notumor"),
        ("data/b", "glioma", "indeterminate"),
        ("data/c.nii", "notumor", "notumor"),
        ("data/d/t1", "notumor", "glioma"),
        ("data/e", "glioma", "other_sequence"),
        ("data/f", "notumor", "not_found"),
    ]


def test_the_label_of_the_deepest_path_takes_precedence(tables: ScanTables) -> None:
    labels = [VolumeLabel("a", "glioma"), VolumeLabel("a/two.nii.gz", "notumor")]
    assert [case.label for case in series_cases(tables, labels)] == ["glioma", "notumor"]


def test_case_measures_of_a_small_example(tables: ScanTables) -> None:
    cases = series_cases(tables, LABELS)
    found = {(m.metric, m.of): m for m in case_measures("series", cases, "notumor", 20)}
    assert found["sensitivity", ""].value == 0.25  # one of a, a, b, e
    assert found["specificity", ""].value == pytest.approx(1 / 3)  # of c, d, f
    assert found["definite", ""].value == pytest.approx(4 / 7)
    assert found["roc_auc", ""].value == pytest.approx(4 / 6)  # 0.9 0.2 0.5 against 0.1 0.7
    assert found["sensitivity", "plane=sagittal"].value == 0
    assert found["sensitivity", "source=here"].value == pytest.approx(1 / 3)
    assert found["specificity", "source=there"].n == 3
    assert found["sensitivity", ""].low == pytest.approx(0.0456, abs=0.03)


def test_series_of_one_patient_widen_the_interval(tables: ScanTables) -> None:
    cases = series_cases(tables, LABELS[:1])
    alone = series_cases(tables, [VolumeLabel("a/one.nii.gz", "glioma"), LABELS[1]])
    joint, apart = (
        next(m for m in case_measures("", own, "notumor", 5) if m.metric == "sensitivity")
        for own in (cases, alone)
    )
    assert joint.value == apart.value == 0.5
    assert joint.high is not None
    assert apart.high is not None
    assert joint.high > apart.high


def test_a_patient_has_the_verdict_of_the_most_suspicious_study(tables: ScanTables) -> None:
    patients = patient_cases(tables, series_cases(tables, LABELS))
    assert [case.verdict for case in patients] == [
        "glioma",
        "indeterminate",
        "notumor",
        "glioma",
        "",
        "",
    ]
    assert patients[0].tumor == pytest.approx(0.9)


def test_slice_labels_by_index_and_by_file(tables: ScanTables) -> None:
    labels = [
        VolumeLabel("c.nii", "notumor", slice_index=0),
        VolumeLabel("c.nii", "notumor", slice_index=1),
        VolumeLabel("b/0.dcm", "glioma"),
        VolumeLabel("b/1.dcm", "glioma"),
        VolumeLabel("a/one.nii.gz", "glioma"),
    ]
    cases = slice_cases(tables, labels)
    assert [(c.label, c.predicted) for c in cases] == [
        ("glioma", "notumor"),
        ("glioma", "glioma"),
        ("notumor", "notumor"),
        ("notumor", "glioma"),
    ]
    found = {m.metric: m.value for m in slice_measures(cases, "notumor") if not m.of}
    assert found == {"tumor_called_tumor": 0.5, "tumor_free_called_tumor": 0.5}
    own = {case.record["source"]: case.label for case in series_cases(tables, labels)}
    assert own == {"data/a/one.nii.gz": "glioma", "data/b": "glioma", "data/c.nii": "notumor"}


def test_read_volume_labels(tmp_path: Path) -> None:
    (tmp_path / "x.nii").touch()
    table = tmp_path / "labels.csv"
    record = {"path": "./x.nii", "label": "glioma", "slice": "3", "split": "test"}
    write_csv(table, [record, record | {"split": "train"}])
    assert read_volume_labels(table, tmp_path, None, CLASSES) == [
        VolumeLabel("x.nii", "glioma", slice_index=3)
    ]
    assert len(read_volume_labels(table, tmp_path, "all", CLASSES)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "y.nii"}, "line 2: no file or folder"),
        ({"path": "../x.nii"}, "line 2: path '../x.nii' is not below"),
        ({"path": ""}, "line 2: path '' is not below"),
        ({"label": ""}, "line 2: label is empty"),
        ({"label": "cyst"}, "class 'cyst' is not a class of the model"),
        ({"slice": "top"}, "line 2: slice 'top'"),
        ({"split": "dev"}, "no rows of split test"),
    ],
)
def test_invalid_labels_raise_usage_error(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    (tmp_path / "x.nii").touch()
    record = {"path": "x.nii", "label": "glioma"} | dict.fromkeys(change, "") | change
    with pytest.raises(UsageError, match=message):
        read_volume_labels(write_csv(tmp_path / "l.csv", [record]), tmp_path, None, CLASSES)


def test_a_missing_column_raises_usage_error(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "l.csv", [{"path": "x.nii"}])
    with pytest.raises(UsageError, match="no column 'label'"):
        read_volume_labels(table, tmp_path, None, CLASSES)
