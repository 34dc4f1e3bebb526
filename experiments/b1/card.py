"""Copy of evaluation metrics to a model card.

    python -m experiments.b1.card MODEL.json test=OUT dev_heads=OUT ...

OUT is the output of `batchmri evaluate`. Leak-free metrics are used if available, otherwise those
of images or series. 95% intervals are stored as `<metric>_95`. Metrics that the card contains under
other names are kept.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batchmri.renamed import CARD, rename_keys

_SUBSETS = ("leak-free", "raw", "series")
_METRICS = (
    *("accuracy", "precision", "recall", "f1", "called_tumor", "ece", "pointing"),
    *("pointing_of_middle", "randomized_rank_correlation"),
    *("sensitivity", "right_class", "specificity", "definite"),
)


def metrics_of(folder: Path) -> dict[str, Any]:
    """Return the metrics of one evaluation, by `<metric>` or `<class>_<metric>`."""
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    subset = next(found[name] for name in _SUBSETS if name in found)
    metrics: dict[str, Any] = {}
    for metric in _METRICS:
        for of, value in subset.get(metric, {}).items():
            if value["value"] is None or not value["n"] or "=" in of:
                continue
            name = metric if of == "all" else f"{of}_{metric}"
            metrics[name] = round(value["value"], 3)
            if of in ("all", "macro") and value["low"] is not None:
                metrics[f"{name}_95"] = [round(value["low"], 3), round(value["high"], 3)]
            if of == "all":
                metrics.setdefault("n", value["n"])
    return metrics


def main(card: Path, evaluations: Sequence[str]) -> None:
    """Write the metrics of the evaluations (NAME=OUT) to the card."""
    content = rename_keys(json.loads(card.read_text(encoding="utf-8")), CARD)
    for evaluation in evaluations:
        name, folder = evaluation.split("=", 1)
        content["metrics"][name] = metrics_of(Path(folder))
    card.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
