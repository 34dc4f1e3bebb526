"""Findings of an audit and properties derived from them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from batchmri.audit.duplicates import Link
from batchmri.audit.files import AuditedImage, OddFile
from batchmri.audit.grouping import Labels, members
from batchmri.audit.groups_table import Groups
from batchmri.audit.persons import Proposal
from batchmri.audit.shortcuts import Shortcut


@dataclass(frozen=True)
class Findings:
    """Findings of an audit.

    `duplicate_groups` (a group number) and `splits` (the proposed split) contain one value per
    image, in the order of `images`.
    """

    images: Sequence[AuditedImage]
    odd: Sequence[OddFile]
    groups: Groups
    links: Sequence[Link]
    duplicate_groups: Labels
    persons: Sequence[Proposal]
    shortcuts: Sequence[Shortcut]
    splits: Sequence[str]

    @cached_property
    def duplicates(self) -> list[list[int]]:
        """Groups of two or more files that show the same image, as indices."""
        return [group for group in members(self.duplicate_groups) if len(group) > 1]

    @cached_property
    def labels(self) -> list[str]:
        """Class of each file."""
        return [image.found.label for image in self.images]

    @cached_property
    def folders(self) -> list[str]:
        """Split folder in which each file was found."""
        return [image.found.split for image in self.images]

    def conflicts(self, group: Sequence[int]) -> bool:
        """Whether a duplicate group contains files of several classes."""
        return len({self.labels[index] for index in group}) > 1

    def crosses(self, group: Sequence[int]) -> bool:
        """Whether a duplicate group contains files of several splits."""
        return len({self.folders[index] for index in group}) > 1

    @cached_property
    def class_counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Numbers of files and of distinct images, by (split folder, class)."""
        keys = list(zip(self.folders, self.labels, strict=True))
        distinct = Counter(
            key for key, _ in set(zip(keys, self.duplicate_groups.tolist(), strict=True))
        )
        return {key: (n, distinct[key]) for key, n in sorted(Counter(keys).items())}

    @cached_property
    def exact(self) -> tuple[int, int]:
        """Numbers of files with the same bytes, and with the same pixels, as an earlier file."""
        files = len({image.file_digest for image in self.images})
        pixels = len({image.pixel_digest for image in self.images})
        return len(self.images) - files, len(self.images) - pixels
