"""Temperature, thresholds and domain limit of a model, fitted on sources that did not train.

    python -m experiments.b1.calibrate SHARED_DATA TABLE.csv WORK MODEL OUT.safetensors

Temperature: each group of left-out sources counts the same; each is also judged by the temperature
that the other groups give. Thresholds: of the series of left-out sources (volumes at their own
resolution, patients), at most a stated share is on the wrong side (split conformal prediction).
Domain: the limit admits a stated share of the series of left-out sources.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, floor
from pathlib import Path

import numpy as np
from scipy.stats import beta

from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint, save_checkpoint
from batchmri.model.ood import DomainModel
from batchmri.settings.sections import VerdictSettings
from experiments.b1.cases import FINAL, FREE, Case, all_cases
from experiments.b1.judge import CaseVerdict, Rules, Seen, binned_error, judged, see, softmax
from experiments.b1.table import ANY_TUMOR

FALSE_ALARMS, MISSED, OUTSIDE = 0.02, 0.10, 0.03
_STEPS = 1000  # thresholds have three decimals
_TEMPERATURES = np.round(np.logspace(-0.3, 0.7, 101), 3)
Figures = dict[str, float | int | str]


def temperature_groups(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    """Left-out pictures that have a class, by source."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        case = one.case
        if case.group == "lgg":
            groups[f"lgg {case.name.split('_')[1]}"].append(one)
        elif case.group == "atlas44" and case.contrast:
            groups["atlas44"].append(one)
        elif case.group in ("native slices", "heads"):
            groups["heads"].append(one)
    return dict(groups)


def loss(seen: Sequence[Seen], temperature: float, no_tumor: int, classes: Sequence[str]) -> float:
    """Mean −log probability of what pictures show; of some tumor where no class is known."""
    losses: list[float] = []
    for one in seen:
        probabilities = softmax(one.logits / temperature)
        if one.case.label == ANY_TUMOR:
            true = 1 - probabilities[:, no_tumor]
        else:
            true = probabilities[:, classes.index(one.case.label)]
        losses += (-np.log(np.maximum(true, 1e-9))).tolist()
    return float(np.mean(losses))


def fit_temperature(
    groups: dict[str, list[Seen]], no_tumor: int, classes: Sequence[str]
) -> tuple[float, Figures]:
    """The temperature of the lowest mean loss of the groups, and how it carries over."""
    table = {
        name: np.array([loss(seen, t, no_tumor, classes) for t in _TEMPERATURES])
        for name, seen in groups.items()
    }
    figures: Figures = {}
    for name, seen in groups.items():
        others = sum(losses for other, losses in table.items() if other != name)
        given = float(_TEMPERATURES[int(np.argmin(others))])
        figures[f"temperature_without_{name}"] = given
        known = [one for one in seen if one.case.label != ANY_TUMOR]
        if known:
            figures[f"calibration_error_{name}"] = round(error_of(known, given, classes), 3)
    return float(_TEMPERATURES[int(np.argmin(sum(table.values())))]), figures


def error_of(seen: Sequence[Seen], temperature: float, classes: Sequence[str]) -> float:
    """Expected calibration error of the leading class; every picture has a class."""
    probabilities = np.concatenate([softmax(one.logits / temperature) for one in seen])
    labels = np.concatenate([[classes.index(s.case.label)] * len(s.logits) for s in seen])
    return binned_error(probabilities.max(1), probabilities.argmax(1) == labels)


