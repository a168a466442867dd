"""Connections to a database server: a few that read, one that writes, replaced when they break."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from datastore.backends.sql_session import Session
from plant.errors import Unavailable

_READERS_KEPT = 6


class Server(Protocol):
    """How one kind of server is spoken to; `connection` is its driver's."""

    name: str
    """Scheme, host and database, without user and password: for messages."""
    faults: tuple[type[Exception], ...]
    """What the driver raises."""

    def connect(self, reads: bool) -> Any:
        """A new connection."""

    def begin_read(self, connection: Any) -> Session:
        """Begin a transaction that sees one moment."""

    def begin_write(self, connection: Any, durable: bool) -> Session:
        """Wait for the turn, then begin a transaction."""

    def commit(self, connection: Any) -> None:
        """End the transaction and give the turn back."""

    def rollback(self, connection: Any) -> None:
        """Undo the transaction and give the turn back."""

    def is_down(self, fault: Exception) -> bool:
        """Whether the server is at fault, and not what it was asked."""


class PooledDatabase:
    """`Database` on a server. A connection that met a fault is closed; one that was found broken when a transaction begins is replaced
    and the transaction begun once more. An answer to COMMIT that got lost is Unavailable: what was written may be there or not."""

    def __init__(self, server: Server) -> None:
        self.turn = threading.RLock()
        self.is_open = True
        self._server = server
        self._readers: list[Any] = []
        self._writers: list[Any] = []
        self._pool = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self._transaction(self._readers, True, self._server.begin_read) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with self.turn, self._transaction(self._writers, False, lambda connection: self._server.begin_write(connection, True)) as session:
            yield session

    @contextmanager
    def write_bulk(self) -> Iterator[Session]:
        with self.turn, self._transaction(self._writers, False, lambda connection: self._server.begin_write(connection, False)) as session:
            yield session

    def end_bulk(self) -> None:
        """Bulk loading shares the connection of `write`."""

    @contextmanager
    def _transaction(self, idle: list[Any], reads: bool, begin: Callable[[Any], Session]) -> Iterator[Session]:
        if not self.is_open:
            raise Unavailable(f"The store {self._server.name} is closed")
        connection = None
        try:
            connection, session = self._begun(idle, reads, begin)
            try:
                yield session
            except self._server.faults:
                raise
            except BaseException:
                self._server.rollback(connection)
                raise
            self._server.commit(connection)
        except self._server.faults as fault:
            self._discard(connection)
            connection = None
            if self._server.is_down(fault):
                raise Unavailable(f"The store {self._server.name} does not answer: {_line(fault)}") from fault
            raise
        finally:
            if connection is not None:
                self._give_back(idle, connection)

    def _begun(self, idle: list[Any], reads: bool, begin: Callable[[Any], Session]) -> tuple[Any, Session]:
        with self._pool:
            connection = idle.pop() if idle else None
        if connection is not None:
            try:
                return connection, begin(connection)
            except self._server.faults:
                # the server was restarted, or something between has cut the line: the others are no better
                with self._pool:
                    broken = [connection, *idle]
                    idle.clear()
                for one in broken:
                    self._discard(one)
        connection = self._server.connect(reads)
        try:
            return connection, begin(connection)
        except BaseException:
            self._discard(connection)
            raise

    def _give_back(self, idle: list[Any], connection: Any) -> None:
        with self._pool:
            keep = self.is_open and len(idle) < _READERS_KEPT
            if keep:
                idle.append(connection)
        if not keep:
            self._discard(connection)

    def _discard(self, connection: Any) -> None:
        if connection is not None:
            with suppress(*self._server.faults, OSError):
                connection.close()

    def close(self) -> None:
        with self.turn, self._pool:
            self.is_open = False
            for connection in (*self._readers, *self._writers):
                self._discard(connection)
            self._readers.clear()
            self._writers.clear()


def _line(fault: Exception) -> str:
    """The first line of what the driver says."""
    text = str(fault.args[-1] if fault.args else fault).strip()
    return text.splitlines()[0] if text else type(fault).__name__
