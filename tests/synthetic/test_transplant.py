from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from batchmri.synthetic.head import Gray, Head, grown
from batchmri.synthetic.transplant import middle_of, transplanted

MakeHead = Callable[..., Head]
PLACE = (190, 110)


def test_transplant_changes_only_the_tumor_area(make_head: MakeHead) -> None:
    donor = make_head("a", tumor=PLACE, label="meningioma")
    head = make_head("b", noise=1)
    result = transplanted(donor, head)
    assert result is not None and donor.mask is not None
    assert np.abs(middle_of(result.mask) - middle_of(donor.mask)).max() < 0.02
    inner = ~grown(~result.mask, 4)
    assert result.image[inner].mean() > head.image[inner].mean() + 60
    far = ~grown(result.mask, 16)
    assert np.array_equal(result.image[far], head.image[far])


def test_tumors_in_air_are_rejected(make_head: MakeHead) -> None:
    donor = make_head("a", tumor=PLACE, label="glioma")
    head = make_head("b", noise=1)
    hollow = head.image.copy()
    cv2.circle(hollow, PLACE[::-1], 40, 0, -1)  # like a throat
    assert transplanted(donor, replace(head, image=hollow)) is None


def test_pituitary_tumors_off_the_midline_are_rejected(make_head: MakeHead) -> None:
    head = make_head("b", noise=1)
    assert transplanted(make_head("a", tumor=(190, 104), label="pituitary"), head) is not None
    assert transplanted(make_head("a", tumor=(190, 60), label="pituitary"), head) is None
    assert transplanted(make_head("a", tumor=(190, 60), label="glioma"), head) is not None


def test_invisible_tumors_are_rejected(make_head: MakeHead) -> None:
    donor = make_head("a", tumor=PLACE, label="glioma")
    invisible = replace(donor, image=make_head("a").image)
    assert transplanted(invisible, make_head("b", noise=1)) is None


def test_heads_that_differ_inside_the_skull_are_rejected(make_head: MakeHead) -> None:
    donor = make_head("a", tumor=PLACE, label="glioma")
    head = make_head("b", noise=1)
    inverted = head.image.copy()
    inner = ~grown(head.image < 20, 16)
    inverted[inner] = 220 - np.minimum(inverted[inner], 200)
    assert transplanted(donor, replace(head, image=inverted)) is None


def test_slices_without_sella_get_no_pituitary_tumor(
    make_head: MakeHead,
) -> None:
    donor = make_head("a", tumor=(190, 104), label="pituitary")
    head = make_head("b", noise=1)
    assert transplanted(donor, replace(head, depth=0.4)) is not None
    assert transplanted(donor, replace(head, depth=0.9)) is None


def test_averages_of_heads_are_rejected(make_head: MakeHead) -> None:
    donor = make_head("a", tumor=PLACE, label="meningioma")
    head = make_head("b", noise=1)
    average = replace(head, image=cv2.GaussianBlur(head.image, (0, 0), 4))
    assert transplanted(donor, average) is None


def test_tumors_are_blurred_to_the_resolution_of_the_head(make_head: MakeHead) -> None:
    donor = make_head("a", tumor=PLACE, label="meningioma")
    head = make_head("b", noise=1)
    sharp, blurred = transplanted(donor, head), transplanted(donor, replace(head, pitch=4.0))
    assert sharp is not None and blurred is not None

    def steepest(image: Gray) -> float:
        return float(np.abs(np.diff(image[PLACE[0]].astype(float)))[80:140].max())

    assert steepest(blurred.image) < 0.8 * steepest(sharp.image)
