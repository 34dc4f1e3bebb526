from collections.abc import Callable
from dataclasses import replace

import numpy as np

from batchmri.synthetic.head import Head, grown
from batchmri.synthetic.removal import filled

MakeHead = Callable[..., Head]
PLACE = (190, 110)


def test_tumor_is_replaced_by_the_donor_image(make_head: MakeHead) -> None:
    head, donor = make_head("a", tumor=PLACE), make_head("b", noise=1)
    assert head.mask is not None
    fill = filled(head, head.mask, [donor])
    assert fill is not None and fill.donor is donor
    healthy = make_head("a").image.astype(float)
    assert np.abs(fill.image - healthy)[head.mask].mean() < 8
    untouched = ~grown(head.mask, 20)
    assert np.array_equal(fill.image[untouched], head.image[untouched])


def test_fill_has_the_gray_levels_of_its_surroundings(make_head: MakeHead) -> None:
    head, donor = make_head("a", tumor=PLACE), make_head("b", noise=1)
    assert head.mask is not None
    darker = replace(donor, image=(donor.image * 0.7).astype(np.uint8))
    fill = filled(head, head.mask, [darker])
    assert fill is not None
    healthy = make_head("a").image.astype(float)
    assert np.abs(fill.image - healthy)[head.mask].mean() < 10


def test_donors_with_a_tumor_in_the_area_are_rejected(make_head: MakeHead) -> None:
    head = replace(make_head("a", tumor=(128, 104)), plane="sagittal")
    assert head.mask is not None
    assert filled(head, head.mask, [make_head("b", tumor=(136, 104), noise=1)]) is None


def test_opposite_half_fills_areas_off_the_midline(make_head: MakeHead) -> None:
    head = make_head("a", tumor=(128, 40))
    assert head.mask is not None
    fill = filled(head, head.mask, [])
    assert fill is not None
    assert np.abs(fill.image - make_head("a").image.astype(float))[head.mask].mean() < 12
    on_it = make_head("b", tumor=(128, 104))
    assert on_it.mask is not None
    assert filled(on_it, on_it.mask, []) is None


def test_fills_that_do_not_fit_the_ring_are_rejected(make_head: MakeHead) -> None:
    head, donor = make_head("a", tumor=PLACE), make_head("b", noise=1)
    assert head.mask is not None
    noise = np.random.default_rng(0).integers(30, 255, donor.image.shape, np.uint8)
    sagittal = replace(head, plane="sagittal")
    assert filled(sagittal, head.mask, [replace(donor, image=noise)]) is None
