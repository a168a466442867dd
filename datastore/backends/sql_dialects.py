"""What is particular to one SQL engine: how to connect, how to lock, what its types are called. Nobody else asks which engine it is."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plant.errors import Unavailable

Connection = sqlite3.Connection

INTEGER, REAL, BLOB, TEXT = "INTEGER", "REAL", "BLOB", "TEXT"

_READERS_KEPT = 6
_BUSY_S = 30.0


def path_of(url_or_path: str) -> Path:
    """The file of `sqlite:///path` or of a plain path."""
    return Path(url_or_path.removeprefix("sqlite:///"))


_TRANSIENT = (
    sqlite3.OperationalError,  # locked, full, read-only, input/output error
    sqlite3.InternalError,
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_down(error: sqlite3.Error) -> bool:
    """Whether the engine, its file or its disk is at fault, and not what it was asked to keep."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, _TRANSIENT) or code in _DAMAGED or "closed database" in str(error)


class Database:
    """One SQLite file: one writer connection, one for bulk loads, a few pooled readers.

    Writers of several processes take turns by a kernel lock on `<file>.lock`, which queues fairly and vanishes with its
    process; SQLite's own lock would have them poll. Foreign writers without it are waited for by the busy timeout.
    """

    def __init__(self, url_or_path: str) -> None:
        self.path = path_of(url_or_path)
        self.turn = threading.RLock()
        self._readers: list[Connection] = []
        self._pool = threading.Lock()
        self.is_open = True
        self._bulk: Connection | None = None
        try:
            self._lock_file = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            self._writer = self._open_writer("FULL")
            self._file = os.stat(self.path).st_ino
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"The store {self.path} cannot be opened: {error}") from error

    def _open_writer(self, synchronous: str) -> Connection:
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

    def _connect(self) -> Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=512)
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction; rolled back when the block raises. Not to be nested. Raises Unavailable when the engine fails."""
        with self._alone(), _transaction(self._writer, "BEGIN IMMEDIATE"):
            yield self._writer

    @contextmanager
    def write_bulk(self) -> Iterator[Connection]:
        """A transaction for bulk loading, on a connection of its own that does not wait for the disk at each commit: a power cut
        may then lose the newest loads, never the file and never what `write` committed."""
        with self._alone():
            self._bulk = self._bulk or self._open_writer("NORMAL")
            with _transaction(self._bulk, "BEGIN IMMEDIATE"):
                yield self._bulk

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
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot, taken at the first question and held to the end of the block."""
        self.check_present()
        with self._pool:
            reader = self._readers.pop() if self._readers else None
        reader = reader or self._open_reader()
        try:
            with _transaction(reader, "BEGIN"):
                yield reader
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
            found = os.stat(self.path).st_ino
        except OSError as error:
            raise Unavailable(f"The store {self.path} is gone: {error.strerror}") from error
        if found != self._file:
            raise Unavailable(f"The store {self.path} was replaced by another file: start again to use that one")

    def _open_reader(self) -> Connection:
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
def _transaction(connection: Connection, begin: str) -> Iterator[None]:
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
