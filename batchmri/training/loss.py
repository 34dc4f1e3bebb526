"""Loss: cross-entropy of the logits, and hinge loss of the class maps against tumor masks.

The evidence for tumor class c in a cell of the map is M[c] − M[no tumor]. One hinge requires the
evidence for the true class to be above 2 inside the mask; the other requires the evidence for every
tumor class to be below −1 outside. Each is averaged over its cells of an image. In tumor-free
images, all cells are outside. Images with a tumor but no mask have no hinge loss. Masks also make
the area around a tumor an example of tumor-free tissue.

The label ANY_TUMOR marks images with a tumor whose type is unknown or not among the classes. Their
cross-entropy is −log(1 − p[no tumor]), and the hinge inside their mask applies to the tumor class
with the most evidence.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from batchmri.model.network import logits

ANY_TUMOR = -1
"""Label of images that show a tumor of unspecified class."""
_INSIDE_ABOVE = 2.0
_OUTSIDE_BELOW = -1.0
_TOUCHED = 0.02  # cells with a smaller share of mask count as outside


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets of a batch: labels (N), masks (N, 1, H, W), and which hinges apply (N)."""

    label: Tensor
    mask: Tensor
    hold_inside: Tensor
    hold_outside: Tensor


@dataclass(frozen=True, slots=True)
class MapLoss:
    """Cross-entropy of the logits plus `map_weight` times the hinge loss of the class maps."""

    no_tumor: int
    label_smoothing: float
    map_weight: float

    def __call__(self, maps: Tensor, targets: Targets) -> Tensor:
        """Return the loss of class maps (N, classes, h, w), a scalar."""
        maps = maps.float()
        entropy = self.cross_entropy(logits(maps), targets.label)
        if self.map_weight == 0:
            return entropy
        return entropy + self.map_weight * self.hinge(maps, targets)

    def cross_entropy(self, values: Tensor, label: Tensor) -> Tensor:
        """Return the label-smoothed cross-entropy of logits (N, classes), averaged over images.

        The probability of ANY_TUMOR is the sum of the probabilities of all tumor classes.
        """
        logs = values.log_softmax(1)
        known = logs.gather(1, label.clamp(min=0)[:, None])[:, 0]
        any_tumor = logs[:, self._tumor_classes(logs)].logsumexp(1)
        true = torch.where(label == ANY_TUMOR, any_tumor, known)
        smoothed = (1 - self.label_smoothing) * true + self.label_smoothing * logs.mean(1)
        return -smoothed.mean()

    def hinge(self, maps: Tensor, targets: Targets) -> Tensor:
        """Return the hinge loss, averaged over all images of the batch."""
        evidence = maps - maps[:, self.no_tumor, None]
        share = adaptive_avg_pool2d(targets.mask, (maps.shape[2], maps.shape[3]))[:, 0]
        most = share.amax((1, 2), keepdim=True)
        # Small tumors do not fill a cell: cells with half of the largest share or more are inside.
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
        """Return the indices of the tumor classes in values (N, classes, ...)."""
        return [place for place in range(values.shape[1]) if place != self.no_tumor]


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
