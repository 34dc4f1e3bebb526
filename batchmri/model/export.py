"""Export of the network to ONNX or OpenVINO, verified against torch.

The input is `slices` (N, 1, S, S), prepared as the card specifies. The outputs are `maps`
(N, classes, h, w), whose mean over (h, w) is the logits, and `features` (N, k).
"""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch

from batchmri.errors import ExportError, ModelError, OutputError
from batchmri.model.backends.openvino import load_openvino
from batchmri.model.card import Card
from batchmri.model.checkpoint import load_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.records import FloatArray

Format = Literal["onnx", "openvino"]
TOLERANCE = 1e-3
"""Largest accepted difference, relative to the largest value of an output if that exceeds 1."""
_BATCHES = (1, 8)
_OUTPUTS = ("maps", "features")
_Runner = Callable[[FloatArray], tuple[FloatArray, ...]]


@dataclass(frozen=True, slots=True)
class Exported:
    """Written files, and the largest difference from torch in fp32 for each output.

    Differences are relative to the largest value of the output if that exceeds 1, because rounding
    errors grow with the values.
    """

    files: tuple[Path, ...]
    differences: dict[str, float]


def export_model(model: Path, kind: Format, out: Path, tolerance: float = TOLERANCE) -> Exported:
    """Export a checkpoint's network and its card to the folder `out`.

    Raises ModelError if the checkpoint cannot be used, OutputError if `out` cannot be written, and
    ExportError, without leaving any files, if the outputs of the exported network differ from those
    of torch by more than `tolerance`.
    """
    network, card, _ = load_checkpoint(model)
    write = {"onnx": _write_onnx, "openvino": _write_openvino}[kind]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out, prefix=".export-") as folder:
            path = Path(folder, model.stem)
            differences = _differences(network, write(network, card, path), _input_size(card))
            for name, difference in differences.items():
                if not difference <= tolerance:  # also true for NaN
                    raise ExportError(
                        f"export of {model}: {name} differ from torch by {difference:.2g} of their "
                        f"largest value, more than {tolerance:g}; nothing was written; use "
                        "a larger --tolerance, or the other --format"
                    )
            path.with_suffix(".json").write_text(card.model_dump_json(indent=2) + "\n", "utf-8")
            files = tuple(file.replace(out / file.name) for file in sorted(Path(folder).iterdir()))
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror})") from None
    return Exported(files, differences)


def _input_size(card: Card) -> int:
    try:
        return int(card.preparation["size"])
    except (KeyError, TypeError, ValueError):
        raise ModelError("model card: preparation has no size") from None


def _write_onnx(network: ClassMapNetwork, card: Card, path: Path) -> _Runner:
    onnx, onnxruntime, _ = map(import_module, ("onnx", "onnxruntime", "onnxscript"))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision is missing
    size = _input_size(card)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            network,
            # The exporter would treat a batch dimension of 1 as fixed.
            (torch.zeros(2, 1, size, size),),
            input_names=["slices"],
            output_names=list(_OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # contain paths of source files on this machine
    onnx.helper.set_model_props(model, {"card": card.model_dump_json()})
    onnx.checker.check_model(model)
    file = path.with_suffix(".onnx")
    onnx.save(model, file)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return lambda slices: tuple(session.run(list(_OUTPUTS), {"slices": slices}))


def _write_openvino(network: ClassMapNetwork, card: Card, path: Path) -> _Runner:
    openvino = load_openvino()
    size = _input_size(card)
    with warnings.catch_warnings():
        # The tracer warns about shapes that become constants, which is intended here.
        warnings.simplefilter("ignore")
        model = openvino.convert_model(
            network, example_input=torch.zeros(2, 1, size, size), input=[[-1, 1, size, size]]
        )
    model.input(0).get_tensor().set_names({"slices"})
    for index, name in enumerate(_OUTPUTS):
        model.output(index).get_tensor().set_names({name})
    model.set_rt_info(card.model_dump_json(), "card")
    file = path.with_suffix(".xml")
    openvino.save_model(model, file, compress_to_fp16=False)
    hint = openvino.properties.hint
    compiled = openvino.Core().compile_model(
        file, "CPU", {hint.inference_precision: openvino.Type.f32}
    )

    def run(slices: FloatArray) -> tuple[FloatArray, ...]:
        results = compiled(slices)
        return tuple(results[name] for name in _OUTPUTS)

    return run


def _differences(network: ClassMapNetwork, run: _Runner, size: int) -> dict[str, float]:
    random = np.random.default_rng(0)
    worst = dict.fromkeys(_OUTPUTS, 0.0)
    for n in _BATCHES:
        slices = random.uniform(-1, 1, (n, 1, size, size)).astype(np.float32)
        with torch.inference_mode():
            reference = [output.numpy() for output in network(torch.from_numpy(slices))]
        for name, expected, actual in zip(_OUTPUTS, reference, run(slices), strict=True):
            scale = np.maximum(1.0, np.abs(expected).max())
            worst[name] = float(np.maximum(worst[name], np.abs(expected - actual).max() / scale))
    return worst
