"""Real servers for the tests of the stores: every test finds an empty database of its own, no two test runners share one.

`VOLTDECK_TEST_POSTGRESQL` and `VOLTDECK_TEST_MARIADB` name servers elsewhere; a MongoDB server is started for each test runner. A
server that is missing skips its tests by name, with `CI=true` it fails them.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
import pymysql
import pytest
from pymongo import MongoClient
from sqlalchemy.engine import URL, make_url

from datastore.backends.mongo_engine import MongoEngine
from datastore.backends.sql_engine import open_engine
from datastore.kept.engine import Engine
from tests.datastore import mongod

POSTGRESQL = make_url(os.environ.get("VOLTDECK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres"))
MARIADB = make_url(os.environ.get("VOLTDECK_TEST_MARIADB", "mysql://root@127.0.0.1:3306/"))


def missing(server: str, error: Exception) -> None:
    """Skip the test that needs this server, loudly where all servers have to be there."""
    reason = f"{server} is missing: {error}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _postgresql(database: str | None = None) -> psycopg.Connection:
    return psycopg.connect(
        host=POSTGRESQL.host, port=POSTGRESQL.port or 5432, user=POSTGRESQL.username, password=POSTGRESQL.password,
        dbname=database or POSTGRESQL.database or "postgres", autocommit=True, connect_timeout=5,
    )  # fmt: skip


def _mariadb() -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(
        host=MARIADB.host or "127.0.0.1", port=MARIADB.port or 3306, user=MARIADB.username, password=MARIADB.password or "",
        autocommit=True, connect_timeout=5,
    )  # fmt: skip


def _named() -> str:
    return f"voltdeck_test_{os.getpid()}_{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def _postgresql_database() -> Iterator[str]:
    yield from _postgresql_databases()


@pytest.fixture(scope="session")
def _postgresql_tables() -> Iterator[str]:
    for name in _postgresql_databases():
        open_engine(_shown(POSTGRESQL.set(database=name))).close()
        yield name


def _postgresql_databases() -> Iterator[str]:
    name = _named()
    try:
        with _postgresql() as server:
            server.execute(f'CREATE DATABASE "{name}"')
    except psycopg.OperationalError as error:
        missing("PostgreSQL", error)
    yield name
    with _postgresql() as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def postgresql_url(_postgresql_database: str) -> str:
    """`postgresql://…` of an empty database; who was still connected to it is not any more."""
    with _postgresql(_postgresql_database) as server:
        server.execute(_OTHERS)
        server.execute("DROP SCHEMA public CASCADE")
        server.execute("CREATE SCHEMA public")
    return _shown(POSTGRESQL.set(database=_postgresql_database))


@pytest.fixture
def postgresql_tables_url(_postgresql_tables: str) -> str:
    """The same, but with the empty tables of telemetry, for tests of nothing else: there in a tenth of the time."""
    return emptied(_shown(POSTGRESQL.set(database=_postgresql_tables)))


@pytest.fixture(scope="session")
def _mariadb_database() -> Iterator[str]:
    yield from _mariadb_databases()


@pytest.fixture(scope="session")
def _mariadb_tables() -> Iterator[str]:
    for name in _mariadb_databases():
        open_engine(_shown(MARIADB.set(database=name))).close()
        yield name


def _mariadb_databases() -> Iterator[str]:
    name = _named()
    try:
        with closing(_mariadb()) as server, server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    except pymysql.err.OperationalError as error:
        missing("MariaDB", error)
    yield name
    with closing(_mariadb()) as server, server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")


@contextmanager
def _alone_with(name: str) -> "Iterator[pymysql.cursors.Cursor]":
    with closing(_mariadb()) as server, server.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
        for (connection,) in cursor.fetchall():
            with suppress(pymysql.err.OperationalError):  # gone by itself
                cursor.execute("KILL %s", (connection,))
        yield cursor


@pytest.fixture
def mariadb_url(_mariadb_database: str) -> str:
    """`mysql://…` of an empty database; who was still connected to it is not any more."""
    with _alone_with(_mariadb_database) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{_mariadb_database}`")
        cursor.execute(f"CREATE DATABASE `{_mariadb_database}` CHARACTER SET utf8mb4")
    return _shown(MARIADB.set(database=_mariadb_database))


@pytest.fixture
def mariadb_tables_url(_mariadb_tables: str) -> str:
    """The same, but with the empty tables of telemetry, for tests of nothing else: there in a tenth of the time."""
    return emptied(_shown(MARIADB.set(database=_mariadb_tables)))


@pytest.fixture(scope="session")
def _mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mongod.Mongod]:
    yield from _mongod(tmp_path_factory.mktemp("mongodb") / "data")


@pytest.fixture(scope="session")
def _mongodb_replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mongod.Mongod]:
    yield from _mongod(tmp_path_factory.mktemp("mongodb-set") / "data", "rs0")


def _mongod(folder: Path, replica_set: str = "") -> Iterator[mongod.Mongod]:
    try:
        mongod.binary()
    except FileNotFoundError as error:
        missing("MongoDB", error)
    with mongod.running(folder, replica_set) as server:
        yield server


def _empty_database(server: mongod.Mongod) -> Iterator[str]:
    name = f"test_{secrets.token_hex(4)}"
    yield server.url(name)
    with MongoClient(server.url(), directConnection=True) as client:
        client.drop_database(name)


@pytest.fixture
def mongodb_url(_mongodb: mongod.Mongod) -> Iterator[str]:
    """`mongodb://…` of an empty database on a single node."""
    yield from _empty_database(_mongodb)


@pytest.fixture
def mongodb_replica_set_url(_mongodb_replica_set: mongod.Mongod) -> Iterator[str]:
    """`mongodb://…` of an empty database on a replica set of one member."""
    yield from _empty_database(_mongodb_replica_set)


Opener = Callable[[], Engine]

ENGINES: dict[str, Callable[[pytest.FixtureRequest], Opener]] = {
    "sqlite": lambda request: partial(open_engine, f"sqlite:///{request.getfixturevalue('tmp_path') / 'plant.db'}"),
    "postgresql": lambda request: partial(open_engine, request.getfixturevalue("postgresql_tables_url")),
    "mariadb": lambda request: partial(open_engine, request.getfixturevalue("mariadb_tables_url")),
    "mongodb": lambda request: partial(MongoEngine, request.getfixturevalue("mongodb_url")),
}
"""Every telemetry engine by name: what opens it on the database of the test."""


@pytest.fixture(params=ENGINES)
def open_engine_again(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens an engine on the database of this test; closed afterwards."""
    opener = ENGINES[request.param](request)
    opened: list[Engine] = []

    def again() -> Engine:
        opened.append(opener())
        return opened[-1]

    yield again
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine_again: Opener) -> Engine:
    """An engine on an empty database."""
    return open_engine_again()


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "memory": lambda request: "memory://",
    "sqlite": lambda request: f"sqlite:///{request.getfixturevalue('tmp_path') / 'plant.db'}",
    "postgresql": lambda request: request.getfixturevalue("postgresql_url"),
    "mariadb": lambda request: request.getfixturevalue("mariadb_url"),
    "mongodb": lambda request: request.getfixturevalue("mongodb_url"),
}
"""Every backend by name: the URL of an empty store for the test."""


