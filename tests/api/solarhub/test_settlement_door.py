"""`/api/v1/settlement`: the running hour and replays through the door, beside figures worked out by hand (DOMAIN §3.5)."""

import json

import pytest

from plant.model import ScheduleEvent
from tests.api.solarhub.conftest import MIDNIGHT, NOON, Site

HOUR = 3_600_000


@pytest.fixture
def running(site: Site) -> Site:
    """5 MW dReg0.5 from 11 to 12 at 60 Hz: 730 kW (14.6 %, so 94) in six seconds from 11:10 on; it is 11:30:10."""
    start = MIDNIGHT + 11 * HOUR
    site.clock[0] = start + HOUR // 2 + 10_000
    site.product.store.records.put_events([ScheduleEvent("dreg", start, start + HOUR, power=5.0, quote_code="DREG05")])
    kw = [730.0 if 600 <= n < 606 else 0.0 for n in range(1800)]
    body = {
        "device_id": "site",
        "kind": "site",
        "timestamps": [start + 1000 * n for n in range(1800)],
        "values": {"frequency": [60.0] * 1800, "active_power": kw},
    }
    assert site.door("POST", "/api/v1/readings", json.dumps(body), Content_Type="application/json").status == 200
    return site


def test_what_is_locked_in_and_what_it_costs(running: Site) -> None:
    (span,) = running.get("/settlement")["spans"]
    assert (span["state"], span["product"], span["rules"], span["rate"]) == ("running", "dReg0.5", "dReg0.5 (2020-01-01)", None)
    told = span["standing"]
    assert (told["seconds"], told["of"], told["rate"], told["index"]) == (1800, 3600, 94.0, 0.8)
    assert (told["earns"]["total"], told["best"]["total"], told["lost"], told["causes_total"]) == (1400.0, 1750.0, 350.0, 1)
    (cause,) = told["causes"]
    assert (cause["kind"], cause["start"], cause["end"]) == ("envelope", "2024-06-01T03:10:03Z", "2024-06-01T03:10:06Z")
    assert (cause["away_kw"], cause["power_kw"], cause["silent_s"]) == (280.0, 730.0, 0)


def test_a_replay_says_that_it_is_one_and_how(running: Site) -> None:
    running.clock[0] = MIDNIGHT + 12 * HOUR + 20_000
    window = "from=2024-06-01T03:00:00Z&to=2024-06-01T03:30:00Z"
    (span,) = running.get(f"/settlement?{window}")["spans"]
    # half the hour was never measured: rate 0, index −1
    assert (span["rate"], span["index"], span["fees"]["total"], span["coverage"]) == (0.0, -1.0, -1750.0, 0.5)
    found = running.get(f"/settlement/replay?{window}&power=10&price=100")
    assert (found["simulated"], found["method"], found["was"], found["would"]) == (True, "measured", -1750.0, -4500.0)
    assert found["spans"][0]["would"]["power"] == 10.0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=2024-06-01T00:00:00Z", "to"),
        ("?from=2024-01-01T00:00:00Z&to=2024-06-01T00:00:00Z", "to"),
        ("/replay?product=spinning", "product"),
        ("/replay?soc_min=80&soc_max=20", "soc_max"),
        ("/replay?power=nan", "power"),
        ("/replay?method=magic", "method"),
    ],
)
def test_nonsense_is_refused_by_name(site: Site, query: str, field: str) -> None:
    reply = site.ask(f"/settlement{query}")
    assert reply.status == 422
    assert field in reply.body.decode()


def test_an_empty_plant_has_no_span_and_no_money(site: Site) -> None:
    assert site.get("/settlement") == {"spans": [], "total": None}
    empty = site.get("/settlement/replay?power=5")
    assert (empty["spans"], empty["was"], empty["would"]) == ([], None, None)
    assert site.clock[0] == NOON
