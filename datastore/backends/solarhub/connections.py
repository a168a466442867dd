"""Read-only connections to the databases of an installation: opened when first needed, kept for the next question, bounded in number.

A server that does not answer is not asked again for some seconds, so that eighteen databases on one dead host cost one time-out.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from datastore.backends.solarhub.installation import Server
from plant.errors import Unavailable

log = logging.getLogger(__name__)

CONNECT_S = 5
READ_S = 60
MOST_CONNECTIONS = 4
ASK_AGAIN_S = 5.0
IDLE_S = 60.0
TRUSTED_S = 1.0
"""A connection that rested no longer than this is used without asking it first."""
FETCH = 2000

NO_SUCH_TABLE = 1146
NO_SUCH_COLUMN = 1054
_HOST_DOWN = {2002, 2003, 2005, 2006, 2013, 1040, 1045, 1129, 1130, 1203, 1698}
"""Errors that concern all databases of a server: it is unreachable, full, or refuses the user."""


def driver() -> Any:
    """mysqlclient where it is installed, else PyMySQL."""
    try:
        import MySQLdb
        import MySQLdb.converters
        import MySQLdb.cursors

        return MySQLdb
    except ImportError:
        import pymysql
        import pymysql.cursors

        return pymysql


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


class SchemaChanged(Exception):
    """A table or column that was there is gone."""


class Connections:
    """The databases of one server. Threads may share it."""

    def __init__(self, server: Server, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.server = server
        self._monotonic = monotonic
        self._driver = driver()
        self._idle: dict[str, list[tuple[float, Any]]] = {}
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()
        self._down: dict[str, tuple[float, str]] = {}  # database, or "" for the whole server → until when, why

    def rows(self, database: str, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small answer. Raises Unavailable, or SchemaChanged."""
        return [row for part in self.parts(database, sql, values) for row in part]

    def parts(self, database: str, sql: str, values: Sequence[Any] = ()) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The answer in parts of at most FETCH rows, as the server sends them. Raises Unavailable, or SchemaChanged."""
        with self._connection(database) as connection:
            cursor = self._driver.cursors.SSCursor(connection)
            try:
                cursor.execute(sql, tuple(values))
                while part := cursor.fetchmany(FETCH):
                    yield part
                cursor.close()
            except BaseException:
                _abandon(cursor)
                raise

    def ping(self, database: str) -> None:
        """Raises Unavailable when the database does not answer."""
        self.rows(database, "SELECT 1")

    def close(self) -> None:
        """Close what is idle; idempotent."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for waiting in idle.values():
            for _, connection in waiting:
                with suppress(Exception):
                    connection.close()

    @contextmanager
    def _connection(self, database: str) -> Iterator[Any]:
        slot = self._slot(database)
        if not slot.acquire(timeout=READ_S):
            raise Unavailable(f"{self._where(database)} is busy: all {MOST_CONNECTIONS} connections are in use")
        connection, whole = None, False
        try:
            connection = self._take(database)
            yield connection
            whole = True
        except self._driver.Error as error:
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            whole = isinstance(error, self._driver.ProgrammingError) and number in (NO_SUCH_TABLE, NO_SUCH_COLUMN)
            if number in (NO_SUCH_TABLE, NO_SUCH_COLUMN):
                raise SchemaChanged(f"{self._where(database)}: {_said(error)}") from None
            raise self._failed(database, number, _said(error)) from None
        except (OSError, RuntimeError) as error:  # RuntimeError: PyMySQL lacks a package for the server's kind of login
            raise self._failed(database, 2006, str(error)) from None
        finally:
            # a connection on which an answer was not read to its end is of no further use
            if connection is not None and whole:
                self._give_back(database, connection)
            elif connection is not None:
                _drop(connection)
            slot.release()

    def _slot(self, database: str) -> threading.BoundedSemaphore:
        with self._lock:
            return self._slots.setdefault(database, threading.BoundedSemaphore(MOST_CONNECTIONS))

    def _take(self, database: str) -> Any:
        now = self._monotonic()
        stale, found, rested = [], None, 0.0
        with self._lock:
            waiting = self._idle.get(database, [])
            while waiting and found is None:
                since, connection = waiting.pop()
                if now - since < IDLE_S:
                    found, rested = connection, now - since
                else:
                    stale.append(connection)
        for connection in stale:
            _drop(connection)
        if found is not None:
            with suppress(self._driver.Error, OSError):
                if rested > TRUSTED_S:
                    _wait_for(found, CONNECT_S)
                    found.ping()
                    _wait_for(found, READ_S)
                return found
            _drop(found)
        for place in ("", database):
            until, why = self._down.get(place, (0.0, ""))
            if now < until:
                raise Unavailable(why)
        connection = self._open(database)
        self._down.pop("", None)
        self._down.pop(database, None)
        return connection

    def _open(self, database: str) -> Any:
        server = self.server
        connection = self._driver.connect(
            host=server.host, port=server.port, user=server.user, password=server.password, database=database,
            connect_timeout=CONNECT_S, read_timeout=self._greeting_s(), write_timeout=READ_S, charset="utf8mb4", autocommit=True,
            conv=self._conversions(),
        )  # fmt: skip
        try:
            _wait_for(connection, READ_S)
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                cursor.execute("SET time_zone = '+00:00'")
                cursor.execute("SET SESSION sql_mode = ''")
                # a question that nobody waits for any more must not go on
                is_mariadb = "mariadb" in str(connection.get_server_info()).lower()
                limit = f"max_statement_time = {READ_S}" if is_mariadb else f"max_execution_time = {READ_S * 1000}"
                with suppress(self._driver.Error):  # a server too old to know the limit goes without
                    cursor.execute(f"SET SESSION {limit}")
        except BaseException:
            _drop(connection)
            raise
        return connection

    def _greeting_s(self) -> int:
        """PyMySQL's `connect_timeout` ends with the TCP connection; a hung server would be waited for as for an answer."""
        return CONNECT_S if self._driver.__name__ == "pymysql" else READ_S

    def _conversions(self) -> Mapping[Any, Any]:
        """Decimals as float: they become float64 anyway, and `Decimal` takes ten times as long."""
        decimals = (0, 246)  # DECIMAL, NEWDECIMAL
        return {**self._driver.converters.conversions, **dict.fromkeys(decimals, float)}

    def _give_back(self, database: str, connection: Any) -> None:
        with self._lock:
            self._idle.setdefault(database, []).append((self._monotonic(), connection))

    def _failed(self, database: str, number: int, said: str) -> Unavailable:
        of_server = number in _HOST_DOWN
        why = f"{self._where('' if of_server else database)} does not answer: {said}"
        known_for_long = number in (1044, 1045, 1049, 1698) or of_server
        if known_for_long:
            self._down["" if of_server else database] = (self._monotonic() + ASK_AGAIN_S, why)
        return Unavailable(why, server=self.server.label, database=database)

    def _where(self, database: str) -> str:
        server = f"SolarHub {self.server.label} server {self.server}"
        return f"database {database} on {server}" if database else server


def _wait_for(connection: Any, seconds: int) -> None:
    """Change how long PyMySQL waits for an answer (mysqlclient waits as it was told when it connected)."""
    if hasattr(connection, "_read_timeout"):
        connection._read_timeout = seconds


def _abandon(cursor: Any) -> None:
    """PyMySQL would read what still comes when the cursor is collected."""
    result: Any = getattr(cursor, "_result", None)
    if result is not None and hasattr(result, "unbuffered_active"):
        result.unbuffered_active = False
        cursor.connection = None


def _drop(connection: Any) -> None:
    """Cut it without reading what may still come."""
    with suppress(Exception):
        force = getattr(connection, "_force_close", None)
        (force or connection.close)()


def _said(error: Exception) -> str:
    """What the server said, in one line; servers repeat user and host, never the password."""
    return " ".join(str(error.args[1] if len(error.args) > 1 else error).split())
