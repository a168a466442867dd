"""One writer at a time over all processes: a lease on one document, which holds the counters too.

Whoever takes the turn is told the counters by the same question, and whoever gives it back counts its write by the same answer, so
that the turn costs a group commit two short round trips. The lease ends by the server's clock: a process that was killed holds the
others up for LEASE_S at most.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pymongo
from pymongo import ReturnDocument
from pymongo.errors import AutoReconnect, PyMongoError, ServerSelectionTimeoutError

from datastore.backends.mongo_link import SOCKET_S, Document, Documents, Link
from datastore.kept.engine import Counters
from plant.errors import Unavailable

LEASE_S = 10
WAIT_S = 30
"""How long a writer waits for its turn."""
_POLL_S = 0.002
_PARTING_S = 1
# a lease that is younger outlives any single question
_RENEW_S = LEASE_S - SOCKET_S - 1
_STATE = "state"
TELEMETRY = "turn"


def counters_of(state: Document | None) -> dict[tuple[str, int], int]:
    """The counters of the state document."""
    found = {}
    for key, value in ((state or {}).get("counters") or {}).items():
        name, owner = key.rsplit("/", 1)
        found[name, int(owner)] = int(value)
    return found


def field_of(name: str, owner: int) -> str:
    """Where a counter stands in the state document."""
    return f"counters.{name}/{owner}"


class Turn:
    """The turn of one process; its threads queue before it. `name` is that of the document it is taken with."""

    def __init__(self, link: Link, name: str = TELEMETRY) -> None:
        self._id = {"_id": name}
        self._state: Documents = link.made(_STATE).with_options(write_concern=link.quick)
        self._state.update_one(self._id, {"$setOnInsert": {"holder": None, "counters": {}}}, upsert=True)
        # one for the life of this object: what a turn that was cut off left behind is ours to take up again, at once
        self._token = secrets.token_hex(8)
        self._taken = 0.0
        self._writes: dict[str, int] = {}
        self.counters: Counters = {}

    def take(self) -> None:
        """Wait for the turn; `counters` are then those of the moment. Raises Unavailable when it does not come."""
        self._writes = {}
        until = time.monotonic() + WAIT_S
        while not self._try():
            if time.monotonic() > until:
                raise Unavailable(f"another process holds the store for more than {WAIT_S} s")
            time.sleep(_POLL_S)

    def _try(self) -> bool:
        try:
            return self._claim()
        except ServerSelectionTimeoutError:
            raise
        except AutoReconnect:  # a server that was started anew or stepped down: asking again is safe
            return self._claim()

    def _claim(self) -> bool:
        """Take the lease if it is free, has ended or is ours."""
        asked = time.monotonic()
        free: list[dict[str, Any]] = [{"holder": {"$in": [None, self._token]}}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]
        state = self._state.find_one_and_update(
            self._id | {"$or": free},
            [{"$set": {"holder": self._token, "until": {"$add": ["$$NOW", LEASE_S * 1000]}}}],
            return_document=ReturnDocument.AFTER,
        )
        if state is None:
            return False
        self._taken = asked
        self.counters = counters_of(state)
        return True

    @contextmanager
    def taken(self) -> Iterator[None]:
        """The turn for as long as the block lasts."""
        self.take()
        try:
            yield
        except BaseException:
            # the error is what the caller must hear, and soon: a server that is gone is not waited for once more
            with suppress(PyMongoError, Unavailable), pymongo.timeout(_PARTING_S):
                self.give_back()
            raise
        self.give_back()

    def hold(self) -> None:
        """Before every write: the lease outlives it. Raises Unavailable when another process has taken over."""
        if time.monotonic() - self._taken < _RENEW_S:
            return
        asked = time.monotonic()
        renewed = self._state.update_one(self._id | {"holder": self._token}, [{"$set": {"until": {"$add": ["$$NOW", LEASE_S * 1000]}}}])
        if not renewed.matched_count:
            raise _lost()
        self._taken = asked

    def count(self, name: str, owner: int) -> None:
        """One more, told to the others with the end of the turn: who sees the count sees what was written."""
        key = field_of(name, owner)
        self._writes[key] = self._writes.get(key, 0) + 1

    def pending(self) -> Counters:
        """What this turn has counted so far."""
        return counters_of({"counters": {key.removeprefix("counters."): value for key, value in self._writes.items()}})

    def give_back(self) -> None:
        """End the turn. Raises Unavailable when another process took over meanwhile: what was written may not fit together."""
        change: dict[str, Any] = {"$set": {"holder": None}} | ({"$inc": self._writes} if self._writes else {})
        if not self._state.update_one(self._id | {"holder": self._token}, change).matched_count:
            raise _lost()


def _lost() -> Unavailable:
    return Unavailable("this process stood still for so long that another one has taken its turn to write")
