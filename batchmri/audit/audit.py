"""Complete audit of folders of labeled images."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from batchmri.audit.duplicates import Link, exact_links, near_links
from batchmri.audit.files import SIDE, AuditedImage, Bytes, Found, OddFile, find_files, read_image
from batchmri.audit.findings import Findings
from batchmri.audit.grouping import Labels, joined
from batchmri.audit.groups_table import Groups, no_groups, read_groups
from batchmri.audit.persons import Proposal, propose_persons
from batchmri.audit.plots import write_figures
from batchmri.audit.shortcuts import Shortcut, features_of, find_shortcuts
from batchmri.audit.splitting import split, together
from batchmri.audit.summary import print_summary
from batchmri.audit.tables import write_tables
from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import make_folder
from batchmri.outputs.console import Console


def audit_data(
    folders: Sequence[Path], out: Path, groups_table: Path | None, console: Console
) -> Findings:
    """Audit the images in `folders` (DIR/class/file or DIR/split/class/file).

    Writes audit.json, duplicates.csv, odd_files.csv, persons.csv, split.csv and figures/*.png to
    `out`. Raises UsageError if a folder is missing, there are no images, or the groups table is
    invalid, and OutputError if `out` cannot be written.
    """
    images, odd = _read(find_files(folders), console)
    if not images:
        named = ", ".join(map(str, folders))
        raise UsageError(f"{named}: no images in class folders (DIR/class/image.png)")
    groups = read_groups(groups_table, images) if groups_table else no_groups(len(images))
    links, duplicate_groups = _duplicates(images, console)
    first = np.unique(duplicate_groups, return_index=True)[1].tolist()
    parts = together(duplicate_groups, [groups.patient, groups.person])
    findings = Findings(
        images,
        odd,
        groups,
        links,
        duplicate_groups,
        _persons(images, groups, first, console),
        _shortcuts(images, groups, first, parts, console),
        split(parts, [image.found.label for image in images], duplicate_groups),
    )
    make_folder(out)
    write_tables(findings, out)
    write_figures(findings, out / "figures")
    print_summary(findings, console)
    return findings


def _read(files: Sequence[Found], console: Console) -> tuple[list[AuditedImage], list[OddFile]]:
    images: list[AuditedImage] = []
    odd: list[OddFile] = []
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # reported in odd_files.csv
    # Threads are sufficient, since OpenCV and hashlib release the GIL.
    with console.stage("reading images", len(files)) as stage, ThreadPoolExecutor() as pool:
        for read in stage.count(pool.map(read_image, files)):
            if isinstance(read, AuditedImage):
                images.append(read)
                odd += read.odd
            else:
                odd.append(read)
    return images, odd


def _duplicates(images: Sequence[AuditedImage], console: Console) -> tuple[list[Link], Labels]:
    """Return the links between equal or nearly equal images, and the group of each (images,)."""
    links = list(exact_links(images))
    repeated = {link.second for link in links}
    compared = [
        index for index, image in enumerate(images) if index not in repeated and not image.blank
    ]
    with console.stage("comparing images", len(compared)) as stage:
        for done, found in near_links(_small(images, compared)):
            for link in found:
                one, other = compared[link.first], compared[link.second]
                links.append(Link(one, other, link.orientation, link.correlation))
            stage.advance(done)
    return links, joined(len(images), ((link.first, link.second) for link in links))


def _persons(
    images: Sequence[AuditedImage], groups: Groups, first: Sequence[int], console: Console
) -> list[Proposal]:
    """Propose pairs of patients who may be one person, except those already listed as one."""
    known = [index for index in first if groups.patient[index]]
    if not known:
        return []
    person = {groups.patient[i]: groups.person[i] for i in known}
    with console.stage("comparing patients"):
        proposals = propose_persons(_small(images, known), [groups.patient[i] for i in known])
    return [
        Proposal(one.patients, one.likeness, (known[one.images[0]], known[one.images[1]]))
        for one in proposals
        if not person[one.patients[0]] or person[one.patients[0]] != person[one.patients[1]]
    ]


def _shortcuts(
    images: Sequence[AuditedImage],
    groups: Groups,
    first: Sequence[int],
    parts: Labels,
    console: Console,
) -> list[Shortcut]:
    """Find shortcuts in the first file of each distinct image, so that copies do not count."""
    features = features_of([images[index] for index in first])
    labels = [images[index].found.label for index in first]
    sources = [groups.source[index] or "unknown" for index in first]
    cv_groups = [int(parts[index]) for index in first]
    with console.stage("looking for shortcuts"):
        return [
            *find_shortcuts(features, "class", labels, cv_groups),
            *find_shortcuts(features, "source", sources, cv_groups),
        ]


def _small(images: Sequence[AuditedImage], indices: Sequence[int]) -> Bytes:
    small = [images[index].small for index in indices]
    return np.array(small, np.uint8).reshape(-1, SIDE, SIDE)
