"""Prepared training images as arrays on disk, and weighted sampling from them."""

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
from batchmri.records import FloatArray
from batchmri.training.augment import Augmentation
from batchmri.training.images import read_image, read_mask
from batchmri.training.loss import ANY_TUMOR
from batchmri.training.table import Row

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PreparedImages:
    """Prepared images and masks of a table's rows.

    `images` (rows, size, size) and `masks` (masks, size, size) have values from 0 to 255.
    `mask_of[row]` is the index of the row's mask in `masks`, or −1. `boxes` (rows, 7) contains the
    brain boxes: x, y, width, height, 1 if none was found, and rows and columns of the file's image.
    """

    rows: Sequence[Row]
    images: Bytes
    masks: Bytes
    mask_of: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int32]

    def digest(self, split: str) -> str:
        """Return the SHA-256 of the prepared images and labels of a split."""
        sha = hashlib.sha256()
        for row, image in zip(self.rows, self.images, strict=True):
            if row.split == split:
                sha.update(row.label.encode() + b"\0")
                sha.update(image.tobytes())
        return sha.hexdigest()

    def batch(self, indices: Sequence[int], settings: PreparationSettings) -> Tensor:
        """Return images (n, 1, size, size) as network input, without augmentation."""
        return as_network_input(torch.from_numpy(self.images[indices])[:, None] / 255, settings)


def as_network_input(unit: Tensor, settings: PreparationSettings) -> Tensor:
    """Scale gray levels from 0 (black) to 1 (white) to the network's input range."""
    return unit * (settings.white - settings.black) + settings.black


def prepare_table(
    rows: Sequence[Row], folder: Path, settings: PreparationSettings
) -> PreparedImages:
    """Prepare all rows and store the arrays in `folder`, or load those of the same table."""
    key = hashlib.sha256(
        json.dumps([settings.model_dump(), [_identity(row) for row in rows]]).encode()
    ).hexdigest()
    names = ("images", "masks", "boxes")
    files = [folder / f"{name}-{key[:16]}.npy" for name in names]
    if not files[-1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        for file, array in zip(files, _prepare(rows, settings), strict=True):
            temporary = file.with_suffix(".tmp.npy")
            np.save(temporary, array)
            temporary.replace(file)
    images, masks, boxes = (np.load(file) for file in files)
    has_mask = np.array([row.mask is not None for row in rows])
    mask_of = np.where(has_mask, np.cumsum(has_mask) - 1, -1)
    return PreparedImages(rows, images, masks, mask_of, boxes)


def _identity(row: Row) -> list[Any]:
    state = row.file.stat()
    mask = str(row.mask or "")
    return [str(row.file), state.st_size, state.st_mtime_ns, mask, row.slice, row.plane]


def _prepare(rows: Sequence[Row], settings: PreparationSettings) -> tuple[npt.NDArray[Any], ...]:
    """Return images, masks and boxes as in PreparedImages."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # UsageError is raised
    images = np.empty((len(rows), settings.size, settings.size), np.uint8)
    masks = []
    boxes = np.empty((len(rows), 7), np.int32)
    for place, box_row, row in zip(images, boxes, track(rows, "preparing"), strict=True):
        image, spacing = read_image(row)
        prepared = prepare(image[None], spacing, settings)
        unit = (prepared.pixels[0, 0] - settings.black) / (settings.white - settings.black)
        place[:] = _bytes(unit)
        box = prepared.boxes[0]
        box_row[:] = (box.x, box.y, box.width, box.height, box.failed, *image.shape)
        if row.mask is not None:
            mask = prepare_mask(read_mask(row), box, spacing, settings.size)
            masks.append(_bytes(mask[0]))
    side = settings.size
    return images, np.array(masks, np.uint8).reshape(len(masks), side, side), boxes


def _bytes(unit: FloatArray) -> Bytes:
    levels: Bytes = np.rint(unit.clip(0, 1) * 255).astype(np.uint8)
    return levels


def row_probabilities(
    rows: Sequence[Row], classes: Sequence[str], sampling_weights: Mapping[str, Mapping[str, float]]
) -> Floats:
    """Return the sampling probability of each row, which is 0 outside split train.

    `sampling_weights` (source, then class) is the relative frequency of each pair of source and
    class. If it is empty, all labels are equally frequent, and so are the sources of a label.
    Within a pair, probabilities are proportional to the row weights. Raises UsageError if no train
    row has a pair that `sampling_weights` names.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(rows):
        if row.split == "train":
            groups.setdefault((row.source, row.label), []).append(index)
    weights = np.zeros(len(rows))
    for (source, label), members in groups.items():
        sources = sum(1 for _, other in groups if other == label)
        share = (
            sampling_weights.get(source, {}).get(label, 0.0)
            if sampling_weights
            else 1 / (len(classes) * sources)
        )
        own = np.array([rows[index].weight for index in members])
        weights[members] = share * own / own.sum()
    if weights.sum() == 0:
        raise UsageError(
            "sampling_weights: no train row of the table has one of these sources and classes"
        )
    weights /= weights.sum()
    return weights


def label_indices(rows: Sequence[Row], classes: Sequence[str]) -> list[int]:
    """Return the index of each row's label in `classes`; ANY_TUMOR if the label is no class."""
    return [classes.index(row.label) if row.label in classes else ANY_TUMOR for row in rows]


class EpochSampler(Sampler[tuple[int, int]]):
    """Sampler that yields (number of the sample since the start of training, row)."""

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


class AugmentedImages(Dataset[dict[str, Tensor]]):
    """Augmented images with their targets; the number of the sample and the row determine both."""

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
        image = torch.from_numpy(self.prepared.images[index]) / 255
        mask = torch.zeros_like(image)
        if row.mask is not None:
            mask = torch.from_numpy(self.prepared.masks[self.prepared.mask_of[index]]) / 255
        image, mask = self.augmentation(image, mask, self.seed + number)
        tumor_free = self.labels[index] == self.no_tumor
        known = tumor_free or row.mask is not None
        return {
            "image": as_network_input(image[None], self.settings),
            "label": torch.tensor(self.labels[index]),
            "mask": mask[None],
            "hold_inside": torch.tensor(row.mask is not None and row.mask_use == "full"),
            "hold_outside": torch.tensor(known),
        }
