"""S1's system: the plant in a few figures, and who is reachable."""

from dataclasses import replace

import pytest

import app as composition
from services.config import Config
from services.reachability import parts
from tests.api.conftest import flask_door, free_port, make, start_server, stop_server
from tests.api.solarhub.conftest import NOON
from tests.api.test_store_down import Plant

NODE = {"id", "name", "type", "status", "ip"}


# overview


def test_an_empty_plant_has_figures_without_numbers(site):
    body = site.get("/system/overview")
    assert (body["segment"], body["status"], body["device_count"], body["timestamp"]) == ("system_overview", "success", 0, None)
    figures = ("active_power", "target_power", "battery_power", "pv_power", "aux_power", "frequency", "soc", "soh")
    assert {body[name] for name in figures} == {None}


@pytest.mark.parametrize(
    "said", [{"active_power": 1250.5, "frequency": 59.98, "soc": 67.5}, {"active_power": -7.25, "frequency": 60.02, "soc": 0}]
)
def test_the_sites_own_figures_are_shown(site, said):
    site.tell("site", "site", **said, target_power=12, pv_power=1, aux_power=2, soh=99.12)
    body = site.get("/system/overview")
    assert {name: body[name] for name in said} == said
    assert [body[name] for name in ("target_power", "pv_power", "aux_power", "soh")] == [12, 1, 2, 99.12]
    assert (body["timestamp"], body["stale"], body["device_count"], body["online_count"]) == ("2024-06-01T03:59:59Z", [], 1, 1)


def test_charge_is_weighted_by_energy_when_the_site_does_not_say_it(site):
    """DOMAIN 3.3: Σ SOC·E·SOH / Σ E·SOH = (50·100·1.0 + 80·200·0.5) / (100 + 100) = 65; Σ E·SOH / Σ E = (100·100 + 200·50)/300 = 66.67."""
    site.device("bess01", "bess", rating={"capacity_kwh": 100.0})
    site.device("bess02", "bess", rating={"capacity_kwh": 200.0})
    site.tell("bess01", "bess", soc=50, soh=100)
    site.tell("bess02", "bess", soc=80, soh=50)
    body = site.get("/system/overview")
    assert (body["soc"], body["soh"]) == (65.0, pytest.approx(200 / 3, abs=1e-9))


def test_battery_power_is_the_sum_of_the_pcs(site):
    site.tell("pcs01", "pcs", active_power=0.1)
    site.tell("pcs02", "pcs", active_power=0.2)
    site.tell("pcs03", "pcs", frequency=60)
    body = site.get("/system/overview")
    assert (body["battery_power"], body["pcs_number"]) == (0.3, 3)


def test_devices_and_alarms_are_counted(site):
    from plant.model import Alarm

    site.tell("pcs01", "pcs", active_power=1)
    site.tell("pcs02", "pcs", NOON - 61_000, active_power=2)
    site.tell("VIN-DEMO-001", "vehicle", soc=50)
    site.device("pcs03", "pcs")
    records = site.product.store.records
    for device_id, kind in (("pcs01", "pcs"), ("VIN-DEMO-001", "vehicle")):
        records.put_alarm(Alarm(device_id, kind, "X", "alarm", "x", NOON))
    records.put_alarm(Alarm("pcs02", "pcs", "X", "alarm", "x", NOON, shelved_by="op", shelved_until=NOON + 60_000))
    body = site.get("/system/overview")
    assert (body["device_count"], body["online_count"], body["alarm_count"]) == (3, 2, 1)  # pcs02 spoke of a minute ago just now
    assert body["stale"] == ["battery_power"]
    site.clock[0] = NOON + 61_000
    body = site.get("/system/overview")
    assert (body["online_count"], body["battery_power"]) == (0, 3)


# topology


def nodes(body):
    return {node["id"]: node for node in body["nodes"]}


def test_the_server_and_its_store_are_online(site):
    body = site.get("/system/topology")
    found = nodes(body)
    assert set(found) == {"main_server", "main_memory"}
    assert found["main_server"] == {"id": "main_server", "name": "Main Server", "type": "server", "status": "online", "ip": "127.0.0.1"}
    assert set(found["main_memory"]) == NODE and found["main_memory"]["type"] == "database"
    assert body["links"] == [{"source": "main_server", "target": "main_memory", "status": "connected"}]
    assert body["timestamp"] == "2024-06-01T12:00:00"  # noon in Taipei
    assert body["status"] == "success"


@pytest.fixture
def redis_product(tmp_path):
    """The real Redis of the machine, and one that is not there."""
    made = []

    def open_one(port):
        config = Config(
            database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0, redis_url=f"redis://:s3cret@127.0.0.1:{port}/9"
        )
        made.append(make(replace(config, redis_url=config.redis_url.replace(":s3cret@", "")) if port == 6379 else config))
        return flask_door(made[-1])

    yield open_one
    for one in made:
        one.store.close()


