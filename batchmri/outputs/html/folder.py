"""Paths of the HTML report in the output folder."""

from contextlib import suppress
from pathlib import Path

from batchmri.outputs.paths import study_path

INDEX = "report/index.html"


def report_folder(output: Path) -> Path:
    """The folder of the report."""
    return output / "report"


def page_folders(output: Path) -> Path:
    """The folder that contains the pages of studies, in up to 256 folders."""
    return report_folder(output) / "studies"


def page_path(output: Path, study_uid: str) -> Path:
    """The page of a study. Raises ValueError for a UID that may not become a path."""
    return page_folders(output) / f"{study_path(study_uid)}.html"


def remove_page(output: Path, study_uid: str) -> None:
    """Remove the page of a study that is gone."""
    with suppress(ValueError):  # not a UID: not a page of a study
        page_path(output, study_uid).unlink(missing_ok=True)
