"""Files and folders of the spool: slots and their locks, names of segments, writes that are on the disk when they return."""

import fcntl
import os
from pathlib import Path

SUFFIX = ".spool"
SLOTS = 1000


def claim(folder: Path) -> tuple[Path, int]:
    """The first slot below `folder` that no living process holds, made when there is none, and its lock. Raises OSError."""
    folder.mkdir(mode=0o750, exist_ok=True)
    for number in range(SLOTS):
        slot = folder / f"{number}"
        slot.mkdir(mode=0o750, exist_ok=True)
        taken = try_lock(slot)
        if taken is not None:
            sync_folder(folder)
            sync_folder(folder.parent)
            return slot, taken
    raise OSError(f"all {SLOTS} slots are taken")


def filled(folder: Path) -> list[Path]:
    """The slots that hold segments."""
    slots = sorted(path for path in folder.iterdir() if path.name.isdigit())
    return [slot for slot in slots if any(path.suffix == SUFFIX for path in slot.iterdir())]


def name_of(number: int, start: int) -> str:
    """The name of segment `number` of which everything before byte `start` is in the store."""
    return f"{number:08d}-{start:x}{SUFFIX}"


def place_of(path: Path) -> tuple[int, int] | None:
    """Number and offset of a segment by its name; None for any other file."""
    number, _, offset = path.name.removesuffix(SUFFIX).partition("-")
    if path.suffix != SUFFIX:
        return None
    try:
        return int(number), int(offset, 16)
    except ValueError:
        return None


def segments_of(slot: Path) -> list[Path]:
    """Its segments, oldest first."""
    found = {path: place for path in slot.iterdir() if (place := place_of(path)) is not None}
    return sorted(found, key=found.__getitem__)


def try_lock(slot: Path) -> int | None:
    """The slot's lock, as a file descriptor; None while a living process holds it."""
    descriptor = os.open(slot / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def read(path: Path, start: int, end: int | None) -> bytes:
    """The bytes from `start` to before `end` (None: all that follow). Raises OSError."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read() if end is None else file.read(end - start)


def append_durably(path: Path, data: bytes) -> None:
    """Add to a file, made when it is missing; on the disk when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in it be on the disk: a new file without its name is lost. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
