"""What a model is worth: `batchmri evaluate`.

    chosen, asked   rows of the data → what the network says of each
    leaks           which of them the model cannot have seen (manifest, lookalikes)
    groups          what is drawn together for the intervals (measures)
    scores, calibration, coverage, localisation   what is measured
    output, picture_tables, plots, sheets         what people get
    run             all of it, for pictures

Importing the package loads neither torch nor scikit-learn.
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.training.evaluation.run import Asked as Asked
    from batchmri.training.evaluation.run import evaluate_pictures as evaluate_pictures

_HOMES = {"Asked": "run", "evaluate_pictures": "run"}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
