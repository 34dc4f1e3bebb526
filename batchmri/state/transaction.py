"""Transactions, and walking through keys while rows change."""

import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Self


def ordered(connection: sqlite3.Connection, next_after: str) -> Iterator[str]:
    """Keys in order, each asked for by itself.

    A cursor held open would see, or block, the writes that are made between two keys.
    """
    key = ""
    while (found := connection.execute(next_after, (key,)).fetchone()[0]) is not None:
        yield (key := found)


class Transaction:
    """Everything inside is written, or nothing is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:  # SQLite itself rolls back if the disk is full
            self._db.execute("ROLLBACK")


class Bulk:
    """Many small writes, committed every `size` ticks and at the end."""

    def __init__(self, connection: sqlite3.Connection, size: int) -> None:
        self._db = connection
        self._size = size
        self._ticks = 0

    def tick(self) -> None:
        """One more write was made."""
        self._ticks += 1
        if self._ticks % self._size == 0:
            self._db.execute("COMMIT")
            self._db.execute("BEGIN IMMEDIATE")

    def __enter__(self) -> Self:
        self._db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._db.execute("COMMIT")
