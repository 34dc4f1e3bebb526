"""Made-up cases and outputs of a network."""

from pathlib import Path
from typing import Any

import numpy as np

from batchmri.model.card import Card
from batchmri.model.ood import POOLED, DomainModel
from batchmri.settings.verdict import VerdictSettings
from batchmri.training.table import Row
from experiments.b1.cases import Case
from experiments.b1.outputs import Output
from experiments.b1.verdicts import CaseVerdict, Rules, verdicts_of

CLASSES = ("glioma", "meningioma", "notumor")
CARD = Card(classes=CLASSES, no_tumor_class="notumor", preparation={"size": 32})
RULES = Rules(CARD)
ROW = Row(Path("any"), "glioma", "dev")


def case(label: str, group: str = "heads", n: int = 1, name: str = "p", **more: Any) -> Case:
    return Case(group, label, label, name, (ROW,) * n, source=more.pop("source", group), **more)


def domain() -> DomainModel:
    """A domain model with one texture feature, of mean 1 and standard deviation 1."""
    arrays = (np.ones(shape, np.float32) for shape in ((1,), (1,), (1, 1), (1,), (1,), (1,)))
    return DomainModel(*arrays, np.array([[0, 9], [0, 9]], np.float32))


def output(
    one: Case, logits: list[list[float]], areas: list[int] | None = None, texture: float = 1.0
) -> Output:
    """A case whose slices have these logits and brain boxes of these areas."""
    n = len(logits)
    features = np.full((n, POOLED + 1), texture, np.float32)
    boxes = [[0, 0, area, 1, area == 0, 200, 200] for area in areas or [100] * n]
    return Output(one, np.array(logits, float), features, np.array(boxes, np.int32))


def found(label: str, p_tumor: float, share: float = 1.0, **more: Any) -> CaseVerdict:
    """The verdict for a single image with this p_tumor; `share` of it is glioma."""
    rules = more.pop("rules", VerdictSettings())
    p = np.array([p_tumor * share, p_tumor * (1 - share), 1 - p_tumor])
    logits = [np.log(np.maximum(p, 1e-9)).tolist()]
    return verdicts_of([output(case(label, **more), logits)], Rules(CARD, verdict=rules))[0]
