"""Hard negatives: tumour-free pictures that the first network takes for a tumour, drawn more often.

Sung and Poggio, Example-based learning for view-based human face detection, 1998.
"""

from collections.abc import Mapping
from dataclasses import replace

from batchmri.classifier.network import ClassMapNetwork
from batchmri.pixels.preparation import PreparationSettings
from batchmri.training.dataset import Prepared
from batchmri.training.evaluate import predict
from batchmri.training.table import Row


def weigh_hard_negatives(
    network: ClassMapNetwork,
    prepared: Prepared,
    settings: PreparationSettings,
    no_tumor: int,
    no_tumor_class: str,
    factors: Mapping[str, float],
) -> list[Row]:
    """The rows; those of tumour-free training pictures of the sources in `factors` weigh more.

    A weight grows by the source's factor times the network's probability of any tumour.
    """
    rows = list(prepared.rows)
    negatives = [
        index
        for index, row in enumerate(rows)
        if row.split == "train" and row.label == no_tumor_class and row.source in factors
    ]
    if negatives:
        values = predict(network, prepared, negatives, settings, half=True)
        suspicion = (1 - values.softmax(1)[:, no_tumor]).tolist()
        for index, any_tumor in zip(negatives, suspicion, strict=True):
            row = rows[index]
            rows[index] = replace(row, weight=row.weight * (1 + factors[row.source] * any_tumor))
    return rows
