"""Build the HTML report of generated studies and measure it in headless Chromium.

    python benchmarks/report.py [--studies 10000] [--out FOLDER]

Prints the time and the peak memory of building, the size of the data of the index page, the first
paint, the time until the table is filled, and the memory of Chromium with an empty page and with
the report: of the renderer, which shows the page, and of all processes.
"""

import argparse
import os
import random
import resource
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from batchmri.header import Header
from batchmri.outputs.html.sink import HtmlReport
from batchmri.outputs.rows import StudyExport, study_export
from batchmri.outputs.sinks import SinkContext
from batchmri.reasons import Reason, Status
from batchmri.records import (
    Classes,
    CropBox,
    DomainScores,
    Scores,
    Series,
    SeriesKey,
    SeriesResult,
    SliceRef,
)
from batchmri.settings import Settings
from batchmri.verdict.explanation import explain_series, explain_study
from batchmri.verdict.series import series_verdict
from batchmri.verdict.study import study_verdict

CLASSES = Classes(("glioma", "meningioma", "notumor", "pituitary"), "notumor")
SETTINGS = Settings().with_model_rules({"tumor_above": 0.643, "notumor_below": 0.261})
MAKERS = ("Siemens Healthineers", "GE MEDICAL SYSTEMS", "Philips", "Canon")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        output = options.out or Path(scratch)
        build(output, options.studies)
        measure(output)


def build(output: Path, n: int) -> None:
    context = SinkContext(
        output,
        CLASSES,
        SETTINGS,
        explain_series=partial(explain_series, classes=CLASSES, rules=SETTINGS.verdict),
        explain_study=explain_study,
    )
    before, start = peak_mb(), time.monotonic()
    with HtmlReport(context) as report:
        for number in range(n):
            report.add_study(made_up(number))
    seconds = time.monotonic() - start
    print(f"{n} studies: {seconds:.1f} s, {1000 * seconds / n:.2f} ms per study")
    print(f"memory of building: {before:.0f} MB before, {peak_mb():.0f} MB at most")
    start = time.monotonic()
    with HtmlReport(context) as report:
        for number in range(n):
            report.add_study(made_up(number))
    print(f"again, unchanged: {time.monotonic() - start:.1f} s")
    data = sum(path.stat().st_size for path in (output / "report/data").iterdir())
    print(f"data of the index: {data / 1e6:.2f} MB")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def made_up(number: int) -> StudyExport:
    chance = random.Random(number)
    uid = f"1.3.6.1.4.1.14519.5.2.1.{number:08d}.{chance.randrange(10**20)}"
    results = tuple(made_up_series(uid, number, part, chance) for part in range(3))
    verdicts = {
        r.series.key: series_verdict(r.series, r.scores, CLASSES, SETTINGS.verdict)
        for r in results
        if r.scores
    }
    found = {key: ("t1_contrast", verdict) for key, verdict in verdicts.items()}
    decided = study_verdict(found, CLASSES)
    assert decided is not None
    return study_export(uid, results, verdicts, decided[0], CLASSES, SETTINGS.report)


def made_up_series(uid: str, number: int, part: int, chance: random.Random) -> SeriesResult:
    n_slices = chance.randint(20, 30)
    series = Series(
        key=SeriesKey(uid, f"{uid}.{part}"),
        source=f"archive/2026/site-{number % 40:02d}/{number:06d}/{part}",
        format="dicom",
        n_files=n_slices,
        header=Header("MR", chance.choice(MAKERS), "AX T1 POST", part + 1),
        sequence="t1_contrast" if part == 0 else chance.choice(("t2", "flair", "dwi")),
        rows=256,
        columns=256,
        plane="axial",
        pixel_spacing=(0.9, 0.9),
        slice_spacing=5.0,
        slices=(),
        n_slices=n_slices,
        flags=tuple(
            chance.sample(("gap", "uneven_spacing", "multi_volume"), chance.choice((0, 1)))
        ),
    )
    if part:
        return SeriesResult(series, Status.SKIPPED, Reason.OTHER_SEQUENCE, "")
    leading, ood = chance.betavariate(0.4, 0.5), chance.lognormvariate(-0.6, 0.5)
    scores = tuple(made_up_scores(i, n_slices, leading, ood, chance) for i in range(n_slices))
    return SeriesResult(series, Status.CLASSIFIED, scores=scores, model_digest="0" * 64)


def made_up_scores(
    index: int, n_slices: int, leading: float, ood: float, chance: random.Random
) -> Scores:
    tumor = min(leading * chance.uniform(0.8, 1.0), 0.999)
    share = chance.uniform(0.5, 1.0)
    row = (tumor * share, tumor * (1 - share), 1 - tumor, 0.0)
    look = DomainScores(ood, 0.9, 0.9)
    return Scores(
        SliceRef("a", "a", "1", 1, index, index * 5.0), row, CropBox(20, 20, 200, 210), (), look
    )


def measure(output: Path) -> None:
    from playwright.sync_api import sync_playwright

    page_file = (output / "report/index.html").as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto("about:blank")
        page.wait_for_timeout(1000)
        print_sizes("empty page")
        start = time.monotonic()
        page.goto(page_file)
        page.wait_for_selector("#studies tbody tr a")
        filled = time.monotonic() - start
        paints = page.evaluate(
            "performance.getEntriesByType('paint').map((entry) => [entry.name, entry.startTime])"
        )
        page.wait_for_timeout(1000)
        for name, milliseconds in paints:
            print(f"{name}: {milliseconds / 1000:.2f} s")
        print(f"table filled: {filled:.2f} s")
        heap = page.evaluate("performance.memory.usedJSHeapSize")
        print(f"JavaScript heap: {heap / 1e6:.0f} MB")
        print_sizes("report")
        start = time.monotonic()
        page.select_option("select[name=verdict]", "glioma")
        page.wait_for_function("document.getElementById('shown').textContent.includes(' of ')")
        print(f"filter: {time.monotonic() - start:.2f} s")
        browser.close()


def print_sizes(page: str) -> None:
    sizes = process_sizes()
    renderer, whole = sizes["renderer"], sum(sizes.values())
    print(f"memory with the {page}: renderer {renderer:.0f} MB, all of Chromium {whole:.0f} MB")


def process_sizes() -> dict[str, float]:
    """Proportional memory (PSS) of the processes started by this one, by type, in MB."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat = (folder / "stat").read_text()
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    sizes: dict[str, float] = {}
    for pid in parents:
        if not is_descendant(pid, parents):
            continue
        with suppress(OSError, IndexError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if "chromium" not in command.split(" ")[0]:
                continue
            kind = command.partition("--type=")[2].split(" ")[0] or "browser"
            pss = Path(f"/proc/{pid}/smaps_rollup").read_text().partition("\nPss:")[2].split()[0]
            sizes[kind] = sizes.get(kind, 0.0) + int(pss) / 1024
    return sizes


def is_descendant(pid: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == os.getpid():
            return True
    return False


if __name__ == "__main__":
    main()
