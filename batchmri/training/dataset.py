"""PreparedImages once, drawn many times: the pictures of a table as one array on disk."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from batchmri.errors import UsageError
from batchmri.preparation.transforms import PreparationSettings, prepare, prepare_mask
from batchmri.training.augment import Augmentation
from batchmri.training.images import read_mask, read_picture
from batchmri.training.loss import ANY_TUMOR
from batchmri.training.table import Row

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PreparedImages:
    """The pictures of a table's rows, (rows, size, size), 0 black to 255 white; masks likewise.

    `mask_of[row]` is the mask's place in `masks`, −1 where the row has none. `boxes` (rows, 7) are
    the brain boxes: x, y, width, height, 1 where none was found, rows and columns of the picture.
    """

    rows: Sequence[Row]
    pictures: Bytes
    masks: Bytes
    mask_of: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int32]

    def digest(self, split: str) -> str:
        """sha256 of the prepared pictures and labels of one split."""
        sha = hashlib.sha256()
        for row, picture in zip(self.rows, self.pictures, strict=True):
            if row.split == split:
                sha.update(row.label.encode() + b"\0")
                sha.update(picture.tobytes())
        return sha.hexdigest()

    def batch(self, indices: Sequence[int], settings: PreparationSettings) -> Tensor:
        """Pictures (n, 1, size, size) as the network takes them, not augmented."""
        return as_network_input(torch.from_numpy(self.pictures[indices])[:, None] / 255, settings)


def as_network_input(unit: Tensor, settings: PreparationSettings) -> Tensor:
    """Grey levels from 0 (black) to 1 (white) as the network takes them."""
    return unit * (settings.white - settings.black) + settings.black


def prepare_table(
    rows: Sequence[Row], folder: Path, settings: PreparationSettings
) -> PreparedImages:
    """Prepare every row into `folder`, or take up what lies there of the same table."""
    key = hashlib.sha256(
        json.dumps([settings.model_dump(), [_identity(row) for row in rows]]).encode()
    ).hexdigest()
    names = ("pictures", "masks", "boxes")
    files = [folder / f"{name}-{key[:16]}.npy" for name in names]
    if not files[-1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        for file, array in zip(files, _prepare(rows, settings), strict=True):
            temporary = file.with_suffix(".tmp.npy")
            np.save(temporary, array)
            temporary.replace(file)
    pictures, masks, boxes = (np.load(file) for file in files)
    has_mask = np.array([row.mask is not None for row in rows])
    mask_of = np.where(has_mask, np.cumsum(has_mask) - 1, -1)
    return PreparedImages(rows, pictures, masks, mask_of, boxes)


def _identity(row: Row) -> list[Any]:
    state = row.file.stat()
    mask = str(row.mask or "")
    return [str(row.file), state.st_size, state.st_mtime_ns, mask, row.slice, row.plane]


def _prepare(rows: Sequence[Row], settings: PreparationSettings) -> tuple[npt.NDArray[Any], ...]:
    """Pictures, masks and boxes, as PreparedImages holds them."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the error raised says it
    pictures = np.empty((len(rows), settings.size, settings.size), np.uint8)
    masks = []
    boxes = np.empty((len(rows), 7), np.int32)
    for place, told, row in zip(pictures, boxes, track(rows, "preparing"), strict=True):
        picture, spacing = read_picture(row)
        prepared = prepare(picture[None], spacing, settings)
        unit = (prepared.pixels[0, 0] - settings.black) / (settings.white - settings.black)
        place[:] = _bytes(unit)
        box = prepared.boxes[0]
        told[:] = (box.x, box.y, box.width, box.height, box.failed, *picture.shape)
        if row.mask is not None:
            mask = prepare_mask(read_mask(row), box, spacing, settings.size)
            masks.append(_bytes(mask[0]))
    side = settings.size
    return pictures, np.array(masks, np.uint8).reshape(len(masks), side, side), boxes


def _bytes(unit: Tensor) -> Bytes:
    return (unit.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def draw_weights(
    rows: Sequence[Row], classes: Sequence[str], shares: Mapping[str, Mapping[str, float]]
) -> Floats:
    """The probability of each row to be drawn; 0 outside split train.

    A group is a source's class. `shares` says what part of the draws each group gets; without
    them every label gets the same, parted evenly among its sources. In a group, by row weight.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(rows):
        if row.split == "train":
            groups.setdefault((row.source, row.label), []).append(index)
    weights = np.zeros(len(rows))
    for (source, label), members in groups.items():
        sources = sum(1 for _, other in groups if other == label)
        share = shares.get(source, {}).get(label, 0.0) if shares else 1 / (len(classes) * sources)
        own = np.array([rows[index].weight for index in members])
        weights[members] = share * own / own.sum()
    if weights.sum() == 0:
        raise UsageError("shares: they name no source and class of the table's train rows")
    weights /= weights.sum()
    return weights


def label_indices(rows: Sequence[Row], classes: Sequence[str]) -> list[int]:
    """The place of each row's label in `classes`; ANY_TUMOR for a label that is no class."""
    return [classes.index(row.label) if row.label in classes else ANY_TUMOR for row in rows]


class Draws(Sampler[tuple[int, int]]):
    """Draws of one epoch after the other, as (number of the draw in the whole training, row)."""

    def __init__(
        self, weights: Floats, per_epoch: int, seed: int, first_epoch: int, epochs: int
    ) -> None:
        self.weights = weights
        self.per_epoch = per_epoch
        self.seed = seed
        self.epochs = range(first_epoch, epochs)

    def __len__(self) -> int:
        return self.per_epoch * len(self.epochs)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for epoch in self.epochs:
            random = np.random.default_rng((self.seed, epoch))
            rows = random.choice(len(self.weights), self.per_epoch, p=self.weights)
            yield from enumerate(map(int, rows), start=epoch * self.per_epoch)


class DrawnPictures(Dataset[dict[str, Tensor]]):
    """Augmented pictures with what they should give; the same draw gives the same picture."""

    def __init__(
        self,
        prepared: PreparedImages,
        classes: Sequence[str],
        no_tumor_class: str,
        settings: PreparationSettings,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self.prepared = prepared
        self.labels = label_indices(prepared.rows, classes)
        self.no_tumor = classes.index(no_tumor_class)
        self.settings = settings
        self.augmentation = augmentation
        self.seed = seed

    def __getitem__(self, draw: tuple[int, int]) -> dict[str, Tensor]:
        number, index = draw
        row = self.prepared.rows[index]
        picture = torch.from_numpy(self.prepared.pictures[index]) / 255
        mask = torch.zeros_like(picture)
        if row.mask is not None:
            mask = torch.from_numpy(self.prepared.masks[self.prepared.mask_of[index]]) / 255
        picture, mask = self.augmentation(picture, mask, self.seed + number)
        tumor_free = self.labels[index] == self.no_tumor
        known = tumor_free or row.mask is not None
        return {
            "picture": as_network_input(picture[None], self.settings),
            "label": torch.tensor(self.labels[index]),
            "mask": mask[None],
            "hold_inside": torch.tensor(row.mask is not None and row.mask_use == "full"),
            "hold_outside": torch.tensor(known),
        }
