"""Scan an archive of many damaged files.

MUTATED_FILES=2000 MUTATION_SEED=1 pytest tests/pipeline/test_mutated_archive.py
"""

import random
from pathlib import Path

import pytest

from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.corpora.test_mutations import N_MUTATIONS, SEED, build, damaged
from tests.pipeline.outputs import assert_every_file_accounted_for, table

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data" / "archive"


@pytest.mark.slow
def test_a_damaged_archive_is_scanned_to_its_end(
    tmp_path: Path, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(SEED)
    (tmp_path / "built").mkdir()
    built = [p for p in build(tmp_path / "built") if p.name != "native.dcm"]
    originals = [*sorted(p for p in SAMPLES.rglob("*") if p.is_file()), *built]
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(N_MUTATIONS):
        original = dice.choice(originals)
        content = damaged(dice, original.name, original.read_bytes())
        (archive / f"{number}-{original.name}").write_bytes(content)
    out = tmp_path / "out"
    assert scan([archive], out=out, settings=settings).exit_code in (0, 1)
    assert_every_file_accounted_for(out, N_MUTATIONS)
    assert "Traceback" not in capfd.readouterr().err
    assert {row["status"] for row in table(out, "series")} >= {"classified", "skipped"}
