"""Section `schedule` of the settings."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from batchmri.settings.section import Section, allowed_values
from batchmri.settings.values import DURATION_WORDS, Duration, failure_limit, or_none


class ScheduleSettings(Section):
    """Scheduled runs over a growing archive."""

    settle: Duration = Field(
        timedelta(0),
        ge=timedelta(0),
        description="A study waits until its files have not changed for this time, such as 10m.",
        **allowed_values(DURATION_WORDS),
    )
    time_budget: Annotated[Duration | None, BeforeValidator(or_none)] = Field(
        None,
        gt=timedelta(0),
        description="Start no further series after this time, such as 6h; the next run continues. "
        "Series in work are finished and the tables are written, which takes longer.",
        **allowed_values(f"{DURATION_WORDS}, more than none"),
    )
    max_failures: Annotated[
        Annotated[str, BeforeValidator(failure_limit)] | None, BeforeValidator(or_none)
    ] = Field(
        None,
        description="Stop after this many new failures: N, or P% of the series of this run.",
        **allowed_values("a number such as 5, or a percentage up to 100% such as 5%"),
    )
    metrics_file: Path | None = Field(
        None, description="Prometheus text file, for node_exporter's textfile collector."
    )

    def too_many(self, failed: int, total: int) -> bool:
        """Whether `failed` of `total` exceeds the limit."""
        if self.max_failures is None:
            return False
        if self.max_failures.endswith("%"):
            return failed > float(self.max_failures[:-1]) / 100 * total
        return failed > int(self.max_failures)
