"""Where a training stands, in its folder: last.pt to go on from, best.pt, metrics.csv, curves."""

import csv
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from batchmri.training.evaluate import Figures
from batchmri.training.plots.curves import draw_curves

LAST, BEST, METRICS, FIGURES = "last.pt", "best.pt", "metrics.csv", "figures"
_log = logging.getLogger(__name__)


class Progress:
    """The epochs done, and the best of them; taken up from `folder` where it holds any.

    `parts` have state_dict and load_state_dict: all that the next epoch depends on.
    """

    def __init__(self, folder: Path, parts: dict[str, Any]) -> None:
        self.folder = folder
        self.parts = parts
        self.epoch = 0
        self.best_epoch = 0
        self.best_loss = math.inf
        if (folder / LAST).exists():
            state = torch.load(folder / LAST, map_location="cpu", weights_only=True)
            for name, part in parts.items():
                part.load_state_dict(state[name])
            self.epoch, self.best_epoch, self.best_loss = state["progress"]

    def stalled_for(self, epochs: int) -> bool:
        """Whether the validation loss has not fallen for so many epochs."""
        return self.epoch - self.best_epoch >= epochs

    def close_epoch(self, figures: Figures, network: nn.Module) -> None:
        """Log the figures of an epoch (with `epoch` and `loss`), save and draw all that it left."""
        self.epoch = int(figures["epoch"])
        if float(figures["loss"]) < self.best_loss:
            self.best_loss, self.best_epoch = float(figures["loss"]), self.epoch
            _save(self.folder / BEST, network.state_dict())
        _log.info("  ".join(f"{name} {value}" for name, value in figures.items()))
        self._append(figures)
        draw_curves(read_metrics(self.folder), self.folder / FIGURES)
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        state["progress"] = [self.epoch, self.best_epoch, self.best_loss]
        _save(self.folder / LAST, state)

    def load_best(self, network: nn.Module) -> None:
        """Give a network the weights of the best epoch."""
        best = torch.load(self.folder / BEST, map_location="cpu", weights_only=True)
        network.load_state_dict(best)

    def _append(self, figures: Figures) -> None:
        """A row that an epoch left which was cut off before its end is written anew."""
        path = self.folder / METRICS
        rows: list[Mapping[str, object]] = [
            row for row in read_metrics(self.folder) if int(row["epoch"]) < self.epoch
        ]
        rows.append(figures)
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8", newline="") as handle:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(handle, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(path)


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """The rows of a training's metrics.csv, one per epoch; none before the first."""
    path = folder / METRICS
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _save(path: Path, state: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)
