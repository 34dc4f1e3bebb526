"""Sinks write the rows of an export. One entry in `SINKS` (extensions.py) adds one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from batchmri.errors import SettingsError
from batchmri.extensions import SINKS
from batchmri.outputs.rows import Row, StudyExport
from batchmri.outputs.schema import Column, columns
from batchmri.records import Classes, Scores, Series, SeriesKey, Verdict
from batchmri.settings import Settings


class Sink(Protocol):
    """A context manager that receives the rows of an export, ordered by study and by source.

    At its end it replaces its files; after an exception it leaves the old ones. The same rows must
    produce the same bytes. Raises OutputError.
    """

    @property
    def files(self) -> Sequence[Path]:
        """The files it writes; an export is repeated if one is missing or was modified."""

    def __enter__(self) -> Self: ...

    def add_study(self, study: StudyExport) -> None:
        """Receive a study with its series and slices."""

    def add_file(self, row: Row) -> None:
        """Receive a file without a classified slice, after all studies."""

    def add_change(self, row: Row) -> None:
        """Receive a change of the last run that changed anything, after all studies."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


ExplainSeries = Callable[[Series, Sequence[Scores], Verdict], tuple[str, ...]]
ExplainStudy = Callable[[SeriesKey, Mapping[SeriesKey, str], Mapping[SeriesKey, Verdict]], str]


@dataclass(frozen=True, slots=True)
class SinkContext:
    """Argument of the factory of a sink.

    `settings` are the effective ones, including the verdict rules of the model card. `card` is the
    model card as JSON and `provenance` describes what produced the results (model, weights,
    preparation, device, precision). Both are empty if the state was written by version 0.1.
    `explain_series` and `explain_study` put verdicts into words (`verdict.explanation`).
    """

    output: Path
    classes: Classes
    settings: Settings
    card: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    explain_series: ExplainSeries = lambda *_: ()
    explain_study: ExplainStudy = lambda *_: ""

    def columns(self, table: str) -> tuple[Column, ...]:
        """The columns of a table in this output."""
        identifiers = self.settings.report.identifiers
        return columns(table, self.classes.names, identifiers=identifiers)


HTML = "html"
"""The sink of the HTML report, selected by the setting `report.html`."""

_REQUIRES = {"parquet": ("pyarrow", "parquet")}
"""The additional package that a sink needs, and the extra of batchmri that installs it."""


def chosen(settings: Settings) -> tuple[str, ...]:
    """The names of the sinks that the settings select: tables, always with CSV, and the report.

    Raises SettingsError for a format that is unknown or needs a package that is not installed.
    """
    for name in settings.report.formats:
        setting = settings.name("report.formats")
        known = [sink for sink in SINKS.names() if sink != HTML]
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise SettingsError(f"{setting}: unknown format {name!r}; {hint}")
        package, extra = _REQUIRES.get(name, ("", ""))
        if package and find_spec(package) is None:
            raise SettingsError(
                f"{setting}: {name} needs {package}: pip install 'batchmri[{extra}]'"
            )
    report = (HTML,) if settings.report.html else ()
    return tuple(dict.fromkeys(("csv", *settings.report.formats, *report)))
