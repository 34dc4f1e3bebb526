"""What a model says of every case, and the table that compares models.

    python -m experiments.b1.judge SHARED_DATA TABLE.csv WORK MODEL... [--final]

One column per model (.safetensors); `--final` adds the rows that no choice may use. WORK keeps the
prepared pictures and what each network said of them. A series is judged as a scan does: the mean
probabilities of its most suspicious run of slices, by the thresholds of the model's card; figures
"with the domain check" count what is out of the domain as indeterminate.
"""

import argparse
import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import f1_score

from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint
from batchmri.model.network import ClassMapNetwork, logits
from batchmri.model.ood import DomainModel
from batchmri.preparation.transforms import PreparationSettings
from batchmri.records import Classes
from batchmri.settings.sections import VerdictSettings
from batchmri.training.dataset import prepare_table
from batchmri.training.evaluate import outputs
from batchmri.verdict.series import most_suspicious_run, series_probabilities
from experiments.b1.cases import FINAL, FREE, Case, all_cases, rows_of
from experiments.b1.table import ANY_TUMOR

Floats = npt.NDArray[np.float64]
INDETERMINATE = "indeterminate"


@dataclass(frozen=True)
class Seen:
    """What a network says of the slices of a case: logits (n, classes), features, box areas (n)."""

    case: Case
    logits: Floats
    features: npt.NDArray[np.float32]
    areas: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rules:
    """How the slices of a case become a verdict."""

    card: Card
    field: DomainModel | None
    temperature: float
    verdict: VerdictSettings

    @classmethod
    def of(cls, card: Card, field: DomainModel | None) -> "Rules":
        """Those of a model's card."""
        return cls(card, field, card.temperature, VerdictSettings.model_validate(card.verdict))