TELEMETRY = BACKENDS | {
    "postgresql": lambda request: request.getfixturevalue("postgresql_tables_url"),
    "mariadb": lambda request: request.getfixturevalue("mariadb_tables_url"),
}
"""The same for tests that keep nothing but telemetry."""


@pytest.fixture(params=TELEMETRY)
def backend_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store of telemetry, for each backend in turn."""
    return TELEMETRY[request.param](request)


@pytest.fixture(params=[name for name in TELEMETRY if name != "memory"])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Answers the URL of an empty store of telemetry each time it is called, for tests that need many; for each backend with a database."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path / secrets.token_hex(4)}.db"
    url = TELEMETRY[request.param](request)
    return lambda: emptied(url)


def emptied(url: str) -> str:
    """The same URL, without what was kept there; tables stay."""
    address = make_url(url)
    if url.startswith("mongodb"):
        with MongoClient[dict[str, object]](url, directConnection=True) as client:
            client.drop_database(client.get_default_database().name)
    elif url.startswith("postgresql"):
        with _postgresql(address.database) as server:
            server.execute(_OTHERS)
            tables = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            with server.transaction():
                for (table,) in tables:
                    server.execute(f'DELETE FROM "{table}"')
    else:
        with _alone_with(str(address.database)) as cursor:
            cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (address.database,))
            tables = cursor.fetchall()
            cursor.execute("BEGIN")
            for (table,) in tables:
                cursor.execute(f"DELETE FROM `{address.database}`.`{table}`")
            cursor.execute("COMMIT")
    return url
