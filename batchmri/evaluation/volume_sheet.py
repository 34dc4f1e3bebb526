"""Contact sheet of misclassified series, each shown by its deciding slice."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batchmri.evaluation.contact_sheets import TILE, WORST, Tile, write_sheet
from batchmri.evaluation.volume_join import Case
from batchmri.outputs import drawing as canvas
from batchmri.records import INDETERMINATE, Place, SeriesKey, Shown
from batchmri.training.plots.contact_sheets import tile_of

ReadSlices = Callable[[Sequence[Place]], Mapping[Place, Shown]]
"""Reads slices of the scan; slices that can no longer be read are omitted."""


def write_volume_mistakes(
    cases: Sequence[Case], no_tumor: str, read: ReadSlices, folder: Path
) -> None:
    """Write mistakes.png: misclassified or indeterminate series, each with its deciding slice.

    A slice that can no longer be read is black. Without mistakes, the file is deleted.
    """
    shown = worst_cases(cases, no_tumor, WORST)
    places = [_place(case) for case in shown]
    slices = read(places) if places else {}
    tiles = [_tile(case, slices.get(place)) for case, place in zip(shown, places, strict=True)]
    title = "Misclassified and indeterminate series, by descending confidence"
    write_sheet(folder / "mistakes.png", title, tiles)


def worst_cases(cases: Sequence[Case], no_tumor: str, at_most: int) -> list[Case]:
    """Return misclassified or indeterminate cases, the most wrong p_tumor first."""
    wrong = [
        (case.tumor if case.label == no_tumor else 1 - case.tumor, case)
        for case in cases
        if case.tumor is not None and case.verdict != case.label
    ]
    wrong.sort(key=lambda pair: (-pair[0], pair[1].record["source"]))
    return [case for _, case in wrong[:at_most]]


def _place(case: Case) -> Place:
    record = case.record
    key = SeriesKey(record["study_uid"], record["series_uid"], record["series_part"])
    return key, int(record["deciding_slice"])


def _tile(case: Case, shown: Shown | None) -> Tile:
    image = tile_of(*shown, side=TILE) if shown else canvas.black(TILE, TILE)
    outcome = case.verdict if case.verdict == INDETERMINATE else f"called {case.verdict}"
    evidence = f"p_tumor {case.tumor:.2f}, slice {case.record['deciding_slice']}"
    return image, (f"{case.label}, {outcome}", evidence, case.record["source"])
