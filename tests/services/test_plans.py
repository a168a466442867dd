"""Prices come in whole or not at all; a plan says what it assumed; an accepted one stands in the schedule once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from datastore.open import open_store
from datastore.store import Store
from plant.analysis import dispatch_milp
from plant.errors import Conflict, Invalid, NotFound, Unavailable
from plant.model import DAY, HOUR, QUARTER, Block, Device, ScheduleEvent, Window
from plant.timeline import midnight
from services import awards, plans, prices
from services.calculating import CALCULATOR
from services.plans import Wish
from services.prices import Price

ZONE = "Asia/Taipei"
NOW = 1_795_233_600_000
"""2026-11-21 12:00 in Taipei."""
TOMORROW = date(2026, 11, 22)
WISH = Wish(TOMORROW, low=0.0, high=100.0, round_trip=81.0)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """One battery of 200 kWh and 100 kW at 50 %. The solver runs here instead of in its process."""
    monkeypatch.setattr(CALCULATOR, "run", lambda function, arguments, timeout_s: dispatch_milp.best_plan(**arguments))
    opened = open_store("memory://", ZONE, clock=lambda: NOW)
    opened.records.put_devices([Device("bess01", "bess", rating={"capacity_kwh": 200.0, "power_kw": 100.0}), Device("site", "site")])
    opened.telemetry.append([Block("bess", ("soc", "soh"), [("bess01", NOW, NOW, 0, 50.0, 100.0)])])
    yield opened
    opened.close()


def start_of(store: Store, day: date = TOMORROW) -> int:
    return midnight(day, store.zone)


def bring(store: Store, values: list[float], day: date = TOMORROW, currency: str = "TWD") -> int:
    at = start_of(store, day)
    given = [Price(at + n * HOUR, at + (n + 1) * HOUR, value) for n, value in enumerate(values)]
    prices.put(store, given, currency, "anna")
    return at


DAY_PRICES = [100.0] * 24
DAY_PRICES[3], DAY_PRICES[18] = -50.0, 900.0


def test_a_plan_buys_at_the_negative_price_and_sells_at_the_highest(store: Store) -> None:
    at = bring(store, DAY_PRICES)
    made = plans.ask(store, "site", WISH, NOW, "anna")
    by_hour = {hour["start_ms"]: hour for hour in made["hours"]}
    assert (by_hour[at + 3 * HOUR]["power_kw"], by_hour[at + 3 * HOUR]["reason"]) == (-100.0, "paid-to-charge")
    assert (by_hour[at + 18 * HOUR]["power_kw"], by_hour[at + 18 * HOUR]["reason"]) == (100.0, "dear")
    # by hand: 100 kWh out at 900 are 90, 100 kWh in at −50 are 5, and 100/0.81 − 100 kWh in at 100 for what is lost
    assert made["income"]["total"] == pytest.approx(90 + 5 - (100 / 0.81 - 100) * 0.1, abs=0.02)
    assert made["baselines"]["idle"]["total"] == 0.0
    assert made["baselines"]["greedy"]["total"] <= made["income"]["total"]
    assert (made["optimization_method"], made["feasible"], made["currency"]) == ("milp", True, "TWD")
    assert (made["assumptions"]["soc_start"], made["assumptions"]["soc_start_is"]) == (50.0, "told now")


def test_without_prices_a_plan_says_how_to_bring_them(store: Store) -> None:
    with pytest.raises(Invalid, match="PUT /api/v1/prices"):
        plans.ask(store, "site", WISH, NOW, "anna")


def test_missing_hours_are_named(store: Store) -> None:
    bring(store, DAY_PRICES[:20])
    with pytest.raises(Invalid, match="missing for 2026-11-22T12:00:00Z to 2026-11-22T16:00:00Z"):
        plans.ask(store, "site", WISH, NOW, "anna")


def test_a_day_that_is_over_is_not_planned_and_one_that_runs_from_the_next_quarter_on(store: Store) -> None:
    bring(store, DAY_PRICES, date(2026, 11, 21))
    made = plans.ask(store, "site", replace(WISH, day=date(2026, 11, 21)), NOW + 1, "anna")
    assert made["hours"][0]["start_ms"] == NOW + QUARTER
    with pytest.raises(Invalid, match="is over"):
        plans.ask(store, "site", replace(WISH, day=date(2026, 11, 20)), NOW, "anna")


def test_an_awarded_hour_stays_free_and_earns_its_fees(store: Store) -> None:
    at = bring(store, DAY_PRICES)
    award = ScheduleEvent("dreg", at + 18 * HOUR, at + 19 * HOUR, power=0.1, price=400.0, quote_code="DREG05")
    awards.add(store, [award], "anna")
    made = plans.ask(store, "site", WISH, NOW, "anna")
    hour = next(one for one in made["hours"] if one["start_ms"] == at + 18 * HOUR)
    assert (hour["power_kw"], hour["reason"], hour["awarded_mw"]) == (0.0, "awarded", 0.1)
    assert hour["service"] == pytest.approx(0.1 * (400 + 350))
    assert 25 + 1e-6 < hour["soc_start"] < 75  # half an hour of 100 kW out at 90 %, 55.6 kWh, and in, 45 kWh


def test_an_award_in_another_currency_is_named_not_counted(store: Store) -> None:
    at = bring(store, DAY_PRICES, currency="EUR")
    awards.add(store, [ScheduleEvent("dreg", at, at + HOUR, power=0.1, price=400.0, quote_code="DREG05")], "anna")
    made = plans.ask(store, "site", WISH, NOW, "anna")
    assert made["income"]["service"] == 0.0
    assert made["assumptions"]["awards_without_money"] == ["dReg0.5"]


def test_capacity_is_offered_where_it_earns_more(store: Store) -> None:
    at = bring(store, DAY_PRICES)
    wish = replace(WISH, product="dreg", offer_price=0.0, most=0.05, least=0.05)
    with pytest.raises(Invalid, match="no product"):
        plans.ask(store, "site", wish, NOW, "anna")
    made = plans.ask(store, "site", replace(wish, product="dreg0.5"), NOW, "anna")
    offered = {one["start_ms"] for one in made["hours"] if one["offered_mw"] > 0}
    assert at + 18 * HOUR not in offered  # 90 for its energy, 17.5 for its capacity
    assert made["income"]["service"] == pytest.approx(len(offered) * 0.05 * 350, abs=0.01)
    assert len(offered) >= 20
    kept = plans.accept(store, made["plan_id"], "anna")
    first = next(one for one in kept if one.mode == "dreg0.5")
    assert (first.is_get, first.quote_capacity, first.quote_price) == (False, pytest.approx(0.05), 350.0)


def test_an_accepted_plan_stands_in_the_schedule_once(store: Store) -> None:
    at = bring(store, DAY_PRICES)
    made = plans.ask(store, "site", WISH, NOW, "anna")
    kept = plans.accept(store, made["plan_id"], "anna")
    moving = {one["start_ms"]: one["power_kw"] for one in made["hours"] if one["power_kw"]}
    assert {one.time_start: round(1000 * one.transfer, 3) for one in kept} == moving
    assert {one.mode for one in kept} == {"arbitrage"}
    with pytest.raises(Conflict):
        plans.accept(store, made["plan_id"], "anna")
    again = plans.ask(store, "site", WISH, NOW, "anna")  # the plan in force does not stand in the way of a new one
    plans.accept(store, again["plan_id"], "anna")
    there = awards.events(store, Window(at, at + DAY))
    assert {one.description for one in there} == {again["plan_id"]}
    assert len(there) == len(moving)


def test_a_plan_that_meets_a_new_award_is_refused_and_the_earlier_plan_stays(store: Store) -> None:
    at = bring(store, DAY_PRICES)
    first = plans.ask(store, "site", WISH, NOW, "anna")
    second = plans.ask(store, "site", WISH, NOW, "anna")
    before = plans.accept(store, first["plan_id"], "anna")
    sold = next(one for one in before if one.time_start == at + 18 * HOUR)
    awards.remove(store, sold.index or 0, "anna")
    award = awards.add(store, [ScheduleEvent("dreg", at + 18 * HOUR, at + 19 * HOUR, power=0.1)], "anna")
    with pytest.raises(Invalid, match="overlaps"):
        plans.accept(store, second["plan_id"], "anna")
    there = awards.events(store, Window(at, at + DAY))
    assert len(there) == len(before)
    assert award[0].index in {one.index for one in there}


def test_without_the_solver_the_rule_plans_and_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise Unavailable("the calculation process is busy; try again")

    monkeypatch.setattr(CALCULATOR, "run", gone)
    bring(store, DAY_PRICES)
    made = plans.ask(store, "site", WISH, NOW, "anna")
    assert made["optimization_method"] == "greedy"
    assert made["income"] == {name: made["baselines"]["greedy"][name] for name in made["income"]}


def test_what_cannot_be_kept_is_said_in_a_sentence(store: Store) -> None:
    bring(store, DAY_PRICES)
    at = start_of(store)
    awards.add(store, [ScheduleEvent("dreg", at, at + HOUR, power=5.0)], "anna")
    made = plans.ask(store, "site", WISH, NOW, "anna")
    assert not made["feasible"]
    assert "awards from 00:00 on ask for 4900 kW more than the batteries can give" in {lack["message"] for lack in made["lacks"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"low": 90.0, "high": 10.0},
        {"round_trip": 0.0},
        {"start": 150.0},
        {"wear": float("nan")},
        {"sustain": -1.0},
        {"product": "spinning", "most": 1.0},
        {"product": "dreg0.5", "most": 0.5, "least": 1.0},
    ],
)
def test_wishes_that_make_no_sense_are_refused(store: Store, changes: dict[str, object]) -> None:
    bring(store, DAY_PRICES)
    with pytest.raises(Invalid):
        plans.ask(store, "site", replace(WISH, **changes), NOW, "anna")  # type: ignore[arg-type]


def test_a_site_without_a_battery_that_is_heard_gets_no_plan(store: Store) -> None:
    bring(store, DAY_PRICES)
    store.records.put_devices([Device("bess01", "bess", deleted=True)])
    with pytest.raises(Invalid, match="no battery"):
        plans.ask(store, "site", WISH, NOW, "anna")
    with pytest.raises(NotFound):
        plans.accept(store, "plan_000", "anna")


def test_new_prices_replace_those_of_the_same_time_and_no_others(store: Store) -> None:
    at = bring(store, [1.0, 2.0, 3.0])
    prices.put(store, [Price(at + HOUR, at + HOUR + QUARTER, -7.0)], "twd", "anna")
    found = prices.hours(store, Window(at, at + DAY))
    assert [(one.start - at, one.per_mwh) for one in found.of] == [(0, 1.0), (HOUR, -7.0), (2 * HOUR, 3.0)]
    assert found.gaps(Window(at, at + 3 * HOUR)) == [Window(at + HOUR + QUARTER, at + 2 * HOUR)]


def test_a_price_across_midnight_is_replaced_by_the_next_days(store: Store) -> None:
    """23:30 to 00:30 at 10, then the next day from 00:00 at 20: from midnight on 20 alone holds, and a plan meets each minute once."""
    at = start_of(store)
    prices.put(store, [Price(at - HOUR // 2, at + HOUR // 2, 10.0)], "TWD", "anna")
    prices.put(store, [Price(at, at + HOUR, 20.0)], "TWD", "anna")
    found = prices.hours(store, Window(at - HOUR // 2, at + HOUR))
    assert [(one.start - at, one.end - at, one.per_mwh) for one in found.of] == [(-HOUR // 2, 0, 10.0), (0, HOUR, 20.0)]


@pytest.mark.parametrize(
    ("given", "currency"),
    [
        ([], "EUR"),
        ([Price(NOW, NOW + HOUR, float("nan"))], "EUR"),
        ([Price(NOW, NOW + HOUR, 1e9)], "EUR"),
        ([Price(NOW, NOW, 1.0)], "EUR"),
        ([Price(NOW, NOW + 2 * HOUR, 1.0)], "EUR"),
        ([Price(NOW, NOW + HOUR, 1.0), Price(NOW + QUARTER, NOW + HOUR, 1.0)], "EUR"),
        ([Price(NOW + 500 * DAY, NOW + 500 * DAY + HOUR, 1.0)], "EUR"),
        ([Price(NOW, NOW + HOUR, 1.0)], "€"),
    ],
)
def test_prices_that_make_no_sense_are_refused_whole(store: Store, given: list[Price], currency: str) -> None:
    with pytest.raises(Invalid):
        prices.put(store, [Price(NOW - HOUR, NOW, 5.0), *given] if given else [], currency, "anna")
    assert prices.hours(store, Window(NOW - DAY, NOW + DAY)).of == ()


def test_a_table_as_people_have_it_is_read(store: Store) -> None:
    found = prices.read_table("time;price\n2026-11-22 00:00;61,4\n2026-11-22 00:15;-3,5\n\n2026-11-22 00:30;0\n", store)
    at = start_of(store)
    assert found == [Price(at + n * QUARTER, at + (n + 1) * QUARTER, value) for n, value in enumerate((61.4, -3.5, 0.0))]
    assert prices.read_table("2026-11-21T16:00:00Z,5", store) == [Price(at, at + HOUR, 5.0)]
    for text, why in (
        ("", "no price"),
        ("time,price", "no price"),
        ("2026-11-22,x", "line 1"),
        ("2026-11-22,1\n2026-11-22,2", "line 2 does not follow"),
    ):
        with pytest.raises(Invalid, match=why):
            prices.read_table(text, store)
