"""Make skull-stripped copies of training volumes with deepbet (MIT, PyPI; not a dependency).

    pip install deepbet
    python -m experiments.b1.strip SHARED_DATA OUT

Writes heads_<file> for up to two heads of a source and gbm_<patient>_<file> for the glioblastomas.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch

from experiments.b1.table import read_csv

_PER_SOURCE = 2
_UNFIT = ("hku-0055t", "ptbp-jlf")  # slices of 10 mm; slabs of one warped brain
_SIDE = 160  # side of the network's input cube, in voxels; 256 takes four times as long


def volumes(shared_data: Path) -> Iterator[tuple[Path, str]]:
    """The volumes and the names of their copies."""
    taken: Counter[str] = Counter()
    folder = shared_data / "sources" / "heads"
    for row in read_csv(folder / "table.csv"):
        fits = row["split_hint"] == "train" and row["skull"] == "1" and row["source"] not in _UNFIT
        if fits and taken[row["source"]] < _PER_SOURCE:
            taken[row["source"]] += 1
            yield folder / row["file"], f"heads_{Path(row['file']).name}"
    for scan in sorted((shared_data / "volumes" / "tumor").glob("gbm-*/*_Scan_T1.nii.gz")):
        yield scan, f"gbm_{scan.parent.name}_{scan.name}"


def stripped(volume: np.ndarray[Any, Any], model: Any) -> np.ndarray[Any, Any]:
    """The brain of a volume as uint8; 0 is outside."""
    with torch.inference_mode():
        mask = model.run_model(volume.copy(), shape=(_SIDE,) * 3) > 0.5
    brain = model.postprocess(mask, 0).astype(bool)
    top = np.percentile(volume[brain], 99.9)
    gray = (np.clip(volume / top, 0, 1) * 254 + 1).astype(np.uint8)
    return np.where(brain, gray, 0).astype(np.uint8)


def main(shared_data: Path, out: Path) -> None:
    """Write the copies that do not exist yet."""
    from deepbet.bet import BrainExtraction

    model = BrainExtraction(no_gpu=True)
    out.mkdir(parents=True, exist_ok=True)
    for path, name in volumes(shared_data):
        if not (out / name).exists():
            image: Any = nibabel.as_closest_canonical(nibabel.load(path))
            copy = stripped(np.nan_to_num(image.get_fdata(dtype=np.float32)), model)
            nibabel.save(nibabel.Nifti1Image(copy, image.affine), out / name)
            print(name)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
