"""Real ways in which a store stops answering, and comes back: for tests that count what was acknowledged against what is stored.

A further way (a server that is stopped or killed) is one more function in OUTAGES.
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.datastore.own_servers import DATABASE, SERVERS


@dataclass(frozen=True)
class Outage:
    """A store at `url` that stops answering at `begin()` and answers again after `end()`."""

    url: str
    begin: Callable[[], None]
    end: Callable[[], None]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own of that size ("256k") at `folder`. Needs root: without, the test is skipped by name, with CI=true it fails."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        reason = f"a small disk cannot be mounted: {mounted.stderr.strip()}"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, mode: str) -> None:
    """Make a small disk read-only ("ro"), writable again ("rw") or larger ("size=400m")."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


@contextmanager
def sqlite_file_away(folder: Path) -> Iterator[Outage]:
    """The database file is moved away under the running process, and back."""
    path = folder / "plant.db"

    def move(old: str, new: str) -> None:
        for ending in ("", "-wal", "-shm"):
            if (file := folder / f"{old}{ending}").exists():
                os.rename(file, folder / f"{new}{ending}")

    yield Outage(f"sqlite:///{path}", lambda: move("plant.db", "away.db"), lambda: move("away.db", "plant.db"))


@contextmanager
def sqlite_disk_full(folder: Path) -> Iterator[Outage]:
    """The disk the database is on is full, and has room again; the spool is on another."""
    with small_disk(folder / "disk", "24m") as disk:
        filler = disk / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file:
                for size in (1 << 16, 1 << 10, 1):
                    try:
                        while True:
                            file.write(bytes(size))
                    except OSError:
                        continue

        yield Outage(f"sqlite:///{disk / 'plant.db'}", fill, filler.unlink)


@contextmanager
def postgresql_killed(_folder: Path) -> Iterator[Outage]:
    """It goes down without a checkpoint and recovers from its log."""
    with SERVERS["postgresql"]() as server:
        yield Outage(server.url(DATABASE), server.kill, server.start)


OUTAGES: Mapping[str, Callable[[Path], AbstractContextManager[Outage]]] = {
    "sqlite file away": sqlite_file_away,
    "sqlite disk full": sqlite_disk_full,
    "postgresql killed": postgresql_killed,
}
"""The other servers go through the same in `test_server_faults.py`."""
