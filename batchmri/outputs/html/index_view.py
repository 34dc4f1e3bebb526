"""Contents of the index page: counts, distributions and facts of the model as plain values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from batchmri.flags import FLAG_WORDS
from batchmri.outputs import formatting
from batchmri.outputs.html.index_data import BINS, MAX_OOD, IndexData
from batchmri.outputs.rows import Row
from batchmri.outputs.sinks import SinkContext
from batchmri.reasons import Reason, VerdictReason
from batchmri.records import INDETERMINATE

MAX_CHANGES = 200
"""Maximum number of changes that the page lists; all are counted."""
_STATUSES = ("classified", "skipped", "failed")
View = dict[str, Any]


def index_view(
    data: IndexData,
    context: SinkContext,
    changes: Sequence[Row],
    n_changes: Mapping[str, int],
) -> View:
    """The view of the index page."""
    rules = context.settings.verdict
    return {
        "n_studies": data.counts["status"].total(),
        "n_slices": data.n_slices,
        "studies": [(status, data.counts["status"][status]) for status in _STATUSES],
        "series": [(status, data.counts["series_status"][status]) for status in _STATUSES],
        "verdicts": _bars(data.counts["verdict"], _verdict_order(context)),
        "series_reasons": _bars(data.counts["series_reason"], titles=_sentences()),
        "file_reasons": _bars(data.counts["file_reason"], titles=_sentences()),
        "p_tumor": _columns(data.p_tumor, 1.0),
        "thresholds": sorted({rules.notumor_below, rules.tumor_above}),
        "ood": _columns(data.ood_score, MAX_OOD) if any(data.ood_score) else [],
        "ood_limit": rules.max_distance,
        "ood_highest": MAX_OOD,
        "changes": [{key: row.get(key) or "" for key in _CHANGE_KEYS} for row in changes],
        "n_changes": sorted(n_changes.items()),
        "n_more_changes": sum(n_changes.values()) - len(changes),
        "card": _card(context, data),
        "chunks": [f"data/studies-{number:03d}.js" for number in range(data.n_chunks)],
        "classes": list(context.classes.names),
        "settings": {
            "classes": list(context.classes.names),
            "no_tumor": context.classes.no_tumor,
            "low": rules.notumor_below,
            "high": rules.tumor_above,
            "ood_limit": rules.max_distance,
            "ood_highest": MAX_OOD,
            "flag_words": FLAG_WORDS,
            "reason_words": {str(reason): reason.words for reason in VerdictReason},
            "sentences": _sentences(),
        },
    }


_CHANGE_KEYS = ("study_uid", "source", "change", "verdict_before", "verdict")


def _bars(
    counts: Counter[str],
    order: Sequence[str] = (),
    *,
    titles: Mapping[str, str] | None = None,
) -> list[View]:
    """Bars of a chart: those in `order` first, then the others by descending count."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    known = [(name, counts[name]) for name in order if counts[name]]
    others = [(name, n) for name, n in ranked if name not in order]
    highest = max(counts.values(), default=1)
    return [
        {
            "value": name,
            "n": n,
            "percent": round(100 * n / highest, 2),
            "title": (titles or {}).get(name, ""),
        }
        for name, n in (*known, *others)
    ]


def _columns(counts: Sequence[int], highest: float) -> list[View]:
    top = max(*counts, 1)
    return [
        {
            "low": round(i * highest / BINS, 3),
            "high": round((i + 1) * highest / BINS, 3) if i < BINS else None,
            "n": n,
            "percent": round(100 * n / top, 2),
        }
        for i, n in enumerate(counts)
    ]


def _verdict_order(context: SinkContext) -> tuple[str, ...]:
    tumors = [name for name in context.classes.names if name != context.classes.no_tumor]
    return (*tumors, "tumor", INDETERMINATE, context.classes.no_tumor)


def _sentences() -> dict[str, str]:
    return {str(reason): reason.about.sentence.replace("`", "") for reason in Reason}


def _card(context: SinkContext, data: IndexData) -> list[tuple[str, str]]:
    """Facts of the model card and of how the results were made."""
    card, made = context.card, context.provenance
    rules = context.settings.verdict
    training = [source["name"] for source in card.get("sources", ())]
    digests = sorted(digest[:12] for digest in data.models)
    facts = {
        "Weights": ", ".join(digests),
        "Architecture": str(card.get("architecture", "")),
        "Classes": ", ".join(context.classes.names),
        "Tumor at p_tumor of at least": f"{rules.tumor_above:g}",
        "No tumor at p_tumor of at most": f"{rules.notumor_below:g}",
        "Temperature": f"{card['temperature']:g}" if "temperature" in card else "",
        "Device and precision": " ".join(
            str(made[key]) for key in ("device", "precision") if key in made
        ),
        "Accuracy on test images": _accuracy(card),
        "Trained on": "; ".join(training),
        "License of the weights": str(card.get("license", "")),
        "Intended use": str(card.get("intended_use", "")),
    }
    return [(name, formatting.printable(value)) for name, value in facts.items() if value]


def _accuracy(card: Mapping[str, Any]) -> str:
    test = card.get("metrics", {}).get("test", {})
    if not isinstance(test, Mapping) or "accuracy" not in test:
        return ""
    interval = test.get("accuracy_95")
    between = f" ({interval[0]} to {interval[1]})" if isinstance(interval, list) else ""
    return f"{test['accuracy']}{between}, {test.get('n', 'unknown number of')} images"
