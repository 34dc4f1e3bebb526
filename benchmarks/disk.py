"""Size of the output, by kind of file: python -m benchmarks.disk [OUT].

Without OUT, scans sample_data with every kind of output. What does not grow with the archive is
subtracted and printed separately.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from batchmri.pipeline.results import Results
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.state.store import Store

_SAMPLE = Path(__file__).parents[1] / "sample_data" / "archive"
_KINDS: dict[str, Callable[[str], bool]] = {
    "state.db": lambda name: name == "state.db",
    "CSV tables": lambda name: "/" not in name and name.endswith(".csv"),
    "Parquet tables": lambda name: name.endswith(".parquet"),
    "JSON Lines": lambda name: name.endswith(".jsonl"),
    "report: pages and data": lambda name: name.startswith(("report/studies", "report/data")),
    "report: strips and thumbnails": lambda name: name.endswith((".jpg", "_heat.png")),
    "pictures and montages": lambda name: (
        name.startswith("gradcam") and name.endswith(".png") and not name.endswith("_heat.png")
    ),
    "heat maps (NIfTI)": lambda name: name.startswith("gradcam") and name.endswith(".nii.gz"),
    "DICOM: structured reports": lambda name: name.endswith("/sr.dcm"),
    "DICOM: montages": lambda name: name.endswith("/sc.dcm"),
    "DICOM: key images": lambda name: name.endswith("/kos.dcm"),
    "DICOM: Parametric Maps": lambda name: "/pm-" in name,
}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        if len(sys.argv) > 1:
            show(Path(sys.argv[1]), Path(scratch))
            return
        report = {
            "heatmaps": "nifti",
            "formats": ["parquet", "jsonl"],
            "dicom_results": ["sr", "sc", "kos", "pm"],
        }
        out = Path(scratch) / "out"
        scan([_SAMPLE], out=out, settings=Settings.load(report=report))
        show(out, Path(scratch))


def show(out: Path, scratch: Path) -> None:
    results = Results(out)
    classified = results.series[results.series["status"] == "classified"]
    n_studies, n_series, n_slices = len(results.studies), len(classified), len(results.slices)
    print(f"{n_studies} studies, {n_series} classified series, {n_slices} classified slices")
    sizes = {str(p.relative_to(out)): p.stat().st_size for p in out.rglob("*") if p.is_file()}
    empty = empty_state(scratch)
    names = ("per file", "per study", "per series", "per slice")
    print(f"{'kB':<30}{'files':>7}" + "".join(f"{name:>12}" for name in names))
    known = 0
    for kind, belongs in _KINDS.items():
        found = [size for name, size in sizes.items() if belongs(name)]
        known += sum(found)
        size = (sum(found) - empty * (kind == "state.db")) / 1000
        counts = (len(found), n_studies, n_series, n_slices)
        shares = "".join(f"{size / max(n, 1):12.1f}" for n in counts)
        print(f"{kind:<30}{len(found):7d}{shares}")
    rest = sum(sizes.values()) - known
    print(f"not growing: empty state.db {empty / 1000:.0f} kB, other files {rest / 1000:.0f} kB")


def empty_state(scratch: Path) -> int:
    path = scratch / "empty.db"
    with Store(path):
        return path.stat().st_size


if __name__ == "__main__":
    main()
