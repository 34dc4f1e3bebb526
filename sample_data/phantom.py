"""An artificial head in a T1-weighted image after contrast, around the brain of MNI152.

Signals are relative to white matter (1). Fluid, gray and white matter come from the template.
Skull, scalp, sinuses and vessels are computed, and a smooth random warp makes every head different.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from nilearn import datasets
from scipy import ndimage
from shapes import SHAPE, Volume, band, blend, noise, soft, tube, warp, world

CSF, GRAY, WHITE = 0.33, 0.70, 1.0
VESSEL, FAT, MUSCLE, MARROW, BONE, SKIN = 1.9, 2.35, 0.72, 1.1, 0.10, 1.35


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The properties of a head that a lesion depends on; arrays of shape SHAPE."""

    gray: Volume  # fraction, 0 to 1
    white: Volume  # fraction, 0 to 1
    t1: Volume  # the template's signal, 0 to 1
    depth: Volume  # mm below the inner table of the skull, negative outside


class Lesion(Protocol):
    """A mass in a head."""

    def push(self, depth: Volume) -> tuple[Volume, Volume, Volume]:
        """The mass effect: the displacement (mm; x, y, z) of the tissue in each voxel."""

    def paint(self, signal: Volume, head: Anatomy, rng: np.random.Generator) -> Volume:
        """The signal with the lesion."""


def _depth_below_skull(brain: npt.NDArray[np.bool_]) -> Volume:
    """Depth below the skull, which surrounds the brain and 1.5 mm of fluid, with smooth edges."""
    wide = ndimage.distance_transform_edt(~brain) <= 11
    closed = ndimage.distance_transform_edt(wide) >= 9.5
    depth = ndimage.distance_transform_edt(closed) - ndimage.distance_transform_edt(~closed)
    return np.asarray(ndimage.gaussian_filter(depth.astype(np.float32), 1.2))


def _anatomy(rng: np.random.Generator, lesion: Lesion | None) -> Anatomy:
    maps = [
        load(resolution=1).get_fdata(dtype=np.float32)
        for load in (
            datasets.load_mni152_template,
            datasets.load_mni152_gm_template,
            datasets.load_mni152_wm_template,
        )
    ]
    x, y, z = (amount * noise(rng, 48) + 0.9 * noise(rng, 13) for amount in (2.0, 2.4, 2.0))
    t1, gray, white = (warp(volume, (x, y, z)) for volume in maps)
    depth = _depth_below_skull(gray + white > 0.35)
    if lesion is not None:
        push = lesion.push(depth)
        t1, gray, white = (warp(volume, push) for volume in (t1, gray, white))
    return Anatomy(gray=gray, white=white, t1=t1, depth=depth)


def _brain(head: Anatomy, rng: np.random.Generator) -> Volume:
    """Signal of brain and fluid; sulci are deepened, since the average of 152 brains lacks them."""
    tissue = np.clip(head.gray + head.white, 0, 1)
    drawn = GRAY + (WHITE - GRAY) * head.white / np.maximum(head.gray + head.white, 0.05)
    measured = np.interp(head.t1, (0.42, 0.64, 0.90), (CSF, GRAY, WHITE)).astype(np.float32)
    sulci = np.clip((0.80 - tissue - 0.10 * noise(rng, 9)) / 0.30, 0, 1)
    ventricles = np.clip((0.60 - head.t1) / 0.14, 0, 1)
    signal = blend(0.5 * (measured + drawn), np.maximum(sulci, ventricles), CSF)
    signal *= 1 + 0.02 * noise(rng, 3) + 0.02 * noise(rng, 12)
    return np.asarray(ndimage.gaussian_filter(signal, 0.4))


def _add_vessels(signal: Volume, head: Anatomy, rng: np.random.Generator) -> Volume:
    """Add veins in sulci and on the surface, choroid plexus and deep veins."""
    tissue = head.gray + head.white
    # Two noise fields are zero together along thin winding lines, which serve as vessels.
    for width, scale in ((0.08, 13.0), (0.07, 9.0)):
        thread = np.hypot(noise(rng, scale), noise(rng, scale))
        fluid = np.clip((0.97 - tissue) / 0.25, 0, 1) * band(head.depth, 0.3, 22, 1.5)
        signal = blend(signal, soft(width - thread, 0.03) * fluid, VESSEL)

    ventricle = np.clip((0.60 - head.t1) / 0.1, 0, 1) * soft(head.depth - 28, 2)
    tufts = 0.3 + 0.7 * soft(noise(rng, 4), 0.3)
    for side in (-1.0, 1.0):
        plexus = tube(
            [(side * 7, -8, 14), (side * 12, -24, 17), (side * 22, -38, 12), (side * 27, -36, 2)],
            3.0,
        )
        weight = soft(plexus, 0.7) * np.maximum(ventricle, 0.2) * tufts
        signal = blend(signal, weight, 1.35)
        inner = tube([(side * 2.5, -4, 11), (side * 1.6, -20, 12), (side * 1.2, -36, 9)], 0.8)
        signal = blend(signal, soft(inner), 1.6)
        basal = tube([(side * 9, -12, -13), (side * 17, -28, -7), (side * 3, -40, 4)], 0.8)
        signal = blend(signal, soft(basal), 1.6)
    straight = tube([(0, -37, 9), (0, -42, 9), (0, -50, 7), (0, -70, -2), (0, -92, -14)], 1.6)
    return blend(signal, soft(straight), VESSEL)


