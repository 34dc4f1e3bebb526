"""Counts of an export, and the most suspicious studies."""

from dataclasses import replace

import pytest

from batchmri.outputs.rows import study_export
from batchmri.pipeline.totals import Totals
from batchmri.reasons import VerdictReason
from batchmri.settings import ReportSettings
from tests.outputs.records import CLASSES, KEY, VERDICT, classified


def add(totals: Totals, uid: str, reason: VerdictReason, change: str = "") -> None:
    verdicts = {KEY: replace(VERDICT, reason=reason)}
    totals.add(
        study_export(uid, [classified()], verdicts, KEY, CLASSES, ReportSettings(), change=change)
    )


def test_equally_suspicious_studies_are_ordered_by_their_uids() -> None:
    totals = Totals()
    for uid in ("1.3", "1.1", "1.2"):
        add(totals, uid, VerdictReason.TUMOR)
    assert [one[2] for one in totals.suspicious] == ["1.1", "1.2", "1.3"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (VerdictReason.BETWEEN_THRESHOLDS, True),
        (VerdictReason.NO_TUMOR, False),
        (VerdictReason.OTHER_SEQUENCE, False),
        (VerdictReason.OUT_OF_DISTRIBUTION, False),
    ],
)
def test_studies_that_are_tumor_free_or_not_evaluated_are_not_suspicious(
    reason: VerdictReason, expected: bool
) -> None:
    totals = Totals()
    add(totals, "1.1", reason)
    assert bool(totals.suspicious) is expected


def test_the_counts_of_an_earlier_export_contain_no_changes() -> None:
    totals = Totals()
    add(totals, "1.1", VerdictReason.TUMOR, change="new")
    assert (totals.changes, totals.files_in_series, totals.slices) == ({"new": 1}, 2, 2)
    again = Totals.from_json(totals.to_json())
    assert (again.changes, again.first) == ({}, False)
    assert (again.verdicts, again.files_in_series, again.slices) == ({"glioma": 1}, 2, 2)
