"""Figures of an audit, drawn with OpenCV."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from batchmri.audit.files import AuditedImage
from batchmri.audit.findings import Findings
from batchmri.outputs import drawing as canvas
from batchmri.outputs.atomic_write import write_atomic

_TILE, _GAP, _HEADER_HEIGHT = 128, 8, 26
_PER_ROW = 8
_ROWS = 12
_PROPOSALS = 96
_BAR, _HEIGHT = 26, 240
_COLORS: tuple[canvas.Color, ...] = (
    (214, 150, 82),
    (94, 176, 98),
    (80, 140, 230),
    (180, 110, 180),
)
Line = tuple[str, Sequence[int], Sequence[str]]  # heading, images, their captions


def write_figures(findings: Findings, folder: Path) -> None:
    """Write class_distribution, samples, duplicate_groups and persons (PNG) to `folder`.

    Figures without content are not written, and those of an earlier run are removed. Raises
    OutputError if a figure cannot be written.
    """
    figures = {
        "class_distribution": class_distribution(findings),
        "samples": _sheet(findings.images, _samples(findings)),
        "duplicate_groups": _sheet(findings.images, _groups(findings)),
        "persons": _sheet(findings.images, _persons(findings)),
    }
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            write_atomic(path, canvas.png(figure))


def class_distribution(findings: Findings) -> canvas.Image:
    """Draw a bar chart of classes by split: outlines for files, fill for distinct images."""
    counts = findings.class_counts
    splits = sorted({folder for folder, _ in counts})
    classes = sorted({label for _, label in counts})
    step = max(len(splits) * (_BAR + 34) + 24, 120)
    image = canvas.black(_HEIGHT + 110, max(40 + step * len(classes), 480))
    canvas.text(image, "Files (outline) and distinct images (filled)", (20, 26), 16)
    highest = max(n for n, _ in counts.values())
    floor = _HEIGHT + 60
    for place, label in enumerate(classes):
        left = 30 + place * step
        for bar, folder in enumerate(splits):
            n, distinct = counts.get((folder, label), (0, 0))
            x, color = left + bar * (_BAR + 34), _COLORS[bar % len(_COLORS)]
            tops = [floor - round((_HEIGHT - 20) * value / highest) for value in (n, distinct)]
            cv2.rectangle(image, (x, tops[1]), (x + _BAR, floor), color, -1)
            cv2.rectangle(image, (x, tops[0]), (x + _BAR, floor), color, 1)
            canvas.text(image, f"{n}", (x, tops[0] - 5), 12)
        canvas.text(image, label, (left, floor + 20), 14)
    for bar, folder in enumerate(splits):
        x = 30 + bar * 140
        cv2.rectangle(image, (x, floor + 32), (x + 10, floor + 42), _COLORS[bar % 4], -1)
        canvas.text(image, folder, (x + 16, floor + 42), 13, canvas.DIM)
    return image


def _samples(findings: Findings) -> list[Line]:
    """Return a line for each class with evenly spaced distinct images."""
    first = np.unique(findings.duplicate_groups, return_index=True)[1]
    lines: list[Line] = []
    for label in sorted(set(findings.labels)):
        own = [int(index) for index in sorted(first) if findings.labels[index] == label]
        if own:
            places = np.unique(np.linspace(0, len(own) - 1, _PER_ROW).round().astype(int))
            chosen = [own[place] for place in places]
            lines.append((label, chosen, [""] * len(chosen)))
    return lines


def _groups(findings: Findings) -> list[Line]:
    """Return a line for each group: label conflicts first, then leaks between splits, then size."""
    ordered = sorted(
        findings.duplicates,
        key=lambda group: (
            not findings.conflicts(group),
            not findings.crosses(group),
            -len(group),
        ),
    )
    lines: list[Line] = []
    for group in ordered[:_ROWS]:
        heading = [f"{len(group)} files, one image"]
        heading += ["several classes"] * findings.conflicts(group)
        heading += ["several splits"] * findings.crosses(group)
        shown = _varied(findings, group)
        captions = [f"{findings.folders[i]}/{findings.labels[i]}" for i in shown]
        lines.append((", ".join(heading), shown, captions))
    return lines


def _varied(findings: Findings, group: Sequence[int]) -> list[int]:
    """Return up to eight files of a group, starting with one of each split and class."""
    seen: dict[tuple[str, str], int] = {}
    for index in group:
        seen.setdefault((findings.folders[index], findings.labels[index]), index)
    others = [index for index in group if index not in seen.values()]
    return [*seen.values(), *others][:_PER_ROW]


def _persons(findings: Findings) -> list[Line]:
    """Return lines with the proposals of highest likeness, four in each."""
    lines: list[Line] = []
    proposals = findings.persons[:_PROPOSALS]
    for start in range(0, len(proposals), _PER_ROW // 2):
        some = proposals[start : start + _PER_ROW // 2]
        shown = [index for proposal in some for index in proposal.images]
        captions = [f"{who} ({p.likeness:.2f})" for p in some for who in p.patients]
        heading = f"One person? Pairs {start + 1} to {start + len(some)}"
        lines.append((heading, shown, captions))
    return lines


def _sheet(images: Sequence[AuditedImage], lines: Sequence[Line]) -> canvas.Image | None:
    if not lines:
        return None
    height = _HEADER_HEIGHT + _TILE + 18 + _GAP
    sheet = canvas.black(height * len(lines), _PER_ROW * (_TILE + _GAP) + _GAP)
    for row, (heading, shown, captions) in enumerate(lines):
        top = row * height
        canvas.text(sheet, heading, (_GAP, top + 18), 14)
        for column, (index, caption) in enumerate(zip(shown, captions, strict=True)):
            left = _GAP + column * (_TILE + _GAP)
            canvas.place(sheet, _tile(images[index]), top + _HEADER_HEIGHT, left)
            canvas.text(sheet, caption, (left, top + _HEADER_HEIGHT + _TILE + 14), 11, canvas.DIM)
    return sheet


def _tile(image: AuditedImage) -> canvas.Image:
    """Return the reduced image with its original aspect ratio, on black."""
    scale = _TILE / max(image.width, image.height)
    width, height = (max(1, round(side * scale)) for side in (image.width, image.height))
    shown = cv2.resize(image.small, (width, height), interpolation=cv2.INTER_CUBIC)
    tile = canvas.black(_TILE, _TILE)
    canvas.place(
        tile,
        np.asarray(cv2.cvtColor(shown, cv2.COLOR_GRAY2BGR), np.uint8),
        (_TILE - height) // 2,
        (_TILE - width) // 2,
    )
    return tile
