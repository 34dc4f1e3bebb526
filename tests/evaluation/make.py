import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np


def write_heads(folder: Path, numbers: Sequence[int]) -> Path:
    """Write small synthetic heads to one folder per class; the number is the random seed."""
    for number in numbers:
        random = np.random.default_rng(number)
        image = np.zeros((80, 70), np.uint8)
        cv2.ellipse(image, (35, 40), (28, 34), 0, 0, 360, 90, -1)
        for x, y, gray in random.integers((15, 15, 30), (55, 65, 250), (8, 3)).tolist():
            cv2.circle(image, (x, y), 8, gray, -1)
        path = folder / ("spot", "notumor")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
    return folder


def write_csv(path: Path, records: Sequence[Mapping[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
