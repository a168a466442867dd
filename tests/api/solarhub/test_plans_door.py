"""`/api/v1/prices` and `/api/v1/plan` through the door: a day with a negative price, planned by the calculation process itself."""

import json
from typing import Any

import pytest

from api import auth
from plant.model import Block, Device, User
from services.calculating import CALCULATOR
from tests.api.solarhub.conftest import MIDNIGHT, NOON, Site

HOUR = 3_600_000
VALUES = [100.0] * 24
VALUES[3], VALUES[18] = -50.0, 900.0
PRICES = {"currency": "TWD", "prices": [{"start": f"2024-06-02T{n:02d}:00:00+08:00", "price": value} for n, value in enumerate(VALUES)]}
JSON = {"Content_Type": "application/json"}


@pytest.fixture
def priced(site: Site) -> Site:
    """Noon of the day before, one battery of 200 kWh and 100 kW at 50 %."""
    site.clock[0] = NOON
    store = site.product.store
    store.records.put_devices([Device("bess01", "bess", rating={"capacity_kwh": 200.0, "power_kw": 100.0})])
    store.telemetry.append([Block("bess", ("soc", "soh"), [("bess01", NOON, NOON, 0, 50.0, 100.0)])])
    store.records.put_user(User("ops01", "x", ("operator",)))
    assert send(site, "PUT", "/prices", PRICES) == (200, {"kept": 24})
    return site


def send(site: Site, method: str, path: str, body: Any) -> tuple[int, Any]:
    token = auth.guard_of(site.product.flask).issue(site.product.store.records.user("ops01"))["access_token"]
    answer = site.door(method, "/api/v1" + path, json.dumps(body), Authorization=f"Bearer {token}", **JSON)
    return answer.status, answer.json


def test_a_day_is_planned_and_stands_in_the_schedule(priced: Site) -> None:
    try:
        status, plan = send(priced, "POST", "/plan", {"day": "2024-06-02", "soc_min": 0, "soc_max": 100, "round_trip_efficiency": 81})
    finally:
        CALCULATOR.close()
    assert (status, plan["optimization_method"], plan["feasible"]) == (201, "milp", True)
    moved = {hour["start"]: hour["power_kw"] for hour in plan["hours"] if hour["power_kw"]}
    assert moved["2024-06-01T19:00:00Z"] == -100.0
    assert moved["2024-06-02T10:00:00Z"] == 100.0
    # by hand: 90 for what is sold, 5 for what is taken at −50, 100/0.81 − 100 kWh at 100 for what is lost
    assert plan["income"]["total"] == pytest.approx(95 - (100 / 0.81 - 100) * 0.1, abs=0.02)
    status, accepted = send(priced, "POST", f"/plan/{plan['plan_id']}/accept", None)
    assert (status, len(accepted["events"])) == (200, len(moved))
    assert send(priced, "POST", f"/plan/{plan['plan_id']}/accept", None)[0] == 409
    # and the prices come back as they were brought
    found = priced.get("/prices?from=2024-06-01T16:00:00Z&to=2024-06-02T16:00:00Z")
    assert found["currency"] == "TWD"
    assert [one["price"] for one in found["prices"]] == VALUES
    assert found["prices"][0]["start"] == "2024-06-01T16:00:00Z"
    assert MIDNIGHT + 24 * HOUR == 1_717_257_600_000  # that very instant


WRONG: tuple[tuple[str, str, Any, int], ...] = (
    ("POST", "/plan", {"day": "2024-06-05"}, 422),  # no prices
    ("POST", "/plan", {"day": "tomorrow"}, 422),
    ("POST", "/plan", {"day": "2024-06-02", "soc_min": 90, "soc_max": 10}, 422),
    ("POST", "/plan", {"day": "2024-06-02", "site_id": "nowhere"}, 404),
    ("POST", "/plan/plan_nothing/accept", None, 404),
    ("PUT", "/prices", {"currency": "EUR", "prices": []}, 422),
    ("PUT", "/prices", {"currency": "EUR", "prices": [{"start": "2024-06-02", "price": 1e12}]}, 422),
    ("PUT", "/prices", {"currency": "E1R", "prices": [{"start": "2024-06-02", "price": 1}]}, 422),
    ("GET", "/prices?from=2024-06-01T00:00:00Z&to=2025-06-01T00:00:00Z", None, 422),
    ("PUT", "/prices", {"currency": "EUR", "prices": [{"start": "2024-06-02", "price": 1}] * 2}, 422),
)


def test_bad_input_is_named(priced: Site) -> None:
    """One server for all of them: each is a line, not a start."""
    found = [send(priced, method, path, body)[0] for method, path, body, _ in WRONG]
    assert found == [status for *_, status in WRONG]
