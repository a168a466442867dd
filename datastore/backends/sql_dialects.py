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


class Database:
    """One SQLite file: one writer connection, a few pooled readers.

    Writers of several processes take turns by a kernel lock on `<file>.lock`, which queues fairly and vanishes with its
    process; SQLite's own lock would have them poll. Foreign writers without it are waited for by the busy timeout.
    """

    def __init__(self, url_or_path: str) -> None:
        self.path = path_of(url_or_path)
        self.turn = threading.RLock()
        self._readers: list[Connection] = []
        self._pool = threading.Lock()
        self.is_open = True
        try:
            self._lock_file = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode=WAL")
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"The store {self.path} cannot be opened: {error}") from error
        # zeroing deleted pages would double the cost of sealing
        for pragma in (
            "synchronous=FULL",
            "wal_autocheckpoint=4000",
            "journal_size_limit=67108864",
            "cache_size=-8192",
            "secure_delete=OFF",
        ):
            self._writer.execute(f"PRAGMA {pragma}")

    def _connect(self) -> Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=512)
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One durable transaction; rolled back when the block raises. Not to be nested. Raises Unavailable when the engine fails."""
        with self.turn:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                with _transaction(self._writer, "BEGIN IMMEDIATE"):
                    yield self._writer
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot, taken at the first question and held to the end of the block."""
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

    def _open_reader(self) -> Connection:
        try:
            reader = self._connect()
            reader.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            raise Unavailable(f"The store {self.path} cannot be read: {error}") from error
        return reader

    def relax(self, relaxed: bool) -> None:
        """Bulk loading may skip the flush at each commit: a power cut then loses the newest commits, never the file."""
        with self.turn:
            self._writer.execute(f"PRAGMA synchronous={'NORMAL' if relaxed else 'FULL'}")

    def close(self) -> None:
        with self.turn, self._pool:
            if not self.is_open:
                return
            self.is_open = False
            for reader in self._readers:
                reader.close()
            self._readers.clear()
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
    except (sqlite3.OperationalError, sqlite3.ProgrammingError, sqlite3.DatabaseError) as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise Unavailable(f"The store does not answer: {error}") from error
