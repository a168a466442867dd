"""One file per family of routes. A file's `OPERATIONS` are found by being there; a clash stops the start."""

import importlib
import pkgutil

from api.contract import Declared, check_unique


def discover() -> tuple[Declared, ...]:
    """All declared operations, in the order of file names (those of folders too) and then as written. Raises ValueError when two claim
    one path."""
    found: list[Declared] = []
    for module in sorted(pkgutil.walk_packages(__path__, f"{__name__}."), key=lambda m: m.name):
        found += getattr(importlib.import_module(module.name), "OPERATIONS", ())
    check_unique(found)
    return tuple(found)
