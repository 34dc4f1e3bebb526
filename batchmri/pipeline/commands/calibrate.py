"""`batchmri calibrate`: fit verdict rules to labeled series of an output, without pixels."""

from collections.abc import Callable, Sequence
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import write_atomic
from batchmri.outputs.console import Console, LogFormat
from batchmri.pipeline.commands.site_labels import SiteLabel, match_labels, read_labels
from batchmri.pipeline.run.calibration_file import FITTED, Calibration
from batchmri.pipeline.run.output_folder import state_path
from batchmri.pipeline.run.provenance import known_classes, known_model, known_rules
from batchmri.proportions import wilson
from batchmri.records import TUMOR, Classes, SeriesResult, Verdict
from batchmri.settings import Settings
from batchmri.settings.verdict import VerdictSettings
from batchmri.state.store import Store
from batchmri.verdict.series import series_verdict
from batchmri.verdict.site_rules import LabeledSeries, SiteFit, Targets, fewest_for, usable
from batchmri.verdict.study import study_verdict
from batchmri.verdict.temperature import sharpened, sharpening

Rates = dict[str, dict[str, float | int]]


def calibrate(
    out: str | Path,
    labels: Path,
    to: Path,
    *,
    targets: Targets | None = None,
    settings: Settings | None = None,
    state: Path | None = None,
    log_format: LogFormat = "auto",
) -> Calibration:
    """Fit the verdict rules of a site, print the expected error rates, and write the file `to`.

    The rules that are not fitted are those of the settings and the model card; a calibration file
    in the settings is ignored. Raises UsageError for labels that cannot be used.
    """
    output, settings, targets = Path(out), settings or Settings.load(), targets or Targets()
    console = Console(log_format)
    database = state_path(output, state)
    if not database.is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    with Store(database) as store:
        classes, model_digest = known_classes(store), known_model(store)
        rules = settings.with_model_rules(known_rules(store)).verdict
        key, rows = read_labels(labels, classes)
        matched = match_labels(labels, key, rows, store.series.studies())
    labeled, outside = _labeled_series(labels, matched, classes, rules)
    _check_both_kinds(labels, labeled, classes)
    fit = SiteFit(labeled, classes, rules, targets)
    if not fit.fitted:
        _print_needs(console, fit)
        raise UsageError(
            f"--labels {labels}: too few labeled series for every requested error rate (table "
            "above); label more, or raise the rates"
        )
    expected = error_rates(fit, fit.out_of_sample())
    now = error_rates(fit, [fit.verdict(i, {}) for i in range(len(labeled))])
    counts = _counts(labeled, outside, sum(not results for _, results in matched))
    calibration = Calibration(
        model_digest=model_digest,
        verdict=fit.fitted,
        targets={
            "fpr": targets.fpr,
            "fnr": targets.fnr,
            "class_error": targets.class_error,
        },
        labels=counts,
        expected=expected,
    )
    write_atomic(to, calibration.dump())
    _print(console, fit, rules, expected, now, counts)
    for warning in [*_too_few(fit), *_missed_targets(expected, targets), *_set_elsewhere(settings)]:
        console.warn(warning)
    console.say(f"Written to {to}. Use it with --calibration {to} in scan and reclassify.")
    return calibration


def _labeled_series(
    table: Path,
    matched: Sequence[tuple[SiteLabel, list[SeriesResult]]],
    classes: Classes,
    rules: VerdictSettings,
) -> tuple[list[LabeledSeries], int]:
    """The deciding series of each label, and the number of those that are out of distribution."""
    exponent = sharpening(classes, rules)
    labeled: list[LabeledSeries] = []
    outside = 0
    lines: dict[tuple[str, ...], int] = {}
    for label, results in matched:
        verdicts = {
            r.series.key: (
                r.series.sequence,
                series_verdict(r.series, sharpened(r.scores, exponent), classes, rules),
            )
            for r in results
        }
        deciding = study_verdict(verdicts, classes)
        if deciding is None:
            continue
        key, verdict = deciding
        if key in lines:
            raise UsageError(
                f"--labels {table}, line {label.line}: names the same series as line {lines[key]}"
            )
        lines[key] = label.line
        if not usable(verdict):
            outside += 1
            continue
        result = next(r for r in results if r.series.key == key)
        labeled.append(LabeledSeries(key.study_uid, result.series, result.scores, label.label))
    return labeled, outside


def _check_both_kinds(table: Path, labeled: Sequence[LabeledSeries], classes: Classes) -> None:
    n_free = sum(one.label == classes.no_tumor for one in labeled)
    if not 0 < n_free < len(labeled):
        raise UsageError(
            f"--labels {table}: {len(labeled) - n_free} series with a tumor and {n_free} without "
            "can have a verdict; label series of both kinds"
        )


def _counts(labeled: Sequence[LabeledSeries], outside: int, missing: int) -> dict[str, int]:
    counts = dict.fromkeys(sorted({one.label for one in labeled}), 0)
    for one in labeled:
        counts[one.label] += 1
    return counts | {"out_of_distribution": outside, "not_classified": missing}


