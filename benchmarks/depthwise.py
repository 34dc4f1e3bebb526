"""Duration of training steps with and without the faster depthwise backward pass.

    python -m benchmarks.depthwise [SIZE]

Steps of both variants alternate.
"""

import sys
import time

import torch
from torch.nn.functional import cross_entropy

from batchmri.model.network import ClassMapNetwork, logits
from batchmri.training.depthwise import train_depthwise_fast

_BATCH, _ROUNDS = 32, 3


def _step(network: ClassMapNetwork, size: int) -> float:
    images = torch.randn(_BATCH, 1, size, size).contiguous(memory_format=torch.channels_last)
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16):
        maps = network(images)[0]
    cross_entropy(logits(maps), torch.zeros(_BATCH, dtype=torch.int64)).backward()
    return time.perf_counter() - start


def main(size: int) -> None:
    """Print the seconds per step of both variants, and their ratio."""
    plain, fast = (
        ClassMapNetwork(4, last_stride=False).to(memory_format=torch.channels_last).train()
        for _ in range(2)
    )
    train_depthwise_fast(fast)
    _step(plain, size), _step(fast, size)
    times = [(_step(plain, size), _step(fast, size)) for _ in range(_ROUNDS)]
    of_plain, of_fast = (sum(column) / _ROUNDS for column in zip(*times, strict=True))
    print(f"plain {of_plain:.2f} s, fast {of_fast:.2f} s, {of_plain / of_fast:.2f} times as fast")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 160)
