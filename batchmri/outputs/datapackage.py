"""datapackage.json: machine-readable schema of the tables (Frictionless Data Package v1)."""

from collections.abc import Sequence
from typing import Any

from batchmri.outputs.schema import TABLES, Column, columns

CONTRACT = "2"
"""Version of the table schema: its columns and their meaning."""

_SERIES_KEY = ["study_uid", "series_uid", "series_part"]
_PRIMARY_KEYS = {
    "studies": ["study_uid"],
    "series": _SERIES_KEY,
    "slices": [*_SERIES_KEY, "slice_index"],
    "changes": ["study_uid"],
}
_FOREIGN_KEYS = {"series": ("studies", ["study_uid"]), "slices": ("series", _SERIES_KEY)}
_DIALECT = {
    "delimiter": ",",
    "lineTerminator": "\r\n",
    "quoteChar": '"',
    "doubleQuote": True,
    "header": True,
}


def datapackage(classes: Sequence[str], *, identifiers: bool = False) -> dict[str, Any]:
    """The data package of an output of a model with these classes."""
    return {
        "profile": "tabular-data-package",
        "name": "batchmri",
        "title": "Brain MRI classified by batchmri",
        "description": "Research use only: not a medical device.",
        "contract_version": CONTRACT,
        "resources": [
            _resource(table, columns(table, classes, identifiers=identifiers)) for table in TABLES
        ],
    }


def _resource(table: str, described: Sequence[Column]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "fields": [_field(column) for column in described],
        "missingValues": [""],
    }
    if table in _PRIMARY_KEYS:
        schema["primaryKey"] = _PRIMARY_KEYS[table]
    if table in _FOREIGN_KEYS:
        other, fields = _FOREIGN_KEYS[table]
        reference = {"resource": other, "fields": fields}
        schema["foreignKeys"] = [{"fields": fields, "reference": reference}]
    return {
        "profile": "tabular-data-resource",
        "name": table,
        "description": f"One row per {TABLES[table]}.",
        "path": f"{table}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": _DIALECT,
        "schema": schema,
    }


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "description": column.description,
    }
    if column.unit:
        field["unit"] = column.unit
    if column.allowed:
        field["constraints"] = {"enum": list(column.allowed)}
    return field
