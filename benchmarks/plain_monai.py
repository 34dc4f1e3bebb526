"""A plain MONAI script, to compare with batchmri: python -m benchmarks.plain_monai FOLDER OUT.

LoadImage, the same transforms, the same network and weights in eager fp32 in batches of 32, GradCAM
on the three slices per series with the highest tumor probability, and a CSV file. FOLDER contains
NIfTI files, or one folder of DICOM files per series.
"""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from monai.transforms import LoadImage
from monai.visualize import GradCAM
from torch import Tensor, nn

from batchmri.model.card import SHIPPED
from batchmri.model.checkpoint import load_checkpoint
from batchmri.model.network import ClassMapNetwork, logits
from batchmri.preparation.brain_box import brain_box
from batchmri.preparation.monai_transforms import monai_transforms
from batchmri.preparation.transforms import PreparationSettings

BATCH, PICTURES = 32, 3


class Logits(nn.Module):
    """The network with logits as its only output, as GradCAM expects it."""

    def __init__(self, network: ClassMapNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        maps, _ = self.network(images)
        return logits(maps)


def main() -> None:
    archive, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True)
    network, card, _ = load_checkpoint(SHIPPED)
    model = Logits(network).eval()
    gradcam = GradCAM(model, target_layers="network.last_activation")
    settings = PreparationSettings.model_validate(card.preparation)
    normal = card.classes.index(card.no_tumor_class)
    load = LoadImage(image_only=True)
    rows: list[list[object]] = []
    for path in sorted(archive.iterdir()):
        volume = load(path)
        spacing = tuple(float(mm) for mm in volume.pixdim[:2])
        slices = [np.ascontiguousarray(image.T) for image in np.moveaxis(volume.numpy(), 2, 0)]
        prepared = []
        for image in slices:
            transforms = monai_transforms(image, brain_box(image), spacing, settings)
            prepared.append(transforms(torch.from_numpy(image)[None]))
        images = torch.stack(prepared)
        with torch.inference_mode():
            found = [model(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
        probabilities = (torch.cat(found) / card.temperature).softmax(1)
        tumor = 1 - probabilities[:, normal]
        for index in tumor.argsort(descending=True)[:PICTURES]:
            heat = gradcam(images[index][None].clone())[0, 0]
            shown = cv2.applyColorMap((255 * (1 - heat.numpy())).astype(np.uint8), cv2.COLORMAP_JET)
            gray = ((images[index][0].numpy() + 1) * 127.5).astype(np.uint8)[..., None]
            picture = cv2.addWeighted(gray.repeat(3, 2), 0.6, shown, 0.4, 0)
            cv2.imwrite(str(out / f"{path.name}-{int(index)}.png"), picture)
        rows += [[path.name, i, *map(float, row)] for i, row in enumerate(probabilities)]
    with open(out / "slices.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["source", "slice", *card.classes], *rows])


if __name__ == "__main__":
    main()
