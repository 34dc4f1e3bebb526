from pathlib import Path

import numpy as np

from batchmri.audit.shortcuts import features_of, find_shortcuts

from .make import head, read_audited, write


def test_frame_around_one_class_is_a_shortcut(tmp_path: Path) -> None:
    images = []
    for seed in range(40):
        pixels = head(seed)
        if seed % 2:
            pixels[:4] = pixels[-4:] = 200
        images.append(read_audited(write(tmp_path / "x" / f"{seed}.png", pixels)))
    labels = ["framed" if seed % 2 else "plain" for seed in range(40)]
    found = find_shortcuts(features_of(images), "class", labels, range(40))
    accuracy = {shortcut.features: shortcut.balanced_accuracy for shortcut in found}
    assert accuracy["border"] == 1.0
    assert abs(accuracy["size"] - 0.5) < 0.2  # all sizes are equal
    assert {shortcut.chance for shortcut in found} == {0.5}


def test_groups_are_not_divided_between_folds() -> None:
    # The feature identifies the group and contains no information about other groups.
    numbers = np.repeat(np.random.default_rng(0).normal(size=40), 5)[:, None]
    groups = np.repeat(np.arange(40), 5).tolist()
    labels = ["ab"[group % 2] for group in groups]
    (shortcut,) = find_shortcuts({"x": numbers}, "class", labels, groups)
    assert shortcut.balanced_accuracy < 0.8


def test_one_class_or_one_group_has_no_shortcut() -> None:
    numbers = {"x": np.zeros((4, 1))}
    assert find_shortcuts(numbers, "class", ["a"] * 4, range(4)) == []
    assert find_shortcuts(numbers, "class", ["a", "a", "a", "b"], range(4)) == []
