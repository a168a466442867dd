"""Which build runs here: screens that were loaded from another one load themselves again."""

import hashlib
from pathlib import Path

from services import VERSION

ROOT = Path(__file__).parents[1]
PARTS = ("api", "callbacks", "dashboard", "datastore", "pages", "plant", "services")
KINDS = (".py", ".js", ".css", ".html", ".toml")


def mark(root: Path = ROOT) -> str:
    """Version and a hash of every source under `root`: the same on all processes that run the same files, another when one byte differs."""
    digest = hashlib.sha256()
    for part in PARTS:
        for file in sorted((root / part).rglob("*")):
            if file.suffix in KINDS and "vendor" not in file.parts:
                digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
                digest.update(file.read_bytes())
    return f"{VERSION}+{digest.hexdigest()[:10]}"


BUILD = mark()
"""As it was when this process began: files that are exchanged under it are not what it serves."""
