import torch
from torch import nn

from batchmri.training.depthwise import train_depthwise_fast


def _gradients(stride: int, fast: bool) -> list[torch.Tensor]:
    torch.manual_seed(0)
    convolution = nn.Conv2d(8, 8, 5, stride=stride, groups=8, bias=False)
    if fast:
        train_depthwise_fast(convolution)
    images = torch.randn(2, 8, 14, 14, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = convolution(images.bfloat16())
    found.float().square().sum().backward()
    assert images.grad is not None and convolution.weight.grad is not None
    return [found.float(), images.grad, convolution.weight.grad]


def test_results_and_gradients_equal_torch_with_and_without_stride() -> None:
    for stride in (1, 2):
        for own, expected in zip(_gradients(stride, True), _gradients(stride, False), strict=True):
            assert own.dtype == expected.dtype
            torch.testing.assert_close(
                own, expected, rtol=2e-2, atol=2e-2 * expected.detach().abs().max().item()
            )


def test_other_convolutions_are_unchanged() -> None:
    network = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(1, 1, 3))
    train_depthwise_fast(network)
    assert all("forward" not in vars(module) for module in network)
