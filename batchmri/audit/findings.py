"""What an audit found, and what follows from it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from batchmri.audit.duplicates import Link
from batchmri.audit.files import OddFile, Picture
from batchmri.audit.grouping import Labels, members
from batchmri.audit.groups_table import Groups
from batchmri.audit.persons import Proposal
from batchmri.audit.shortcuts import Shortcut


@dataclass(frozen=True)
class Findings:
    """The pictures in their order, and by their index: image (duplicate group) and split."""

    pictures: Sequence[Picture]
    odd: Sequence[OddFile]
    groups: Groups
    links: Sequence[Link]
    images: Labels
    persons: Sequence[Proposal]
    shortcuts: Sequence[Shortcut]
    splits: Sequence[str]

    @cached_property
    def duplicates(self) -> list[list[int]]:
        """The groups of several pictures that show the same image."""
        return [group for group in members(self.images) if len(group) > 1]

    @cached_property
    def labels(self) -> list[str]:
        """The class of each picture."""
        return [picture.found.label for picture in self.pictures]

    @cached_property
    def folders(self) -> list[str]:
        """The split that each picture lies in as it was found."""
        return [picture.found.split for picture in self.pictures]

    def conflicts(self, group: Sequence[int]) -> bool:
        """Whether the same image lies in several classes."""
        return len({self.labels[index] for index in group}) > 1

    def crosses(self, group: Sequence[int]) -> bool:
        """Whether the same image lies in several splits."""
        return len({self.folders[index] for index in group}) > 1

    @cached_property
    def class_counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Pictures, and distinct images among them, of each (split as found, class)."""
        keys = list(zip(self.folders, self.labels, strict=True))
        distinct = Counter(key for key, _ in set(zip(keys, self.images.tolist(), strict=True)))
        return {key: (n, distinct[key]) for key, n in sorted(Counter(keys).items())}

    @cached_property
    def exact(self) -> tuple[int, int]:
        """How many pictures repeat the bytes, the pixels of one before them."""
        files = len({picture.file_digest for picture in self.pictures})
        pixels = len({picture.pixel_digest for picture in self.pictures})
        return len(self.pictures) - files, len(self.pictures) - pixels
