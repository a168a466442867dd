"""A line to PostgreSQL that is given up when the server falls silent.

A server that was frozen, or whose machine hangs, keeps its connections open and answers nothing; the driver would wait for ever, and TCP
notices nothing either, because the kernel of the other side still confirms what it is sent.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

SILENT_S = 20.0
"""How long a server may say nothing in the middle of an answer."""
_LOOK_EVERY_S = 0.1
_T = TypeVar("_T")


class Line(psycopg.Connection[tuple[Any, ...]]):
    """A connection that closes itself, and raises OperationalError, when nothing came from the server for `silent_s` seconds
    (None: it may take its time)."""

    silent_s: float | None = None

    def wait(self, gen: Generator[Any, Any, _T], interval: float = _LOOK_EVERY_S, timeout: float | None = None) -> _T:
        """As the driver does; called for everything that is said on this line."""
        if self.silent_s is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(_while_heard(gen, self.silent_s), interval, timeout)
        except _Silent as silence:
            self.close()
            raise psycopg.OperationalError(f"the server has said nothing for {self.silent_s:g} s") from silence


class _Silent(Exception):
    pass


def _while_heard(gen: Generator[Any, Any, _T], silent_s: float) -> Generator[Any, Any, _T]:
    """`gen`, until it is told for too long that nothing came."""
    heard = time.monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                heard = time.monotonic()
            elif time.monotonic() - heard > silent_s:
                raise _Silent
            wanted = gen.send(ready)
    except StopIteration as end:
        answer: _T = end.value
        return answer
