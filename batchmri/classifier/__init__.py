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
    from batchmri.classifier.card import SHIPPED as SHIPPED
    from batchmri.classifier.card import Card as Card
    from batchmri.classifier.card import read_card as read_card
    from batchmri.classifier.checkpoint import load_checkpoint as load_checkpoint
    from batchmri.classifier.checkpoint import save_checkpoint as save_checkpoint
    from batchmri.classifier.description import describe as describe
    from batchmri.classifier.export import Exported as Exported
    from batchmri.classifier.export import export_model as export_model
    from batchmri.classifier.field import Field as Field
    from batchmri.classifier.heat import gradcam as gradcam
    from batchmri.classifier.network import ClassMapNetwork as ClassMapNetwork
    from batchmri.classifier.verify import Check as Check
    from batchmri.classifier.verify import verify_model as verify_model

_HOMES = {
    "gradcam": "heat",
    "Backend": "backends.base",
    "Card": "card",
    "Check": "verify",
    "Chosen": "backends.select",
    "ClassMapNetwork": "network",
    "Exported": "export",
    "choose": "backends.select",
    "describe": "description",
    "export_model": "export",
    "Field": "field",
    "load_backend": "backends.select",
    "load_checkpoint": "checkpoint",
    "probabilities": "calibration",
    "read_card": "card",
    "save_checkpoint": "checkpoint",
    "SHIPPED": "card",
    "verify_model": "verify",
}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