def series_of(seen: Sequence[Seen]) -> list[Seen]:
    """Whole series of left-out sources: volumes, and the pictures of a patient together."""
    found = [one for one in seen if one.case.is_series and not one.case.trained]
    patients: dict[tuple[str, str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        if one.case.group == "lgg":
            patients[one.case.group, one.case.label, one.case.name].append(one)
        elif one.case.group == "atlas44" and one.case.contrast:
            # A scan group holds several patients: each picture is a series of its own.
            found.append(one)
    return found + [_joined(pictures) for pictures in patients.values()]


def _joined(pictures: Sequence[Seen]) -> Seen:
    case: Case = replace(
        pictures[0].case, rows=tuple(row for one in pictures for row in one.case.rows)
    )
    return Seen(
        case,
        np.concatenate([one.logits for one in pictures]),
        np.concatenate([one.features for one in pictures]),
        np.concatenate([one.areas for one in pictures]),
    )


def rank(share: float, n: int) -> int:
    """How many of n may be on the wrong side, so that further ones are at most by this share."""
    return floor(share * (n + 1) + 1e-9)


def fit_thresholds(series: Sequence[CaseVerdict]) -> tuple[dict[str, float], Figures]:
    """The thresholds for the stated errors, and the errors found, with 95% intervals."""
    free = sorted(one.suspicion for one in series if one.case.label == FREE)
    tumor = sorted(one.suspicion for one in series if one.case.label != FREE)
    without = sorted(
        one.suspicion for one in series if one.case.label != FREE and one.case.contrast
    )
    below = floor(without[max(0, rank(MISSED, len(without)) - 1)] * _STEPS) / _STEPS
    above = ceil(free[-max(1, rank(FALSE_ALARMS, len(free)))] * _STEPS) / _STEPS
    above = max(above, 0.5)
    fitted = {"tumor_above": above, "notumor_below": min(below, above)}
    alarms, missed = sum(v >= above for v in free), sum(v <= fitted["notumor_below"] for v in tumor)
    figures: Figures = {
        "tumor_free_series": len(free),
        "tumor_series": len(tumor),
        "false_alarms_stated": FALSE_ALARMS,
        "missed_stated": MISSED,
        "tumor_free_called_tumor": _interval(alarms, len(free)),
        "tumor_free_called_notumor": _interval(
            sum(v <= fitted["notumor_below"] for v in free), len(free)
        ),
        "tumor_called_tumor": _interval(sum(v >= above for v in tumor), len(tumor)),
        "tumor_called_notumor": _interval(missed, len(tumor)),
    }
    return fitted, figures | fitted


def _interval(hits: int, n: int) -> str:
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return f"{hits} of {n} ({low:.3f}-{high:.3f})"


def fit_limit(series: Sequence[CaseVerdict]) -> tuple[float, Figures]:
    """The factor of the domain's limit that admits the stated share of left-out series."""
    groups: dict[str, list[float]] = defaultdict(list)
    for one in series:
        groups[one.case.group].append(one.distance)
    weights = np.concatenate([[1 / len(found)] * len(found) for found in groups.values()])
    values = np.concatenate(list(groups.values()))
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    limit = float(values[order][int(np.searchsorted(shares, 1 - OUTSIDE))])
    figures: Figures = {"admitted_stated": 1 - OUTSIDE}
    for name, found in groups.items():
        inside = sum(value <= limit for value in found)
        figures[f"admitted_{name.replace(' ', '_')}"] = f"{inside} of {len(found)}"
    return limit, figures


def calibrate(seen: Sequence[Seen], card: Card, field: DomainModel) -> tuple[Card, DomainModel]:
    """The card and domain with what was fitted."""
    groups = temperature_groups(seen)
    temperature, figures = fit_temperature(groups, card.no_tumor_index, card.classes)
    rules = Rules(card, field, temperature, VerdictSettings())
    series = [judged(one, rules) for one in series_of(seen)]
    limit, domain = fit_limit(series)
    thresholds, errors = fit_thresholds(series)
    found = card.figures | {"temperature": figures, "verdict": errors}
    found["domain"] = found.get("domain", {}) | domain
    changed = {"temperature": temperature, "verdict": thresholds, "figures": found}
    widened = replace(field, limit=(field.limit * limit).astype(np.float32))
    return card.model_copy(update=changed), widened


def main() -> None:
    """Write the calibrated model and print what was fitted."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shared_data", "table", "work", "model", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    network, card, field = load_checkpoint(given.model)
    if field is None:
        raise SystemExit(f"{given.model}: it has no domain")
    cases = [c for c in all_cases(given.shared_data, given.table, False) if c.group not in FINAL]
    seen = see(cases, given.model, given.work, "dev")
    card, field = calibrate(seen, card, field)
    save_checkpoint(given.out, network, card, field)
    print("temperature", card.temperature)
    for group in ("temperature", "verdict", "domain"):
        for name, value in card.figures[group].items():
            print(group, name, value)


if __name__ == "__main__":
    main()
