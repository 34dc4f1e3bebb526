"""Section `engine` of the settings."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from batchmri.extensions import ENGINES
from batchmri.settings.section import COUNT_OR_AUTO, Section, allowed_values
from batchmri.settings.values import registered


class EngineSettings(Section):
    """The engine that does the work of a scan."""

    name: Annotated[str, AfterValidator(registered(ENGINES))] = Field(
        "local",
        description="local: worker processes on this machine; ray: a Ray cluster.",
        **allowed_values("local, ray, or an engine of an installed package"),
    )
    ray_address: str | None = Field(
        None,
        description="Address of a Ray cluster (auto: the one of this machine); without one, the "
        "engine ray starts one on this machine.",
    )
    actors: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Processes of the engine ray that run the model; auto: one per GPU, or one "
        "per machine.",
        **allowed_values(COUNT_OR_AUTO),
    )
