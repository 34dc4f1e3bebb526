"""Fit temperature, verdict rules and domain limit of a model on sources it was not trained on.

    python -m experiments.b1.calibrate SHARED_DATA TABLE.csv WORK MODEL OUT.safetensors

Only cases outside FINAL are used, and none that the model was trained on. The card gets, and the
command prints, all fitted values, their results on sources outside the fit, and the numbers of
series.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint, save_checkpoint
from batchmri.model.ood import DomainModel
from batchmri.settings.verdict import VerdictSettings
from experiments.b1.cases import FINAL, Case, all_cases
from experiments.b1.domain_limit import fit_limit
from experiments.b1.margin import NO_CLASS, fit_margins, left_out_margins, margin_metrics
from experiments.b1.outputs import Output, network_outputs
from experiments.b1.temperature import fit_temperature, temperature_groups
from experiments.b1.thresholds import (
    Thresholds,
    applied,
    fit_thresholds,
    left_out_metrics,
    verdict_metrics,
)
from experiments.b1.verdicts import CaseVerdict, Rules, verdicts_of

_WITHOUT_CASES = (
    "val",
    "other lesions",
)  # the source of the training; neither tumor nor tumor-free


def series_of(outputs: Sequence[Output]) -> list[Output]:
    """Return the series of left-out sources: volumes, planes, and all images of a patient as one.

    Each image of the 44-class set is a series, since a scan group contains several patients.
    """
    found: list[Output] = []
    patients: dict[tuple[str, str], list[Output]] = defaultdict(list)
    for output in outputs:
        case = output.case
        if case.trained or case.group in _WITHOUT_CASES:
            continue
        if case.group == "lgg":
            patients[case.label, case.name].append(output)
        else:
            found.append(output)
    return found + [_joined(own) for own in patients.values()]


def _joined(outputs: Sequence[Output]) -> Output:
    case: Case = replace(
        outputs[0].case, rows=tuple(row for output in outputs for row in output.case.rows)
    )
    return Output(
        case,
        np.concatenate([output.logits for output in outputs]),
        np.concatenate([output.features for output in outputs]),
        np.concatenate([output.boxes for output in outputs]),
    )


def calibrate(
    outputs: Sequence[Output], card: Card, domain: DomainModel
) -> tuple[Card, DomainModel]:
    """Return the card and the domain model with all values fitted to the outputs."""
    groups = temperature_groups(outputs)
    temperature, temperature_metrics = fit_temperature(groups, card.no_tumor_index, card.classes)
    series = series_of(outputs)
    limit, domain_metrics = fit_limit(series, domain)
    domain = replace(domain, limit=np.asarray([limit], np.float32))
    rules = Rules(card, domain, temperature, VerdictSettings()).everywhere()
    verdict, metrics = _fit_verdict(series, rules)
    found = {name: value for name, value in card.metrics.items() if name != "verdict"}
    domain_metrics = card.metrics.get("domain", {}) | domain_metrics
    found |= {"temperature": temperature_metrics, **metrics, "domain": domain_metrics}
    changed = {"temperature": temperature, "verdict": verdict, "metrics": found}
    return card.model_copy(update=changed), domain


def _fit_verdict(
    series: Sequence[Output], rules: Rules
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    first = verdicts_of(series, rules)
    thresholds = fit_thresholds(first)

    def reapply(some: Sequence[CaseVerdict], other: Thresholds) -> list[CaseVerdict]:
        outputs = [one.output for one in some]
        return verdicts_of(outputs, replace(rules, verdict=applied(other, rules.verdict)))

    verdicts = reapply(first, thresholds)
    metrics: dict[str, dict[str, Any]] = {
        "verdict": {
            "tumor_free_series": sum(not one.shows_tumor for one in verdicts),
            "tumor_series": sum(one.shows_tumor for one in verdicts),
            **thresholds.settings(),
            **verdict_metrics(verdicts),
            **left_out_metrics(first, reapply),
        }
    }
    called = [one for one in verdicts if one.shows_tumor and one.p_tumor >= thresholds.tumor_above]
    enhanced = [one for one in called if one.case.contrast]
    plain = [one for one in called if not one.case.contrast]
    margins = fit_margins(enhanced)
    without = max(fit_margins(plain).values(), default=NO_CLASS)
    metrics["class margins"] = {
        "series": len(enhanced),
        "series without contrast": len(plain),
        "margin without contrast": without,
        **margins,
        **margin_metrics(enhanced, margins),
        **left_out_margins(enhanced),
    }
    rules_found = {
        **thresholds.settings(),
        "min_class_share": max(margins.values(), default=NO_CLASS),
        "min_class_shares": margins,
        "min_class_share_without_contrast": without,
    }
    return rules_found, metrics


def main() -> None:
    """Write the calibrated model and print what was fitted."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("shared_data", "table", "work", "model", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    network, card, domain = load_checkpoint(given.model)
    if domain is None:
        raise SystemExit(f"{given.model}: it has no domain model")
    cases = [c for c in all_cases(given.shared_data, given.table, False) if c.group not in FINAL]
    outputs = network_outputs(cases, given.model, given.work, "dev")
    card, domain = calibrate(outputs, card, domain)
    save_checkpoint(given.out, network, card, domain)
    print(f"temperature: {card.temperature:g}")
    for name in ("temperature", "verdict", "class margins", "domain"):
        for what, value in card.metrics[name].items():
            print(f"{name}: {what}: {value}")


if __name__ == "__main__":
    main()
