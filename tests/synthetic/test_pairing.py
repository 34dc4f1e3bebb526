from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from batchmri.synthetic.head import Head
from batchmri.synthetic.library import Library
from batchmri.synthetic.pairing import Gallery, estimate_planes

MakeHead = Callable[..., Head]


def upside_down(head: Head) -> Head:
    return replace(head, image=np.ascontiguousarray(head.image[::-1]))


def test_heads_are_most_similar_to_themselves_outside_the_area(make_head: MakeHead) -> None:
    head, other = make_head("a"), upside_down(make_head("b"))
    with_tumor = make_head("c", tumor=(190, 110))
    found = Gallery.of([head, other]).likeness(with_tumor, with_tumor.mask)
    assert found[0] > 0.99 > found[1]


def test_heads_with_other_aspect_ratios_are_dissimilar(make_head: MakeHead) -> None:
    head = make_head()
    wide = replace(head, image=cv2.resize(head.image, (256, 208)))
    assert Gallery.of([wide]).likeness(head, None)[0] == -1


def test_planes_are_inferred_and_sagittal_heads_mirrored(make_head: MakeHead) -> None:
    axial = make_head("a", noise=1)
    sagittal = replace(upside_down(make_head("b", noise=2)), plane="sagittal")
    unknown = [
        make_head("c", plane=None),
        replace(sagittal.flipped(), plane=None),
    ]
    known = [*[axial] * 9, *[sagittal] * 9]
    estimated = estimate_planes(unknown, known)
    assert [head.plane for head in estimated] == ["axial", "sagittal"]
    assert np.array_equal(estimated[1].image, sagittal.image)


def test_partners_are_other_patients_of_the_same_plane(make_head: MakeHead) -> None:
    head = make_head("a", tumor=(190, 110))
    assert head.mask is not None
    same, other = make_head("a", noise=1), make_head("b", noise=2)
    coronal = make_head("c", plane="coronal")
    partners = Library.of([same, other, coronal]).like(head, head.mask, 5)
    assert [partner.row.patient for partner in partners] == ["b"]


def test_heads_with_a_tumor_in_the_area_are_not_partners(make_head: MakeHead) -> None:
    head = make_head("a", tumor=(190, 110))
    assert head.mask is not None
    there, elsewhere = make_head("b", tumor=(192, 112)), make_head("c", tumor=(70, 150))
    partners = Library.of([there, elsewhere]).like(head, head.mask, 1)
    assert [partner.row.patient for partner in partners] == ["c"]


def test_dissimilar_heads_are_not_partners(make_head: MakeHead) -> None:
    head = make_head("a", tumor=(190, 110))
    assert head.mask is not None
    noise = np.random.default_rng(0).integers(0, 255, head.image.shape, np.uint8)
    strange = replace(make_head("b"), image=noise)
    assert Library.of([strange]).like(head, head.mask, 5) == []
