"""The loss: cross-entropy, and class maps held to the tumour masks.

The evidence for tumour class c in a cell of the map is M[c] − M[no tumour]. Inside the mask that
of the true class shall be above 2, outside that of every tumour class below −1: a hinge each,
averaged over the cells of a picture. A picture without tumour is all outside; of one with a tumour
and no mask nothing is asked. So a tumour picture also teaches what tumour-free tissue looks like.

A picture known to show some tumor, of a kind that is not known or not among the classes, has the
label ANY_TUMOR: its cross-entropy is −log(1 − p[no tumor]), and inside its mask the strongest
tumor class counts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from batchmri.model.network import logits

ANY_TUMOR = -1
"""The label of a picture that shows a tumor of no given class."""
_INSIDE_ABOVE = 2.0
_OUTSIDE_BELOW = -1.0
_TOUCHED = 0.02  # of a cell: less of the mask counts as outside


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch should give: label (N), mask (N, 1, H, W), and which hinges hold (N)."""

    label: Tensor
    mask: Tensor
    hold_inside: Tensor
    hold_outside: Tensor


@dataclass(frozen=True, slots=True)
class MapLoss:
    """Cross-entropy of the logits + `map_weight` × hinge of the class maps."""

    no_tumor: int
    label_smoothing: float
    map_weight: float

    def __call__(self, maps: Tensor, targets: Targets) -> Tensor:
        """The loss of class maps (N, classes, h, w); a scalar."""
        maps = maps.float()
        entropy = self.cross_entropy(logits(maps), targets.label)
        if self.map_weight == 0:
            return entropy
        return entropy + self.map_weight * self.hinge(maps, targets)

    def cross_entropy(self, values: Tensor, label: Tensor) -> Tensor:
        """The smoothed cross-entropy of logits (N, classes), averaged over the pictures.

        The probability of a label of no given class is that of all tumor classes together.
        """
        logs = values.log_softmax(1)
        known = logs.gather(1, label.clamp(min=0)[:, None])[:, 0]
        any_tumor = logs[:, self._tumor_classes(logs)].logsumexp(1)
        true = torch.where(label == ANY_TUMOR, any_tumor, known)
        smoothed = (1 - self.label_smoothing) * true + self.label_smoothing * logs.mean(1)
        return -smoothed.mean()

    def hinge(self, maps: Tensor, targets: Targets) -> Tensor:
        """The hinge, averaged over the pictures that have one."""
        evidence = maps - maps[:, self.no_tumor, None]
        share = adaptive_avg_pool2d(targets.mask, (maps.shape[2], maps.shape[3]))[:, 0]
        most = share.amax((1, 2), keepdim=True)
        # A small tumour fills no cell: the cells that hold most of it count as inside.
        inside = (share >= 0.5 * most) & (most > 0) & targets.hold_inside[:, None, None]
        outside = (share < _TOUCHED) & targets.hold_outside[:, None, None]

        of_tumors = evidence[:, self._tumor_classes(maps)]
        label = targets.label[:, None, None, None]
        of_label = evidence.gather(1, label.clamp(min=0).expand_as(share[:, None]))
        wanted = torch.where(label == ANY_TUMOR, of_tumors.amax(1, keepdim=True), of_label)
        too_low = torch.relu(_INSIDE_ABOVE - wanted[:, 0])
        too_high = torch.relu(of_tumors - _OUTSIDE_BELOW).mean(1)
        per_picture = _masked_mean(too_low, inside) + _masked_mean(too_high, outside)
        return per_picture.mean()

    def _tumor_classes(self, values: Tensor) -> list[int]:
        """The places of the tumor classes in values (N, classes, ...)."""
        return [place for place in range(values.shape[1]) if place != self.no_tumor]


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
