"""The plan panel: its numbers are the kept plan's and the prices brought; the form refuses who may not and what makes no sense."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import flask
import pytest

import callbacks
from callbacks.plans import facts, wish_of
from dashboard.figures.plan import plan as drawn
from dashboard.loads import planned
from dashboard.page import Scope
from datastore.open import open_store
from datastore.store import Store
from plant.analysis import dispatch_milp
from plant.errors import Invalid
from plant.model import HOUR, Block, Device, Window
from plant.timeline import midnight
from services import awards, plans, prices
from services.access import ROLES, Identity
from services.calculating import CALCULATOR
from services.config import Config

NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
TOMORROW = date(2026, 11, 22)
SCOPE = Scope(zone="Asia/Taipei")
VALUES = [100.0] * 24
VALUES[3], VALUES[18] = -50.0, 900.0
TABLE = "\n".join(f"2026-11-22T{hour:02d}:00,{value}" for hour, value in enumerate(VALUES))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(CALCULATOR, "run", lambda function, arguments, timeout_s: dispatch_milp.best_plan(**arguments))
    opened = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    opened.records.put_devices([Device("bess01", "bess", rating={"capacity_kwh": 200.0, "power_kw": 100.0}), Device("site", "site")])
    opened.telemetry.append([Block("bess", ("soc", "soh"), [("bess01", NOW, NOW, 0, 50.0, 100.0)])])
    yield opened
    opened.close()


def bring(store: Store) -> int:
    prices.put(store, prices.read_table(TABLE, store), "TWD", "ann")
    return midnight(TOMORROW, store.zone)


def client_of(store: Store, role: str) -> Any:
    server = flask.Flask(__name__)
    callbacks.mount(server, store, Config())

    @server.before_request
    def who() -> None:
        granted = ROLES[role].permissions
        flask.g.identity = Identity("ann", (role,), granted)

    return server.test_client()


def act(client: Any, what: str, about: str, **values: str) -> str:
    button = {"about": about, "type": "plan-do", "what": what}
    fields = [{"field": name, "type": "plan-in"} for name in values]
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": '..plan-said.children...plan-done.data...{"id":"schedule-plan","type":"redraw"}.data..',
            "outputs": [
                {"id": "plan-said", "property": "children"},
                {"id": "plan-done", "property": "data"},
                {"id": {"id": "schedule-plan", "type": "redraw"}, "property": "data"},
            ],
            "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
            "state": [
                [{"id": id, "property": "value", "value": value} for id, value in zip(fields, values.values(), strict=True)],
                [{"id": id, "property": "id", "value": id} for id in fields],
                {"id": "scope", "property": "data", "value": {"query": "", "path": "/schedule"}},
            ],
            "changedPropIds": [f'{{"about":"{about}","type":"plan-do","what":"{what}"}}.n_clicks'],
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def test_without_prices_the_panel_says_how_they_come_in_and_shows_no_number(store: Store) -> None:
    table = planned.plan_table(store, SCOPE)
    assert table.is_empty
    assert "PUT <server>/api/v1/prices" in str(drawn(table, SCOPE))


def test_prices_alone_are_shown_as_they_were_brought(store: Store) -> None:
    bring(store)
    table = planned.plan_table(store, SCOPE)
    assert table.columns["price"] == VALUES
    assert len(drawn(table, SCOPE)["data"]) == 1
    assert "no plan yet" in table.more["remark"]


def test_the_panel_shows_the_plan_interval_by_interval(store: Store) -> None:
    start = bring(store)
    made = plans.ask(store, "site", plans.Wish(TOMORROW, low=0.0, high=100.0, round_trip=81.0), NOW, "ann")
    table = planned.plan_table(store, SCOPE)
    assert table.columns["at"] == [start + n * HOUR for n in range(24)]
    for name, of in (("power", "power_kw"), ("soc", "soc_end"), ("energy", "energy"), ("wear", "wear")):
        assert table.columns[name] == [hour[of] for hour in made["hours"]]
    assert table.columns["why"][3] == "the price is negative: charging is paid for"
    assert table.more["remark"] == "2026-11-22"
    price, power, soc = drawn(table, SCOPE)["data"]
    assert (price["y"][:24], power["y"][18], soc["y"][0]) == (VALUES, 100.0, 50.0)


def test_a_plan_whose_prices_were_changed_says_so(store: Store) -> None:
    start = bring(store)
    plans.ask(store, "site", plans.Wish(TOMORROW), NOW, "ann")
    prices.put(store, [prices.Price(start, start + HOUR, 5.0)], "TWD", "ann")
    assert "prices changed since" in planned.plan_table(store, SCOPE).more["remark"]


def test_an_operator_brings_prices_makes_a_plan_and_accepts_it(store: Store) -> None:
    client = client_of(store, "operator")
    start = midnight(TOMORROW, store.zone)
    assert "24 prices kept" in act(client, "prices", "", table=TABLE, currency="TWD")
    assert "A plan for 2026-11-22 was made" in act(client, "make", "2026-11-22", low="0", high="100", round_trip="81", product="none")
    entry = planned.plan_of(store, TOMORROW)
    assert entry is not None
    moving = [hour for hour in entry.body["hours"] if hour["power_kw"]]
    said = str(facts(store, entry.id, entry.state, entry.body, SCOPE))
    total, greedy = entry.body["income"]["total"], entry.body["baselines"]["greedy"]["total"]
    assert f"Expected TWD {total:.0f}: energy" in said
    assert f"rule of thumb {greedy:.0f}, no trading 0" in said
    assert f"{len(moving)} events now stand" in act(client, "accept", entry.id)
    assert len(awards.events(store, Window(start, start + 24 * HOUR))) == len(moving)
    assert "was accepted before" in act(client, "accept", entry.id)


def test_an_analyst_plans_but_neither_accepts_nor_brings_prices_and_a_viewer_does_not_plan(store: Store) -> None:
    bring(store)
    analyst = client_of(store, "analyst")
    assert "was made" in act(analyst, "make", "2026-11-22", low="")
    entry = planned.plan_of(store, TOMORROW)
    assert entry is not None
    for what, about in (("accept", entry.id), ("prices", "")):
        assert "Changing awards is for operators" in act(analyst, what, about, table=TABLE, currency="TWD")
    assert "Changing awards is for operators" in act(client_of(store, "viewer"), "make", "2026-11-22", low="")
    start = midnight(TOMORROW, store.zone)
    assert awards.events(store, Window(start, start + 24 * HOUR)) == []


@pytest.mark.parametrize(
    ("day", "fields"),
    [("tomorrow", {}), ("2026-11-22", {"low": "x"}), ("2026-11-22", {"wear": "nan"}), ("2026-11-22", {"start": "1e400"})],
)
def test_a_form_that_makes_no_sense_is_refused(day: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        wish_of(fields, day, "en")
