"""The classifier: prepared slices to class maps, features and scores. The model, nothing else.

Importing the package loads no torch: public names are found on first use.
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.classifier.backends.base import Backend as Backend
    from batchmri.classifier.backends.select import Chosen as Chosen
    from batchmri.classifier.backends.select import choose as choose
    from batchmri.classifier.backends.select import load_backend as load_backend
    from batchmri.classifier.calibration import probabilities as probabilities
    from batchmri.classifier.card import Card as Card
    from batchmri.classifier.checkpoint import SHIPPED as SHIPPED
    from batchmri.classifier.checkpoint import load_checkpoint as load_checkpoint
    from batchmri.classifier.checkpoint import read_card as read_card
    from batchmri.classifier.checkpoint import save_checkpoint as save_checkpoint
    from batchmri.classifier.heat import gradcam as gradcam
    from batchmri.classifier.network import ClassMapNetwork as ClassMapNetwork

_HOMES = {
    "gradcam": "heat",
    "Backend": "backends.base",
    "Card": "card",
    "Chosen": "backends.select",
    "ClassMapNetwork": "network",
    "choose": "backends.select",
    "load_backend": "backends.select",
    "load_checkpoint": "checkpoint",
    "probabilities": "calibration",
    "read_card": "checkpoint",
    "save_checkpoint": "checkpoint",
    "SHIPPED": "checkpoint",
}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