def error_rates(fit: SiteFit, verdicts: Sequence[Verdict]) -> Rates:
    """Shares of verdicts by kind of series, with 95% intervals by the number of studies."""
    no_tumor = fit.classes.no_tumor
    indices = range(len(verdicts))
    free = [i for i in indices if not fit.is_tumor(i)]
    tumors = [i for i in indices if fit.is_tumor(i)]
    clear = [i for i in tumors if not fit.in_doubt(i)]
    doubtful = [i for i in tumors if fit.in_doubt(i)]

    def called_tumor(i: int) -> bool:
        return verdicts[i].name == TUMOR or _has_class(i)

    def _has_class(i: int) -> bool:
        return verdicts[i].name in fit.classes.names and verdicts[i].name != no_tumor

    of_class = [i for i in tumors if fit.labeled[i].label in fit.classes.names]
    given = [i for i in of_class if _has_class(i)]
    shares: dict[str, tuple[Sequence[int], Callable[[int], bool]]] = {
        "tumor-free called a tumor": (free, called_tumor),
        "tumor-free called tumor-free": (free, lambda i: verdicts[i].name == no_tumor),
        "tumors called a tumor": (tumors, called_tumor),
        "tumors after contrast called tumor-free": (clear, lambda i: verdicts[i].name == no_tumor),
        "other tumors called tumor-free": (doubtful, lambda i: verdicts[i].name == no_tumor),
        "tumors labeled with a class given one": (of_class, _has_class),
        "wrong class of those given one": (
            given,
            lambda i: verdicts[i].name != fit.labeled[i].label,
        ),
    }
    return {
        name: _rate([is_hit(i) for i in own], len({fit.labeled[i].group for i in own}))
        for name, (own, is_hit) in shares.items()
        if own
    }


def _rate(hits: Sequence[bool], n_groups: int) -> dict[str, float | int]:
    share = sum(hits) / len(hits)
    low, high = wilson(share, n_groups)
    return {
        "share": round(share, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(hits),
    }


_Need = tuple[str, float, str, int, int]
"""Flag, requested rate, kind of series, how many of them are needed, and how many are labeled."""


def _needs(fit: SiteFit) -> list[_Need]:
    free = [i for i in range(len(fit.labeled)) if not fit.is_tumor(i)]
    tumors = [i for i in range(len(fit.labeled)) if fit.is_tumor(i)]
    clear = [i for i in tumors if not fit.in_doubt(i)]
    with_class = [i for i in clear if fit.labeled[i].label in fit.classes.names]
    rates = (
        ("--target-fpr", fit.targets.fpr, "tumor-free series", free),
        ("--target-fnr", fit.targets.fnr, "series with a tumor after contrast", clear),
        ("--target-class-error", fit.targets.class_error, "of them with a class", with_class),
    )
    return [(flag, rate, kind, fewest_for(rate), len(own)) for flag, rate, kind, own in rates]


def _print_needs(console: Console, fit: SiteFit) -> None:
    head = ("requested rate", "value", "series", "needed", "labeled")
    console.table("Labels and requested error rates", head, _needs(fit))


def _too_few(fit: SiteFit) -> list[str]:
    """Describe the error rates for which there are too few labels."""
    return [
        f"{flag} {rate:g} needs {needed} {kind}, {labeled} are labeled: the rule of the model "
        "card is kept"
        for flag, rate, kind, needed, labeled in _needs(fit)
        if labeled < needed
    ]


def _missed_targets(expected: Rates, targets: Targets) -> list[str]:
    wanted = {
        "tumor-free called a tumor": targets.fpr,
        "tumors after contrast called tumor-free": targets.fnr,
        "wrong class of those given one": targets.class_error,
    }
    return [
        f"{name}: {expected[name]['share']:.3f} out of sample, more than the requested {rate:g}"
        for name, rate in wanted.items()
        if name in expected and expected[name]["low"] > rate
    ]


def _set_elsewhere(settings: Settings) -> list[str]:
    """Fitted rules that the settings set, which take precedence over a calibration file."""
    return [
        f"{settings.name(f'verdict.{name}')} takes precedence over the calibration file"
        for name in (*FITTED, "min_class_shares")
        if name in settings.verdict.model_fields_set
    ]


def _print(
    console: Console,
    fit: SiteFit,
    rules: VerdictSettings,
    expected: Rates,
    now: Rates,
    counts: dict[str, int],
) -> None:
    console.counts("Labels", counts, "label", "series")
    current = {name: f"{getattr(rules, name):g}" for name in FITTED if name != "temperature"} | {
        "temperature": f"{rules.temperature or fit.classes.temperature:g}",
        "min_class_share": _class_shares(rules, fit.classes),
    }
    console.table(
        "Rules",
        ("setting", "now", "calibrated"),
        [(name, current[name], f"{value:g}") for name, value in fit.fitted.items()],
    )
    console.table(
        "Error rates (calibrated: each study is classified with rules fitted to the others)",
        ("what", "series", "now", "calibrated", "95% interval"),
        [
            (
                name,
                rate["n"],
                f"{now[name]['share']:.3f}" if name in now else "",
                f"{rate['share']:.3f}",
                f"{rate['low']:.3f}-{rate['high']:.3f}",
            )
            for name, rate in expected.items()
        ],
    )


def _class_shares(rules: VerdictSettings, classes: Classes) -> str:
    """The share of all classes, or of each tumor class if the shares of some are set."""
    if not rules.min_class_shares:
        return f"{rules.min_class_share:g}"
    shares = {name: rules.min_class_share for name in classes.names if name != classes.no_tumor}
    return ", ".join(
        f"{name} {share:g}" for name, share in (shares | rules.min_class_shares).items()
    )
