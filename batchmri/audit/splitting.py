"""Split into train, val and test that keeps duplicates, patients and persons together."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from batchmri.audit.grouping import Labels, joined, members

SHARES = {"train": 0.70, "val": 0.15, "test": 0.15}


def together(duplicates: Labels, columns: Sequence[Sequence[str]]) -> Labels:
    """Return the parts (images,) that must stay in one split: duplicates, patients and persons.

    Each of `columns` contains a group of every image, "" if unknown.
    """
    links = [(part[0], other) for part in members(duplicates) for other in part[1:]]
    for column in columns:
        first: dict[str, int] = {}
        links += [(first.setdefault(g, i), i) for i, g in enumerate(column) if g]
    return joined(len(duplicates), links)


def split(parts: Labels, labels: Sequence[str], duplicates: Labels) -> list[str]:
    """Return the split of each image, deterministically.

    Parts are assigned from the largest to the smallest, each to the split that still lacks most of
    its share of the part's classes. Only distinct images count, so that an image with eighty copies
    does not fill a split.
    """
    images = {label: len({*_images(labels, duplicates, label)}) for label in set(labels)}
    wanted = {
        name: {label: share * images[label] for label in images} for name, share in SHARES.items()
    }
    groups = members(parts)
    held = [
        Counter(label for _, label in {(int(duplicates[i]), labels[i]) for i in group})
        for group in groups
    ]
    shuffled = np.random.default_rng(0).permutation(len(groups))
    splits = [""] * len(labels)
    for number in sorted(shuffled, key=lambda k: -held[k].total()):
        # Relative to the class size, so that classes with few images count as much as large ones.
        deficits = {
            name: sum(n * wanted[name][label] / images[label] for label, n in held[number].items())
            for name in SHARES
        }
        chosen = max(SHARES, key=lambda name: deficits[name])
        for label, n in held[number].items():
            wanted[chosen][label] -= n
        for index in groups[number]:
            splits[index] = chosen
    return splits


def _images(labels: Sequence[str], duplicates: Labels, label: str) -> list[int]:
    return [int(image) for image, own in zip(duplicates, labels, strict=True) if own == label]
