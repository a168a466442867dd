"""One open database of records: transactions that are asked again when that is safe, and caches that other processes outdate."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from datastore.backends.sql_record_engines import consistent, is_conflict, refusal
from datastore.backends.sql_record_file import Turn, identity
from datastore.backends.sql_record_tables import record_version
from plant.errors import Unavailable

CACHE_TRUSTED_S = 1.0
"""How long another process's change may stay unseen."""
TRIES = 5
"""How often a transaction is tried that others are in the way of."""
_Answer = TypeVar("_Answer")


class RecordDatabase:
    """Transactions on a migrated database; `path` is its file, if it is one. Everything raises Unavailable, with one line and
    without the password, when the database does not answer."""

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        self._engine = engine
        self._path = path
        self._file = identity(path)
        self._turn = Turn(path)
        self._lock = RLock()
        self._versions: dict[str, int] = {}
        self._seen_at = float("-inf")
        self._failed: tuple[float, str] = (float("-inf"), "")
        self._cache: dict[str, tuple[int, Any]] = {}

    def read(self, ask: Callable[[Connection], _Answer]) -> _Answer:
        """What `ask` finds; asked once more when the connection breaks meanwhile."""

        def once() -> _Answer:
            with self._connect() as connection, connection.begin():
                return ask(connection)

        return self._tried(once, 2, _is_cut)

    def write(self, work: Callable[[Connection], _Answer], name: str | None = None) -> _Answer:
        """Run `work` in a transaction that changes what is cached under `name`; those of one name take turns over all processes.

        It runs again when another transaction was in its way or the connection broke before the commit was asked for; Unavailable
        when it broke in the commit, because then nobody knows whether it was kept. Raises Invalid for what cannot be kept.
        """
        with self._turn.taken():
            self._must_be_there()
            answer = self._tried(lambda: self._write_once(work, name), TRIES, lambda error: is_conflict(error) or _is_cut(error))
        if name:
            # Readers between the commit and this line still see the old cache, as if they had asked a moment earlier.
            with self._lock:
                self._seen_at = float("-inf")
        return answer

    def _write_once(self, work: Callable[[Connection], _Answer], name: str | None) -> _Answer:
        with self._connect(writes=True) as connection, connection.begin() as transaction:
            if name:
                # First, so that the lock on this row makes the others wait.
                _count(connection, name)
            answer = work(connection)
            try:
                transaction.commit()
            except DBAPIError as error:
                if _is_cut(error):
                    line = "the store does not answer: the connection broke in the commit, this may or may not be kept"
                    raise Unavailable(line) from error
                raise
            return answer

    def rewrite(self, work: Callable[[Connection], _Answer], names: Iterable[str] = ()) -> _Answer:
        """Run `work`, once, in a transaction that changes anything; all caches are outdated afterwards, and `names` counted even if
        nothing was ever changed under them."""

        def counted(connection: Connection) -> _Answer:
            connection.execute(update(record_version).values(version=record_version.c.version + 1))
            there = set(connection.scalars(select(record_version.c.name)))
            if missing := [{"name": name, "version": 1} for name in names if name not in there]:
                connection.execute(insert(record_version), missing)
            return work(connection)

        with self._turn.taken():
            answer = self._tried(lambda: self._write_once(counted, None), 1, is_conflict)
        with self._lock:
            self._seen_at = float("-inf")
        return answer

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose questions all see the same moment."""
        try:
            with self._connect() as connection:
                consistent(connection)
                with connection.begin():
                    yield connection
        except SQLAlchemyError as error:
            raise refusal(error, self._engine) from error

    def _connect(self, writes: bool = False) -> Connection:
        try:
            return self._engine.connect().execution_options(writes=writes)
        except SQLAlchemyError as error:
            raise refusal(error, self._engine) from error

    def _tried(self, once: Callable[[], _Answer], tries: int, again: Callable[[DBAPIError], bool]) -> _Answer:
        while True:
            tries -= 1
            try:
                return once()
            except (SQLAlchemyError, OverflowError, UnicodeError) as error:
                if tries == 0 or not isinstance(error, DBAPIError) or not again(error):
                    raise refusal(error, self._engine) from error

    def version(self, name: str) -> int:
        """How often what is cached under `name` was changed; by other processes up to CACHE_TRUSTED_S ago."""
        came = time.monotonic()
        if came - self._seen_at > CACHE_TRUSTED_S:
            with self._lock:
                failed_at, line = self._failed
                if failed_at >= came:  # while we waited; to queue for one time-out after the other helps nobody
                    raise Unavailable(line)
                if came - self._seen_at > CACHE_TRUSTED_S:
                    self._look()
        return self._versions.get(name, 0)

    def _look(self) -> None:
        asked = time.monotonic()
        try:
            self._versions = self.read(lambda connection: {row.name: row.version for row in connection.execute(select(record_version))})
        except Unavailable as error:
            self._failed = (time.monotonic(), error.message)
            raise
        self._seen_at = asked

    def cached(self, name: str, ask: Callable[[Connection], _Answer]) -> _Answer:
        """What `ask` found when `name` was changed last; shared, not to be changed."""
        version = self.version(name)
        kept = self._cache.get(name)
        if kept is None or kept[0] != version:
            # Read after the version: at worst the cache is newer than its label and is read once more.
            kept = self._cache[name] = (version, self.read(ask))
        answer: _Answer = kept[1]
        return answer

    def ping(self) -> None:
        """Raises Unavailable when the store does not answer, or its file is not the one that was opened."""
        self._must_be_there()
        self.read(lambda connection: connection.execute(select(record_version)).all())

    def _must_be_there(self) -> None:
        """What is written into a file that was moved or deleted would be acknowledged and lost."""
        if identity(self._path) != self._file:
            raise Unavailable(f"the database file {self._path} is gone")

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()
        self._turn.close()


def _count(connection: Connection, name: str) -> None:
    """One more change under this name; of two that count the first one at once, one begins again (`is_conflict`)."""
    version = record_version.c.version
    if not connection.execute(update(record_version).where(record_version.c.name == name).values(version=version + 1)).rowcount:
        connection.execute(insert(record_version).values(name=name, version=1))


def _is_cut(error: DBAPIError) -> bool:
    """Whether the connection is gone, as opposed to the statement refused."""
    return error.connection_invalidated
