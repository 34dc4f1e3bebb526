"""The tables of an output as DataFrames."""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from batchmri.errors import UsageError

if TYPE_CHECKING:  # takes half a second to import, which a scan on the command line does not need
    import pandas as pd

_TYPES = {"string": "string", "integer": "Int64", "number": "float64"}


class Results:
    """The tables of an output; each is read at first use.

    Text is `string`, integers are `Int64`, other numbers `float64`. An empty cell is missing (NA);
    the text "NA" is a text. Flags are joined by `;`.
    """

    def __init__(self, output: str | Path) -> None:
        self.output = Path(output)

    @cached_property
    def studies(self) -> "pd.DataFrame":
        """A row per study: verdict, probabilities, and numbers of series."""
        return self._table("studies")

    @cached_property
    def series(self) -> "pd.DataFrame":
        """A row per series, classified or not, with the reason."""
        return self._table("series")

    @cached_property
    def slices(self) -> "pd.DataFrame":
        """A row per classified slice."""
        return self._table("slices")

    @cached_property
    def files(self) -> "pd.DataFrame":
        """A row per file without a usable slice."""
        return self._table("files")

    @cached_property
    def changes(self) -> "pd.DataFrame":
        """A row per study that changed in the last run that changed anything."""
        return self._table("changes")

    def _table(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        package = json.loads((self.output / "datapackage.json").read_text(encoding="utf-8"))
        (resource,) = (one for one in package["resources"] if one["name"] == name)
        return pd.read_csv(
            self.output / resource["path"],
            dtype={field["name"]: _TYPES[field["type"]] for field in resource["schema"]["fields"]},
            keep_default_na=False,
            na_values=[""],
        )


def read_results(out: str | Path) -> Results:
    """The results of an earlier scan into `out`. Raises UsageError if there are none."""
    if not (Path(out) / "datapackage.json").is_file():
        raise UsageError(f"{out}: no results here (no datapackage.json); run batchmri scan first")
    return Results(out)
