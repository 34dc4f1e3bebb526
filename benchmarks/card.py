"""The figures of evaluations, written into a model's card.

    python -m benchmarks.card MODEL.json test=OUT dev_heads=OUT ...

OUT is what `batchmri evaluate` left. Leak-free figures are taken where there are any, else those of
the pictures, or of the series; 95% intervals as `<figure>_95`. Figures that the card holds under
other names stay.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SUBSETS = ("leak-free", "raw", "series")
_TOLD = (
    *("accuracy", "precision", "recall", "f1", "called_tumor", "ece", "pointing"),
    *("pointing_of_middle", "randomised_rank_correlation"),
    *("sensitivity", "right_class", "specificity", "definite"),
)


def figures(folder: Path) -> dict[str, Any]:
    """The figures of one evaluation, by `<metric>` or `<class>_<metric>`."""
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    subset = next(found[name] for name in _SUBSETS if name in found)
    told: dict[str, Any] = {}
    for metric in _TOLD:
        for of, value in subset.get(metric, {}).items():
            if value["value"] is None or not value["n"] or "=" in of:
                continue
            name = metric if of == "all" else f"{of}_{metric}"
            told[name] = round(value["value"], 3)
            if of in ("all", "macro") and value["low"] is not None:
                told[f"{name}_95"] = [round(value["low"], 3), round(value["high"], 3)]
            if of == "all":
                told.setdefault("n", value["n"])
    return told


def main(card: Path, evaluations: Sequence[str]) -> None:
    """Write them."""
    told = json.loads(card.read_text(encoding="utf-8"))
    for evaluation in evaluations:
        name, folder = evaluation.split("=", 1)
        told["figures"][name] = figures(Path(folder))
    card.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
