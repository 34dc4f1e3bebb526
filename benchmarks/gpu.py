"""Slices per second on a CUDA device: python -m benchmarks.gpu [--device cuda:0].

Three rates: the compiled network alone on batches of 256 that are already on the device, the torch
backend, and the stage `classify` of a scan of raw DICOM series. Prints a line and ends if there is
no CUDA device. Never run so far.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from batchmri.model.backends.registry import Runtime, load_backend
from batchmri.model.backends.torch import TYPES, compiled
from batchmri.model.card import SHIPPED
from batchmri.model.checkpoint import load_checkpoint
from benchmarks.archives import make

BATCH, ROUNDS = 256, 20


def rate(run: Callable[[], object], n: int) -> float:
    """Slices per second of `run`, which processes `n` slices, after two calls to warm up."""
    for _ in range(2):
        run()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        run()
    torch.cuda.synchronize()
    return ROUNDS * n / (time.perf_counter() - start)


def bare_rate(device: str, precision: str) -> float:
    network, card, _ = load_checkpoint(SHIPPED)
    side = card.preparation["size"]
    run = compiled(network.eval().to(device, memory_format=torch.channels_last))
    slices = torch.zeros((BATCH, 1, side, side), device=device)
    slices = slices.contiguous(memory_format=torch.channels_last)
    half = getattr(torch, TYPES[precision]) if precision in TYPES else None
    with (
        torch.inference_mode(),
        torch.autocast("cuda", dtype=half, enabled=half is not None),
    ):
        return rate(lambda: run(slices), BATCH)


def backend_rate(device: str, precision: str) -> float:
    network, card, _ = load_checkpoint(SHIPPED)
    backend = load_backend(network, card, Runtime("torch", device, precision, None))
    side = card.preparation["size"]
    images = np.zeros((backend.batch_size, 1, side, side), np.float32)
    return rate(lambda: backend.run(images), len(images))


def scan_rate(device: str, precision: str, n_series: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        archive, out = Path(name, "archive"), Path(name, "out")
        make(archive, "dicom", n_series)
        options = ["--device", device, "--precision", precision, "--gradcam", "none", "--no-report"]
        command = [sys.executable, "-m", "batchmri", "scan", archive, "--out", out, *options]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        return float(json.loads((out / "run.json").read_text())["slices_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--precision", default="bf16", choices=["fp32", *TYPES])
    parser.add_argument("--series", type=int, default=1000, help="of 24 slices, for the scan")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("benchmarks.gpu needs a CUDA device; torch finds none on this machine")
    print(f"{torch.cuda.get_device_name(options.device)}, {options.precision}\n")
    bare = bare_rate(options.device, options.precision)
    rates = {
        f"compiled network, batch {BATCH}": bare,
        "torch backend": backend_rate(options.device, options.precision),
        "scan": scan_rate(options.device, options.precision, options.series),
    }
    print("| what | slices/s | ratio |\n|---|---|---|")
    for what, found in rates.items():
        print(f"| {what} | {found:.0f} | {found / bare:.2f} |")


if __name__ == "__main__":
    main()