def test_a_redis_that_answers_is_online(redis_product):
    body = redis_product(6379)("GET", "/api/v1/system/topology").json
    assert nodes(body)["main_redis"] == {
        "id": "main_redis", "name": "Main Redis", "type": "redis", "status": "online", "ip": "127.0.0.1", "port": 6379
    }  # fmt: skip
    assert {"source": "main_server", "target": "main_redis", "status": "connected"} in body["links"]


def test_a_redis_that_is_gone_is_offline_and_its_password_stays_here(redis_product):
    port = free_port()
    reply = redis_product(port)("GET", "/api/v1/system/topology")
    assert (nodes(reply.json)["main_redis"]["status"], nodes(reply.json)["main_redis"]["port"]) == ("offline", port)
    assert {"source": "main_server", "target": "main_redis", "status": "disconnected"} in reply.json["links"]
    assert b"s3cret" not in reply.body
    assert nodes(reply.json)["main_memory"]["status"] == "online"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://root@127.0.0.1:3306/x", ("main_mysql", "Main MySQL", "127.0.0.1", 3306)),
        ("mariadb://u:p%40ss@db.plant/x", ("main_mysql", "Main MySQL", "db.plant", 3306)),
        ("postgresql://u:p@db:5433/x", ("main_postgresql", "Main PostgreSQL", "db", 5433)),
        ("mongodb://a:1,b:2/x?replicaSet=r", ("main_mongodb", "Main MongoDB", "a", 27017)),
        ("sqlite:////data/voltdeck.db", ("main_sqlite", "Main SQLite", "localhost", None)),
    ],
)
def test_a_store_is_named_after_what_it_is(site, url, expected):
    """The documents' ids are of this form (main_mysql on localhost:3306)."""
    found = parts(site.product.store, Config(database_url=url), None)[1]
    assert (found.id, found.name, found.host, found.port) == expected
    assert (found.type, found.online) == ("database", True)  # the store that is asked is the test's own


def test_records_kept_elsewhere_are_a_part_of_their_own(site):
    found = parts(site.product.store, Config(database_url="memory://", records_url="postgresql://db/records"), None)
    assert [(part.id, part.name) for part in found[1:]] == [
        ("main_memory", "Main Memory"),
        ("main_records_postgresql", "Main PostgreSQL Records"),
    ]


@pytest.mark.server
def test_a_store_that_went_away_is_offline_until_it_is_back(tmp_path):
    plant = Plant(start_server(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path / 'plant.db'}"), tmp_path)
    try:
        for state, link, move in (
            ("online", "connected", plant.take_away),
            ("offline", "disconnected", plant.give_back),
            ("online", "connected", None),
        ):
            status, body = plant.get("/api/v1/system/topology")
            assert (status, nodes(body)["main_sqlite"]["status"], nodes(body)["main_server"]["status"]) == (200, state, "online")
            assert body["links"] == [{"source": "main_server", "target": "main_sqlite", "status": link}]
            if move is plant.give_back:
                for path in (
                    "bess/1",
                    "bess/alert/rack/rack01",
                    "pcs/1",
                    "pcs/alert",
                    "meters",
                    "meters/aux",
                    "inverter",
                    "system/overview",
                ):
                    assert (path, plant.get(f"/api/v1/{path}")[0]) == (path, 503)
            if move:
                move()
    finally:
        stop_server(plant.server)


@pytest.fixture
def hub_door(tmp_path):
    """Opens a server beside a SolarHub on these settings (the document's environment table)."""
    made = []

    def open_one(**settings):
        env = {"DATABASE_URL": "memory://", "DATA_DIR": str(tmp_path), "RATE_LIMIT": "0", **settings}
        made.append(composition.create_app(Config.from_env(env)))
        return flask_door(made[-1])

    yield open_one
    for one in made:
        one.store.close()


def test_the_parts_of_a_solarhub_have_the_documents_names(hub_door):
    gone = str(free_port())
    door = hub_door(DB_HOST="127.0.0.1", DB_PORT=gone, REDIS_HOST="127.0.0.1", DB_HOST_GTR="127.0.0.2", DB_PASSWORD="s3cret")
    reply = door("GET", "/api/v1/system/topology")
    found = nodes(reply.json)
    assert set(found) == {"main_server", "store_memory", "main_mysql", "gtr_mysql", "main_redis"}
    assert found["main_mysql"] == {
        "id": "main_mysql", "name": "Main MySQL", "type": "database", "status": "offline", "ip": "127.0.0.1", "port": int(gone)
    }  # fmt: skip
    assert (found["gtr_mysql"]["status"], found["gtr_mysql"]["name"], found["gtr_mysql"]["ip"]) == ("offline", "GTR MySQL", "127.0.0.2")
    assert (found["main_redis"]["status"], found["main_redis"]["port"]) == ("online", 6379)
    assert found["store_memory"]["status"] == "online"
    assert b"s3cret" not in reply.body
