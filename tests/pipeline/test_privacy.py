"""No name, ID, birth date, accession number or study date is written unless requested."""

import json
import sqlite3
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import dictionary_VR, keyword_dict

from batchmri.errors import StateError
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import instance, save
from tests.pipeline.outputs import table

_TEXT = {"PN": "Zzplanted^Tag", "LO": "zzplanted", "SH": "zzplanted", "LT": "zzplanted"}
_TEXT |= {"ST": "zzplanted", "UT": "zzplanted", "UC": "zzplanted", "AE": "zzplanted"}
_DATES = {"DA": "19470123", "DT": "19470123101112"}
# Documented as copied from the header; `--no-descriptions` drops both.
_DESCRIBED = {"SeriesDescription", "Manufacturer"}
# Needed to read the slice itself.
_NEEDED = {"PatientID", "Modality", "BodyPartExamined"}


def planted(number: int) -> pydicom.Dataset:
    """A slice with personal data in every text and date element."""
    ds = instance("a", "one", number)
    for keyword in keyword_dict:
        if keyword in _DESCRIBED | _NEEDED:
            continue
        vr = dictionary_VR(keyword)
        if vr in _TEXT | _DATES and pydicom.tag.Tag(keyword).group not in (0, 2):
            setattr(ds, keyword, (_TEXT | _DATES)[vr])
    ds.PatientID = "zzplanted"
    return ds


def test_no_planted_header_text_is_found_in_any_output(
    tmp_path: Path, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        save(planted(number), tmp_path / "archive" / f"{number}.dcm")
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=settings, log_format="json")
    assert table(out, "series"), "the planted series must at least be seen"
    printed = "".join(capfd.readouterr()).lower()
    assert "zzplanted" not in printed and "19470123" not in printed
    for path in (p for p in out.rglob("*") if p.is_file()):
        content = path.read_bytes().lower()
        for word in (b"zzplanted", b"19470123"):
            assert word not in content, path


def test_file_names_appear_only_in_source(tmp_path: Path, settings: Settings) -> None:
    for number in range(6):
        save(
            instance("a", "one", number),
            tmp_path / "mri" / "zzplanted-folder" / f"zzplanted-{number}",
        )
    out = tmp_path / "out"
    scan([tmp_path / "mri"], out=out, settings=settings, log_format="json")
    for path in (p for p in out.rglob("*") if p.is_file()):
        names_source = path.suffix in (".csv", ".jsonl", ".db") or path.is_relative_to(
            out / "report"
        )
        if not names_source:
            assert b"zzplanted" not in path.read_bytes(), path
    for line in (out / "results.jsonl").read_text().splitlines():
        study = json.loads(line)
        for row in (*study.pop("series"), study):
            assert not any("zzplanted" in str(v) for key, v in row.items() if key != "source")
    for name in ("studies", "series", "slices", "files"):
        for row in table(out, name):
            assert not any("zzplanted" in value for key, value in row.items() if key != "source")


def test_the_patient_id_is_kept_as_a_keyed_digest_only(tmp_path: Path, settings: Settings) -> None:
    digests = []
    for name in ("one", "two"):
        save(instance("a", "one", 0), tmp_path / "archive" / "a")
        out = tmp_path / name
        scan([tmp_path / "archive"], out=out, settings=settings)
        with sqlite3.connect(out / "state.db") as db:
            (document,) = db.execute("SELECT instance FROM files").fetchone()
        assert "id-a" not in document
        digests.append(document)
    assert digests[0] != digests[1], "another output has another key"


def test_identifiers_are_written_only_on_request(tmp_path: Path, settings: Settings) -> None:
    for number in range(6):
        made = instance("a", "one", number, PatientBirthDate="19470123", StudyDate="20200102")
        save(made, tmp_path / "archive" / f"{number}.dcm")
    out = tmp_path / "out"
    report = settings.report.model_copy(update={"identifiers": True})
    with_identifiers = settings.model_copy(update={"report": report})
    scan([tmp_path / "archive"], out=out, settings=with_identifiers)
    (study,) = table(out, "studies")
    assert study["patient_id"] == "id-a"
    assert study["patient_name"] == "Name^a"
    assert study["birth_date"] == "19470123"
    assert study["study_date"] == "20200102"
    with pytest.raises(StateError, match=r"with --identifiers \(now no --identifiers\)"):
        scan([tmp_path / "archive"], out=out, settings=settings)
