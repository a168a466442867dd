"""Which databases records may live in: drivers, pools, time-outs, what an error means. Nobody else asks which database it is."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, Column, Connection, Dialect, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError

from datastore.backends.sql_record_file import sqlite_engine
from plant.errors import Invalid, PlantError, Unavailable

CONNECT_S = 5
"""How long a server may take to answer the door."""
BUSY_S = 15
"""How long a statement waits for a lock."""
SILENT_S = 20
"""How long a server may say nothing: callers of the intake wait for it once, before their readings go to the spool."""
IDLE_S = 60
"""How long a frozen process may keep others waiting inside a transaction."""
_SERVERS = {"postgresql": "postgresql", "postgres": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_EXAMPLE = "postgresql://user:password@host:5432/name"
_CONFLICTS = frozenset({"40001", "40P01", 1213, 1020})
"""Deadlocks and serialization failures: SQLSTATEs of PostgreSQL, error numbers of MariaDB and MySQL."""


def records_engine(url: str) -> Engine:
    """An engine for `sqlite:///file`, `postgresql://…`, `mysql://…` or `mariadb://…`; nothing is connected yet.

    Connections are pooled, asked whether they live before they are used, and speak UTF-8 and UTC. Other drivers' names
    (`+psycopg2`, `+asyncpg`, `+mysqlconnector` …) are taken for ours. Raises ValueError, which never repeats the URL.
    """
    if url.startswith("sqlite:///"):
        return sqlite_engine(Path(url.removeprefix("sqlite:///").split("?", 1)[0]))
    address = server_url(url)
    postgresql = address.get_backend_name() == "postgresql"
    arguments = (_postgresql_arguments if postgresql else _mysql_arguments)(address)
    engine = create_engine(
        address,
        pool_size=4,
        max_overflow=12,
        pool_timeout=10,
        pool_recycle=1800,
        pool_pre_ping=True,
        # Each read is one statement, so each is consistent; MariaDB's default would add gap locks, which only deadlock.
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args=arguments,
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _prepare_postgresql if postgresql else _prepare_mysql)
    return engine


def is_server(url: str) -> bool:
    """Whether this URL names a database server that `records_engine` knows, whatever the driver."""
    return url.split(":", 1)[0].split("+", 1)[0].lower() in _SERVERS


def server_url(url: str) -> URL:
    """The URL with a driver that is installed: psycopg for PostgreSQL; mysqlclient where it is installed, else PyMySQL, for MariaDB
    and MySQL. Raises ValueError, which never repeats the URL."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"this is not the address of a database such as {_EXAMPLE} (write @ : / in a password as %40 %3A %2F)") from None
    server = _SERVERS.get(address.get_backend_name().lower())
    if server is None:
        raise ValueError(f"a database of scheme {address.get_backend_name()!r} is not known, use one such as {_EXAMPLE}")
    if not address.database:
        raise ValueError(f"the address names no database, use one such as {_EXAMPLE}")
    driver = "psycopg" if server == "postgresql" else _mysql_driver(address.drivername.partition("+")[2])
    return address.set(drivername=f"{server}+{driver}")


def _mysql_driver(asked: str) -> str:
    return "mysqldb" if asked != "pymysql" and find_spec("MySQLdb") else "pymysql"


def _connect(dialect: Dialect, _record: Any, arguments: Any, named: Any) -> Any:
    """Drivers raise all sorts here, RuntimeError for a missing package, TypeError for an unknown option: one sort is enough."""
    driver = dialect.loaded_dbapi
    try:
        if driver.__name__ != "psycopg":
            return dialect.connect(*arguments, **named)
        from datastore.backends.postgresql_line import Line

        line = Line.connect(*arguments, **named)
        line.silent_s = SILENT_S
        return line
    except driver.Error:
        raise
    except Exception as error:
        raise driver.OperationalError(f"{type(error).__name__}: {error}") from error


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    ours = {
        "connect_timeout": CONNECT_S,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENT_S * 1000,
        "application_name": "voltdeck",
        "client_encoding": "utf8",
    }
    # Prepared statements would not survive a pooler that hands connections round.
    return {name: value for name, value in ours.items() if name not in url.query} | {"prepare_threshold": None}


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    # As statements, not as start-up options, which poolers refuse.
    connection.execute(f"SET TIME ZONE 'UTC'; SET lock_timeout = '{BUSY_S}s'; SET idle_in_transaction_session_timeout = '{IDLE_S}s'")
    connection.autocommit = False


