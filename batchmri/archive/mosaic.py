"""Siemens mosaics: the slices of one volume as tiles of one picture.

The number of tiles stands in a private element, or in the CSA header; tiles lie row by row on a
square grid. Image Position names the corner of a slice as large as the whole mosaic, hence the
shift by half of what that is larger (nibabel's and dcm2niix's reading of it).
"""

import math
from dataclasses import replace

from batchmri.archive.csa import csa_numbers
from batchmri.archive.geometry import dot, shifted
from batchmri.archive.tags import Tags
from batchmri.records import Frame, Vector

_CSA_IMAGE, _NUMBER_OF_IMAGES = 0x00291010, 0x0019100A
_COUNT, _NORMAL = "NumberOfImagesInMosaic", "SliceNormalVector"
_MAX_TILES = 1024


def tiles_of(tags: Tags, whole: Frame, rows: int, columns: int) -> tuple[Frame, ...]:
    """A Frame per tile, in the order they were stored; none where this is no mosaic.

    `whole` is the geometry that the header states for the picture of (rows, columns).
    """
    if "MOSAIC" not in tags.words(0x00080008):
        return ()
    csa = csa_numbers(tags.raw(_CSA_IMAGE), (_COUNT, _NORMAL))
    count = tags.integer(_NUMBER_OF_IMAGES, "US") or _integer(csa.get(_COUNT))
    if not 1 < count <= _MAX_TILES:
        return ()
    per_side = math.ceil(math.sqrt(count))
    height, width = rows // per_side, columns // per_side
    first, step = _geometry(tags, csa, whole, rows - height, columns - width)
    return tuple(
        replace(
            whole,
            position=shifted(first, (step, k)) if first and step else None,
            tile=(k // per_side * height, k % per_side * width, height, width),
        )
        for k in range(count)
    )


def _geometry(
    tags: Tags, csa: dict[str, list[float]], whole: Frame, more_rows: int, more_columns: int
) -> tuple[Vector | None, Vector | None]:
    """Position of the first tile and the step from tile to tile."""
    spacing = tags.number(0x00180088) or tags.number(0x00180050)
    if not (whole.position and whole.orientation and whole.pixel_spacing and spacing):
        return None, None
    column, row = whole.orientation
    between_rows, between_columns = whole.pixel_spacing
    first = shifted(
        whole.position,
        (column, between_columns * more_columns / 2),
        (row, between_rows * more_rows / 2),
    )
    normal = (
        column[1] * row[2] - column[2] * row[1],
        column[2] * row[0] - column[0] * row[2],
        column[0] * row[1] - column[1] * row[0],
    )
    stated = csa.get(_NORMAL, [])
    ascending = len(stated) != 3 or dot(stated, normal) >= 0
    length = spacing if ascending else -spacing
    return first, (normal[0] * length, normal[1] * length, normal[2] * length)


def _integer(values: list[float] | None) -> int:
    return int(values[0]) if values else 0
