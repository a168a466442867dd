"""The same calls on a server that reads an existing SolarHub in place: a real MariaDB with the document's databases."""

import os
import secrets

import pytest

import app as composition
from services.config import Config
from tests.api.conftest import flask_door
from tests.datastore.conftest import MARIADB
from tests.datastore.solarhub import installation as sql
from tests.datastore.solarhub.conftest import Machine

LAST = sql.MINUTES - 1  # the newest minute; the columns of the installation are formulas of it


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    machine = Machine(MARIADB.host or "127.0.0.1", MARIADB.port or 3306, MARIADB.username or "root", str(MARIADB.password or ""))
    names = sql.databases(f"vd_{os.getpid()}_{secrets.token_hex(3)}")
    try:
        machine.run(list(sql.statements(names)))
        env = {"DATABASE_URL": "memory://", "DATA_DIR": str(tmp_path_factory.mktemp("hub")), "RATE_LIMIT": "0", **names}
        env |= {"DB_HOST": machine.host, "DB_PORT": str(machine.port), "DB_USER": machine.user, "DB_PASSWORD": machine.password}
        env |= {"BESS_NUMBER": "2", "PCS_NUMBER": "2", "RACK_NUMBER": "12", "INVERTER_NUMBER": "2", "REDIS_HOST": "127.0.0.1"}
        product = composition.create_app(Config.from_env(env))
        yield flask_door(product)
        product.store.close()
    finally:
        machine.run([f"DROP DATABASE IF EXISTS `{name}`" for name in names.values()])


def get(door, path):
    reply = door("GET", path)
    assert reply.status == 200, reply.body
    return reply.json


def test_the_rack_table_is_the_installations(door):
    rows = {row["metric"]: row for row in get(door, "/api/v1/bess/2")["data"]}
    assert [rows["Voltage (V)"][f"Rack {n:02d}"] for n in range(1, 13)] == [f"{800 + n + LAST * 0.5:.1f}" for n in range(1, 13)]
    assert rows["Mode"]["Rack 05"] == ("Standby", "Charging", "Discharging")[LAST % 3]
    assert (rows["SOC (%)"]["Rack 12"], rows["SOH (%)"]["Rack 12"]) == (f"{80 - LAST * 0.25:.1f}", "97.50")


def test_rack_alerts_are_the_installations(door):
    """battery 3 says 4 in all words, BAMS 64 says 0, 65 says 1."""
    body = get(door, "/api/v1/bess/alert/rack/rack07?lang=en")
    assert body["battery_alerts"]["battery_3_alarm"] == "bit 2 (0x0004)" and body["battery_alerts"]["battery_4_alarm"] == "Normal"
    assert (body["bams_alerts"]["bams_64_status"], body["bams_alerts"]["bams_65_status"]) == ("Normal", "bit 0 (0x0001)")
    assert body["reported_by"]["battery_3_alarm"] == [1, 2]


def test_pcs_meters_and_inverters_are_the_installations(door):
    word = f"{LAST % 16:016b}"
    assert get(door, "/api/v1/pcs/alert")["fault_status1"] == word == get(door, "/api/v1/pcs/2")["fault_status1"]
    assert get(door, "/api/v1/pcs/2")["temp_igbt"] == pytest.approx(15 + LAST * 0.1 + 2)
    meters = get(door, "/api/v1/meters")
    assert (meters["meter_count"], meters["meters"][0]["active_power"]) == (1, pytest.approx(82.5 + LAST * 0.01))
    inverter = get(door, "/api/v1/inverter?number=2")
    assert inverter["inverter_data"]["bus_voltage"] == pytest.approx(650.5 + LAST + 2)
    assert inverter["mppt_data"][15]["power"] == pytest.approx((580.5 - 16 + LAST) * (12.5 - 1.6))
    assert inverter["string_currents"][31]["current"] == pytest.approx(6.25 - 3.2)


def test_the_auxiliary_meter_is_the_installations(door):
    """Its register says 1250.5 kWh and two more a minute, so that the minutes 40…49, which are missing, are counted, too."""
    data = get(door, "/api/v1/meters/aux?time=2024-06-01&data_type=summary")["data"]
    assert data["total_energy"] == pytest.approx(2 * LAST, abs=1e-5)
    assert (data["max_power"], data["min_power"]) == (52.1 + LAST, 52.1)
    assert data["coverage"] == pytest.approx(LAST / 1440, abs=1e-6)


def test_all_its_parts_are_reachable(door):
    nodes = {node["id"]: node for node in get(door, "/api/v1/system/topology")["nodes"]}
    assert {part: node["status"] for part, node in nodes.items()} == dict.fromkeys(
        ("main_server", "store_memory", "main_mysql", "main_redis"), "online"
    )
    assert nodes["main_mysql"]["port"] == (MARIADB.port or 3306)
    found = get(door, "/health/detailed")["infrastructure"]
    # S1's own example
    assert {"ess", "schedule", "meter", "pcs", "inverter", "baseline"} <= set(found["databases"]["connections"])
    assert set(found["databases"]["connections"].values()) == {True} and found["databases"]["status"] == "healthy"
    assert found["redis"] == {"status": "healthy", "connections": {"main": True}}


def test_the_installations_awards_are_settled(door):
    """4.5 MW at 850 from 14:00 on, when nothing was measured any more: −1 · 850 · 4.5 and −1 · 350 · 4.5; the next hour was interrupted."""
    hours = get(door, "/api/v1/schedule/income/daily?start_time=2024-06-01")["hourly_data"]
    found = [(hours[14][name]) for name in ("mode", "power", "state", "coverage", "performance_index", "capacity_fee", "efficiency_fee")]
    assert found == ["dreg", 4.5, "settled", 0.0, -1.0, -3825.0, -1575.0]
    assert (hours[15]["mode"], hours[15]["state"], hours[15]["efficiency_fee"]) == ("edreg", "interrupted", None)
