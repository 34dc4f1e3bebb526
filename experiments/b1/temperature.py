"""Temperature scaling over groups of left-out sources (Guo et al., 2017)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from batchmri.evaluation.calibration import calibration_error
from experiments.b1.outputs import Output, softmax
from experiments.b1.table import ANY_TUMOR

Metrics = dict[str, float | int | str]
_TEMPERATURES = np.round(np.logspace(-0.3, 0.7, 101), 3)
_MIN_PROBABILITY = 1e-9


def temperature_groups(outputs: Sequence[Output]) -> dict[str, list[Output]]:
    """Return the images with a known label from left-out sources, in groups of similar sources.

    They are the low-grade gliomas of each hospital, the 44-class set after contrast, heads at 2 mm
    and heads at native resolution. Slices of volumes with a tumor are excluded, since it is not
    known which of them show the tumor.
    """
    groups: dict[str, list[Output]] = defaultdict(list)
    for output in outputs:
        case = output.case
        if case.group == "lgg":
            groups[case.source].append(output)
        elif case.group == "atlas44" and case.contrast:
            groups["atlas44"].append(output)
        elif case.group in ("heads", "native slices"):
            groups[case.group].append(output)
    return dict(groups)


def fit_temperature(
    groups: Mapping[str, Sequence[Output]], no_tumor: int, classes: Sequence[str]
) -> tuple[float, Metrics]:
    """Return the temperature with the lowest mean loss of the groups, and its generalization.

    Every group has the same weight. The metrics contain, for each group, the temperature fitted to
    the other groups and the calibration error of the group at that temperature, and the mean error.
    """
    losses = {
        name: np.array([_loss(outputs, t, no_tumor, classes) for t in _TEMPERATURES])
        for name, outputs in groups.items()
    }
    metrics: Metrics = {}
    errors = []
    for name, outputs in groups.items():
        without = _lowest([loss for other, loss in losses.items() if other != name])
        metrics[f"without {name}"] = without
        known = [output for output in outputs if output.case.label != ANY_TUMOR]
        if known:
            errors.append(left_out_error(known, without, classes))
            metrics[f"calibration error {name}"] = round(errors[-1], 3)
    if errors:
        metrics["mean calibration error of left-out groups"] = round(float(np.mean(errors)), 3)
    return _lowest(list(losses.values())), metrics


def left_out_error(outputs: Sequence[Output], temperature: float, classes: Sequence[str]) -> float:
    """Return the expected calibration error of the leading class."""
    probabilities = np.concatenate([softmax(output.logits / temperature) for output in outputs])
    labels = [classes.index(output.case.label) for output in outputs for _ in output.logits]
    return calibration_error(np.array(labels, np.int64), probabilities)


def _loss(
    outputs: Sequence[Output], temperature: float, no_tumor: int, classes: Sequence[str]
) -> float:
    """Return the mean −log probability of the labels; of any tumor if the kind has no class."""
    losses = []
    for output in outputs:
        probabilities = softmax(output.logits / temperature)
        if output.case.label == ANY_TUMOR:
            true = 1 - probabilities[:, no_tumor]
        else:
            true = probabilities[:, classes.index(output.case.label)]
        losses.append(-np.log(np.maximum(true, _MIN_PROBABILITY)))
    return float(np.concatenate(losses).mean())


def _lowest(losses: Sequence[np.ndarray]) -> float:
    return float(_TEMPERATURES[int(np.argmin(sum(losses)))])
