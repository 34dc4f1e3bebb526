from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.audit.files import AuditedImage, Found, OddFile, find_files, read_image
from batchmri.errors import UsageError

from .make import head, read_audited, write


def read(path: Path) -> AuditedImage | OddFile:
    return read_image(Found(path, path.name, "", path.parent.name))


def odd_code(path: Path) -> str:
    found = read(path)
    assert isinstance(found, OddFile)
    assert not found.used
    return found.code


def odd_codes(path: Path) -> list[str]:
    return [odd.code for odd in read_audited(path).odd]


def test_class_and_split_are_the_last_two_folders(tmp_path: Path) -> None:
    write(tmp_path / "set" / "Training" / "a" / "1.png", head(0))
    (found,) = find_files([tmp_path / "set"])
    assert (found.name, found.split, found.label) == ("set/Training/a/1.png", "Training", "a")
    (found,) = find_files([tmp_path / "set" / "Training"])
    assert (found.name, found.split, found.label) == ("Training/a/1.png", "Training", "a")


def test_files_in_overlapping_folders_are_found_once(tmp_path: Path) -> None:
    write(tmp_path / "set" / "Training" / "a" / "1.png", head(0))
    assert len(find_files([tmp_path / "set", tmp_path / "set" / "Training"])) == 1


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no such folder"):
        find_files([tmp_path / "nowhere"])


def test_codes_of_unusable_files(tmp_path: Path) -> None:
    whole = write(tmp_path / "a" / "whole.jpg", head(0)).read_bytes()
    png = write(tmp_path / "a" / "whole.png", head(0)).read_bytes()
    made = {
        "empty.jpg": b"",
        "cut.jpg": whole[: len(whole) // 2],
        "end_missing.jpg": whole[:-2],
        "cut.png": png[:-20],
        "text.png": b"not an image at all",
        "notes.txt": b"notes",
    }
    for name, content in made.items():
        (tmp_path / "a" / name).write_bytes(content)
    codes = {name: odd_code(tmp_path / "a" / name) for name in made}
    assert codes == {
        "empty.jpg": "empty_file",
        "cut.jpg": "truncated",
        "end_missing.jpg": "truncated",
        "cut.png": "truncated",
        "text.png": "unreadable",
        "notes.txt": "not_an_image",
    }


def test_images_outside_class_folders_are_ignored(tmp_path: Path) -> None:
    write(tmp_path / "set" / "1.png", head(0))
    (found,) = find_files([tmp_path / "set"])
    odd = read_image(found)
    assert isinstance(odd, OddFile) and odd.code == "no_class"


def test_codes_of_odd_but_usable_files(tmp_path: Path) -> None:
    gray = head(0)
    color = np.dstack([gray, gray, 255 - gray])
    png = write(tmp_path / "a" / "x.png", gray)
    png.rename(tmp_path / "a" / "named.jpg")
    assert odd_codes(tmp_path / "a" / "named.jpg") == ["wrong_suffix"]
    assert odd_codes(write(tmp_path / "a" / "color.png", color)) == ["color"]
    alpha = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGRA)
    assert odd_codes(write(tmp_path / "a" / "alpha.png", alpha)) == ["has_alpha"]
    assert odd_codes(write(tmp_path / "a" / "deep.png", gray.astype(np.uint16) * 9)) == ["deep"]
    assert odd_codes(write(tmp_path / "a" / "tiny.png", gray[60:90, 60:90])) == ["tiny"]
    assert odd_codes(write(tmp_path / "a" / "blank.png", np.full_like(gray, 7))) == ["blank"]
    assert odd_codes(write(tmp_path / "a" / "gray.png", gray)) == []


def test_equal_pixels_have_equal_digests_in_all_color_modes(tmp_path: Path) -> None:
    gray = head(0)
    one = read_audited(write(tmp_path / "a" / "gray.png", gray))
    other = read_audited(write(tmp_path / "a" / "rgb.png", np.dstack([gray] * 3)))
    third = read_audited(write(tmp_path / "a" / "changed.png", gray ^ np.eye(160, dtype=np.uint8)))
    assert one.file_digest != other.file_digest
    assert one.pixel_digest == other.pixel_digest != third.pixel_digest


def test_16_bit_images_are_reduced_like_8_bit_images(tmp_path: Path) -> None:
    shallow = read_audited(write(tmp_path / "a" / "8.png", head(0)))
    deep = read_audited(write(tmp_path / "a" / "16.png", head(0).astype(np.uint16) * 11))
    difference = shallow.small.astype(float) - deep.small
    assert np.corrcoef(shallow.small.ravel(), deep.small.ravel())[0, 1] > 0.999, difference


def test_files_of_operating_systems_are_ignored(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a" / "1.png", head(0))
    for name in ("__MACOSX/a/._1.png", "a/Thumbs.db", "a/.DS_Store", ".cache/a/2.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"x")
    assert [file.name for file in find_files([tmp_path / "set"])] == ["set/a/1.png"]
