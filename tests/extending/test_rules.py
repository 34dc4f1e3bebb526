"""Selection rules of other packages, and the documentation of the rules."""

from collections.abc import Callable
from pathlib import Path

from batchmri.archive.selection import listing, select
from batchmri.reasons import Reason
from batchmri.records import Decision
from batchmri.settings.selection import SelectionSettings
from tests.archive.test_selection import series

ARCHIVE_PAGE = Path(__file__).parents[2] / "docs" / "archive.md"


def test_a_rule_of_another_package_is_checked_last(install: Callable[[str], None]) -> None:
    slow, settings = series(repetition_time=9000.0), SelectionSettings()
    assert select(slow, settings).wanted
    install("repetition_time")
    assert select(slow, settings) == Decision(False, Reason.OTHER_SEQUENCE, "TR 9000 ms")
    few = series(repetition_time=9000.0, slices=slow.slices[:2])
    assert select(few, settings).reason is Reason.TOO_FEW_SLICES
    assert select(series(repetition_time=500.0), settings).wanted


def test_the_documentation_lists_the_rules() -> None:
    page = ARCHIVE_PAGE.read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- python -m batchmri.archive.selection -->\n")
    assert rest.partition("<!-- end of the rules -->")[0] == listing()
