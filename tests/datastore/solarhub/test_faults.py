"""Databases, tables and servers that are not there: what lies elsewhere goes on, and what is missing is named without a password."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from datastore.backends.solarhub.connections import ASK_AGAIN_S
from datastore.backends.solarhub.installation import Cache, Installation, Server
from datastore.backends.solarhub.source import SolarHub
from plant.errors import Unavailable
from plant.model import DAY, MINUTE, Window
from tests.conftest import RedisServer
from tests.datastore.solarhub import installation as sql
from tests.datastore.solarhub.conftest import NUMBERS, Clock, Machine, OwnMachine
from tests.datastore.solarhub.installation import START_UTC

ALL = Window(START_UTC - DAY, START_UTC + DAY)
Opened = Callable[[Installation], SolarHub]


@pytest.fixture
def own(second: OwnMachine) -> Iterator[OwnMachine]:
    """The second server, up and empty."""
    if not second.runs:
        second.start()
    yield second
    second.kill()
    second.start()
    for (name,) in second.ask("SHOW DATABASES LIKE 'vd%%'"):
        second.run([f"DROP DATABASE `{name}`"])


def small(names: dict[str, str]) -> Iterator[str]:
    """Two of the document's databases."""
    for name in names.values():
        yield f"CREATE DATABASE `{name}`"
        yield f"USE `{name}`"
    yield from sql.wide(f"`{names['DB_NAME_BESS1']}`.bess", sql.BESS, bess=1)
    yield from sql.wide(f"`{names['DB_NAME_METER']}`.aux", {"power": ("DOUBLE", "1"), "total_energy": ("DOUBLE", "seq")})


@pytest.fixture
def two() -> dict[str, str]:
    return {"DB_NAME_BESS1": "vd_bess1", "DB_NAME_METER": "vd_meter"}


@pytest.fixture
def installation(own: OwnMachine, two: dict[str, str]) -> Installation:
    own.run(list(small(two)))
    return Installation({"main": own.server()}, "Asia/Taipei", databases={**sql.databases("vd_none"), **two}, numbers=NUMBERS)


def test_a_database_that_is_gone_takes_down_its_own_devices_only(installation: Installation, own: OwnMachine, opened: Opened) -> None:
    hub = opened(installation)
    own.run(["DROP DATABASE vd_meter"])
    assert set(hub.latest()) == {("bess01", "bess")}
    assert len(hub.columns("bess01", "bess", ["soc"], ALL).at) == 110
    with pytest.raises(Unavailable) as error:
        hub.columns("meter-aux", "meter", ["active_power"], ALL)
    assert "database vd_meter on SolarHub main server 127.0.0.1" in error.value.message
    with pytest.raises(Unavailable):
        hub.latest([("meter-aux", "meter")])
    assert ("meter-aux", "meter") in {(device.device_id, device.kind) for device in hub.devices()}
    answers = hub.connections()
    assert (answers["bess1"], answers["meter"], answers["bess2"]) == (True, False, False)
    hub.ping()


def test_a_database_that_comes_back_is_read_again(installation: Installation, own: OwnMachine, opened: Opened, clock: Clock) -> None:
    hub = opened(installation)
    own.run(["DROP DATABASE vd_meter"])
    with pytest.raises(Unavailable):
        hub.columns("meter-aux", "meter", ["active_power"], ALL)
    own.run(["CREATE DATABASE vd_meter", "USE vd_meter", *sql.wide("vd_meter.aux", {"power": ("DOUBLE", "7")})])
    with pytest.raises(Unavailable):  # a database that was not there is left alone for some seconds
        hub.columns("meter-aux", "meter", ["active_power"], ALL)
    clock.now += ASK_AGAIN_S
    found = hub.columns("meter-aux", "meter", ["active_power"], ALL)
    assert set(found.values["active_power"]) == {7.0}


def test_a_dropped_column_is_silent_and_the_others_speak(installation: Installation, own: OwnMachine, opened: Opened) -> None:
    hub = opened(installation)
    assert "soh" in hub.latest()["bess01", "bess"].values
    own.run(["ALTER TABLE vd_bess1.bess DROP COLUMN soh"])
    found = hub.columns("bess01", "bess", ["soc", "soh"], ALL)
    assert len(found.at) == 110 and found.values["soc"][0] == 80
    assert len(hub.columns("bess01", "bess", ["soh"], ALL).at) == 0
    series = hub.series([("bess01", "bess")], ["soc", "soh"], ALL, resolution=DAY)
    assert series["bess01", "bess", "soh"].n.sum() == 0 and series["bess01", "bess", "soc"].n.sum() == 110


