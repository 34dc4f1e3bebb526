"""Progress of a training in its folder: last.pt for resuming, best.pt, metrics.csv and curves."""

import csv
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from batchmri.training.evaluate import Metrics
from batchmri.training.plots.curves import draw_curves

LAST, BEST, METRICS, FIGURES = "last.pt", "best.pt", "metrics.csv", "figures"
_log = logging.getLogger(__name__)


class Progress:
    """Number of finished epochs and the best of them, restored from `folder` if possible.

    `parts` are the objects with state_dict and load_state_dict that determine the next epoch.
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
        """Whether the validation loss has not improved for this number of epochs."""
        return self.epoch - self.best_epoch >= epochs

    def close_epoch(self, metrics: Metrics, network: nn.Module) -> None:
        """Log the metrics of an epoch, including `epoch` and `loss`, and save state and curves."""
        self.epoch = int(metrics["epoch"])
        if float(metrics["loss"]) < self.best_loss:
            self.best_loss, self.best_epoch = float(metrics["loss"]), self.epoch
            _save(self.folder / BEST, network.state_dict())
        _log.info("  ".join(f"{name} {value}" for name, value in metrics.items()))
        self._append(metrics)
        draw_curves(read_metrics(self.folder), self.folder / FIGURES)
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        state["progress"] = [self.epoch, self.best_epoch, self.best_loss]
        _save(self.folder / LAST, state)

    def load_best(self, network: nn.Module) -> None:
        """Load the weights of the best epoch into a network."""
        best = torch.load(self.folder / BEST, map_location="cpu", weights_only=True)
        network.load_state_dict(best)

    def _append(self, metrics: Metrics) -> None:
        """Append a row to metrics.csv.

        If training was interrupted mid-epoch, that epoch's row is rewritten.
        """
        path = self.folder / METRICS
        rows: list[Mapping[str, object]] = [
            row for row in read_metrics(self.folder) if int(row["epoch"]) < self.epoch
        ]
        rows.append(metrics)
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8", newline="") as handle:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(handle, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(path)


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """Read the rows of a training's metrics.csv, one per epoch; empty if there is no file."""
    path = folder / METRICS
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _save(path: Path, state: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)
