"""Comparison of two tables of studies."""

from pathlib import Path

from batchmri.pipeline.commands.compare import compare

HEADER = "study_uid,source,verdict,p_tumor\n"


def test_differences_have_the_source_of_the_second_output(tmp_path: Path) -> None:
    tables = {
        "one": "1.1,old/a,glioma,0.9\n1.2,old/b,,\n1.3,old/c,,\n1.4,old/d,notumor,0.1\n",
        "two": "1.1,new/a,,\n1.2,new/b,,\n1.4,new/d,notumor,0.2\n1.5,new/e,,\n",
    }
    for name, rows in tables.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "studies.csv").write_text(HEADER + rows)
    found = compare(tmp_path / "one", tmp_path / "two")
    (row,) = found.rows
    assert tuple(row.values()) == ("1.1", "new/a", "glioma", "0.9", "", "", "")
    assert [(one["study_uid"], one["source"]) for one in found.only_first] == [("1.3", "old/c")]
    assert [(one["study_uid"], one["source"]) for one in found.only_second] == [("1.5", "new/e")]
    assert found.n_equal == 2
