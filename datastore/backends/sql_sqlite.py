"""SQLite: one file, one writer, readers beside it."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path

from datastore.backends.sql_session import Bound, Grammar, Row, batches, places, quoted
from datastore.backends.sql_tables import readings
from datastore.kept.packing import Packed
from plant.errors import Unavailable

_READERS_KEPT = 6
_BUSY_S = 30.0
_BLOCK = 50
"""Rows of an INSERT: together a third cheaper, and other threads run meanwhile."""

_FEW = 4
_LOOK = 500
_DEVICES_AN_INSTANT = 25
"""From so many devices to an instant on, stepping over instants beats scanning all rows of the window."""

GRAMMAR = Grammar(
    integer="INTEGER",
    real="REAL",
    blob="BLOB",
    text="TEXT",
    name="TEXT",
    serial="INTEGER PRIMARY KEY AUTOINCREMENT",
    own_key="UNIQUE",
    device_first=False,
    keyed=" WITHOUT ROWID",
    plain="",
    index_inside=False,
)

_TRANSIENT = (
    sqlite3.OperationalError,  # locked, full, read-only, input/output error
    sqlite3.InternalError,
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_down(error: sqlite3.Error) -> bool:
    """Whether the engine, its file or its disk is at fault, and not what it was asked to keep."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, _TRANSIENT) or code in _DAMAGED or "closed database" in str(error)


