"""One process at a time migrates a database, however many start at once."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import sha256

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from plant.errors import Unavailable

WAIT_S = 600
"""How long a process waits for another one's migration."""
_ASK_S = 20
_KEY = 0x766F6C74  # "volt"


def turn(connection: Connection) -> AbstractContextManager[None]:
    """A transaction on this connection that only one process is in; the lock vanishes with the connection."""
    takes: dict[str, Callable[[Connection], AbstractContextManager[None]]] = {"postgresql": _postgresql, "mysql": _mysql}
    return takes.get(connection.dialect.name, _sqlite)(connection)


@contextmanager
def _sqlite(connection: Connection) -> Iterator[None]:
    with connection.begin():  # BEGIN IMMEDIATE, because the connection says `writes`
        yield


@contextmanager
def _postgresql(connection: Connection) -> Iterator[None]:
    with connection.begin():
        usual = connection.scalar(text("SHOW lock_timeout"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT_S}s'"))
        connection.execute(select(func.pg_advisory_xact_lock(_KEY)))
        connection.execute(select(func.set_config("lock_timeout", usual, True)))
        yield


@contextmanager
def _mysql(connection: Connection) -> Iterator[None]:
    """The lock is held by the connection and not by the transaction, which every DDL statement ends; its name is the whole server's."""
    database = connection.engine.url.database or ""
    name = "voltdeck " + sha256(database.encode()).hexdigest()[:40]
    if not any(connection.scalar(select(func.get_lock(name, _ASK_S))) for _ in range(WAIT_S // _ASK_S)):
        raise Unavailable(f"another process has been migrating the database for {WAIT_S} s")
    connection.rollback()
    try:
        with connection.begin():
            yield
    finally:
        with suppress(SQLAlchemyError):  # a lost connection has lost the lock, too
            connection.scalar(select(func.release_lock(name)))
            connection.rollback()
