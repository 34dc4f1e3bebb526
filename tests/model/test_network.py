import numpy as np
import pytest
import torch
from monai.networks.nets import EfficientNetBN
from monai.visualize import GradCAM
from torch import Tensor, nn

from batchmri.model.card import SHIPPED
from batchmri.model.checkpoint import load_checkpoint
from batchmri.model.gradcam import gradcam, tumor_gradcam
from batchmri.model.network import ClassMapNetwork, logits
from batchmri.model.ood import POOLED


@pytest.fixture(scope="module")
def network() -> ClassMapNetwork:
    return trained_looking(ClassMapNetwork(4))


def trained_looking(network: ClassMapNetwork) -> ClassMapNetwork:
    """Random weights whose maps differ between cells like those of a trained network."""
    torch.manual_seed(0)
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(4, 1, 96, 96))
        nn.init.normal_(network.linear.weight, std=0.1)
        nn.init.normal_(network.linear.bias)
    return network.eval()


def images() -> Tensor:
    return torch.randn(2, 1, 96, 96, generator=torch.Generator().manual_seed(1))


def test_mean_of_maps_equals_monai_logits(network: ClassMapNetwork) -> None:
    monai = EfficientNetBN("efficientnet-b1", pretrained=False, in_channels=1, num_classes=4)
    names, own = list(monai.state_dict()), list(network.state_dict().values())
    assert len(names) == len(own)
    monai.load_state_dict(dict(zip(names, _in_monais_order(network, names), strict=True)))
    with torch.no_grad():
        expected = monai.eval()(images())
        maps, features = network(images())
    assert maps.shape == (2, 4, 3, 3)
    assert features.shape == (2, POOLED + 2 * 112)
    assert torch.allclose(logits(maps), expected, atol=1e-4)
    assert torch.allclose(network.linear(features[:, :POOLED]), expected, atol=1e-4)


def _in_monais_order(network: ClassMapNetwork, names: list[str]) -> list[Tensor]:
    own = network.state_dict()
    homes = {"_conv_stem": "stem.1", "_bn0": "stem.2", "_conv_head": "head.1", "_bn1": "head.2"}
    homes |= {"_fc": "linear", "_blocks": "blocks"}
    return [own[f"{homes[n.partition('.')[0]]}.{n.partition('.')[2]}"] for n in names]


class _Logits(nn.Module):
    def __init__(self, network: ClassMapNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.network(x)[0]
        return maps.mean((2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("last_stride", [True, False])
def test_maps_equal_grad_cam_by_backward_pass(last_stride: bool) -> None:
    # Maps of random weights have little contrast, which requires double precision.
    network = trained_looking(ClassMapNetwork(4, last_stride)).double()
    assert _distance_to_monais_grad_cam(network, images()[:1].double()) < 1e-9


def test_maps_of_the_shipped_network_equal_grad_cam() -> None:
    network, _, _ = load_checkpoint(SHIPPED)
    image = torch.full((1, 1, 160, 160), -1.0)
    image[:, :, 20:140, 30:130] = -0.2
    image[:, :, 60:80, 50:75] = 1.0
    assert _distance_to_monais_grad_cam(network, image) < 1e-4


def _distance_to_monais_grad_cam(network: ClassMapNetwork, batch: Tensor) -> float:
    theirs = GradCAM(_Logits(network).eval(), target_layers="network.last_activation")
    distances, seen = [], 0
    for image in batch[:, None]:
        with torch.no_grad():
            maps, bias = network(image)[0][0], network.linear.bias
            ours = torch.from_numpy(gradcam(maps.detach().numpy(), bias.detach().numpy()))
        for label, forward in enumerate(ours):
            backward = theirs.compute_map(image, class_idx=label)[0, 0].detach()
            distances.append(float((_to_one(forward) - _to_one(backward)).abs().max()))
            seen += bool(forward.max() > 0)
    assert seen >= len(batch)
    return max(distances)


def _to_one(heat: Tensor) -> Tensor:
    return heat / heat.max().clamp(min=1e-9)


def test_maps_without_the_last_stride_have_twice_the_resolution() -> None:
    with torch.no_grad():
        maps, _ = ClassMapNetwork(3, last_stride=False).eval()(torch.zeros(1, 1, 160, 160))
    assert maps.shape == (1, 3, 10, 10)


def test_the_heat_map_of_any_tumor_is_the_gradcam_of_its_logit() -> None:
    """Reference: gradients of the log of the summed exponentials of the tumor logits."""
    generator = torch.Generator().manual_seed(5)
    activation = torch.rand((1, 6, 4, 5), generator=generator, requires_grad=True)
    weight = torch.randn((4, 6), generator=generator)
    bias = torch.randn(4, generator=generator)
    maps = torch.einsum("ck,nkhw->nchw", weight, activation) + bias[:, None, None]
    logits = maps.mean((2, 3))
    tumor = torch.logsumexp(logits[0, [0, 1, 3]], 0)
    (gradient,) = torch.autograd.grad(tumor, activation)
    channel = gradient.mean((2, 3))[0]
    reference = torch.einsum("k,khw->hw", channel, activation[0]).relu() * 20
    row = logits.softmax(1)[0].tolist()
    heat = tumor_gradcam(maps.detach().numpy()[0], bias.numpy(), row, 2)
    np.testing.assert_allclose(heat, reference.detach().numpy(), atol=1e-5)
