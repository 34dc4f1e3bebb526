"""Images that contain the slices of a volume as tiles, row by row.

Siemens mosaics are a square grid. The number of tiles is in a private element or the CSA header.
Image Position is the corner of a slice as large as the whole mosaic, so it is shifted by half of
the size difference (as in nibabel and dcm2niix). United Imaging VFRAME images have as many rows of
tiles as necessary, and a private sequence contains the position of every slice.
"""

import math
from dataclasses import replace

from batchmri.formats.dicom.csa import csa_numbers
from batchmri.formats.dicom.dataset import Tags
from batchmri.geometry import cross, dot, shifted, vector
from batchmri.records import Frame, Tile, Vector

SIEMENS_COUNT, CSA_IMAGE = 0x0019100A, 0x00291010
UIH_COUNT, UIH_FRAMES = 0x00651050, 0x00651051
_ACQUISITION_MATRIX = 0x00181310
_COUNT, _NORMAL = "NumberOfImagesInMosaic", "SliceNormalVector"
_TILED = frozenset(("MOSAIC", "VFRAME"))
_MAX_TILES = 1024


def is_tiled(tags: Tags, rows: int, columns: int) -> bool:
    """Return whether the image consists of tiles.

    Image Type says MOSAIC or VFRAME, but also in slices that were extracted from a mosaic. Such a
    slice does not state a number of tiles, and is about as large as its acquisition matrix.
    """
    if _TILED.isdisjoint(tags.words(0x00080008)):
        return False
    if SIEMENS_COUNT in tags or CSA_IMAGE in tags or UIH_COUNT in tags:
        return True
    matrix = max(tags.numbers(_ACQUISITION_MATRIX), default=0)
    return max(rows, columns) >= 2 * matrix


def states_tiles(tags: Tags) -> bool:
    """Return whether an enhanced object states the number of tiles in its only frame.

    Numaris X keeps MOSAIC in the Image Type of objects whose slices it separated.
    """
    return not _TILED.isdisjoint(tags.words(0x00080008)) and (
        SIEMENS_COUNT in tags or CSA_IMAGE in tags
    )


def tiles_of(
    tags: Tags, measures: Tags, whole: Frame, rows: int, columns: int
) -> tuple[Frame, ...]:
    """Return one Frame per tile in stored order; empty if the number of tiles is not stated.

    `whole` is the geometry that the header states for the image of (rows, columns); `measures` is
    the dataset or functional group that contains the slice spacing.
    """
    if "VFRAME" in tags.words(0x00080008):
        return _united_imaging(tags, whole, rows, columns)
    csa = csa_numbers(tags.raw(CSA_IMAGE), (_COUNT, _NORMAL))
    count = tags.integer(SIEMENS_COUNT, "US") or _integer(csa.get(_COUNT))
    if not 1 < count <= _MAX_TILES:
        return ()
    per_side = math.ceil(math.sqrt(count))
    tiles = _grid(count, per_side, rows // per_side, columns // per_side)
    height, width = tiles[0][2:]
    spacing = measures.number(0x00180088) or measures.number(0x00180050)
    first, step = _geometry(spacing, csa, whole, rows - height, columns - width)
    return tuple(
        replace(whole, position=shifted(first, (step, k)) if first and step else None, tile=tile)
        for k, tile in enumerate(tiles)
    )


def _united_imaging(tags: Tags, whole: Frame, rows: int, columns: int) -> tuple[Frame, ...]:
    count = tags.integer(UIH_COUNT, "DS") or 0
    if not 1 < count <= _MAX_TILES:
        return ()
    per_row = math.ceil(math.sqrt(count))
    tiles = _grid(count, per_row, rows // math.ceil(count / per_row), columns // per_row)
    places = [vector(item.numbers(0x00200032)) for item in tags.items(UIH_FRAMES)]
    places += [None] * (count - len(places))
    return tuple(
        replace(whole, position=place, tile=tile)
        for tile, place in zip(tiles, places, strict=False)
    )


def _grid(count: int, per_row: int, height: int, width: int) -> list[Tile]:
    return [(k // per_row * height, k % per_row * width, height, width) for k in range(count)]


def _geometry(
    spacing: float | None,
    csa: dict[str, list[float]],
    whole: Frame,
    more_rows: int,
    more_columns: int,
) -> tuple[Vector | None, Vector | None]:
    """Return the position of the first tile and the step from tile to tile, in mm."""
    if not (whole.position and whole.orientation and whole.pixel_spacing and spacing):
        return None, None
    column, row = whole.orientation
    between_rows, between_columns = whole.pixel_spacing
    first = shifted(
        whole.position,
        (column, between_columns * more_columns / 2),
        (row, between_rows * more_rows / 2),
    )
    normal = cross(whole.orientation)
    stated = csa.get(_NORMAL, [])
    ascending = len(stated) != 3 or dot(stated, normal) >= 0
    length = spacing if ascending else -spacing
    return first, (normal[0] * length, normal[1] * length, normal[2] * length)


def _integer(values: list[float] | None) -> int:
    return int(values[0]) if values else 0
