"""Verdicts in words: the rule that made the verdict, with the numbers that it compared."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from batchmri.reasons import VerdictReason
from batchmri.records import Classes, Scores, Series, SeriesKey, Verdict
from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.domain import OUTSIDE, T1_SEQUENCES, WITHOUT_CONTRAST
from batchmri.verdict.series import eligible_slices, required_share, tumor_share

_REASONS_OF_CLASS = (VerdictReason.TUMOR, VerdictReason.KIND_OPEN, VerdictReason.CLASS_UNSURE)


def explain_series(
    series: Series,
    scores: Sequence[Scores],
    verdict: Verdict,
    classes: Classes,
    rules: VerdictSettings,
) -> tuple[str, ...]:
    """Explain the verdict of a series in sentences, in the order in which the rules apply."""
    eligible = eligible_slices(scores, rules)
    if verdict.reason is VerdictReason.OTHER_SEQUENCE:
        return (_other_sequence(series, eligible, rules),)
    if verdict.reason is VerdictReason.OUT_OF_DISTRIBUTION:
        return (_out_of_distribution(verdict, rules),)
    return (
        _deciding_slices(verdict, eligible, scores),
        _tumor_rule(verdict, classes, rules),
        *_class_rule(verdict, classes, rules),
    )


def explain_study(
    deciding: SeriesKey, sequences: Mapping[SeriesKey, str], verdicts: Mapping[SeriesKey, Verdict]
) -> str:
    """Explain why a series decides the verdict of its study (`verdict.study.study_verdict`)."""
    others = [key for key in verdicts if key != deciding]
    if not others:
        return "It is the only classified series of the study."
    advantages: tuple[tuple[str, Callable[[SeriesKey], bool]], ...] = (
        (
            "the model can evaluate it",
            lambda key: not OUTSIDE.intersection(verdicts[key].flags),
        ),
        ("its header states T1 after contrast", lambda key: sequences[key] == "t1_contrast"),
        ("contrast was given", lambda key: WITHOUT_CONTRAST not in verdicts[key].flags),
    )
    rivals = others
    for words, has in advantages:
        if has(deciding) and not all(has(key) for key in rivals):
            rivals = [key for key in rivals if has(key)]
            if not rivals:
                return f"Of {len(verdicts)} classified series it decides because {words}."
    return (
        f"Of {len(verdicts)} classified series it decides because it has the highest p_tumor of "
        "those with equal rank."
    )


def _deciding_slices(verdict: Verdict, eligible: Sequence[Scores], scores: Sequence[Scores]) -> str:
    first, last, n = verdict.deciding[0] + 1, verdict.deciding[-1] + 1, len(verdict.deciding)
    if n == 1:
        n_slices = len(scores)
        return (
            f"Slice {first} decides, of {len(eligible)} eligible and {n_slices} classified slices."
        )
    return (
        f"Slices {first} to {last} decide: the {n} adjacent slices with the highest mean p_tumor, "
        f"of {len(eligible)} eligible and {len(scores)} classified slices."
    )


def _tumor_rule(verdict: Verdict, classes: Classes, rules: VerdictSettings) -> str:
    tumor = classes.tumor_probability(verdict.probabilities)
    low, high = rules.notumor_below, rules.tumor_above
    strict = rules.notumor_below_without_contrast
    if verdict.reason is VerdictReason.BETWEEN_THRESHOLDS:
        return (
            f"p_tumor {rounded(tumor, low, high)} is above {low:g} (notumor_below) and below "
            f"{high:g} (tumor_above): neither a tumor nor no tumor."
        )
    if verdict.reason is VerdictReason.WITHOUT_CONTRAST:
        return (
            f"p_tumor {rounded(tumor, low, strict)} ≤ {low:g} (notumor_below), but contrast is not "
            f"stated or was not given, and p_tumor is above {strict:g} "
            "(notumor_below_without_contrast): not low enough for no tumor."
        )
    if tumor >= high:
        return f"p_tumor {rounded(tumor, high)} ≥ {high:g} (tumor_above): a tumor."
    return f"p_tumor {rounded(tumor, low)} ≤ {low:g} (notumor_below): no tumor."


def _class_rule(verdict: Verdict, classes: Classes, rules: VerdictSettings) -> tuple[str, ...]:
    if verdict.reason not in _REASONS_OF_CLASS:
        return ()
    tumor = classes.tumor_probability(verdict.probabilities)
    is_tumor = tumor >= rules.tumor_above
    name = classes.leading(verdict.probabilities, tumor_only=True) if is_tumor else classes.no_tumor
    probability, limit = verdict.probabilities[classes.names.index(name)], rules.min_confidence
    value = rounded(probability, limit)
    if verdict.reason is VerdictReason.CLASS_UNSURE:
        return (f"{name} {value} < {limit:g} (min_confidence): the class is uncertain.",)
    if verdict.reason is VerdictReason.KIND_OPEN:
        return (_kind_open(name, verdict, classes, rules),)
    return (
        f"{name} leads the tumor classes with {probability / tumor:.2f} of p_tumor; "
        f"its probability {value} ≥ {limit:g} (min_confidence).",
    )


def _kind_open(name: str, verdict: Verdict, classes: Classes, rules: VerdictSettings) -> str:
    share, required = (
        tumor_share(name, verdict.probabilities, classes),
        required_share(name, verdict.flags, rules),
    )
    if share >= required:
        value = rounded(classes.probability(name, verdict.probabilities), rules.min_confidence)
        return f"{name} {value} < {rules.min_confidence:g} (min_confidence): the kind is open."
    setting = "min_class_shares" if name in rules.min_class_shares else "min_class_share"
    if WITHOUT_CONTRAST in verdict.flags:
        setting = "min_class_share_without_contrast"
    return (
        f"{name} leads the tumor classes with only {rounded(share, required)} of p_tumor < "
        f"{required:g} ({setting}): the kind is open."
    )


def _other_sequence(series: Series, eligible: Sequence[Scores], rules: VerdictSettings) -> str:
    if series.sequence not in T1_SEQUENCES:
        return f"The header indicates the sequence {series.sequence}: no verdict."
    t1 = median(s.domain.t1 for s in eligible if s.domain is not None)
    return (
        f"The median probability of T1 weighting is {rounded(t1, rules.min_t1)} < "
        f"{rules.min_t1:g} (min_t1): the slices do not look T1-weighted, no verdict."
    )


def _out_of_distribution(verdict: Verdict, rules: VerdictSettings) -> str:
    limit, score = rules.max_distance, verdict.ood_score or 0.0
    return (
        f"ood_score {rounded(score, limit)} > {limit:g} (max_distance): the slices differ too much "
        "from the training images, no verdict."
    )


def rounded(value: float, *limits: float) -> str:
    """Two decimals, or more if fewer would change the order of the value and a limit."""
    for decimals in (2, 3, 4, 6):
        text = f"{value:.{decimals}f}"
        if all(_order(float(text), limit) == _order(value, limit) for limit in limits):
            break
    return text


def _order(value: float, limit: float) -> int:
    return (value > limit) - (value < limit)
