"""The files of the HTML report: contents, escaping, stability and size."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from batchmri.outputs.html import index_data
from batchmri.outputs.html.folder import remove_page
from batchmri.outputs.html.sink import HtmlReport
from batchmri.outputs.paths import study_path
from tests.outputs.html.make import SETTINGS, context, study, write
from tests.outputs.records import HOSTILE


def page(output: Path, number: int) -> str:
    return (output / "report/studies" / f"{study_path(f'1.2.{number}')}.html").read_text()


def rows(output: Path) -> list[list[object]]:
    found = []
    for path in sorted((output / "report/data").glob("studies-*.js")):
        text = path.read_text()
        found += json.loads(text.removeprefix("batchmri.rows(").removesuffix(");\n"))
    return found


def test_a_study_page_states_the_verdict_and_its_rule(tmp_path: Path) -> None:
    write(tmp_path, [study(1, 0.99, output=tmp_path)])
    text = page(tmp_path, 1)
    assert "p_tumor 0.99 ≥ 0.643 (tumor_above): a tumor." in text
    assert "Slices 3 to 5 decide" in text
    assert "localizer: A localizer (scout)." in text and "a scout" in text
    assert "Heat map of glioma" in text


@pytest.mark.parametrize(
    ("glioma", "ood", "words"),
    [
        (0.05, 0.3, "Without a tumor there is no heat map"),
        (0.99, 1.7, "No heat map: looks unlike"),
    ],
)
def test_other_studies_have_key_slices_without_heat(
    tmp_path: Path, glioma: float, ood: float, words: str
) -> None:
    write(tmp_path, [study(1, glioma, output=tmp_path, ood=ood)])
    text = page(tmp_path, 1)
    assert words in text
    assert "_slices.jpg" in text and "_heat.png" not in text
    if ood > 1:
        assert "glioma" not in text  # not even as a caption


def test_flags_and_reasons_of_the_same_code_have_separate_words(tmp_path: Path) -> None:
    text = write(tmp_path, [study(1, 0.99)]).read_text()
    settings = json.loads(re.search(r'id="settings"[^>]*>(.*?)</script>', text, re.DOTALL)[1])
    flags, reasons = settings["flag_words"], settings["reason_words"]
    assert set(flags) & set(reasons) == {"without_contrast", "out_of_distribution"}
    assert flags["without_contrast"] == "without contrast"
    assert reasons["without_contrast"] == "no tumor seen, but contrast is not stated"


def test_without_strips_the_page_has_no_slider(tmp_path: Path) -> None:
    write(tmp_path, [study(1, 0.99)])
    assert "slider" not in page(tmp_path, 1)


def test_text_of_headers_is_escaped(tmp_path: Path) -> None:
    one = study(1, 0.99, output=tmp_path)
    hostile = "<script>alert(1)</script>" + HOSTILE
    first = one.results[0]
    header = replace(first.series.header, series_description=hostile, manufacturer=hostile)
    series = replace(first.series, header=header, source=hostile)
    one = replace(
        one,
        results=(replace(first, series=series), one.results[1]),
        study={**one.study, "source": hostile},
    )
    write(tmp_path, [one])
    for path in (tmp_path / "report").rglob("*.html"):
        text = path.read_text()
        assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in page(tmp_path, 1)


def test_descriptions_can_be_left_out(tmp_path: Path) -> None:
    report = SETTINGS.report.model_copy(update={"descriptions": False})
    write(tmp_path, [study(1, 0.99)], SETTINGS.model_copy(update={"report": report}))
    files = [path for path in (tmp_path / "report").rglob("*") if path.is_file()]
    written = "".join(path.read_text(errors="replace") for path in files)
    assert "POST" not in written and "Maker" not in written


def test_an_unchanged_page_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, [study(1, 0.99), study(2, 0.1)])
    before = {
        p: (p.read_bytes(), p.stat().st_ino)
        for p in (tmp_path / "report").rglob("*.*")
        if p.is_file()
    }
    write(tmp_path, [study(1, 0.99), study(2, 0.2)])
    changed = {p.name for p, (content, inode) in before.items() if p.stat().st_ino != inode}
    assert changed == {"1.2.2.html", "studies-000.js", "index.html"}
    write(tmp_path, [study(1, 0.99), study(2, 0.1)])
    assert all(path.read_bytes() == content for path, (content, _) in before.items())


def test_an_exception_keeps_the_index(tmp_path: Path) -> None:
    index = write(tmp_path, [study(1, 0.99)])
    before = index.read_bytes(), rows(tmp_path)

    with pytest.raises(KeyboardInterrupt), HtmlReport(context(tmp_path)) as report:
        report.add_study(study(1, 0.99))
        report.add_study(study(2, 0.99))
        raise KeyboardInterrupt
    assert (index.read_bytes(), rows(tmp_path)) == before


def test_rows_come_in_chunks_and_old_chunks_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_data, "CHUNK", 2)
    index = write(tmp_path, [study(n, 0.9) for n in range(5)])
    assert len(re.findall(r'src="data/studies-\d{3}\.js"', index.read_text())) == 3
    assert len(rows(tmp_path)) == 5
    write(tmp_path, [study(n, 0.9) for n in range(2)])
    assert len(rows(tmp_path)) == 2


def test_a_row_is_small(tmp_path: Path) -> None:
    """10,000 studies with the longest UIDs must stay below 5 MB."""
    write(tmp_path, [study(1, 0.99, output=tmp_path)])
    (row,) = rows(tmp_path)
    assert row[0] == study_path("1.2.1")
    assert row[14] == "1.2.1.1"
    assert len(json.dumps(row)) + 3 * 58 < 500


def test_the_page_of_a_gone_study_is_removed(tmp_path: Path) -> None:
    write(tmp_path, [study(1, 0.99), study(2, 0.99)])
    remove_page(tmp_path, "1.2.2")
    remove_page(tmp_path, "1.2.3")
    remove_page(tmp_path, "../x")
    pages = [path.name for path in (tmp_path / "report/studies").rglob("*.html")]
    assert pages == ["1.2.1.html"]


def test_every_script_and_style_comes_from_the_report(tmp_path: Path) -> None:
    write(tmp_path, [study(1, 0.99, output=tmp_path)])
    for path in (tmp_path / "report").rglob("*.html"):
        for target in re.findall(r'(?:src|href)="([^"#]*)', path.read_text()):
            if target.startswith("data:") or not target:
                continue
            assert not target.startswith(("http", "//", "/"))
            assert (path.parent / target).is_file()
    licenses = (tmp_path / "report/assets/dataTables.LICENSE.txt").read_text()
    assert "MIT License" in licenses