def test_a_dropped_table_is_silent(installation: Installation, own: OwnMachine, opened: Opened) -> None:
    hub = opened(installation)
    assert ("bess01", "bess") in hub.latest()
    own.run(["DROP TABLE vd_bess1.bess"])
    assert len(hub.columns("bess01", "bess", ["soc"], ALL).at) == 0
    assert hub.extent("bess01", "bess") is None


def test_a_table_without_rows_has_a_device_without_values(installation: Installation, own: OwnMachine, opened: Opened) -> None:
    own.run(["TRUNCATE vd_bess1.bess"])
    hub = opened(installation)
    assert ("bess01", "bess") in {(device.device_id, device.kind) for device in hub.devices()}
    assert ("bess01", "bess") not in hub.latest()
    assert hub.extent("bess01", "bess") is None
    assert hub.series([("bess01", "bess")], ["soc"], ALL, resolution=DAY)["bess01", "bess", "soc"].n.tolist() == [0] * 3


def test_a_wrong_password_is_said_without_it(own: OwnMachine, installation: Installation, opened: Opened) -> None:
    own.run(["CREATE USER IF NOT EXISTS reader@'127.0.0.1' IDENTIFIED BY 'right-horse'", "GRANT SELECT ON *.* TO reader@'127.0.0.1'"])
    good = Server("main", own.host, own.port, "reader", "right-horse")
    assert ("bess01", "bess") in opened(replace(installation, servers={"main": good})).latest()
    hub = opened(replace(installation, servers={"main": replace(good, password="wrong-staple")}))
    for ask in (hub.ping, hub.latest, hub.devices):
        with pytest.raises(Unavailable) as error:
            ask()
        assert "Access denied" in error.value.message and "127.0.0.1" in error.value.message
        assert "wrong-staple" not in error.value.message + repr(error.value.details) + repr(hub.installation)


def test_a_dead_server_is_named_and_read_again_when_it_is_back(
    installation: Installation, own: OwnMachine, opened: Opened, clock: Clock
) -> None:
    hub = opened(installation)
    assert len(hub.columns("bess01", "bess", ["soc"], ALL).at) == 110
    own.kill()
    with pytest.raises(Unavailable) as error:
        hub.columns("bess01", "bess", ["soc"], ALL)
    assert f"127.0.0.1:{own.port}" in error.value.message
    with pytest.raises(Unavailable):
        hub.latest()
    own.start()
    clock.now += ASK_AGAIN_S
    assert len(hub.columns("bess01", "bess", ["soc"], ALL).at) == 110


