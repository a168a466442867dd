"""Stores to measure: this product's telemetry on a URL, raw SQLite with the same table, databases of one's own on a PostgreSQL server."""

import os
import resource
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bench.plant_data import START
from datastore.backends.sql_engine import open_engine
from datastore.kept.telemetry import KeptTelemetry
from plant.metrics import scalars_of

POSTGRESQL = os.environ.get("BENCH_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
"""A server on which databases may be made and dropped."""


class Clock:
    """The time, as the readings have it."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@contextmanager
def telemetry(place: Path | str, clock: Callable[[], int]) -> Iterator[KeptTelemetry]:
    """A telemetry store in a new SQLite file, or on a database URL."""
    store = KeptTelemetry(open_engine(f"sqlite:///{place}" if isinstance(place, Path) else place), clock)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def raw(path: Path, kind: str, metrics: Sequence[str]) -> Iterator[tuple[sqlite3.Connection, str]]:
    """A plain SQLite connection with the same durability and a table of the same shape, and its INSERT for these metrics."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-8192"):
        connection.execute(f"PRAGMA {pragma}")
    columns = ", ".join(f'"{name}" REAL' for name in scalars_of(kind))
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS r (ts INTEGER, device INTEGER, received INTEGER, quality INTEGER, {columns}, "
        "PRIMARY KEY (ts, device)) WITHOUT ROWID"
    )
    names = ", ".join(f'"{name}"' for name in metrics)
    insert = f"INSERT INTO r (device, ts, received, quality, {names}) VALUES ({', '.join('?' * (len(metrics) + 4))})"
    with closing(connection):
        yield connection, insert


@contextmanager
def database(server: str = POSTGRESQL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that is dropped in the end."""
    import psycopg

    name = f"bench_{os.getpid()}_{secrets.token_hex(3)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def file_bytes(path: Path) -> int:
    """Size of an SQLite file once its log is folded in and free pages are given back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def cpu_s() -> float:
    """Processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mb() -> float:
    """Resident set of this process [MB]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin)
