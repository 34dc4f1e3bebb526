"""The loss: cross-entropy, and class maps held to the tumour masks.

The evidence for tumour class c in a cell of the map is M[c] − M[no tumour]. Inside the mask that
of the true class shall be above 2, outside that of every tumour class below −1: a hinge each,
averaged over the cells of a picture. A picture without tumour is all outside; of one with a tumour
and no mask nothing is asked. So a tumour picture also teaches what tumour-free tissue looks like.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from batchmri.classifier.network import logits

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
        entropy = cross_entropy(logits(maps), targets.label, label_smoothing=self.label_smoothing)
        if self.map_weight == 0:
            return entropy
        return entropy + self.map_weight * self.hinge(maps, targets)

    def hinge(self, maps: Tensor, targets: Targets) -> Tensor:
        """The hinge, averaged over the pictures that have one."""
        evidence = maps - maps[:, self.no_tumor, None]
        share = adaptive_avg_pool2d(targets.mask, (maps.shape[2], maps.shape[3]))[:, 0]
        most = share.amax((1, 2), keepdim=True)
        # A small tumour fills no cell: the cells that hold most of it count as inside.
        inside = (share >= 0.5 * most) & (most > 0) & targets.hold_inside[:, None, None]
        outside = (share < _TOUCHED) & targets.hold_outside[:, None, None]

        of_label = evidence.gather(1, targets.label[:, None, None, None].expand_as(share[:, None]))
        too_low = torch.relu(_INSIDE_ABOVE - of_label[:, 0])
        tumor = [c for c in range(maps.shape[1]) if c != self.no_tumor]
        too_high = torch.relu(evidence[:, tumor] - _OUTSIDE_BELOW).mean(1)
        per_picture = _masked_mean(too_low, inside) + _masked_mean(too_high, outside)
        return per_picture.mean()


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
