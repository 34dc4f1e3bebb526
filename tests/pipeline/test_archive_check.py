"""Limits of the share of an archive that may disappear."""

import pytest

from batchmri.header import Header
from batchmri.pipeline.run.archive_check import find_loss
from batchmri.records import FileEntry, Instance
from batchmri.state.store import Store


@pytest.mark.parametrize(
    ("n_studies", "gone", "lost"),
    [
        (5, "", False),
        (5, "036", False),  # exactly a fifth, of 3 studies
        (5, "0369", True),
        (5, "01234", False),  # more than a fifth, but of 2 studies
        (1, "012", True),  # all of a root
    ],
)
def test_more_than_a_fifth_of_the_files_of_several_studies_is_a_loss(
    n_studies: int, gone: str, lost: bool
) -> None:
    files = [
        FileEntry(f"archive/{number:02}", f"/{number:02}", 10, 1) for number in range(3 * n_studies)
    ]
    missing = {int(number) for number in gone}
    with Store(None) as store:
        for number, entry in enumerate(files):
            study = f"1.{number // 3}"
            header = Instance(entry.source, entry.path, "dicom", study, "1.9", "1.8", Header())
            store.files.put_header(entry, header, 0.0)
        store.files.begin_walk(9.0)
        store.files.add_walked(e for n, e in enumerate(files) if n not in missing)
        store.files.end_walk()
        assert (find_loss(store, {"archive": "/mnt"}) is not None) is lost
