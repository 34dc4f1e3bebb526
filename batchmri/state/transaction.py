"""Transactions, and iteration over keys while rows change."""

import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Self


def ordered(connection: sqlite3.Connection, next_after: str) -> Iterator[str]:
    """Yield keys in order, with one query per key.

    An open cursor would see or block the writes between two keys. `next_after` is a query for the
    smallest key above its parameter.
    """
    key = ""
    while (found := connection.execute(next_after, (key,)).fetchone()[0]) is not None:
        yield (key := found)


class Transaction:
    """Context manager that writes everything inside, or nothing after an exception."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:  # SQLite has already rolled back if the disk is full
            self._db.execute("ROLLBACK")


class Bulk:
    """Context manager for many small writes, committed every `size` ticks and at the end."""

    def __init__(self, connection: sqlite3.Connection, size: int) -> None:
        self._db = connection
        self._size = size
        self._ticks = 0

    def tick(self) -> None:
        """Count one write; commit if `size` writes have been made since the last commit."""
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
