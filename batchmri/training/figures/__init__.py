"""The figures of a training: its pictures, their brain boxes, its augmentations, its curves."""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.training.figures.curves import draw_curves as draw_curves
    from batchmri.training.figures.data import draw_data as draw_data

_HOMES = {"draw_curves": "curves", "draw_data": "data"}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
