"""What the statements of `sql_engine` ask of one SQL engine.

Statements are written once, with ? for what is bound and "quotes" where a name is a word of some engine. A `Session` knows how its
engine says what cannot be said alike; a `Database` opens sessions and keeps their connections.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import RLock
from typing import Any, Protocol, TypeVar

from datastore.kept.packing import Packed

Row = tuple[Any, ...]
Bound = Sequence[Any]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Grammar:
    """The words with which an engine makes tables."""

    integer: str  # 64 bits
    real: str  # 64 bits
    blob: str
    text: str
    name: str  # a short text that may stand in a key, compared byte by byte
    serial: str  # an integer given out in ascending order, never twice
    own_key: str  # the constraint of the natural key beside a `serial`
    device_first: bool  # (device, ts) or (ts, device)
    keyed: str  # behind a table whose rows lie in the order of their key
    plain: str  # behind any other
    index_inside: bool  # an index is declared with its table, not after it


class Session(Protocol):
    """One open transaction."""

    grammar: Grammar

    def rows(self, sql: str, bound: Bound = ()) -> list[Row]:
        """The answer to a question."""

    def run(self, sql: str, bound: Bound = ()) -> int:
        """Carry out; how many rows that changed."""

    def among(self, column: str, values: Sequence[int]) -> tuple[str, Bound]:
        """A condition that `column` is one of `values` (not empty), and what it binds."""

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str]) -> int:
        """Insert the rows whose key is not there yet; how many that were."""

    def put(self, table: str, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str]) -> None:
        """Insert or replace; of two rows with one key the last stays."""

    def append(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert; in tables with an `id` in ascending order of it."""

    def delete(self, table: str, key: Sequence[str], rows: Sequence[Row]) -> None:
        """Delete the rows with these keys."""

    def insert_new(self, kind: str, scalars: Sequence[str], rows: Sequence[Row], packing: Packed | None = None) -> list[int]:
        """`Writer.insert_new`."""

    def window(
        self, table: str, columns: str, devices: Sequence[int] | None, start: int, end: int, also: str = "", bound: Bound = ()
    ) -> list[Row]:
        """Rows of a hot table with start ≤ ts < end, each device's ascending by time; `also` is one more condition."""

    def count_write(self, owner: int) -> list[Row]:
        """`Writer.count_write` as rows (name, owner, value)."""

    def take_time(self) -> None:
        """No limit to how long a question of this transaction may take."""

    def columns(self) -> list[Row]:
        """(table, column) of all there are."""

    def made(self, table: str) -> None:
        """What is to be done to a table that was just made."""

    def sizes(self) -> list[tuple[str, int, int]]:
        """(table, bytes with its indexes, rows)."""

    def faults(self) -> list[str]:
        """`Engine.faults`."""


class Database(Protocol):
    """Connections to one database. Raises Unavailable, without secrets in its message, when it does not answer."""

    turn: RLock

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""

    def read(self) -> AbstractContextManager[Session]:
        """A transaction that sees one moment."""

    def write(self) -> AbstractContextManager[Session]:
        """A durable transaction, one at a time over all processes."""

    def write_bulk(self) -> AbstractContextManager[Session]:
        """The same, back before the disk has it."""

    def end_bulk(self) -> None:
        """Give what `write_bulk` needs back."""

    def close(self) -> None:
        """Release everything; idempotent."""


def window_by_device(
    session: Session, table: str, columns: str, devices: Sequence[int] | None, start: int, end: int, also: str, bound: Bound
) -> list[Row]:
    """`Session.window` where the rows of a device lie together."""
    whose, who = ("", ()) if devices is None else session.among("device", devices)
    conditions = "".join(f" AND {condition}" for condition in (whose, also) if condition)
    question = f"SELECT {columns} FROM {table} WHERE ts >= ? AND ts < ?{conditions} ORDER BY device, ts"
    return session.rows(question, (start, end, *who, *bound))


def places(count: int) -> str:
    """`?, ?, …`"""
    return ", ".join("?" * count)


def quoted(names: Sequence[str]) -> str:
    """Column list for SQL; names are of the catalogue or of our tables, never input."""
    return ", ".join(f'"{name}"' for name in names)


def batches(rows: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """The rows, `size` at a time."""
    return (rows[start : start + size] for start in range(0, len(rows), size))
