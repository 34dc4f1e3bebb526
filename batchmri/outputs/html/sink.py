"""The sink that writes the HTML report into OUT/report."""

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from batchmri.outputs.atomic_write import NewFile, NewFiles
from batchmri.outputs.html.folder import page_path, report_folder
from batchmri.outputs.html.index_data import IndexData
from batchmri.outputs.html.index_view import MAX_CHANGES, index_view
from batchmri.outputs.html.pages import render, write_assets, write_page
from batchmri.outputs.html.study_view import study_view
from batchmri.outputs.rows import Row, StudyExport
from batchmri.outputs.sinks import SinkContext


class HtmlReport:
    """Writes a page per study when it receives the study, and the index at the end.

    Pages of unchanged studies are not written again. The index and its data are replaced together
    at the end; after an exception, the old ones remain.
    """

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._report = report_folder(context.output)
        self._files = ExitStack()
        self._pages = NewFiles()
        self._index = IndexData(context, self._report / "data", self._files)
        self._changes: list[Row] = []
        self._n_changes: dict[str, int] = {}

    @property
    def files(self) -> tuple[Path, ...]:
        """The index page and its data. Pages of studies are not listed: each has a digest."""
        data = self._report / "data"
        chunks = (data / f"studies-{number:03d}.js" for number in range(self._index.n_chunks))
        return (self._report / "index.html", data / "words.js", *chunks)

    def __enter__(self) -> Self:
        self._files.__enter__()
        self._files.enter_context(self._pages)
        write_assets(self._report)
        return self

    def add_study(self, study: StudyExport) -> None:
        """Write the page of a study and add it to the index."""
        self._index.add(study)
        page = page_path(self._context.output, study.uid)
        write_page(self._pages, page, "study.html.j2", study_view(study, self._context))

    def add_file(self, row: Row) -> None:
        """Count a file without a classified slice."""
        self._index.counts["file_reason"][str(row["reason"])] += 1

    def add_change(self, row: Row) -> None:
        """Count a change, and list the first ones."""
        change = str(row["change"])
        self._n_changes[change] = self._n_changes.get(change, 0) + 1
        if len(self._changes) < MAX_CHANGES:
            self._changes.append(row)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._index.flush()
            view = index_view(self._index, self._context, self._changes, self._n_changes)
            self._write("index.html", render("index.html.j2", view))
            self._write("data/words.js", _script("words", self._index.words.all))
            self._pages.replace()
        self._files.__exit__(kind, error, trace)
        if kind is None:
            self._remove_old_chunks()

    def _write(self, name: str, content: bytes) -> None:
        self._files.enter_context(NewFile(self._report / name)).write(content)

    def _remove_old_chunks(self) -> None:
        for path in (self._report / "data").glob("studies-*.js"):
            if int(path.stem.removeprefix("studies-")) >= self._index.n_chunks:
                path.unlink()


def _script(function: str, value: Any) -> bytes:
    return f"batchmri.{function}({json.dumps(value, ensure_ascii=False)});\n".encode()
