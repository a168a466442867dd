"""`python app.py backup FILE` and `restore FILE`: a backup is a store of its own in one SQLite file, whatever database it was made of.

It can be restored into any database, or simply be opened: `DATABASE_URL=sqlite:///FILE python app.py serve`.
"""

import argparse
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

from datastore.copying import Copied, copy_readings, require_empty
from datastore.open import open_engine, open_records
from datastore.spool_folder import sync_folder
from plant.errors import Conflict, Invalid, NotFound, Unavailable

Bar = Callable[[str], AbstractContextManager[Callable[[float, str], None]]]
_PART = ".part"
_MEMORY = "memory://"


def run_backup_command(url: str, records_url: str, argv: Sequence[str], now: int, bar: Bar) -> int:
    """Copy the configured store into FILE; the store may be in use meanwhile."""
    parser = argparse.ArgumentParser(prog="app.py backup", description="Copy the store into one file, while it is in use")
    parser.add_argument("file", type=Path, help="the file to make; it must not exist")
    file = parser.parse_args(argv).file
    if file.exists():
        raise Conflict(f"{file} exists already: name another file, or move that one away")
    if not file.parent.is_dir():
        raise NotFound(f"there is no folder {file.parent}")
    part = file.with_name(file.name + _PART)
    address = _address(part)
    _remove(part)
    try:
        with bar("copying the store") as progress:
            copied, records = _copy(url, records_url, address, "", now, progress)
        _settle(part)
        os.rename(part, file)
        _remove(part)  # its lock file
        sync_folder(file.parent)
    except BaseException:
        _remove(part)
        raise
    print(f"{file}: {_told(copied, records)}, {file.stat().st_size / 1e6:.1f} MB")
    return 0


def run_restore_command(url: str, records_url: str, argv: Sequence[str], now: int, bar: Bar) -> int:
    """Fill the configured store, which must be empty, from FILE."""
    parser = argparse.ArgumentParser(prog="app.py restore", description="Fill the configured store, which must be empty, from a backup")
    parser.add_argument("file", type=Path, help="a file that `backup` made")
    file = parser.parse_args(argv).file
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    _check_backup(file)
    with bar("filling the store") as progress:
        copied, records = _copy(_address(file), "", url, records_url, now, progress)
    print(f"restored {_told(copied, records)}")
    return 0


def _address(file: Path) -> str:
    """The URL of a store in this file. Raises Invalid for a name that an address reads as something else."""
    if any(mark in str(file) for mark in "?%"):
        raise Invalid(f"{file}: a name with ? or % cannot be used here")
    return f"sqlite:///{file}"


def _check_backup(file: Path) -> None:
    """Raises Invalid for a file that holds no store: opening it as one would make it one."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'telemetry_state'").fetchone()
    except sqlite3.Error as error:
        raise Invalid(f"{file} is no backup: {error}") from error
    if found is None:
        raise Invalid(f"{file} is no backup: it is a database of something else")


def _copy(
    url: str, records_url: str, to_url: str, to_records_url: str, now: int, progress: Callable[[float, str], None]
) -> tuple[Copied, int]:
    if _MEMORY in (url, to_url):
        raise Invalid("a store in memory is gone with its process: there is nothing to copy")
    with (
        closing(open_engine(url)) as engine,
        closing(open_engine(to_url)) as to_engine,
        closing(open_records(records_url or url)) as records,
        closing(open_records(to_records_url or to_url)) as to_records,
    ):
        require_empty(to_engine)
        filled = to_records.fill(records.dump())
        return copy_readings(engine, to_engine, now, progress), filled


def _told(copied: Copied, records: int) -> str:
    return f"{copied.devices} devices, {copied.hot} hot readings, {copied.chunks} chunks, {copied.revisions} revisions, {records} records"


def _settle(path: Path) -> None:
    """All of it into the one file, and onto the disk. Raises Unavailable when it is not sound."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
        found = connection.execute("PRAGMA quick_check").fetchone()
    if found != ("ok",):
        raise Unavailable(f"the backup {path} is not sound: {found[0]}")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
