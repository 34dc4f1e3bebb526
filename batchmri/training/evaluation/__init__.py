"""What a model is worth: `batchmri evaluate`.

    chosen, asked   rows of the data → what the network says of each
    leaks           which of them the model cannot have seen (manifest, lookalikes)
    groups          what is drawn together for the intervals (measures)
    scores, calibration, coverage, localisation   what is measured
    output, picture_tables, panels, plots, sheets what people get
    run             all of it, for pictures
    volume_labels, volume_join, volume_scores, volume_run   the same for volumes, from a scan
    volume_plots, volume_sheet                              and their figures

Importing the package loads neither torch nor scikit-learn.
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.training.evaluation.run import Asked as Asked
    from batchmri.training.evaluation.run import evaluate_pictures as evaluate_pictures
    from batchmri.training.evaluation.volume_labels import VolumeLabel as VolumeLabel
    from batchmri.training.evaluation.volume_labels import read_volume_labels as read_volume_labels
    from batchmri.training.evaluation.volume_run import evaluate_volumes as evaluate_volumes

_HOMES = {
    "Asked": "run",
    "VolumeLabel": "volume_labels",
    "evaluate_pictures": "run",
    "evaluate_volumes": "volume_run",
    "read_volume_labels": "volume_labels",
}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