def _mysql_arguments(url: URL) -> dict[str, Any]:
    # A mode of our own: nothing is cut short in silence, 0 is a number, whatever the server's default.
    mode = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"
    settings = f"time_zone='+00:00', sql_mode='{mode}', innodb_lock_wait_timeout={BUSY_S}, lock_wait_timeout={BUSY_S}"
    ours = {
        "connect_timeout": CONNECT_S,
        "read_timeout": CONNECT_S if url.get_driver_name() == "pymysql" else SILENT_S,
        "write_timeout": SILENT_S,
    }
    only_mariadb = f"/*M!100301 , idle_transaction_timeout={IDLE_S} */"
    return {name: value for name, value in ours.items() if name not in url.query} | {
        "charset": "utf8mb4",
        "init_command": f"SET SESSION {settings} {only_mariadb}",
    }


def _prepare_mysql(connection: Any, _record: Any) -> None:
    # PyMySQL's connect_timeout ends when the socket is open; a server that then says nothing is bounded by a short read_timeout,
    # which has to grow before the first statement.
    if getattr(connection, "_read_timeout", None) == CONNECT_S:
        connection._read_timeout = SILENT_S


def is_conflict(error: DBAPIError) -> bool:
    """Whether another writer was in the way, so that the same transaction may succeed the next time."""
    if isinstance(error, IntegrityError):
        return True  # of two that insert the same key, the second will find it and update
    code = getattr(error.orig, "sqlstate", None) or (error.orig.args[0] if error.orig and error.orig.args else None)
    return code in _CONFLICTS


def refusal(error: BaseException, engine: Engine) -> PlantError:
    """What the caller is told: one line without the password. Invalid for what a database cannot keep, else Unavailable."""
    if isinstance(error, PlantError):
        return error
    line = line_of(error, engine.url.password)
    if isinstance(error, (DataError, IntegrityError, OverflowError, UnicodeError)):
        return Invalid(f"this cannot be kept: {line}")
    return Unavailable(f"the store does not answer: {line}")


def line_of(error: BaseException, password: str | None) -> str:
    """The driver's own words as one line that does not contain the password."""
    cause = getattr(error, "orig", None) or error
    numbered = len(cause.args) == 2 and isinstance(cause.args[0], int)
    said = str(cause.args[1] if numbered else cause).strip().partition("\n")[0].partition(" (Background on")[0]
    for secret in {password, quote(password), quote_plus(password)} if password else ():
        said = said.replace(secret, "(hidden)")
    return said or type(cause).__name__


def consistent(connection: Connection) -> None:
    """Let all questions of the next transaction see the same moment; a transaction of SQLite always does."""
    if connection.dialect.name != "sqlite":
        connection.execution_options(isolation_level="REPEATABLE READ")


def count_on(connection: Connection, column: Column[Any], number: int) -> None:
    """Let the next number given out lie beyond `number`, which came from outside. SQLite and MariaDB see to it themselves."""
    if connection.dialect.name != "postgresql":
        return
    sequence = connection.scalar(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": f'"{column.table.name}"', "column": column.name}
    )
    connection.execute(text(f"SELECT setval(CAST(:sequence AS regclass), :number) FROM {sequence} WHERE last_value <= :number"),
                       {"sequence": sequence, "number": number})  # fmt: skip
