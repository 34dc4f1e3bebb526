"""Laying a part of one head over another so that no seam tells of it."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.synthetic.head import Area, Grey, Head, grown, tissue

Floats = npt.NDArray[np.float32]
RING = 24  # pixels around an area by which it is aligned, levelled and judged
_FEATHER = 2.5  # pixels, sigma
_COARSE = 2.5  # likewise: gyri differ from head to head, the place does not
_ALIGN_AT = 0.5
_FARTHEST = 0.04  # shift of the middle of the head that an alignment may ask for, of its side
_STRETCH = (0.88, 1.14)
_SHEAR = 0.12
_GAIN = (0.6, 1.35)
_BLUR_OF_PIXEL = 0.45  # sigma of a pixel's box, in pixels
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-3)


@dataclass(frozen=True, slots=True)
class Placed:
    """A head laid over another: its picture and mask in the other's pixels."""

    picture: Floats
    mask: Area | None


def place(head: Head, over: Head, beside: Area) -> Placed:
    """Lay `head` over `over`, box on box, then moved a little to fit outside `beside`.

    Sharp pictures are blurred as much as the one they come to lie in (`Head.pitch`).
    """
    height, width = over.picture.shape
    stretched = np.asarray(
        cv2.resize(head.picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )
    move = _alignment(over.picture, stretched, beside)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(stretched, move, (width, height), flags=flags)
    picture: Floats = moved.astype(np.float32)
    if over.pitch > head.pitch:
        picture = _blurred(picture, _blur(head.pitch, over.pitch))
    mask = None
    if head.mask is not None:
        shares = cv2.resize(head.mask.astype(np.float32), (width, height))
        mask = cv2.warpAffine(shares, move, (width, height), flags=flags) > 0.5
    return Placed(picture, mask)


def ring_around(area: Area, *pictures: npt.NDArray[np.generic]) -> Area:
    """What lies around an area and is tissue in all pictures."""
    ring = grown(area, RING) & ~area
    for picture in pictures:
        ring &= tissue(picture.clip(0, 255).astype(np.uint8))
    return ring


def levelled(patch: Floats, picture: Grey, ring: Area) -> Floats:
    """The patch at the grey levels of the picture: contrast, and brightness place by place.

    The ring's differences are carried into its middle by normalised convolution.
    """
    ours, theirs = picture[ring].astype(np.float32), patch[ring]
    gain = float(np.clip(ours.std() / max(float(theirs.std()), 1e-3), *_GAIN))
    patch = np.asarray((patch - theirs.mean()) * gain + ours.mean(), np.float32)
    known = ring.astype(np.float32)
    sigma = 0.5 * RING + 0.25 * float(np.sqrt(known.sum()))
    difference = _blurred((picture - patch) * known, sigma)
    return np.asarray(patch + difference / np.maximum(_blurred(known, sigma), 1e-3), np.float32)


def blended(picture: Grey, patch: Floats, area: Area) -> Grey:
    """The picture with the patch in the area, feathered at its border."""
    share = _blurred(area.astype(np.float32), _FEATHER)
    mixed = picture * (1 - share) + patch * share
    return np.clip(mixed, 0, 255).round().astype(np.uint8)


def likeness(a: Grey, b: Floats, area: Area) -> float:
    """Correlation of two pictures' coarse structure in an area; 0 where one of them is flat."""
    ours, theirs = (smooth(picture)[area].astype(np.float64) for picture in (a, b))
    if ours.size < 2 or not (ours.std() > 0 and theirs.std() > 0):
        return 0.0
    return float(np.corrcoef(ours, theirs)[0, 1])


def smooth(picture: Grey | Floats) -> Floats:
    """The picture's coarse structure."""
    return _blurred(picture.astype(np.float32), _COARSE)


def _blurred(picture: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def _blur(own: float, wanted: float) -> float:
    return float(_BLUR_OF_PIXEL * np.sqrt(wanted**2 - own**2))


def _alignment(fixed: Grey, moving: Grey, beside: Area) -> Floats:
    """The affine map (2, 3) from fixed to moving pixels; none where a small one does not fit."""
    none = np.eye(2, 3, dtype=np.float32)
    small = [cv2.resize(p, None, fx=_ALIGN_AT, fy=_ALIGN_AT) for p in (fixed, moving)]
    looked_at = cv2.resize((~beside).astype(np.uint8), small[0].shape[::-1])
    try:
        _, found = cv2.findTransformECC(
            small[0], small[1], none.copy(), cv2.MOTION_AFFINE, _STEPS, looked_at, 5
        )
    except cv2.error:  # "the algorithm stopped before its convergence": too unlike
        return none
    move = np.asarray(found, np.float32)
    move[:, 2] /= _ALIGN_AT
    return move if _is_small(move, fixed.shape) else none


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
