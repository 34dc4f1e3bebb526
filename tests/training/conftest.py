import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

WriteTable = Callable[[list[dict[str, Any]]], Path]


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    def write(records: list[dict[str, Any]]) -> Path:
        path = tmp_path / "table.csv"
        with path.open("w", newline="") as handle:
            writer = csv.DictWriter(handle, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
        return path

    return write


@pytest.fixture
def heads(tmp_path: Path, write_table: WriteTable) -> Path:
    """Table of small artificial heads, some of them with a bright spot and its mask."""
    records = []
    for number in range(16):
        label = ("spot", "notumor")[number % 2]
        image, mask = np.zeros((48, 40), np.uint8), np.zeros((48, 40), np.uint8)
        cv2.ellipse(image, (20, 24), (15, 19), 0, 0, 360, 90 + number, -1)
        if label == "spot":
            place = (14 + number % 5, 18 + number % 7)
            cv2.circle(image, place, 4, 250, -1)
            cv2.circle(mask, place, 4, 255, -1)
            cv2.imwrite(str(tmp_path / f"mask{number}.png"), mask)
        cv2.imwrite(str(tmp_path / f"head{number}.png"), image)
        records.append(
            {
                "file": f"head{number}.png",
                "label": label,
                "split": ("train", "train", "val", "test")[number // 4],
                "source": "made up",
                "mask": f"mask{number}.png" if label == "spot" else "",
            }
        )
    return write_table(records)
