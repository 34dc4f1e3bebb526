"""Section `pixels` of the settings."""

import os
from typing import Annotated, Literal

from pydantic import Field

from batchmri.settings.section import COUNT_OR_AUTO, Section, allowed_values

MAX_AUTO_WORKERS = 8


class PixelSettings(Section):
    """Decoding."""

    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Number of decoding processes; auto: one per core, "
        f"at most {MAX_AUTO_WORKERS}.",
        **allowed_values(COUNT_OR_AUTO),
    )
    memory_mb: int = Field(
        1024, ge=64, description="Memory limit of all decoded slices together, in MB."
    )
    max_file_mb: int = Field(
        2048,
        ge=1,
        description="Memory limit in MB of a decoded file, and of all NIfTI volumes together.",
    )

    @property
    def n_workers(self) -> int:
        """The number of decoding processes."""
        if self.workers == "auto":
            return min(MAX_AUTO_WORKERS, len(os.sched_getaffinity(0)))
        return self.workers