class SqliteSession:
    """A connection within a transaction."""

    grammar = GRAMMAR

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, bound: Bound = ()) -> list[Row]:
        return self._connection.execute(sql, bound).fetchall()

    def run(self, sql: str, bound: Bound = ()) -> int:
        return self._connection.execute(sql, bound).rowcount

    def among(self, column: str, values: Sequence[int]) -> tuple[str, Bound]:
        return (f"{column} = ?", values) if len(values) == 1 else (f"{column} IN ({places(len(values))})", values)

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str]) -> int:
        return self._each(f"{_insert(table, columns)} ON CONFLICT ({quoted(key)}) DO NOTHING", rows)

    def put(self, table: str, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str]) -> None:
        self._each(_insert(table, columns, "INSERT OR REPLACE"), rows)

    def append(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self._each(_insert(table, columns), rows)

    def delete(self, table: str, key: Sequence[str], rows: Sequence[Row]) -> None:
        self._each(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in key)}", rows)

    def _each(self, sql: str, rows: Sequence[Row]) -> int:
        return self._connection.executemany(sql, rows).rowcount if rows else 0

    def insert_new(self, kind: str, scalars: Sequence[str], rows: Sequence[Row], packing: Packed | None = None) -> list[int]:
        """All at once; when the count tells that some were known, one after the other, so that each tells."""
        together, single = _inserts(kind, tuple(scalars))
        if len(rows) > 1:
            self._connection.execute("SAVEPOINT bulk")
            whole = len(rows) - len(rows) % _BLOCK
            count = sum(self.run(together, tuple(chain.from_iterable(some))) for some in batches(rows[:whole], _BLOCK))
            count += self._each(single, rows[whole:])
            if count < len(rows):
                self._connection.execute("ROLLBACK TO bulk")
            self._connection.execute("RELEASE bulk")
            if count == len(rows):
                return []
        return [place for place, row in enumerate(rows) if not self.run(single, row)]

    def window(
        self, table: str, columns: str, devices: Sequence[int] | None, start: int, end: int, also: str = "", bound: Bound = ()
    ) -> list[Row]:
        """Time comes first in the key, so the rows of one device lie scattered among those of all others. Where many devices share
        their instants, stepping from instant to instant looks at a hundredth of the rows that scanning the window would."""
        whose, who = ("", ()) if devices is None else self.among("device", devices)
        conditions = "".join(f" AND {condition}" for condition in (whose, also) if condition)
        if devices is not None and len(devices) <= _FEW and self._share_instants(table, start, end):
            steps = (
                f"WITH RECURSIVE step (t) AS (SELECT min(ts) FROM {table} WHERE ts >= ? AND ts < ? "
                f"UNION ALL SELECT (SELECT min(ts) FROM {table} WHERE ts > t AND ts < ?) FROM step WHERE t IS NOT NULL) "
            )
            question = f"{steps}SELECT {columns} FROM step CROSS JOIN {table} ON ts = t{conditions}"
            return self.rows(question, (start, end, end, *who, *bound))
        return self.rows(f"SELECT {columns} FROM {table} WHERE ts >= ? AND ts < ?{conditions} ORDER BY ts", (start, end, *who, *bound))

    def _share_instants(self, table: str, start: int, end: int) -> bool:
        """Whether the first rows of a window have many devices to an instant."""
        few = f"SELECT ts FROM {table} WHERE ts >= ? AND ts < ? LIMIT {_LOOK}"
        ((rows, instants),) = self.rows(f"SELECT count(*), count(DISTINCT ts) FROM ({few})", (start, end))
        return bool(rows == _LOOK and rows >= _DEVICES_AN_INSTANT * instants)

    def count_write(self, owner: int) -> list[Row]:
        self.run("INSERT INTO telemetry_state VALUES ('writes', ?, 1) ON CONFLICT (name, owner) DO UPDATE SET value = value + 1", (owner,))
        return self.rows("SELECT name, owner, value FROM telemetry_state")

    def take_time(self) -> None:
        pass

    def columns(self) -> list[Row]:
        return self.rows("SELECT s.name, c.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c WHERE s.type = 'table'")

    def made(self, table: str) -> None:
        pass

    def sizes(self) -> list[tuple[str, int, int]]:
        """A look at every page of the file."""
        try:
            # an index counts with its table; in a table without rowids the inner pages hold rows, too
            found = self.rows(
                "SELECT s.tbl_name, sum(d.pgsize), sum(CASE WHEN s.type = 'table' AND (d.pagetype = 'leaf' OR s.sql LIKE '%WITHOUT ROWID') "
                "THEN d.ncell ELSE 0 END) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name GROUP BY s.tbl_name"
            )
        except sqlite3.OperationalError:  # built without dbstat
            return self._guessed_sizes()
        return [(table, size, rows) for table, size, rows in found]

    def faults(self) -> list[str]:
        """A look at every page of the file."""
        return [line for (line,) in self.rows("PRAGMA integrity_check(50)") if line != "ok"]

    def _guessed_sizes(self) -> list[tuple[str, int, int]]:
        """The bytes of the file shared out by rows."""
        names = [name for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        counts = {name: int(self.rows(f'SELECT count(*) FROM "{name}"')[0][0]) for name in names}
        ((pages,),), ((size,),) = self.rows("PRAGMA page_count"), self.rows("PRAGMA page_size")
        total = sum(counts.values()) or 1
        return [(name, pages * size * rows // total, rows) for name, rows in counts.items()]


@lru_cache(maxsize=512)
def _inserts(kind: str, scalars: tuple[str, ...]) -> tuple[str, str]:
    """The INSERT of `_BLOCK` hot rows and of one; made once, which the statement cache of a connection likes too."""
    columns = ("device", "ts", "received", "quality", *scalars)
    head, one = f"INSERT INTO {readings(kind)} ({quoted(columns)}) VALUES ", f"({places(len(columns))})"
    tail = " ON CONFLICT (ts, device) DO NOTHING"
    return head + ", ".join([one] * _BLOCK) + tail, head + one + tail


def _insert(table: str, columns: Sequence[str], verb: str = "INSERT") -> str:
    return f"{verb} INTO {table} ({quoted(columns)}) VALUES ({places(len(columns))})"


class SqliteDatabase:
    """One SQLite file: one writer connection, one for bulk loads, a few pooled readers.

    Writers of several processes take turns by a kernel lock on `<file>.lock`, which queues fairly and vanishes with its
    process; SQLite's own lock would have them poll. Foreign writers without it are waited for by the busy timeout.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._name = str(self.path)
        self.turn = threading.RLock()
        self._readers: list[sqlite3.Connection] = []
        self._pool = threading.Lock()
        self.is_open = True
        self._bulk: sqlite3.Connection | None = None
        try:
            self._lock_file = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            self._writer = self._open_writer("FULL")
            self._file = os.stat(self.path).st_ino
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"The store {self.path} cannot be opened: {error}") from error

    def _open_writer(self, synchronous: str) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute("PRAGMA journal_mode=WAL")
        # zeroing deleted pages would double the cost of sealing
        for pragma in (
            f"synchronous={synchronous}",
            "wal_autocheckpoint=4000",
            "journal_size_limit=67108864",
            "cache_size=-8192",
            "secure_delete=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=512)
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    @contextmanager
    def write(self) -> Iterator[SqliteSession]:
        """Rolled back when the block raises. Not to be nested."""
        with self._alone(), _transaction(self._writer, "BEGIN IMMEDIATE"):
            yield SqliteSession(self._writer)

    @contextmanager
    def write_bulk(self) -> Iterator[SqliteSession]:
        """On a connection of its own that does not wait for the disk at each commit: a power cut may then lose the newest loads,
        never the file and never what `write` committed."""
        with self._alone():
            self._bulk = self._bulk or self._open_writer("NORMAL")
            with _transaction(self._bulk, "BEGIN IMMEDIATE"):
                yield SqliteSession(self._bulk)

    def end_bulk(self) -> None:
        """Give the bulk connection and its memory back."""
        with self.turn:
            if self._bulk is not None:
                self._bulk.close()
                self._bulk = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.turn:
            self.check_present()
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    @contextmanager
    def read(self) -> Iterator[SqliteSession]:
        """One consistent snapshot, taken at the first question and held to the end of the block."""
        self.check_present()
        with self._pool:
            reader = self._readers.pop() if self._readers else None
        reader = reader or self._open_reader()
        try:
            with _transaction(reader, "BEGIN"):
                yield SqliteSession(reader)
        finally:
            with self._pool:
                keep = self.is_open and len(self._readers) < _READERS_KEPT
                if keep:
                    self._readers.append(reader)
            if not keep:
                reader.close()

    def check_present(self) -> None:
        """Raises Unavailable when the file is not the one that was opened: what is written to a deleted file is lost."""
        if not self.is_open:
            raise Unavailable(f"The store {self.path} is closed")
        try:
            found = os.stat(self._name).st_ino
        except OSError as error:
            raise Unavailable(f"The store {self.path} is gone: {error.strerror}") from error
        if found != self._file:
            raise Unavailable(f"The store {self.path} was replaced by another file: start again to use that one")

    def _open_reader(self) -> sqlite3.Connection:
        try:
            reader = self._connect()
            reader.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            raise Unavailable(f"The store {self.path} cannot be read: {error}") from error
        return reader

    def close(self) -> None:
        with self.turn, self._pool:
            if not self.is_open:
                return
            self.is_open = False
            for reader in self._readers:
                reader.close()
            self._readers.clear()
            self.end_bulk()
            self._writer.close()
            os.close(self._lock_file)


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    try:
        connection.execute(begin)
        try:
            yield
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if is_down(error):
            raise Unavailable(f"The store does not answer: {error}") from error
        raise
