import re

import pytest

from batchmri.outputs.paths import montage_path, picture_path
from batchmri.records import SeriesKey


def test_names() -> None:
    path = picture_path(SeriesKey("1.2", "1.2.3", "ab"), 11)
    assert re.fullmatch(r"gradcam/[0-9a-f]{2}/1\.2/1\.2\.3_ab_0012\.png", path)
    assert picture_path(SeriesKey("1.2", "1.2.3"), 0).endswith("/1.2.3_0001.png")
    assert montage_path("1.2") == path.rsplit("/", 1)[0] + "/montage.png"


@pytest.mark.parametrize("uid", ["..", ".", "", "1/2", "../1", "1\n", "a", "1" * 65])
def test_only_a_uid_becomes_a_path(uid: str) -> None:
    for key in (SeriesKey(uid, "1.2"), SeriesKey("1.2", uid)):
        with pytest.raises(ValueError, match="not a UID"):
            picture_path(key, 0)
    with pytest.raises(ValueError, match="not a UID"):
        montage_path(uid)


def test_an_unsafe_series_part_does_not_become_a_path() -> None:
    with pytest.raises(ValueError, match="not a series part"):
        picture_path(SeriesKey("1.2", "1.2.3", "../x"), 0)
