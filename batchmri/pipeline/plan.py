"""State → which series wait: assemble every study, decide, and keep what is already done."""

from collections.abc import Callable, Iterator
from itertools import islice

from batchmri.archive import assemble, select
from batchmri.records import Series, SeriesResult, Study
from batchmri.settings import SelectionSettings
from batchmri.state import Store

Honours = Callable[[SeriesResult], bool]


def plan(store: Store, rules: SelectionSettings, limit: int | None, honours: Honours) -> int:
    """Bring the state's series up to date with its files; returns how many studies were planned.

    A finished series stays finished while its files are the same and `honours` says that its
    pictures are those that today's rules want.
    """
    planned = 0
    for header_study in islice(store.files.header_studies(), limit):
        studies = _studies(store, header_study)
        planned += len(studies)
        with store.transaction():
            series = [one for study in studies for one in study.series]
            store.series.keep_only(header_study, [one.key for one in series])
            changed = {
                one.key for one in series if _settle(store, one, header_study, rules, honours)
            }
            notes = [n for study in studies for n in study.left_out if n.key in changed]
            store.series.put_left_out(notes)
    return planned


def waiting(store: Store) -> Iterator[Series]:
    """The series that wait to be classified, study by study."""
    for header_study in store.series.studies_waiting():
        for study in _studies(store, header_study):
            yield from (s for s in study.series if store.series.waits(s.key, s.fingerprint))


def _studies(store: Store, header_study: str) -> list[Study]:
    return assemble(*store.files.instances(header_study))


def _settle(
    store: Store, series: Series, header_study: str, rules: SelectionSettings, honours: Honours
) -> bool:
    decision = select(series, rules)
    if decision.wanted:
        if store.series.waits(series.key, series.fingerprint):
            return False
        done = store.series.result(series.key)
        if done and done[1] == series.fingerprint and honours(done[0]):
            return False
        store.series.put(series, header_study, None)
        return True
    assert decision.reason is not None
    skipped = (decision.reason, decision.detail)
    if store.series.is_skipped(series.key, series.fingerprint, skipped):
        return False
    store.series.put(series, header_study, skipped)
    return True
