"""A sink of another package is selected by its name."""

from collections.abc import Callable
from pathlib import Path

from batchmri.pipeline.commands.reexport import reexport
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, write_series
from tests.pipeline.outputs import table


def test_a_sink_of_another_package_receives_the_studies(
    tmp_path: Path, settings: Settings, install: Callable[[str], None]
) -> None:
    install("verdict_list")
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive)
    always = changed(settings, "verdict", tumor_above=0.0, notumor_below=0.0, min_confidence=0.0)
    settings = changed(always, "report", formats=["verdicts"])
    scan([archive], out=out, settings=settings)
    (row,) = table(out, "studies")
    expected = f"{float(row['p_tumor']):.2f} archive"
    assert (out / "verdicts.txt").read_text().split() == expected.split()
    (out / "verdicts.txt").unlink()
    reexport(out, settings=settings)
    assert (out / "verdicts.txt").is_file()
