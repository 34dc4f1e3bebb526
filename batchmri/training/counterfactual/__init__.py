"""Pictures that part class from source: tumours taken out, moved elsewhere, and edits beside them.

Importing the package loads no torch: public names are found on first use.
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.training.counterfactual.build import (
        build_counterfactuals as build_counterfactuals,
    )

_HOMES = {"build_counterfactuals": "build"}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
