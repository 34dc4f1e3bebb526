"""Pixels: a series becomes slices as displayed, and slices what the network takes.

Importing the package loads neither torch nor MONAI: public names are found on first use.
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.pixels.decode import Decoded as Decoded
    from batchmri.pixels.decode import DecodeTask as DecodeTask
    from batchmri.pixels.decode import Refusal as Refusal
    from batchmri.pixels.decode import decode_many as decode_many
    from batchmri.pixels.preparation import PreparationSettings as PreparationSettings
    from batchmri.pixels.preparation import Prepared as Prepared
    from batchmri.pixels.preparation import prepare as prepare
    from batchmri.pixels.preparation import prepare_mask as prepare_mask
    from batchmri.pixels.uncrop import map_to_picture as map_to_picture

_HOMES = {
    "DecodeTask": "decode",
    "Decoded": "decode",
    "Refusal": "decode",
    "decode_many": "decode",
    "PreparationSettings": "preparation",
    "Prepared": "preparation",
    "map_to_picture": "uncrop",
    "prepare": "preparation",
    "prepare_mask": "preparation",
}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
