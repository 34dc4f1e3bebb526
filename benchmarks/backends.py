"""Images per second of each backend: python benchmarks/backends.py [--size 160] [--images 256].

Weights and images are random, since speed does not depend on them. The best of three rounds is
shown.
"""

import argparse
import time

import numpy as np
import torch

from batchmri.model.backends.base import Backend
from batchmri.model.backends.openvino import OpenVINOBackend, supported_precisions
from batchmri.model.backends.torch import TorchBackend
from batchmri.model.network import ClassMapNetwork


def rate(backend: Backend, images: np.ndarray) -> float:
    size, best = backend.batch_size, 0.0
    backend.run(images[:size])
    for _ in range(3):
        start = time.perf_counter()
        for at in range(0, len(images), size):
            backend.run(images[at : at + size])
        best = max(best, len(images) / (time.perf_counter() - start))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=160, help="prepared slices, pixels")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--last-stride", action="store_true", help="the network as MONAI has it")
    options = parser.parse_args()
    shape = (options.images, 1, options.size, options.size)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    network = ClassMapNetwork(4, last_stride=options.last_stride).eval()
    backends: list[tuple[str, Backend]] = [
        ("openvino", OpenVINOBackend(network, options.size, precision))
        for precision in supported_precisions()
    ]
    device, precisions = "cpu", ("fp32", "bf16")
    if torch.cuda.is_available():
        device, precisions = "cuda:0", ("fp32", "bf16", "fp16")
    batch = 32 if device == "cpu" else 256
    backends += [
        ("torch", TorchBackend(network, device, precision, batch)) for precision in precisions
    ]
    for name, backend in backends:
        print(
            f"{name:9} {backend.device:7} {backend.precision}  batch {backend.batch_size:4}  "
            f"{rate(backend, images):7.1f} images/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
