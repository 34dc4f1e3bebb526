"""Seamless blending of a part of one head into another."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.synthetic.head import Area, Gray, Head, grown, tissue

Floats = npt.NDArray[np.float32]
Spot = tuple[float, float]  # pixels down and across
RING = 24  # pixels around an area that are used to align, level and compare it
_FEATHER = 2.5  # sigma, in pixels
_COARSE = 2.5  # sigma, in pixels: suppresses gyri, which differ between heads at the same position
_ALIGN_AT = 0.5
_FARTHEST = 0.04  # largest shift of the center by an alignment, as a share of the side
_STRETCH = (0.88, 1.14)
_SHEAR = 0.12
_GAIN = (0.6, 1.35)
_BLUR_OF_PIXEL = 0.45  # sigma of the blur by one pixel, in pixels
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-3)


@dataclass(frozen=True, slots=True)
class Placed:
    """A head's image and mask, resampled to the pixels of another head."""

    image: Floats
    mask: Area | None


def place(head: Head, over: Head, excluded: Area) -> Placed:
    """Resample `head` to the box of `over` and align the two outside the area `excluded`.

    A sharper image is blurred to the resolution of `over` (`Head.pitch`).
    """
    height, width = over.image.shape
    stretched = np.asarray(
        cv2.resize(head.image, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )
    move = _alignment(over.image, stretched, excluded)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(stretched, move, (width, height), flags=flags)
    image = _at_resolution(moved.astype(np.float32), head.pitch, over.pitch)
    mask = None
    if head.mask is not None:
        shares = cv2.resize(head.mask.astype(np.float32), (width, height))
        mask = cv2.warpAffine(shares, move, (width, height), flags=flags) > 0.5
    return Placed(image, mask)


def scaled_and_moved(head: Head, over: Head, scale: float, start: Spot, end: Spot) -> Placed:
    """Resample `head` by `scale` so that its pixel `start` becomes the pixel `end` of `over`.

    What the image of `head` does not contain is black. A sharper image is blurred as in `place`.
    """
    height, width = over.image.shape
    size = [max(1, round(side * scale)) for side in reversed(head.image.shape)]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    down, across = end[0] - start[0] * scale, end[1] - start[1] * scale
    move = np.array([[1, 0, across], [0, 1, down]], np.float32)

    def moved(image: npt.NDArray[np.generic]) -> Floats:
        resized = cv2.resize(image.astype(np.float32), size, interpolation=interpolation)
        return np.asarray(cv2.warpAffine(resized, move, (width, height)), np.float32)

    image = _at_resolution(moved(head.image), head.pitch * scale, over.pitch)
    return Placed(image, None if head.mask is None else moved(head.mask) > 0.5)


def ring_around(area: Area, *images: npt.NDArray[np.generic]) -> Area:
    """Return the ring around an area, restricted to pixels that are tissue in all images."""
    ring = grown(area, RING) & ~area
    for image in images:
        ring &= tissue(image.clip(0, 255).astype(np.uint8))
    return ring


def leveled(patch: Floats, image: Gray, ring: Area) -> Floats:
    """Return the patch with its contrast and local brightness matched to the image.

    The differences in the ring are interpolated to its inside by normalized convolution.
    """
    ours, theirs = image[ring].astype(np.float32), patch[ring]
    gain = float(np.clip(ours.std() / max(float(theirs.std()), 1e-3), *_GAIN))
    patch = np.asarray((patch - theirs.mean()) * gain + ours.mean(), np.float32)
    known = ring.astype(np.float32)
    sigma = 0.5 * RING + 0.25 * float(np.sqrt(known.sum()))
    difference = _blurred((image - patch) * known, sigma)
    return np.asarray(patch + difference / np.maximum(_blurred(known, sigma), 1e-3), np.float32)


def blended(image: Gray, patch: Floats, area: Area) -> Gray:
    """Return the image with the patch in the area, feathered at the border."""
    share = _blurred(area.astype(np.float32), _FEATHER)
    mixed = image * (1 - share) + patch * share
    return np.clip(mixed, 0, 255).round().astype(np.uint8)


def likeness(a: Gray, b: Floats, area: Area) -> float:
    """Return the correlation of the coarse structure of two images in an area, 0 if one is flat."""
    ours, theirs = (smooth(image)[area].astype(np.float64) for image in (a, b))
    if ours.size < 2 or not (ours.std() > 0 and theirs.std() > 0):
        return 0.0
    return float(np.corrcoef(ours, theirs)[0, 1])


def smooth(image: Gray | Floats) -> Floats:
    """Return the coarse structure of an image."""
    return _blurred(image.astype(np.float32), _COARSE)


def _blurred(image: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def _at_resolution(image: Floats, own_pitch: float, target_pitch: float) -> Floats:
    if target_pitch <= own_pitch:
        return image
    return _blurred(image, _matching_sigma(own_pitch, target_pitch))


def _matching_sigma(own_pitch: float, target_pitch: float) -> float:
    return float(_BLUR_OF_PIXEL * np.sqrt(target_pitch**2 - own_pitch**2))


def _alignment(fixed: Gray, moving: Gray, excluded: Area) -> Floats:
    """Return the affine map (2, 3) from fixed to moving pixels, the identity if none is found.

    Maps with a large shift, stretch or shear are rejected.
    """
    identity = np.eye(2, 3, dtype=np.float32)
    small = [cv2.resize(p, None, fx=_ALIGN_AT, fy=_ALIGN_AT) for p in (fixed, moving)]
    compared = cv2.resize((~excluded).astype(np.uint8), small[0].shape[::-1])
    try:
        _, found = cv2.findTransformECC(
            small[0], small[1], identity.copy(), cv2.MOTION_AFFINE, _STEPS, compared, 5
        )
    except cv2.error:  # no convergence: the images are too different
        return identity
    move = np.asarray(found, np.float32)
    move[:, 2] /= _ALIGN_AT
    return move if _is_small(move, fixed.shape) else identity


def _is_small(move: Floats, shape: tuple[int, ...]) -> bool:
    middle = np.array([shape[1] / 2, shape[0] / 2, 1])
    shift = np.abs(move @ middle - middle[:2]) / middle[:2] / 2
    stretch = np.diag(move[:, :2])
    shear = np.abs([move[0, 1], move[1, 0]])
    return bool(
        shift.max() <= _FARTHEST
        and stretch.min() >= _STRETCH[0]
        and stretch.max() <= _STRETCH[1]
        and shear.max() <= _SHEAR
    )
