"""Reserves on call, the month's account, replays on a store, unit doubts: numbers worked out by hand from DOMAIN §3.5."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from datastore.open import open_store
from datastore.store import Store
from plant.errors import Invalid
from plant.model import Block, Device, ScheduleEvent, Window
from plant.rules.charges import read, version
from plant.timeline import month_window
from services import awards
from services.account import account
from services.income import days
from services.other_bid import Bid, compared
from services.scoring import charge_at, explained, scored
from services.settling import spans
from services.trials import trials

HOUR, SECOND = 3_600_000, 1000
MIDNIGHT = 1_795_190_400_000  # 2026-11-21 00:00 in Taipei
NOW = MIDNIGHT + 12 * HOUR
DAY = Window(MIDNIGHT, MIDNIGHT + 24 * HOUR)


def at(hour: float) -> int:
    return MIDNIGHT + round(hour * HOUR)


@pytest.fixture
def store() -> Iterator[Store]:
    kept = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    kept.records.put_devices([Device("site", "site", rating={"power_kw": 5000.0, "capacity_kwh": 10_000.0})])
    yield kept
    kept.close()


def say(store: Store, hour: float, seconds: int, hz: float, kw: float, soc: float | None = None) -> None:
    names = ("frequency", "active_power") if soc is None else ("frequency", "active_power", "soc")
    rest = (hz, kw) if soc is None else (hz, kw, soc)
    store.telemetry.append([Block("site", names, [("site", at(hour) + n * SECOND, NOW, 0, *rest) for n in range(seconds)])])


def award(store: Store, hour: float, mode: str = "dreg", hours: float = 1.0, **more: object) -> ScheduleEvent:
    given = {"quote_code": "DREG05", "power": 5.0, **more}
    event = ScheduleEvent(mode, at(hour), at(hour + hours), **given)  # type: ignore[arg-type]
    return awards.add(store, [event], "test")[0]


# -- reserves -----------------------------------------------------------------------------------------------------------------


def test_a_called_reserve_is_judged_from_the_end_of_its_reaction(store: Store) -> None:
    """Called at 08:10 until 08:40: from 08:20 on 1,200 seconds are to give 5 MW; 600 give 4,500 kW, 300 more than all, 300 nothing."""
    award(store, 8, "spinning", quote_code="")
    award(store, 8 + 1 / 6, "spinning_call", hours=0.5, quote_code="")
    say(store, 8, 1200, 60.0, 0.0)
    say(store, 8 + 1 / 3, 600, 59.8, 4500.0)
    say(store, 8.5, 300, 59.8, 6000.0)
    say(store, 8 + 2 / 3, 1200, 60.0, 0.0)
    (span,) = spans(store, "site", DAY, NOW)
    assert span.period is not None
    assert span.period.rate == pytest.approx((600 * 90 + 300 * 100 + 300 * 0) / 1200)  # 70
    assert (span.period.q, span.period.fees) == (0.0, None)
    assert span.period.coverage == pytest.approx(900 / 1200)


def test_a_reserve_that_nobody_called_stands_by(store: Store) -> None:
    award(store, 8, "supplemental", quote_code="")
    award(store, 9, "spinning", quote_code="")
    award(store, 9.95, "spinning_call", hours=0.04, quote_code="")  # released before its ten minutes were over
    say(store, 8, 7200, 60.0, 0.0)
    assert [(span.state, span.period) for span in spans(store, "site", DAY, NOW)] == [("standby", None)] * 2


def test_a_call_stands_over_its_award_and_calls_do_not_overlap(store: Store) -> None:
    award(store, 8, "spinning", quote_code="")
    award(store, 8, "spinning_call", quote_code="")
    with pytest.raises(Invalid):
        award(store, 8.5, "spinning_call", quote_code="")


def test_the_second_hour_of_a_long_call_goes_on(store: Store) -> None:
    award(store, 8, "spinning", hours=2, quote_code="")
    award(store, 8.5, "spinning_call", hours=1.5, quote_code="")
    say(store, 8, 7200, 59.8, 5000.0)
    first, second = spans(store, "site", DAY, NOW)
    assert first.period and second.period
    # 08:40 to 09:40: an hour at most after the reaction
    assert (first.period.rate, second.period.rate) == (100.0, 100.0)


# -- the running hour and its causes ------------------------------------------------------------------------------------------


def test_an_empty_battery_is_named_as_the_cause_with_its_price(store: Store) -> None:
    award(store, 11)
    say(store, 11, 600, 60.0, 0.0, soc=10.4)
    say(store, 11 + 1 / 6, 60, 59.75, 0.0, soc=10.2)  # 2,400 kW are asked for
    say(store, 11 + 11 / 60, 1740, 60.0, 0.0, soc=10.2)
    now = at(11.5)
    (one,) = scored(store, "site", Window(at(11), at(12)), now)
    (cause,), total = explained(store, one, 9)
    assert (cause.kind, cause.soc, total) == ("soc", 10.2, 1)
    assert (one.standing.rate, one.standing.q) == (52.0, -1.0)
    assert one.standing.now is not None
    assert (one.standing.now.total, one.standing.lost) == (-1750.0, 3500.0)
    charge = charge_at(store, at(11.3))
    assert charge is not None
    assert (charge.low, charge.high) == (10.0, 95.0)


def test_readings_in_watt_are_flagged_and_scored_as_they_are(store: Store) -> None:
    award(store, 8)
    say(store, 8, 3600, 59.75, 2_400_000.0)
    (span,) = spans(store, "site", DAY, NOW)
    assert span.period is not None
    assert (span.period.doubt, span.period.q) == ("power-large", -1.0)


# -- the month's account ------------------------------------------------------------------------------------------------------


def test_the_account_of_a_month_adds_up(store: Store) -> None:
    site = store.records.devices("site")[0]
    store.records.put_devices([replace(site, rating={**site.rating, "line_loss_pct": 2.0, "resources": 3.0})])
    award(store, 8, price=100.0)
    award(store, 9, power=7.0)
    say(store, 8, 7200, 60.0, 0.0)
    say(store, 3, 3600, 60.0, -1000.0)  # 1,000 kWh in, 700 out, DOMAIN's own example
    say(store, 5, 3600, 60.0, 700.0)
    month = month_window(2026, 11, store.zone)
    told = account(store, month, NOW, [span for span in spans(store, "site", month, NOW)])
    assert (told.income.capacity, told.income.performance, told.income.total) == (500.0, 350 * 12.0, 4700.0)
    assert (told.mw, told.resources, told.participation) == (7.0, 3, 8847 + 2800 + 300)
    assert told.charged == pytest.approx(1000.0, rel=2e-3)
    assert told.discharged == pytest.approx(700.0, rel=2e-3)
    assert told.charged is not None and told.discharged is not None and told.lost is not None
    assert told.lost == pytest.approx(0.8 * told.charged / 0.98 - 0.98 * told.discharged)
    assert told.lost == pytest.approx(130.33, abs=1.5)


def test_energy_lost_is_charged_for_once_its_price_is_known(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    award(store, 8, price=100.0)
    say(store, 3, 3600, 60.0, -1000.0)
    month = month_window(2026, 11, store.zone)
    own = [span for span in spans(store, "site", month, NOW)]
    assert account(store, month, NOW, own).loss_fee is None
    charges = version(month.start)
    assert charges
    monkeypatch.setattr("services.account.version", lambda _: replace(charges, per_kwh=2.5))
    told = account(store, month, NOW, own)
    assert told.lost == pytest.approx(800.0, rel=2e-3)  # all that went in but the allowance
    assert told.loss_fee == pytest.approx(2000.0, rel=2e-3)


def test_an_account_of_nothing_is_blank(store: Store) -> None:
    told = account(store, month_window(2026, 11, store.zone), NOW, [])
    assert (told.income.total, told.participation, told.charged, told.lost) == (None, None, None, None)


def test_charges_are_dated(store: Store) -> None:
    old, new = version(1_600_000_000_000), version(NOW)
    assert old is not None and new is not None
    assert (old.at_meter, new.at_meter) == (True, False)
    assert old.lost(1000, 700, 0.02) == pytest.approx(334.4082 - 200.0, abs=1e-4)
    assert version(0) is None
    with pytest.raises(ValueError, match="valid_from"):
        read('market = "x"\nvalid_from = "then"\nzone = "Asia/Taipei"')


def test_the_first_month_of_an_announcement_is_charged_by_it(store: Store) -> None:
    """January 2026 begins in Taipei while Greenwich still has December."""
    months = [month_window(year, month, store.zone) for year, month in ((2025, 12), (2026, 1))]
    told = [account(store, month, NOW, []).charges for month in months]
    assert [one.name if one else "" for one in told] == ["Taipower (2020-01-01)", "Taipower (2026-01-01)"]


@pytest.mark.parametrize(("zone", "day", "hours"), [("Europe/Madrid", 1_774_738_800_000, 23), ("Europe/Madrid", 1_792_879_200_000, 25)])
def test_hours_add_up_to_the_day_and_month_across_clock_changes(zone: str, day: int, hours: int) -> None:
    """2026-03-29 and 2026-10-25 in Madrid: every hour of the day 4.7 MW at 33.33, an hour of E-dReg among them."""
    now = day + 40 * HOUR
    store = open_store("memory://", zone, clock=lambda: now)
    store.records.put_devices([Device("site", "site")])
    given = [
        ScheduleEvent("edreg" if n == 5 else "dreg", day + n * HOUR, day + (n + 1) * HOUR, power=4.7, price=33.33, transfer=1.1 * (n == 5))
        for n in range(hours)
    ]
    store.records.put_events(given)
    rows = [("site", day + n * SECOND, now, 0, 60.0, 1100.0 if n // 3600 == 5 else 0.0) for n in range(0, hours * 3600)]
    store.telemetry.append([Block("site", ("frequency", "active_power"), rows)])
    (told,), total = days(store, "site", Window(day, day + hours * HOUR), now)
    assert len(told.hours) == hours
    capacity, performance, energy = 156.65, 1645.0, 0.0  # 33.33 · 4.7 = 156.651, 350 · 4.7
    cents = sum(round(100 * one.earned.total) for one in told.hours if one.earned.total is not None)
    assert told.earned.total == total.total == cents / 100
    assert told.hours[0].earned.total == capacity + performance + energy
    # the E-dReg hour: 156.65 + 475 · 4.7 = 2,232.50 + 2,000 · 1.1
    assert told.hours[5].earned.total == 156.65 + 2232.5 + 2200.0
    assert total.total == pytest.approx((hours - 1) * 1801.65 + 4589.15, abs=1e-9)
    store.close()


# -- replays ------------------------------------------------------------------------------------------------------------------


def replayed(store: Store, **bid: object):  # type: ignore[no-untyped-def]
    real = spans(store, "site", DAY, NOW)
    made = compared(store, "site", DAY, NOW, Bid(**bid), real)  # type: ignore[arg-type]
    return made, [(was.period, would.period) for was, would in made.pairs]


def test_fewer_racks_give_less_power(store: Store) -> None:
    """Four of five racks of 5 MW are 4,000 kW; 59.50 Hz asks for 5,000: 80, index 0."""
    store.records.put_devices([Device(f"r{n}", "rack") for n in range(5)])
    award(store, 8)
    say(store, 8, 3600, 59.50, 5000.0)
    made, ((was, would),) = replayed(store, racks=4)
    assert (was.rate, would.rate, would.q, would.fees.total) == (100.0, 80.0, 0.0, 0.0)
    assert (made.method, made.cut, made.installed, made.missing) == ("measured", 3600, 5, ())


def test_a_controller_is_as_good_as_its_limits(store: Store) -> None:
    award(store, 8)
    say(store, 8, 3600, 59.75, 0.0)
    _, ((was, would),) = replayed(store, method="controlled")
    assert (was.rate, would.rate, would.fees.total) == (52.0, 100.0, 1750.0)
    _, ((_, limited),) = replayed(store, method="controlled", limit=2000.0)
    assert (limited.rate, limited.q) == (92.0, 0.4)


def test_a_charge_range_empties_the_battery_earlier(store: Store) -> None:
    """2,400 kW of 10,000 kWh are 24 % an hour, from 50 %: at a lower limit of 40 % power ends after 25 minutes."""
    award(store, 8)
    rows = [("site", at(8) + n * SECOND, NOW, 0, 59.75, 2400.0, 50.0 - 24.0 * n / 3600) for n in range(-600, 3601)]
    store.telemetry.append([Block("site", ("frequency", "active_power", "soc"), rows)])
    made, ((was, would),) = replayed(store, low=40.0, high=90.0)
    assert (was.rate, would.rate, would.q) == (100.0, 52.0, -1.0)
    assert made.cut == pytest.approx(3600 - 1500, abs=2)


def test_what_a_plant_does_not_tell_is_named(store: Store) -> None:
    award(store, 8)
    say(store, 8, 3600, 60.0, 0.0)
    made, _ = replayed(store, racks=3, low=20.0, high=80.0)
    assert made.missing == ("no-racks", "no-soc")


# -- capability tests ---------------------------------------------------------------------------------------------------------


def test_a_full_power_test_in_the_schedule_is_judged(store: Store) -> None:
    award(store, 8, "full_power", hours=0.5)
    award(store, 9, "step", quote_code="EDREG")
    award(store, 13, "scan")
    say(store, 8, 1000, 60.0, 5000.0)
    say(store, 8 + 1010 / 3600, 790, 60.0, 0.0)
    ahead, unknown, done = trials(store, "site", DAY, NOW)
    assert (ahead.why, unknown.why) == ("ahead", "no-rules")
    assert done.result is not None
    assert (done.result.verdict, done.result.longest_s) == ("passed", 1000)
    assert done.failing == [(at(8) + 1000 * SECOND, at(8.5))]
    assert {span.state for span in spans(store, "site", DAY, NOW)} == {"unjudged"}
