"""Two artificial tumors for the phantom: one inside the brain, one on the dura."""

from dataclasses import dataclass

import numpy as np
from phantom import CSF, VESSEL, WHITE, Anatomy
from shapes import SHAPE, Point, Volume, band, blend, noise, soft, world


def _offset(center: Point) -> tuple[Volume, Volume, Volume]:
    x, y, z = (axis - np.float32(c) for axis, c in zip(world(), center, strict=True))
    return x, y, z


def _distance(center: Point, stretch: Point) -> Volume:
    """Distance to the center in mm, with each axis divided by its stretch."""
    x, y, z = (axis / np.float32(s) for axis, s in zip(_offset(center), stretch, strict=True))
    return np.asarray(np.sqrt(x**2 + y**2 + z**2))


def _push_away(
    center: Point, amount: float, reach: float, depth: Volume
) -> tuple[Volume, Volume, Volume]:
    """Displacement away from the center, by up to `amount` mm and by nothing at the skull."""
    away = np.maximum(_distance(center, (1, 1, 1)), 1)
    held = np.clip(depth / 14, 0, 1)
    # r * exp(-r) is 0 at the center, so that the tissue stays connected, and highest at `reach`.
    shift = amount * held * (away / reach) * np.exp(1 - away / reach)
    x, y, z = (-shift * axis / away for axis in _offset(center))
    return x, y, z


@dataclass(frozen=True, slots=True)
class Glioma:
    """An enhancing ring around a necrotic center, in edema that follows the white matter."""

    center: Point
    radius: float  # mm

    def push(self, depth: Volume) -> tuple[Volume, Volume, Volume]:
        return _push_away(self.center, 0.45 * self.radius, 1.1 * self.radius, depth)

    def paint(self, signal: Volume, head: Anatomy, rng: np.random.Generator) -> Volume:
        away = _distance(self.center, (1.0, 1.2, 1.05))
        lumps = 0.16 * noise(rng, 15) + 0.07 * noise(rng, 6)
        edge = self.radius * (1 + lumps) - away
        within = soft(head.depth - 3, 1)

        spread = np.exp(-np.clip(-edge, 0, None) / (1.1 * self.radius)).astype(np.float32)
        edema = spread * soft(head.white - 0.5 + 0.1 * noise(rng, 10), 0.12) * soft(-edge, 1)
        signal = blend(signal, 0.62 * np.clip(1.5 * edema, 0, 1) * within, 0.56 * WHITE)

        solid = WHITE * (0.88 + 0.14 * noise(rng, 5))
        signal = blend(signal, soft(edge, 0.8) * within, solid)
        dead = CSF * (1.25 + 0.18 * noise(rng, 7) + 0.12 * noise(rng, 3))
        wall = np.clip(4.6 + 2.0 * noise(rng, 11) + 0.8 * noise(rng, 4), 1.4, 9.5)
        signal = blend(signal, soft(edge - wall, 0.9) * within, dead)
        glow = VESSEL * np.clip(0.96 + 0.10 * noise(rng, 5) + 0.10 * noise(rng, 3), 0.6, 1.25)
        patchy = np.clip(0.95 + 0.22 * noise(rng, 8), 0.25, 1)
        return blend(signal, band(edge, 0.2, wall, 0.8) * patchy * within, glow)


@dataclass(frozen=True, slots=True)
class Meningioma:
    """A homogeneous bright mass with a broad base on the dura, a rim of fluid, and a dural tail."""

    center: Point
    radius: float  # mm

    def push(self, depth: Volume) -> tuple[Volume, Volume, Volume]:
        x, y, z = _push_away(self.center, 0.5 * self.radius, 1.0 * self.radius, depth + 8)
        return x, y, z

    def paint(self, signal: Volume, head: Anatomy, rng: np.random.Generator) -> Volume:
        edge = self.radius * (1 + 0.05 * noise(rng, 14)) - _distance(self.center, (1, 1.1, 1))
        within = soft(head.depth - 0.3, 0.4)
        edema = np.exp(-np.clip(-edge, 0, None) / 10).astype(np.float32)
        signal = blend(signal, 0.5 * edema * soft(head.white - 0.5, 0.15) * within, 0.62 * WHITE)
        signal = blend(signal, 0.75 * band(edge, -1.9, 0.2) * within, CSF)
        bright = VESSEL * (0.86 + 0.035 * noise(rng, 9) + 0.03 * noise(rng, 3))
        signal = blend(signal, soft(edge, 0.5) * within, bright)
        tail = band(head.depth, 0, 2.0) * np.exp(-np.clip(-edge, 0, None) / 9).astype(np.float32)
        return blend(signal, 1.3 * tail * np.ones(SHAPE, dtype=np.float32), VESSEL)