def _add_sinuses(signal: Volume, head: Anatomy, rng: np.random.Generator) -> Volume:
    """Add falx, superior sagittal sinus (a triangle below the skull) and transverse sinuses."""
    x, y, z = world()
    falx = band(x + 0.7 * noise(rng, 40), -0.5, 0.5, 0.3) * soft(z - 8 - np.abs(y) * 0.1, 3)
    falx = falx * soft(head.depth + 0.5) * soft(40 - head.depth, 6)
    signal = blend(signal, falx * (0.9 - head.gray - head.white), 1.1)
    size = np.interp(y, (-110, -60, 20, 75), (0.8, 0.7, 0.5, 0.35)).astype(np.float32)
    side = 4.6 * size * (1 - head.depth / (9 * size)) - np.abs(x - 0.6)
    sagittal = soft(side) * band(head.depth, -1.5, 9 * size) * soft(z + 4, 3)
    signal = blend(signal, sagittal, VESSEL * 1.05)
    transverse = soft(3.4 - np.abs(z + 9 + 0.12 * np.abs(x)), 0.8) * band(head.depth, -1.0, 5.0)
    return blend(signal, transverse * soft(-56 - y, 3), VESSEL)


def _height_above_hull(inside: npt.NDArray[np.bool_]) -> Volume:
    """Distance in mm to a smooth hull of the inside of the skull, negative within it."""
    # Below its widest height the hull continues straight down, since there is no scalp there.
    hull = np.maximum.accumulate(inside[::2, ::2, ::-2], axis=2)[:, :, ::-1]
    hull = np.pad(hull, ((30, 30), (30, 30), (0, 0)))
    hull = np.pad(hull, ((0, 0), (0, 0), (30, 0)), mode="edge")
    hull = np.pad(hull, ((0, 0), (0, 0), (0, 30)))
    hull = ndimage.distance_transform_edt(ndimage.distance_transform_edt(~hull) <= 22) > 22
    height = ndimage.distance_transform_edt(~hull) - ndimage.distance_transform_edt(hull)
    height = ndimage.gaussian_filter(2 * height.astype(np.float32), 2.5)[30:-30, 30:-30, 30:-30]
    places = [np.arange(n, dtype=np.float32) / 2 for n in SHAPE]
    grid = np.meshgrid(*places, indexing="ij", copy=False)
    return np.asarray(ndimage.map_coordinates(height, grid, order=1), dtype=np.float32)


def _add_shells(signal: Volume, head: Anatomy, rng: np.random.Generator) -> Volume:
    """Add dura, skull, muscle, fat, skin and air around the inside of the skull."""
    x, y, z = world()
    inside = head.depth > 0
    around = _height_above_hull(inside)
    temple = np.exp(-(((np.abs(x) - 66) / 22) ** 2) - ((y - 18) / 26) ** 2 - ((z + 18) / 26) ** 2)
    ends = soft(np.abs(y + 18) - 70, 6)
    skull = 6.2 + 0.7 * noise(rng, 40) + 2.0 * ends - 3.0 * temple
    muscle = skull + 0.6 + 9.0 * temple
    skin = muscle + 5.0 + 0.5 * noise(rng, 60) - 2.2 * temple + 2.0 * soft(-85 - y, 8)

    mottle = MARROW * np.clip(0.8 + 0.25 * noise(rng, 14) + 0.15 * noise(rng, 4), 0.1, 1.8)
    outer = soft(skin - around, 0.4) * SKIN
    outer = blend(outer, soft(skin - 1.4 - around), FAT * (1 + 0.05 * noise(rng, 6)))
    outer = blend(outer, soft(muscle - around), MUSCLE * (1 + 0.12 * noise(rng, 4)))
    outer = blend(outer, soft(skull - around), BONE)
    outer = blend(outer, band(around, 2.0, skull - 1.7, 0.45), mottle)
    cells = np.clip(0.30 + 0.35 * noise(rng, 12) + 0.15 * noise(rng, 4), 0.04, 1.1)
    base = soft(-0.8 - around) * soft(-1.2 - head.depth)
    outer = blend(outer, soft(-0.2 - around) * ~inside, BONE)
    outer = blend(outer, base, cells)
    dura = band(head.depth, -0.9, 0.2, 0.3) * np.clip(0.55 + 0.3 * noise(rng, 10), 0, 1)
    return blend(blend(outer, soft(head.depth + 0.2, 0.35), signal), dura, 1.25)


def make_head(seed: int, lesion: Lesion | None = None) -> Volume:
    """The signal (SHAPE) of a head after contrast, without noise and coil; white matter is 1."""
    rng = np.random.default_rng(seed)
    head = _anatomy(rng, lesion)
    signal = _add_vessels(_brain(head, rng), head, rng)
    signal = _add_sinuses(signal, head, rng)
    if lesion is not None:
        signal = lesion.paint(signal, head, rng)
    return _add_shells(signal, head, rng)
