"""A SolarHub installation on real servers: the machine's MariaDB, one of the test's own, and a Redis of its own."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from datastore.backends.solarhub.installation import Installation, Server
from datastore.backends.solarhub.source import SolarHub
from tests.datastore.conftest import MARIADB, missing
from tests.datastore.own_servers import OwnServer, mariadb
from tests.datastore.solarhub import installation as sql

NUMBERS = {"BESS_NUMBER": 2, "PCS_NUMBER": 2, "RACK_NUMBER": 12, "INVERTER_NUMBER": 2}


@dataclass
class Machine:
    """A database server and how a test asks it by itself."""

    host: str
    port: int
    user: str = "root"
    password: str = ""

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows, by a connection of its own."""
        connection = pymysql.connect(host=self.host, port=self.port, user=self.user, password=self.password, autocommit=True)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def run(self, statements: Sequence[str]) -> None:
        """One after the other."""
        connection = pymysql.connect(host=self.host, port=self.port, user=self.user, password=self.password, autocommit=True)
        with closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def server(self, label: str = "main") -> Server:
        return Server(label, self.host, self.port, self.user, self.password)


class OwnMachine(Machine):
    """A MariaDB of the test's own: it may be killed, frozen and started again."""

    def __init__(self, own: OwnServer) -> None:
        super().__init__("127.0.0.1", own.port)
        self.start, self.kill, self.freeze = own.start, own.kill, own.freeze
        self._own = own

    @property
    def runs(self) -> bool:
        """Whether it was started and not killed since."""
        return self._own.process is not None


@pytest.fixture(scope="session")
def machine() -> Machine:
    """The machine's own MariaDB."""
    found = Machine(MARIADB.host or "127.0.0.1", MARIADB.port or 3306, MARIADB.username or "root", str(MARIADB.password or ""))
    try:
        found.ask("SELECT 1")
    except pymysql.err.OperationalError as error:
        missing("MariaDB", error)
    return found


@pytest.fixture(scope="module")
def second() -> Iterator[OwnMachine]:
    """A second server, as GTR is one."""
    with mariadb(None, "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve") as own:
        yield OwnMachine(own)


@pytest.fixture(scope="session")
def names(machine: Machine) -> Iterator[dict[str, str]]:
    """The document's installation: setting → database, all 18, filled. Nobody changes them."""
    found = sql.databases(f"vd_{os.getpid()}_{secrets.token_hex(3)}")
    try:
        machine.run(list(sql.statements(found)))
        yield found
    finally:
        machine.run([f"DROP DATABASE IF EXISTS `{name}`" for name in found.values()])


@pytest.fixture
def database(machine: Machine) -> Iterator[str]:
    """An empty database of this test's own."""
    name = f"vd_{os.getpid()}_{secrets.token_hex(3)}"
    machine.run([f"CREATE DATABASE `{name}`"])
    yield name
    machine.run([f"DROP DATABASE IF EXISTS `{name}`"])


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Iterator[Callable[[Installation], SolarHub]]:
    """Opens an installation; all are closed at the end."""
    made: list[SolarHub] = []

    def open_one(installation: Installation) -> SolarHub:
        made.append(SolarHub(installation, clock))
        return made[-1]

    yield open_one
    for source in made:
        source.close()


@pytest.fixture
def document(machine: Machine, names: dict[str, str]) -> Installation:
    """The document's installation with the shipped mapping; GTR and Redis are not there."""
    return Installation({"main": machine.server()}, "Asia/Taipei", databases=names, numbers=NUMBERS)


@pytest.fixture
def hub(document: Installation, opened: Callable[[Installation], SolarHub]) -> SolarHub:
    return opened(document)


@pytest.fixture
def mapped(machine: Machine, database: str, tmp_path: Path, opened: Callable[[Installation], SolarHub]) -> Callable[..., SolarHub]:
    """Opens an installation whose ess database is this test's own, with the mapping given as text."""

    def open_one(text: str, zone: str = "Asia/Taipei", **changes: Any) -> SolarHub:
        path = tmp_path / "mapping.toml"
        path.write_text(text)
        return opened(replace(Installation({"main": machine.server()}, zone, databases={"DB_NAME_ESS": database}, mapping=path), **changes))

    return open_one
