"""Verdicts of cases by the rules of a scan (batchmri.verdict)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from batchmri.header import Header
from batchmri.model.card import Card
from batchmri.model.ood import DomainModel
from batchmri.records import (
    TUMOR,
    Classes,
    CropBox,
    DomainScores,
    Scores,
    Series,
    SeriesKey,
    SliceRef,
    Verdict,
)
from batchmri.settings.verdict import VerdictSettings
from batchmri.verdict.series import series_verdict
from experiments.b1.cases import FREE, Case
from experiments.b1.outputs import Floats, Output, softmax

_ANY_DISTANCE = {"max_distance": 1e9, "brain_distance": 1e9, "min_t1": 0.0}


@dataclass(frozen=True)
class Rules:
    """The rules by which the outputs of a network become verdicts.

    With `header` False, the headers of series state neither sequence nor contrast, as in most NIfTI
    files.
    """

    card: Card
    domain: DomainModel | None = None
    temperature: float = 1.0
    verdict: VerdictSettings = field(default_factory=VerdictSettings)
    header: bool = True

    @classmethod
    def of(cls, card: Card, domain: DomainModel | None, header: bool = True) -> "Rules":
        """Return the rules that the card of a model contains."""
        return cls(card, domain, card.temperature, settings_of(card.verdict), header)

    def everywhere(self) -> "Rules":
        """Return the same rules without the out-of-distribution check."""
        return replace(self, verdict=self.verdict.model_copy(update=_ANY_DISTANCE))


def settings_of(verdict: dict[str, Any]) -> VerdictSettings:
    """Return verdict settings from those of a card."""
    return VerdictSettings.model_validate(verdict)


@dataclass(frozen=True)
class CaseVerdict:
    """A case, its verdict, and the calibrated probabilities of its slices (n, classes)."""

    output: Output
    classes: Classes
    verdict: Verdict
    slices: Floats

    @property
    def case(self) -> Case:
        """The case."""
        return self.output.case

    @property
    def p_tumor(self) -> float:
        """The probability of any tumor."""
        return self.classes.tumor_probability(self.verdict.probabilities)

    @property
    def leading(self) -> str:
        """The most probable class, whatever the verdict."""
        return self.classes.leading(self.verdict.probabilities)

    @property
    def tumor_class(self) -> str:
        """The most probable tumor class."""
        return self.classes.leading(self.verdict.probabilities, tumor_only=True)

    @property
    def share(self) -> float:
        """The share of the leading tumor class in the probability of any tumor."""
        of_class = self.verdict.probabilities[self.classes.names.index(self.tumor_class)]
        return of_class / self.p_tumor if self.p_tumor > 0 else 0.0

    @property
    def called_tumor(self) -> bool:
        """Whether the verdict is `tumor` or a tumor class."""
        return self.verdict.name == TUMOR or self.given_class

    @property
    def called_free(self) -> bool:
        """Whether the verdict is the tumor-free class."""
        return self.verdict.name == self.classes.no_tumor

    @property
    def given_class(self) -> bool:
        """Whether the verdict is a tumor class."""
        return self.verdict.name in self.classes.names and not self.called_free

    @property
    def right_class(self) -> bool:
        """Whether the verdict is the label of the case."""
        return self.verdict.name == self.case.label

    @property
    def shows_tumor(self) -> bool:
        """Whether the case shows a tumor."""
        return self.case.label != FREE


def source_weights(series: Sequence[CaseVerdict]) -> Floats:
    """Return the weight of each series.

    The series of a person share its weight; a source counts as the square root of its persons.
    """
    series_of = Counter(_person(one) for one in series)
    persons_of = Counter(source for source, _ in series_of)
    return np.array([
        persons_of[one.case.source] ** -0.5 / series_of[_person(one)] for one in series
    ])  # fmt: skip


def _person(one: "CaseVerdict") -> tuple[str, str]:
    return one.case.source, one.case.person or one.case.name


def verdicts_of(outputs: Sequence[Output], rules: Rules) -> list[CaseVerdict]:
    """Apply the rules to every case."""
    return [_case_verdict(output, rules) for output in outputs]


def _case_verdict(output: Output, rules: Rules) -> CaseVerdict:
    classes = Classes(rules.card.classes, rules.card.no_tumor_class)
    probabilities = softmax(output.logits / rules.temperature)
    domain: Sequence[DomainScores | None] = [None] * len(probabilities)
    if rules.domain is not None:
        domain = rules.domain.scores(output.features)
    scores = [
        Scores(_slice_ref(index), tuple(row.tolist()), _crop(box), domain=of_slice)
        for index, (row, box, of_slice) in enumerate(
            zip(probabilities, output.boxes.tolist(), domain, strict=True)
        )
    ]
    series = _series(output, rules.header)
    verdict = series_verdict(series, scores, classes, rules.verdict)
    return CaseVerdict(output, classes, verdict, probabilities)


def _series(output: Output, header: bool) -> Series:
    case = output.case
    sequence = ("t1_contrast" if case.contrast else "t1") if header else "unknown"
    return Series(
        key=SeriesKey(case.group, case.name),
        source=case.name,
        format="nifti",
        n_files=1,
        header=Header(modality="MR", contrast_agent=case.contrast if header else None),
        sequence=sequence,
        rows=int(np.max(output.boxes[:, 5])),
        columns=int(np.max(output.boxes[:, 6])),
        plane=case.rows[0].plane or "",
        pixel_spacing=None,
        slice_spacing=None,
        slices=(),
        n_slices=len(output.boxes),
    )


def _slice_ref(index: int) -> SliceRef:
    return SliceRef("", "", "", index + 1, index, None)


def _crop(box: list[int]) -> CropBox:
    x, y, width, height, failed = box[:5]
    return CropBox(x, y, width, height, bool(failed))
