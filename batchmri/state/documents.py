"""Records as JSON documents."""

from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter

Record = TypeVar("Record")


@cache
def adapter(kind: type[Record]) -> TypeAdapter[Record]:
    """Converts records of this kind to JSON and back; made at first use, which takes a while."""
    return TypeAdapter(kind)