def test_eighteen_databases_on_a_server_that_hangs_cost_one_timeout(
    installation: Installation, own: OwnMachine, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datastore.backends.solarhub.connections.CONNECT_S", 1)
    hub = opened(installation)
    own.freeze()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        hub.devices()
    assert time.monotonic() - began < 5


def test_a_server_killed_while_it_answers_is_unavailable_and_not_half_an_answer(
    installation: Installation, own: OwnMachine, opened: Opened
) -> None:
    own.run(
        [
            "USE vd_meter",
            "DROP TABLE aux",
            "CREATE TABLE aux (time DATETIME PRIMARY KEY, power DOUBLE)",
            "INSERT INTO aux SELECT '2024-06-01' + INTERVAL seq SECOND, seq FROM seq_1_to_300000",
        ]
    )
    hub = opened(installation)
    parts = hub.servers["main"].parts("vd_meter", "SELECT time, power, REPEAT('x', 200) FROM aux")
    next(parts)
    own.kill()
    with pytest.raises(Unavailable):
        for _ in parts:
            pass


def test_nothing_can_be_written_through_the_source(installation: Installation, opened: Opened) -> None:
    hub = opened(installation)
    with pytest.raises(Unavailable, match="READ ONLY"):
        hub.servers["main"].rows("vd_meter", "DELETE FROM aux")
    assert len(hub.columns("meter-aux", "meter", ["active_power"], ALL).at) == 110


def test_gtr_is_a_server_of_its_own_and_its_end_leaves_the_rest(
    machine: Machine, own: OwnMachine, document_names: dict[str, str], opened: Opened
) -> None:
    own.run(list(sql.gtr_statements(document_names)))
    servers = {"main": machine.server(), "gtr": own.server("gtr")}
    hub = opened(Installation(servers, "Asia/Taipei", databases=document_names, numbers=NUMBERS))
    found = hub.columns("site", "site", ["frequency", "target_power"], ALL)
    assert found.values["target_power"].tolist() == [1000 - m for m in range(120) if not 40 <= m < 50]
    assert found.values["frequency"][5] == 60.05
    assert hub.connections()["gtr:baseline"]
    own.kill()
    assert len(hub.columns("site", "site", ["frequency"], ALL).at) == 110
    with pytest.raises(Unavailable, match="gtr server"):
        hub.columns("site", "site", ["frequency", "target_power"], ALL)


@pytest.fixture
def document_names(request: pytest.FixtureRequest, machine: Machine) -> Iterator[dict[str, str]]:
    found = {"DB_NAME_BASELINE": f"vd_gtr_{id(request)}"}
    line = f"`{found['DB_NAME_BASELINE']}`"
    machine.run(
        [
            f"CREATE DATABASE {line}",
            f"USE {line}",
            "CREATE TABLE freq_power (time BIGINT PRIMARY KEY, frequency DOUBLE, power DOUBLE)",
            f"INSERT INTO freq_power SELECT {START_UTC} + seq * 60000, 60 + (seq MOD 7) * 0.01, 125.5 + seq {sql.MINUTE_ROWS}",
        ]
    )
    yield {**sql.databases("vd_none"), **found}
    machine.run([f"DROP DATABASE {line}"])


def hashes(server: RedisServer, at: int) -> None:
    import redis

    with redis.Redis(port=server.port, db=0) as client:
        client.hset("bess:1:rack01", mapping={"time": at, "soc": "61.5", "mode": "Charging", "voltage": "n/a", "extra": "x"})
        client.set("gtr:site", f'{{"time": {at}, "frequency": 59.97, "power": "12.5", "target_power": null}}')
        client.set("pcs:1", "not a hash")


def test_redis_is_preferred_where_it_is_newer(document: Installation, redis_server: RedisServer, opened: Opened, clock: Clock) -> None:
    server = Cache("main", "127.0.0.1", redis_server.port)
    hub = opened(replace(document, caches={"main": server, "gtr": replace(server, label="gtr")}))
    newest, key = START_UTC + 119 * MINUTE, ("bess01-rack01", "rack")
    before = hub.latest([key])[key]
    hashes(redis_server, newest + 5000)
    clock.now += 2
    after = hub.latest([key, ("site", "site"), ("pcs01", "pcs")])
    assert (after[key].at, after[key].values["soc"], after[key].values["mode"]) == (newest + 5000, 61.5, 2.0)
    assert (after[key].values["voltage"], after[key].times["voltage"]) == (before.values["voltage"], newest)
    assert (after["site", "site"].values["frequency"], after["site", "site"].values["active_power"]) == (59.97, 12.5)
    assert after["pcs01", "pcs"].at == newest  # what is no hash says nothing
    hashes(redis_server, newest - 5000)
    clock.now += 2
    assert hub.latest([key])[key].values == before.values


def test_a_redis_that_is_down_is_named_and_the_tables_answer(
    document: Installation, redis_server: RedisServer, opened: Opened, clock: Clock
) -> None:
    hub = opened(replace(document, caches={"main": Cache("main", "127.0.0.1", redis_server.port, "hush")}))
    redis_server.kill()
    key = ("bess01-rack01", "rack")
    assert hub.latest([key])[key].at == START_UTC + 119 * MINUTE
    trouble = hub.caches["main"].trouble
    assert f"SolarHub Redis main 127.0.0.1:{redis_server.port}" in trouble and "hush" not in trouble
    assert not hub.connections()["redis:main"]
    redis_server.start()
    hashes(redis_server, START_UTC + DAY)
    hub.caches["main"].cache = Cache("main", "127.0.0.1", redis_server.port)
    hub.caches["main"].close()
    clock.now += 10
    assert hub.latest([key])[key].at == START_UTC + DAY
    assert hub.caches["main"].trouble == ""
