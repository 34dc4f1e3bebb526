"""Results of one series while its slices are decoded and classified."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from batchmri.formats.decode import Refusal
from batchmri.pipeline.engines.decode_pool import PreparedChunk
from batchmri.pipeline.engines.prepared_slices import PreparedSlice, SharedPixels
from batchmri.reasons import Reason, Status
from batchmri.records import (
    CropBox,
    FileNote,
    FloatArray,
    Scores,
    Series,
    SeriesResult,
    SliceRef,
)
from batchmri.state.series import Trouble


@dataclass(frozen=True, slots=True)
class ClassifiedSlice:
    """A slice, its brain box and flags, its class maps (classes, h, w) and features (k,)."""

    ref: SliceRef
    box: CropBox
    flags: tuple[str, ...]
    maps: FloatArray
    features: FloatArray


@dataclass(slots=True)
class SeriesAccumulator:
    """Collects network outputs, decoded slices, refusals and flags of a series."""

    series: Series
    kept: dict[int, SharedPixels] = field(default_factory=dict)
    classified: dict[int, ClassifiedSlice] = field(default_factory=dict)
    refused: list[tuple[SliceRef, Refusal]] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    expected: int = 0
    closed: bool = False

    @property
    def complete(self) -> bool:
        """Whether every slice is classified, or has a reason for not being classified."""
        return self.closed and len(self.classified) == self.expected

    def add(self, chunk: PreparedChunk) -> list[tuple[SliceRef, PreparedSlice]]:
        """Add a chunk; returns its slices that can be classified."""
        good: list[tuple[SliceRef, PreparedSlice]] = []
        for ref, prepared in zip(chunk.refs, chunk.prepared, strict=True):
            if isinstance(prepared, Refusal):
                self.refused.append((ref, prepared))
            else:
                good.append((ref, prepared))
        self.flags |= chunk.flags
        self.expected += len(good)
        self.closed = chunk.last
        return good

    def refuse(self, ref: SliceRef, refusal: Refusal) -> None:
        """Leave out a slice that `add` returned."""
        self.refused.append((ref, refusal))
        self.expected -= 1

    @property
    def slices(self) -> list[ClassifiedSlice]:
        """The classified slices, in order."""
        return [self.classified[index] for index in sorted(self.classified)]

    def result(self, scores: tuple[Scores, ...], model_digest: str) -> SeriesResult:
        """The outcome of a complete series with the scores of its `slices`, without pictures."""
        if scores:
            flags = set(self.series.flags) | self.flags
            if any(s.box.failed for s in scores):
                flags.add("crop_failed")
            if self.trouble is not Trouble.NONE:
                flags.add("incomplete")
            return SeriesResult(
                replace(self.series, flags=tuple(sorted(flags))),
                Status.CLASSIFIED,
                detail=self._left_out_detail(),
                scores=scores,
                model_digest=model_digest,
            )
        reason, detail = self._main_refusal()
        return SeriesResult(self.series, reason.status, reason, detail)

    @property
    def trouble(self) -> Trouble:
        """Whether slices failed, and whether a later run may succeed."""
        failed = [r.reason for _, r in self.refused if r.reason.status is Status.FAILED]
        if not failed:
            return Trouble.NONE
        temporary = any(reason.about.temporary for reason in failed)
        return Trouble.TEMPORARY if temporary else Trouble.PERMANENT

    def left_out(self) -> list[FileNote]:
        """The files without a classified slice, except for the reason in the series row itself."""
        series_reason = None if self.classified else self._main_refusal()[0]
        used = {ref.source for ref in self.series.slices} - {ref.source for ref, _ in self.refused}
        used |= {one.ref.source for one in self.classified.values()}
        notes: dict[str, FileNote] = {}
        for ref, refusal in self.refused:
            if ref.source not in used and refusal.reason is not series_reason:
                note = FileNote(ref.source, refusal.reason, refusal.detail, self.series.key)
                notes.setdefault(ref.source, note)
        return list(notes.values())

    def _main_refusal(self) -> tuple[Reason, str]:
        failed = [r for _, r in self.refused if r.reason.status is Status.FAILED]
        first = (failed or [r for _, r in self.refused])[0]
        return first.reason, first.detail

    def _left_out_detail(self) -> str:
        counts = Counter(refusal.reason for _, refusal in self.refused)
        return "; ".join(f"{counts[reason]} x {reason}" for reason in sorted(counts))


def held_bytes(accumulators: Iterable[SeriesAccumulator]) -> int:
    """Memory in bytes of the decoded slices that are kept for drawing."""
    return sum(
        pixels.n_bytes for accumulator in accumulators for pixels in accumulator.kept.values()
    )
