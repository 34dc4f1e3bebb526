"""Joining what belongs together: the connected parts of links between numbered things."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


def joined(count: int, links: Iterable[tuple[int, int]]) -> Labels:
    """The part that each of `count` things is in, numbered by the first thing in it, from 0."""
    parent = list(range(count))

    def top(thing: int) -> int:
        while parent[thing] != thing:
            parent[thing] = parent[parent[thing]]
            thing = parent[thing]
        return thing

    for one, other in links:
        low, high = sorted((top(one), top(other)))
        parent[high] = low
    _, labels = np.unique([top(thing) for thing in range(count)], return_inverse=True)
    return labels.astype(np.int64)


def members(labels: Labels) -> list[list[int]]:
    """The things in each part, in their order."""
    parts: list[list[int]] = [[] for _ in range(int(labels.max(initial=-1)) + 1)]
    for thing, label in enumerate(labels):
        parts[label].append(thing)
    return parts
