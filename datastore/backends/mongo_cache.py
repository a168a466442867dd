"""What many ask for and few change, by name: read again when its version in the database has grown."""

import time
from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

from datastore.backends.mongo_link import Link

CACHE_TRUSTED_S = 1.0
"""How long another process's change may stay unseen."""
CACHE_KEPT_S = 60.0
"""After this everything is read again: a process that was killed between its change and the new version must not leave others astray."""
_VERSIONS = "record_version"
_Kept = TypeVar("_Kept")


class Cache:
    """A change by this process is seen at once, one by another process within CACHE_TRUSTED_S. Safe to use from any thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = RLock()
        self._versions: dict[str, int] = {}
        self._seen_at = float("-inf")
        self._kept: dict[str, tuple[int, float, Any]] = {}

    def version(self, name: str) -> int:
        """Grows with every change of what is kept under this name."""
        if time.monotonic() - self._seen_at > CACHE_TRUSTED_S:
            with self._lock:
                asked = time.monotonic()
                if asked - self._seen_at > CACHE_TRUSTED_S:
                    self._versions = {row["_id"]: int(row["version"]) for row in self._link[_VERSIONS].find()}
                    self._seen_at = asked
        return self._versions.get(name, 0)

    def get(self, name: str, read: Callable[[], _Kept]) -> _Kept:
        """What `read` answers, as of the version now; shared, not to be changed."""
        version = self.version(name)
        kept = self._kept.get(name)
        if kept is None or kept[0] != version or time.monotonic() - kept[1] > CACHE_KEPT_S:
            # read after the version: at worst it is newer than its label and is read once more
            kept = self._kept[name] = (version, time.monotonic(), read())
        found: _Kept = kept[2]
        return found

    def changed(self, name: str) -> None:
        """After a change, before anybody is told that it was made."""
        self._link.made(_VERSIONS).update_one({"_id": name}, {"$inc": {"version": 1}}, upsert=True)
        with self._lock:
            self._seen_at = float("-inf")
