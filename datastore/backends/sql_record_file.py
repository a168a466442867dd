"""Records in an SQLite file: how it is opened, how its writers take turns, how one notices that it is gone."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from plant.errors import Unavailable

BUSY_S = 30
"""How long a writer waits for another one."""


def sqlite_engine(path: Path) -> Engine:
    """An engine on a database file, durable and safe beside other writers: WAL, every commit synced, foreign keys on. Its first connection
    makes the file; where it is gone later, the others fail, for an empty one in its place would be in the way when it comes back."""
    made = False

    def connect() -> sqlite3.Connection:
        nonlocal made
        how = "rw" if made else "rwc"
        opened = sqlite3.connect(
            f"file:{quote(str(path))}?mode={how}", uri=True, check_same_thread=False, timeout=BUSY_S, isolation_level=None
        )
        made = True
        return opened

    engine = create_engine(f"sqlite:///{path}", creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=28, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        _use_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-512"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own BEGIN would come too late (at the first write) and leave DDL outside.
        options = connection.get_execution_options()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")

    return engine


def _use_wal(connection: Any) -> None:
    """Switch to the write-ahead log; SQLite answers "locked" at once, without waiting, while another process does the same."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise Unavailable(f"the database does not support a write-ahead log (journal mode {mode})")
        return


class Turn:
    """Writers of one database file take turns by the kernel lock on `<file>.lock`, which the telemetry's writer takes too: it
    queues, where SQLite's own lock would have a rare writer poll beside a busy one and starve. Without a file: no turns."""

    def __init__(self, path: Path | None) -> None:
        self._threads = Lock()
        self._file = None if path is None else os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o644)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the turn."""
        if self._file is None:
            yield
            return
        with self._threads:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the lock file; idempotent."""
        with self._threads:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def identity(path: Path | None) -> tuple[int, int] | None:
    """Which file lies at this path; None when there is none."""
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
