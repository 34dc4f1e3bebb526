"""Section `archive` of the settings."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from batchmri.settings.section import Section, allowed_values
from batchmri.settings.values import labels


class ArchiveSettings(Section):
    """Walking and reading headers."""

    exclude: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(
        (),
        description="Glob of names, or of paths below PATH, to leave out; can be repeated.",
        **allowed_values("globs such as *.tmp"),
    )
    follow_links: bool = Field(
        False, description="Follow symbolic links that lead out of the scanned folders."
    )
    nifti_study: Literal["file", "folder"] = Field(
        "file", description="How NIfTI files outside BIDS trees are grouped into studies."
    )
    root_labels: Annotated[dict[str, str], BeforeValidator(labels)] = Field(
        {},
        description="Name of the scanned folder PATH in the tables (default: its folder name). "
        "Keep it when the folder is renamed or mounted elsewhere, so that its studies are not new.",
        **allowed_values("LABEL=PATH with a label of letters, digits, '.', '_' and '-'"),
    )
    file_timeout_s: float = Field(60.0, gt=0, description="Maximum seconds to read one file.")
