"""Section `classifier` of the settings."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from batchmri.extensions import BACKENDS
from batchmri.settings.section import COUNT_OR_AUTO, Section, allowed_values
from batchmri.settings.values import registered


class ClassifierSettings(Section):
    """The model, and the library and device that run it."""

    model: Path | None = Field(None, description="Checkpoint (default: the shipped model).")
    calibration: Path | None = Field(
        None, description="Verdict rules of this site, written by batchmri calibrate (YAML)."
    )
    backend: Annotated[str, AfterValidator(registered(BACKENDS, "auto"))] = Field(
        "auto",
        description="Library that runs the network. auto is openvino on a CPU and torch on a GPU.",
        **allowed_values("auto, openvino, torch, or a backend of an installed package"),
    )
    device: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        "auto",
        description="Processor that runs the network; auto: a GPU if there is one, else the CPU.",
        **allowed_values("auto, cpu, cuda or cuda:N"),
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="Precision; auto: fp16 on a GPU, bf16 if the CPU supports it, else fp32.",
    )
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Slices per batch; auto: as many as suit the backend.",
        **allowed_values(COUNT_OR_AUTO),
    )
