"""Connected components of links between numbered items."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


def joined(count: int, links: Iterable[tuple[int, int]]) -> Labels:
    """Return the connected component of each of `count` items.

    Components are numbered from 0 in the order of their first items.
    """
    parent = list(range(count))

    def find_root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for one, other in links:
        low, high = sorted((find_root(one), find_root(other)))
        parent[high] = low
    _, labels = np.unique([find_root(item) for item in range(count)], return_inverse=True)
    return labels.astype(np.int64)


def members(labels: Labels) -> list[list[int]]:
    """Return the items of each component, in ascending order."""
    components: list[list[int]] = [[] for _ in range(int(labels.max(initial=-1)) + 1)]
    for item, label in enumerate(labels):
        components[label].append(item)
    return components