@dataclass(frozen=True)
class CaseVerdict:
    """A case under rules: `probabilities` are of its deciding slices, `slices` of all of them."""

    case: Case
    classes: tuple[str, ...]
    no_tumor: int
    slices: Floats
    probabilities: Floats
    distance: float
    rules: VerdictSettings

    @property
    def suspicion(self) -> float:
        """The probability of any tumor."""
        return float(1 - self.probabilities[self.no_tumor])

    @cached_property
    def leading(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def tumor_class(self) -> str:
        """The most probable tumor class."""
        without = self.probabilities.copy()
        without[self.no_tumor] = -1
        return self.classes[int(without.argmax())]

    @property
    def called_tumor(self) -> bool:
        """A picture by its leading class, a series by its threshold."""
        if not self.case.is_series:
            return self.leading != FREE
        return self.suspicion >= self.rules.tumor_above

    @property
    def called_free(self) -> bool:
        """Likewise; a series without contrast by the lower of two thresholds."""
        if not self.case.is_series:
            return self.leading == FREE
        rules = self.rules
        without = self.suspicion <= rules.notumor_below_without_contrast
        return self.suspicion <= rules.notumor_below and (self.case.contrast or without)

    @property
    def in_domain(self) -> bool:
        """Whether it lies within the limit of the training pictures."""
        return self.distance <= self.rules.max_distance


def judged(seen: Seen, rules: Rules) -> CaseVerdict:
    """Apply rules to what a network says of a case."""
    card, verdict = rules.card, rules.verdict
    probabilities = softmax(seen.logits / rules.temperature)
    found = seen.areas > 0
    kept = np.flatnonzero(found & (seen.areas >= verdict.min_box_fraction * seen.areas.max()))
    kept = kept if len(kept) else np.arange(len(seen.areas))
    suspicion = 1 - probabilities[kept, card.no_tumor_index]
    run = kept[most_suspicious_run(suspicion.tolist(), verdict)]
    classes = Classes(card.classes, card.no_tumor_class)
    of_series = series_probabilities(
        [tuple(row) for row in probabilities[kept]],
        [tuple(row) for row in probabilities[run]],
        classes,
        verdict,
    )
    distance = 0.0
    if rules.field is not None:
        distances = rules.field.distances(seen.features[kept]) / float(rules.field.limit[0])
        distance = float(np.median(distances))
    return CaseVerdict(
        seen.case,
        card.classes,
        card.no_tumor_index,
        probabilities,
        np.array(of_series),
        distance,
        verdict,
    )


def softmax(values: Floats) -> Floats:
    """Rows that sum to 1."""
    powers = np.exp(values - values.max(1, keepdims=True))
    result: Floats = powers / powers.sum(1, keepdims=True)
    return result


def see(cases: Sequence[Case], model: Path, work: Path, name: str) -> list[Seen]:
    """What a model says of the cases, from `work` where it was asked before."""
    network, card, _ = load_checkpoint(model)
    settings = PreparationSettings.model_validate(card.preparation)
    prepared = prepare_table(rows_of(cases), work / "pictures", settings)
    kept = work / f"{name}-{weights_key(network)}-{len(prepared.rows)}.npz"
    if not kept.exists():
        found = list(outputs(network, prepared, range(len(prepared.rows)), settings, half=True))
        np.savez(
            kept,
            logits=torch.cat([logits(maps) for maps, _ in found]).numpy(),
            features=torch.cat([features for _, features in found]).numpy(),
        )
    arrays = np.load(kept)
    values, features = arrays["logits"].astype(np.float64), arrays["features"]
    areas = prepared.boxes[:, 2].astype(np.int64) * prepared.boxes[:, 3]
    areas[prepared.boxes[:, 4] == 1] = 0
    ends = np.cumsum([len(case.rows) for case in cases])
    return [
        Seen(case, values[end - len(case.rows) : end], features[end - len(case.rows) : end],
             areas[end - len(case.rows) : end])
        for case, end in zip(cases, ends, strict=True)
    ]  # fmt: skip


def weights_key(network: ClassMapNetwork) -> str:
    """Names the weights of a network, whatever its calibration."""
    sha = hashlib.sha256()
    for tensor in network.state_dict().values():
        sha.update(tensor.numpy().tobytes())
    return sha.hexdigest()[:12]


Cases = Sequence[CaseVerdict]
Line = tuple[str, Callable[[Cases], str]]


def rate(hits: Sequence[bool]) -> str:
    """A share in percent, and of how many."""
    return f"{100 * float(np.mean(hits)):.0f}% of {len(hits)}" if len(hits) else "-"


def count(hits: Sequence[bool]) -> str:
    """How many of how many."""
    return f"{sum(hits)} of {len(hits)}"


def called_tumor(cases: Cases) -> str:
    """The share called a tumor."""
    return rate([one.called_tumor for one in cases])


def right_class(cases: Cases) -> str:
    """Among those called a tumor, the share of the right class."""
    return rate([one.tumor_class == one.case.label for one in cases if one.called_tumor])


def series(cases: Cases) -> str:
    """notumor / indeterminate / tumor without the domain check, and within the domain."""
    free, tumor = sum(c.called_free for c in cases), sum(c.called_tumor for c in cases)
    inside = [c for c in cases if c.in_domain]
    checked = (
        sum(c.called_free for c in inside),
        len(cases) - sum(c.called_free or c.called_tumor for c in inside),
        sum(c.called_tumor for c in inside),
    )
    plain = (free, len(cases) - free - tumor, tumor)
    return f"{'/'.join(map(str, plain))}; checked {'/'.join(map(str, checked))}"


def series_class(cases: Cases) -> str:
    """Series called a tumor of the right class, and whatever the thresholds."""
    right = [one.tumor_class == one.case.label for one in cases]
    called = [r and c.called_tumor for r, c in zip(right, cases, strict=True)]
    return f"{count(called)}; leading {sum(right)}"


def slices_called_tumor(cases: Cases) -> str:
    """The share of slices that a tumor class leads."""
    leading = np.concatenate([one.slices.argmax(1) != one.no_tumor for one in cases])
    return rate(leading.tolist())


def highest(cases: Cases) -> str:
    """The highest probability of any tumor of a series."""
    return f"{max(one.suspicion for one in cases):.2f}"


def accuracy(cases: Cases) -> str:
    """Accuracy and macro F1."""
    true, found = [c.case.label for c in cases], [c.leading for c in cases]
    right = np.mean([a == b for a, b in zip(true, found, strict=True)])
    return f"{right:.3f}; F1 {f1_score(true, found, average='macro'):.3f}"


def calibration_error(cases: Cases) -> str:
    """Expected calibration error of the leading class, 15 bins of equal width."""
    known = [c for c in cases if c.case.label != ANY_TUMOR]
    confidence = np.array([c.probabilities.max() for c in known])
    right = np.array([c.leading == c.case.label for c in known])
    return f"{binned_error(confidence, right):.3f}"


def tumor_calibration_error(cases: Cases) -> str:
    """Likewise of tumor against tumor-free."""
    suspicion = np.array([c.suspicion for c in cases])
    tumor = np.array([c.case.label != FREE for c in cases])
    confidence = np.maximum(suspicion, 1 - suspicion)
    return f"{binned_error(confidence, (suspicion > 0.5) == tumor):.3f}"


def binned_error(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """Mean gap of confidence and accuracy, weighted by how many fall into a bin."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(float(confidence[place == b].sum() - right[place == b].sum())) for b in range(bins)]
    return sum(gaps) / max(1, len(confidence))


def sure_and_right(cases: Cases) -> str:
    """Among tumors of a class called with 0.95 or more, the share of the right class."""
    sure = [c for c in cases if c.case.label not in (FREE, ANY_TUMOR)]
    sure = [c for c in sure if c.leading != FREE and c.probabilities.max() >= 0.95]
    return rate([c.leading == c.case.label for c in sure])


def lines(final: bool) -> list[tuple[str, Callable[[Case], bool], Callable[[Cases], str]]]:
    """The lines of the table: what, of which cases, how it is counted."""

    def of(group: str, kinds: tuple[str, ...] = (), **wanted: bool) -> Callable[[Case], bool]:
        return lambda case: (
            case.group == group
            and (not kinds or case.kind in kinds or case.label in kinds)
            and all(getattr(case, name) == value for name, value in wanted.items())
        )

    found = [
        ("validation", of("val"), accuracy),
        ("validation: calibration error", of("val"), calibration_error),
        ("low-grade slices called a tumor", of("lgg", ("glioma",)), called_tumor),
        ("low-grade patients' tumor-free slices called a tumor", of("lgg", (FREE,)), called_tumor),
        ("posterior fossa, contrast: called a tumor",
         of("atlas44", infratentorial=True, contrast=True), called_tumor),
        ("all tumors, contrast: called a tumor", of("atlas44", contrast=True), called_tumor),
        ("all tumors, no contrast: called a tumor", of("atlas44", contrast=False), called_tumor),
        *(
            (f"{kind}, contrast: called a tumor", of("atlas44", (kind,), contrast=True),
             called_tumor)
            for kind in ("Ependimoma", "Meduloblastoma", "Schwannoma", "Neurocitoma", "Papiloma",
                         "Germinoma")
        ),
        ("gliomas, contrast: called a tumor", of("atlas44", ("glioma",), contrast=True),
         called_tumor),
        ("- right class among them", of("atlas44", ("glioma",), contrast=True), right_class),
        ("meningiomas, contrast: called a tumor", of("atlas44", ("meningioma",), contrast=True),
         called_tumor),
        ("- right class among them", of("atlas44", ("meningioma",), contrast=True), right_class),
        ("other lesions called a tumor", of("other lesions"), called_tumor),
        ("atlas44, contrast: calibration error", of("atlas44", contrast=True), calibration_error),
        ("- right among gliomas and meningiomas called with 0.95",
         of("atlas44", contrast=True), sure_and_right),
        ("left-out sources: calibration error, class", _left_out, calibration_error),
        ("left-out sources: calibration error, tumor", _left_out, tumor_calibration_error),
        ("native heads, slices called a tumor", of("native slices"), slices_called_tumor),
        ("native heads, planes: notumor/?/tumor", of("native slices"), series),
        ("native heads, volumes: notumor/?/tumor", of("native heads", trained=False), series),
        ("- trained", of("native heads", trained=True), series),
        ("heads at 2 mm, volumes: notumor/?/tumor", of("heads"), series),
        ("- highest probability of a tumor", of("heads"), highest),
        ("- slices called a tumor", of("heads"), slices_called_tumor),
        ("stripped head, planes: notumor/?/tumor", of("stripped slices"), series),
        ("stripped gliomas: notumor/?/tumor", of("stripped tumors", trained=False), series),
        ("- trained", of("stripped tumors", trained=True), series),
        ("pituitary volumes: notumor/?/tumor", of("pituitary volumes"), series),
        ("- pituitary", of("pituitary volumes"), series_class),
        ("other volumes (meningioma, glioma): notumor/?/tumor", of("other volumes"), series),
        ("- right class", of("other volumes"), series_class),
        ("GBM volumes (trained): notumor/?/tumor", of("gbm"), series),
        ("- glioma", of("gbm"), series_class),
    ]  # fmt: skip
    if final:
        held = "atlas44 held back"
        found += [
            ("TEST, leak-free", of("test"), accuracy),
            ("- calibration error", of("test"), calibration_error),
            ("HELD BACK gliomas, contrast: called a tumor", of(held, ("glioma",), contrast=True),
             called_tumor),
            ("- right class among them", of(held, ("glioma",), contrast=True), right_class),
            ("HELD BACK meningiomas, contrast: called a tumor",
             of(held, ("meningioma",), contrast=True), called_tumor),
            ("- right class among them", of(held, ("meningioma",), contrast=True), right_class),
            ("HELD BACK no contrast: called a tumor: glioma",
             of(held, ("glioma",), contrast=False), called_tumor),
            ("- meningioma", of(held, ("meningioma",), contrast=False), called_tumor),
            ("- tumor-free", of(held, (FREE,)), called_tumor),
            ("HELD BACK, contrast: calibration error", of(held, contrast=True), calibration_error),
            ("- right among those called with 0.95", of(held, contrast=True), sure_and_right),
            ("PITUITARY-CORONAL tumors: called a tumor",
             of("pituitary-coronal", ("pituitary",)), called_tumor),
            ("- right class among them", of("pituitary-coronal", ("pituitary",)), right_class),
            ("- tumor-free slices called a tumor", of("pituitary-coronal", (FREE,)), called_tumor),
        ]  # fmt: skip
    return found


def _left_out(case: Case) -> bool:
    return case.group in ("lgg", "atlas44") and case.contrast


def compare(columns: dict[str, list[CaseVerdict]], final: bool) -> list[list[str]]:
    """The rows of the table: what, then one figure per model."""
    table = []
    for what, wanted, figure in lines(final):
        chosen = {name: [c for c in cases if wanted(c.case)] for name, cases in columns.items()}
        table.append([what, *(figure(cases) if cases else "-" for cases in chosen.values())])
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared_data", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--final", action="store_true")
    given = parser.parse_args()
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in all_cases(given.shared_data, given.table, given.final):
        groups["final" if case.group in FINAL else "dev"].append(case)
    columns: dict[str, list[CaseVerdict]] = {}
    for model in given.models:
        _, card, field = load_checkpoint(model)
        rules = Rules.of(card, field)
        columns[str(model)] = [
            judged(seen, rules)
            for name, cases in groups.items()
            for seen in see(cases, model, given.work, name)
        ]
    print(f"| what | {' | '.join(columns)} |")
    print("|---" * (1 + len(columns)) + "|")
    for row in compare(columns, given.final):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
