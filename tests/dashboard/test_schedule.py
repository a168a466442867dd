"""The schedule page: hours worked out by hand from DOMAIN §3.5, compared with every number that the panels show, and with the services."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import flask
import numpy as np
import pytest

import callbacks
from callbacks.schedule import award_of
from dashboard.figures import awards
from dashboard.loads import account, awarded, execution, income, settled
from dashboard.page import Scope
from datastore.open import open_store
from datastore.store import Store
from plant.errors import Invalid
from plant.model import Block, Device, ScheduleEvent, Window
from plant.rules import version
from services import other_bid, scoring
from services.access import ROLES, Identity
from services.config import Config
from services.income import days
from services.settling import spans

HOUR, SECOND = 3_600_000, 1000
MIDNIGHT = 1_795_190_400_000
"""2026-11-21 00:00 in Taipei, a Saturday."""
NOW = MIDNIGHT + 12 * HOUR + 1_800_500
DAY = Window(MIDNIGHT, MIDNIGHT + 24 * HOUR)
SCOPE = Scope(zone="Asia/Taipei", window="24h")


def at(hour: float) -> int:
    return MIDNIGHT + round(hour * HOUR)


def looking_at(hour: int, **more: Any) -> Scope:
    return replace(SCOPE, start=at(hour), end=at(hour + 1), **more)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """The morning for all who only look at it."""
    yield from morning()


@pytest.fixture
def own() -> Iterator[Store]:
    """A morning of the test's own, which it may change."""
    yield from morning()


def morning() -> Iterator[Store]:
    """One morning of 5 MW dReg0.5 at 60 Hz (band ±9 % = ±450 kW):

    - 08 h: 0 kW throughout: rate 100, index 1, 350 · 5 = 1,750
    - 09 h: 730 kW (14.6 %, 5.6 % outside: 94.4, so 94) in six seconds: the rolling rate is 94 in three; index 0.8,
      price 100: (100 · 5 + 350 · 5) · 0.8 = 400 + 1,400
    - 10 h: nothing said for five seconds: the rolling rate is 0 in two; index −1, −1,750
    - 11 h: sReg, whose prices are not verified: scored, no money
    - 12 h: runs, so far 0 kW; 13 h is ahead; 07 h was not won; 06 h was interrupted; 05 h is before the first reading
    """
    store = open_store("memory://", "Asia/Taipei", clock=lambda: NOW)
    store.records.put_devices([Device("site", "site")])
    rows = []
    for second in range(int((at(7) - MIDNIGHT) / 1000), int((NOW - MIDNIGHT) / 1000)):
        here, kw = MIDNIGHT + 1000 * second, 0.0
        if at(9.5) <= here < at(9.5) + 6 * SECOND:
            kw = 730.0
        if not at(10.25) <= here < at(10.25) + 5 * SECOND:
            rows.append(("site", here, here, 0, 60.0, kw))
    store.telemetry.append([Block("site", ("frequency", "active_power"), rows)])
    award(store, 5)
    award(store, 6, interrupt=True)
    award(store, 7, is_get=False, power=0.0, quote_capacity=4.0)
    award(store, 8)
    award(store, 9, price=100.0)
    award(store, 10)
    award(store, 11, mode="sreg", quote_code="")
    award(store, 12)
    award(store, 13, power=7.5)
    yield store
    store.close()


def award(store: Store, hour: int, mode: str = "dreg", power: float = 5.0, **more: Any) -> ScheduleEvent:
    given = {"quote_code": "DREG05", **more}
    return store.records.put_events([ScheduleEvent(mode, at(hour), at(hour + 1), power=power, **given)])[0]


# -- tiles ---------------------------------------------------------------------------------------------------------------------


def test_the_tiles_say_what_the_morning_came_to(store: Store) -> None:
    shown = {tile.key: tile for tile in awarded.tiles(store, SCOPE)}
    assert (shown["rate"].value, shown["rate"].note, shown["rate"].tone) == (100.0, "index 1 so far, since 12:00", "good")
    assert (shown["award"].value, shown["award"].note) == (5.0, "dReg0.5 at 0 per MW·h")
    assert shown["income-day"].value == pytest.approx(1750 + 1800 - 1750)
    assert (shown["income-day"].unit, shown["income-day"].note) == ("NT$", "4 hours judged, 1 without verified prices")
    assert shown["silent"].value == 5.0
    assert (shown["low"].value, shown["low"].note) == (2.0, "of 4 this month, 2 today")
    (_,), total = days(store, "site", DAY, NOW)
    assert shown["income-day"].value == total.total


def test_a_second_nobody_measured_in_the_running_hour_is_missing_at_once(store: Store) -> None:
    later = replace(store, clock=lambda: NOW + 30 * SECOND)
    shown = {tile.key: tile for tile in awarded.tiles(later, SCOPE)}
    # told until 20 s after the last reading at 12:29:59 (the live edge stays ten seconds behind)
    assert shown["silent"].value == 5.0 + 20.0
    assert (shown["rate"].value, shown["rate"].tone) == (0.0, "alarm")


def test_without_awards_there_are_dashes(own: Store) -> None:
    for event in own.records.events(DAY):
        assert event.index is not None
        own.records.drop_event(event.index)
    settled.forget()
    shown = {tile.key: tile for tile in awarded.tiles(own, SCOPE)}
    assert {key: tile.value for key, tile in shown.items()} == dict.fromkeys(shown)
    assert awarded.week_table(own, SCOPE).is_empty


# -- calendar ------------------------------------------------------------------------------------------------------------------


def test_the_calendar_has_one_field_per_hour_of_seven_days(store: Store) -> None:
    table = awarded.week_table(store, SCOPE)
    assert table.more["days"] == ("Mon 11-16", "Tue 11-17", "Wed 11-18", "Thu 11-19", "Fri 11-20", "Sat 11-21", "Sun 11-22")
    hours = field_of(table)
    assert len(hours) == 7 * 24
    today = [hours[5, hour] for hour in range(5, 15)]
    assert [one["state"] for one in today] == [
        "unrecorded", "interrupted", "lost", "settled", "settled", "settled", "settled", "running", "ahead", "none",
    ]  # fmt: skip
    assert [one["label"] for one in today] == ["?", "×", "–", "5", "5", "5", "5", "5", "7.5", ""]
    assert [one["income"] for one in today] == [None, None, None, 1750, pytest.approx(1800), -1750, None, None, None, None]
    assert [one["mark"] for one in today] == [False, False, False, False, True, True, False, False, False, False]
    assert today[4]["note"] == (
        "Sat 11-21 09:00–10:00: dReg0.5, 5.0 MW at NT$ 100 per MW·h.<br>Execution rate 94 %, index 0.8, income NT$ 1,800"
    )
    assert today[6]["note"].endswith("income no money (prices not verified)")
    assert today[2]["note"] == "Sat 11-21 07:00–08:00: dReg0.5, 4.0 MW offered, not won"
    assert table.more["selected"] == (12, 5)


def test_a_click_on_an_hour_sets_the_window_to_it(store: Store) -> None:
    hours = field_of(awarded.week_table(store, replace(SCOPE, lang="es", product="sreg")))
    assert hours[5, 9]["href"] == "/schedule?product=sreg&from=2026-11-21T09%3A00&to=2026-11-21T10%3A00&lang=es"
    assert awarded.week_table(store, looking_at(9)).more["selected"] == (9, 5)


def test_an_older_day_has_a_calendar_of_its_own(store: Store) -> None:
    table = awarded.week_table(store, replace(SCOPE, start=at(9) - 30 * 24 * HOUR, end=at(10) - 30 * 24 * HOUR))
    assert table.is_empty
    assert settled.week(store, at(9) - 30 * 24 * HOUR)[3] == MIDNIGHT - 30 * 24 * HOUR


def field_of(table: Any) -> dict[tuple[int, int], dict[str, Any]]:
    columns = table.columns
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return {(row["column"], row["row"]): row for row in rows}


def test_the_calendar_has_one_colour_per_product_and_greys_what_was_not_delivered(store: Store) -> None:
    figure = awards.week(awarded.week_table(store, SCOPE), SCOPE)
    names = [trace["name"] for trace in figure["data"] if "name" in trace]
    assert names == ["dReg0.5", "sReg", "ahead", "– not won", "× interrupted", "? not recorded", "execution rate below 95 %"]
    z = [row[5] for row in figure["data"][0]["z"]]
    assert z[8] == z[9] == z[12]
    assert len({z[5], z[8], z[11], z[13], z[14]}) == 5
    assert z[5] == z[6] == z[7]


# -- the hour ------------------------------------------------------------------------------------------------------------------


def test_the_seconds_that_set_the_hour_are_named_with_their_cause(store: Store) -> None:
    table = execution.cause_table(store, looking_at(9))
    # six seconds from 09:30:00 on; the first three still have a good one among the last four
    assert (table.columns["from"], table.columns["to"], table.columns["rate"]) == (["09:30:03"], ["09:30:05"], [94.0])
    assert table.columns["cause"] == ["At 09:30:00 the power of 730 kW was 280 kW (5.6 % of the award) above the band at 60.000 Hz."]
    silent = execution.cause_table(store, looking_at(10))
    assert (silent.columns["from"], silent.columns["to"], silent.columns["rate"]) == (["10:15:03"], ["10:15:04"], [0.0])
    assert silent.columns["cause"] == ["No reading of frequency and power in 5 seconds on end."]
    good = execution.cause_table(store, looking_at(8))
    assert good.columns["rate"] == [100.0]
    assert good.columns["cause"][0].startswith("Every second lay inside")


def test_the_hour_is_drawn_with_its_rate_and_no_bad_second_is_lost(store: Store) -> None:
    table = execution.hour_table(store, looking_at(9))
    at_, score, rolled, rate = (np.asarray(table.columns[name]) for name in table.columns)
    assert len(at_) == 1800  # the lowest of two seconds each
    assert (score.min(), rolled.min(), set(rate)) == (94.0, 94.0, {94.0})
    assert table.more["marks"] == ([at(9.5) + n * SECOND for n in (3, 4, 5)], [94.0] * 3)
    assert execution.hour_table(store, looking_at(7)).is_empty  # not won: nothing to score
    fine = replace(SCOPE, start=at(9.5), end=at(9.5) + 60 * SECOND)
    assert len(execution.hour_table(store, fine).columns["at"]) == 60


def test_the_running_hour_grows_second_by_second(store: Store) -> None:
    frame = execution.hour_frame(store, SCOPE)
    assert frame is not None
    assert frame["extend"]["y"] == [100.0, 100.0, 100.0]
    assert frame["extend"]["x"] == NOW - 500 - 11 * SECOND + 8 * HOUR  # ten seconds behind, in site time
    assert execution.hour_frame(store, looking_at(9)) is None


def test_power_stands_against_the_band_of_the_award(own: Store) -> None:
    table = execution.power_table(own, looking_at(9))
    at_, kw, middle, lower, upper, hz = (np.asarray(table.columns[name]) for name in table.columns)
    heard = np.isfinite(kw)
    assert set(hz[heard]) == {60.0}
    assert (set(lower[heard]), set(upper[heard]), set(middle[heard])) == ({-450.0}, {450.0}, {0.0})
    # six seconds of 730 kW in two buckets of six seconds or more: the mean keeps their energy
    assert np.nansum(kw) * np.median(np.diff(at_)) / 1000 == pytest.approx(6 * 730.0, rel=1e-6)
    frame = execution.power_frame(own, SCOPE)
    assert frame is not None
    assert frame["extend"]["y"] == [0, 0, 60.0]


def test_the_services_second_by_second_agree_with_the_judgement(store: Store) -> None:
    (one,) = scoring.scored(store, "site", Window(at(9), at(10)), NOW)
    (span,) = spans(store, "site", Window(at(9), at(10)), NOW)
    assert one.period == span.period
    assert (one.period.rate, one.period.q, one.silent) == (94.0, 0.8, 0)
    (gap,) = scoring.scored(store, "site", Window(at(10), at(11)), NOW)
    assert (gap.period.rate, gap.period.q, gap.silent) == (0.0, -1.0, 5)


def test_the_band_is_moved_by_a_transfer() -> None:
    rules = version("edreg", NOW)
    assert rules is not None
    low, high = scoring.band(rules, [60.0, np.nan], 10.0, 3.4)  # ±9 % of 10 MW around 3.4 MW
    assert (low[0], high[0]) == (2500.0, 4300.0)
    assert np.isnan(low[1])


def test_each_run_of_seconds_has_its_kind_and_its_price(store: Store) -> None:
    slip, gap, good = (execution.cause_table(store, looking_at(hour)).columns for hour in (9, 10, 8))
    # 09 h: (100 + 350) · 5 = 2,250 at best, 1,800 as it was
    assert (slip["kind"], slip["cost"]) == (["Outside the band"], [pytest.approx(-450.0)])
    # 10 h: 1,750 at best, −1,750 as it was
    assert (gap["kind"], gap["cost"]) == (["Gap in the readings"], [pytest.approx(-3500.0)])
    assert (good["kind"], good["cost"]) == ([""], [None])


def test_the_hour_says_what_it_earns_and_at_best(store: Store) -> None:
    shown = {tile.key: tile for tile in awarded.tiles(store, SCOPE)}
    assert (shown["worth"].value, shown["worth"].note, shown["worth"].tone) == (1750.0, "NT$ 1,750 at best · 0 lost so far", "good")
    later = replace(store, clock=lambda: NOW + 30 * SECOND)
    shown = {tile.key: tile for tile in awarded.tiles(later, SCOPE)}
    assert (shown["worth"].value, shown["worth"].note, shown["worth"].tone) == (-1750.0, "NT$ 1,750 at best · 3,500 lost so far", "alarm")


# -- income --------------------------------------------------------------------------------------------------------------------


def test_fees_by_hour_and_by_day(store: Store) -> None:
    columns = income.day_table(store, SCOPE).columns
    assert columns["name"] == [f"{hour:02d}" for hour in range(24)]
    assert columns["rate"][8:12] == [100.0, 94.0, 0.0, pytest.approx(100.0)]
    assert columns["capacity"][8:12] == [0.0, 400.0, 0.0, None]
    assert columns["performance"][8:12] == [1750.0, 1400.0, -1750.0, None]
    assert columns["rate"][5] is columns["capacity"][12] is None
    month = income.month_table(store, SCOPE).columns
    assert month["name"][20] == "21"
    assert (month["capacity"][20], month["performance"][20], month["energy"][20]) == (400.0, 1400.0, 0.0)
    assert set(month["performance"]) == {None, 1400.0}


def test_the_tables_carry_the_same_sums(store: Store) -> None:
    hours = income.hours_table(store, SCOPE).columns
    assert hours["hour"][4] == "09:00–10:00"
    assert [hours[name][4] for name in ("product", "power", "price", "rate", "index", "silent", "capacity", "performance", "total")] == [
        "dReg0.5", 5.0, 100.0, 94.0, 0.8, 0.0, 400.0, 1400.0, 1800.0,
    ]  # fmt: skip
    assert hours["state"][:9] == [
        "not recorded", "interrupted", "not won", "judged", "judged", "judged", "judged, prices not verified", "running", "ahead",
    ]  # fmt: skip
    assert (hours["hour"][-1], hours["total"][-1], hours["silent"][-1]) == ("Total", pytest.approx(1800.0), 5.0)
    month = income.days_table(store, SCOPE)
    assert [month.columns[name] for name in ("day", "hours", "low", "hidden", "total")] == [
        ["Sat 11-21", "Total"], [4.0, 4.0], [2.0, 2.0], [1.0, 1.0], [pytest.approx(1800.0)] * 2,
    ]  # fmt: skip
    assert [title for _, title, _ in month.more["sheet"].columns][-2] == "Total NT$"


def test_late_readings_and_changed_awards_are_in_the_next_look(own: Store) -> None:
    assert income.hours_table(own, SCOPE).columns["rate"][5] == 0.0
    gap = [("site", at(10.25) + n * SECOND, NOW, 0, 60.0, 0.0) for n in range(5)]
    own.telemetry.append([Block("site", ("frequency", "active_power"), gap)])
    later = replace(own, clock=lambda: NOW + 31 * SECOND)
    assert income.hours_table(later, SCOPE).columns["rate"][5] == 100.0
    (event,) = own.records.events(Window(at(9), at(10)))
    own.records.put_events([replace(event, power=10.0)])
    # 730 kW are 7.3 % of 10 MW: inside
    assert income.hours_table(later, SCOPE).columns["total"][4] == pytest.approx(100 * 10 + 350 * 10)


def test_every_hour_names_its_rules_and_the_receipt_has_them(store: Store) -> None:
    table = income.hours_table(store, SCOPE)
    assert table.columns["rules"][3] == "dReg0.5 (2020-01-01)"
    assert table.columns["rules"][6] == "sReg (2020-01-01)"
    assert [rules.product for rules in table.more["rules"]] == ["dreg0.5", "sreg"]


def test_days_below_the_calendar_name_the_month_once_and_again_on_its_first() -> None:
    assert awards.below(["Sat 11-29", "Sun 11-30", "Mon 12-01", "Tue 12-02"]) == ["Sat<br>11-29", "Sun<br>30", "Mon<br>12-01", "Tue<br>02"]


def test_the_account_of_the_month_line_by_line(store: Store) -> None:
    table = account.account_table(store, SCOPE)
    told = dict(zip(table.columns["item"], table.columns["value"], strict=True))
    assert (told["Capacity fee"], told["Performance fee"], told["Energy service fee"]) == (400.0, 1400.0, 0.0)
    assert told["Earned by awards"] == 1800.0
    # 7.5 MW is the largest award: 8,847 + 400 · 7.5 + 100
    assert (told["Participation fee"], told["Left after participation"]) == (-11_947.0, -10_147.0)
    assert told["Charge for energy lost"] is None
    how = dict(zip(table.columns["item"], table.columns["from"], strict=True))
    assert how["Capacity fee"] == "Σ of 4 judged hours, coverage 99.9 %; dReg0.5 (2020-01-01), sReg (2020-01-01)"
    assert how["Participation fee"] == "8,847 + 400 × 7.5 MW + 100 × 1; Taipower (2026-01-01)"


def test_capability_tests_have_a_verdict_or_say_how_one_comes_in(own: Store) -> None:
    empty = account.trial_table(own, SCOPE)
    assert empty.is_empty
    assert "No capability test" in str(awards.trials(empty, SCOPE))
    award(own, 4, mode="full_power")
    rows = [("site", at(4) + n * SECOND, NOW, 0, 60.0, 5000.0) for n in range(899)]
    own.telemetry.append([Block("site", ("frequency", "active_power"), rows)])
    row = {name: column[0] for name, column in account.trial_table(own, SCOPE).columns.items()}
    assert (row["verdict"], row["failing"], row["worst"]) == ("failed", 3600.0 - 899.0, 0.0)
    assert row["where"] == "04:14:59–04:59:59"
    assert row["why"] == "Seconds at 95 or less, or silent."


# -- what if -------------------------------------------------------------------------------------------------------------------


def test_the_same_seconds_under_a_larger_bid(store: Store) -> None:
    table = income.what_if_table(store, looking_at(9, product="dreg0.5", bid="10"))
    row = {name: column[0] for name, column in table.columns.items()}
    assert (row["was"], row["rate"], row["index"], row["total"]) == ("dReg0.5 5 MW", 94.0, 0.8, pytest.approx(1800.0))
    assert (row["would"], row["other rate"], row["other index"], row["other total"]) == ("dReg0.5 10 MW", 100.0, 1.0, 4500.0)
    assert (row["d rate"], row["d total"]) == (6.0, pytest.approx(2700.0))
    assert table.columns["hour"] == ["Sat 11-21 09:00", "Total"]
    assert (table.more["method"], table.more["limited"]) == ("measured", False)
    priced = income.what_if_table(store, looking_at(9, product="dreg0.5", price="0"))
    assert priced.columns["other total"][0] == pytest.approx(1400.0)


def test_a_power_limit_and_a_controller_are_replayed_and_labelled(store: Store) -> None:
    scope = looking_at(9, product="dreg0.5", method="controlled", limit="400")
    table = income.what_if_table(store, scope)
    # the six seconds of 730 kW are moved to 450, then cut to 400: inside
    assert (table.columns["other rate"][0], table.columns["other total"][0], table.more["touched"]) == (100.0, 2250.0, 6)
    said = str(awards.what_if(table, scope))
    assert "Simulated." in said
    assert "Method: as a controller would give. Judged by dReg0.5 (2020-01-01)." in said
    assert "The limits cut 6 seconds." in said


@pytest.mark.parametrize(
    ("name", "text"), [("limit", "-5"), ("limit", "x"), ("racks", "nan"), ("charge", "90-10"), ("charge", "-"), ("method", "magic")]
)
def test_a_replay_that_makes_no_sense_is_as_it_was(store: Store, name: str, text: str) -> None:
    assert income.what_if_table(store, looking_at(9, product="dreg0.5", **{name: text})).columns["other rate"][0] == 94.0


def test_the_same_seconds_under_the_other_curve(own: Store) -> None:
    # at 59.90 Hz the wide curve wants 10.8 … 22.6 %, the narrow one 31.7 … 37.7 %: 1,000 kW of 5 MW are 20 %, 11.67 % below it
    rows = [("site", at(8) + n * SECOND, NOW, 0, 59.90, 1000.0) for n in range(3600)]
    own.telemetry.append([Block("site", ("frequency", "active_power"), rows)])
    later = replace(own, clock=lambda: NOW + 31 * SECOND)
    table = income.what_if_table(later, looking_at(8))  # without a product asked for: the curve that was not bid
    row = {name: column[0] for name, column in table.columns.items()}
    assert (row["rate"], row["would"], row["other rate"], row["other index"]) == (100.0, "dReg0.25 5 MW", 88.0, 0.0)
    assert (row["total"], row["other total"], row["d total"]) == (1750.0, 0.0, -1750.0)
    unverified = income.what_if_table(later, looking_at(8, product="sreg")).columns
    assert (unverified["other total"][0], unverified["d total"][0]) == (None, None)


@pytest.mark.parametrize("text", ["nan", "inf", "-3", "0", "ten", "1e99", "5;drop"])
def test_a_bid_that_makes_no_sense_is_the_real_one(store: Store, text: str) -> None:
    assert income.what_if_table(store, looking_at(9, product="dreg0.5", bid=text)).columns["d total"][0] == pytest.approx(0.0)


def test_what_was_not_delivered_stays_so_in_a_what_if() -> None:
    lost = ScheduleEvent("dreg", at(1), at(2), is_get=False)
    assert other_bid.instead(lost, other_bid.Bid("edreg", 5.0)) == lost
    shifted = ScheduleEvent("edreg", at(1), at(2), power=10.0, transfer=3.4, quote_code="EDREG-D")
    assert other_bid.instead(shifted, other_bid.Bid("dreg0.25")).transfer == 0.0
    assert other_bid.instead(shifted, other_bid.Bid("edreg", 8.0)).transfer == 3.4


# -- who may -------------------------------------------------------------------------------------------------------------------


def serve(store: Store, role: str) -> Any:
    server = flask.Flask("test")
    callbacks.mount(server, store, Config())
    granted = ROLES[role].permissions

    @server.before_request
    def known() -> None:
        flask.g.identity = Identity("ann", (role,), granted)

    return server.test_client()


def panel(client: Any, panel_id: str) -> Any:
    place = {"id": panel_id, "type": "panel"}
    return client.post(
        "/_dash-update-component",
        json={
            "output": '{"id":["MATCH"],"type":"panel"}.children',
            "outputs": {"id": place, "property": "children"},
            "inputs": [
                {"id": {"id": panel_id, "type": "scope"}, "property": "data", "value": {"query": "", "path": "/schedule"}},
                {"id": {"id": panel_id, "type": "redraw"}, "property": "data", "value": None},
            ],
            "state": [{"id": place, "property": "id", "value": place}],
            "changedPropIds": ["scope.data"],
        },
    )


def act(client: Any, what: str, about: str, **values: str) -> Any:
    button = {"about": about, "type": "award-do", "what": what}
    redrawn = [{"id": {"id": name, "type": "redraw"}, "property": "data"} for name in ("schedule-week", "schedule-hours")]
    texts = ['{"id":"schedule-week","type":"redraw"}.data', '{"id":"schedule-hours","type":"redraw"}.data']
    fields = [{"field": name, "type": "award-in"} for name in values]
    return client.post(
        "/_dash-update-component",
        json={
            "output": "..award-said.children...award-done.data..." + "...".join(texts) + "..",
            "outputs": [{"id": "award-said", "property": "children"}, {"id": "award-done", "property": "data"}, *redrawn],
            "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
            "state": [
                [{"id": id, "property": "value", "value": value} for id, value in zip(fields, values.values(), strict=True)],
                [{"id": id, "property": "id", "value": id} for id in fields],
                {"id": "scope", "property": "data", "value": {"query": "", "path": "/schedule"}},
            ],
            "changedPropIds": [f'{{"about":"{about}","type":"award-do","what":"{what}"}}.n_clicks'],
        },
    )


FORM = {"mode": "dreg", "quote_code": "DREG05", "start": "2026-11-21T20:00", "hours": "2", "power": "6", "price": "50", "transfer": "0"}


def test_an_operator_adds_and_removes_awards_and_the_audit_says_who(own: Store) -> None:
    client = serve(own, "operator")
    answer = act(client, "add", "", **FORM)
    assert "2 hours added from 2026-11-21 20:00" in answer.text
    added = own.records.events(Window(at(20), at(22)))
    assert [(event.time_start, event.power, event.price, event.quote_code) for event in added] == [
        (at(20), 6.0, 50.0, "DREG05"), (at(21), 6.0, 50.0, "DREG05"),
    ]  # fmt: skip
    assert "overlaps" in act(client, "add", "", **FORM).text
    assert "The award of 2026-11-21 20:00 was removed" in act(client, "remove", str(added[0].index)).text
    assert len(own.records.events(Window(at(20), at(22)))) == 1
    assert [(who, what) for _, who, what, _ in own.records.audit_log(5)] == [("ann", "award removed"), ("ann", "awards added")]


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_others_are_refused_and_nothing_changes(own: Store, role: str) -> None:
    client = serve(own, role)
    assert "Changing awards is for operators" in act(client, "add", "", **FORM).text
    (event,) = own.records.events(Window(at(9), at(10)))
    assert "Changing awards is for operators" in act(client, "remove", str(event.index)).text
    assert len(own.records.events(DAY)) == 9
    assert panel(client, "schedule-desk").status_code == 204


def test_the_what_if_is_withheld_without_the_permission(store: Store) -> None:
    assert panel(serve(store, "analyst"), "schedule-what-if").status_code == 200
    viewer = serve(store, "viewer")
    assert panel(viewer, "schedule-what-if").status_code == 204
    assert viewer.get("/panels/schedule-what-if.csv").status_code == 403
    assert viewer.get("/panels/schedule-hours.csv").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "nonsense"), ("start", "yesterday"), ("power", "0"), ("power", "nan"), ("power", "1e9"), ("price", ""), ("transfer", "x"),
        ("quote_code", "a\x00"),
    ],
)  # fmt: skip
def test_a_form_that_makes_no_sense_is_refused_by_name(store: Store, field: str, value: str) -> None:
    with pytest.raises(Invalid, match="makes no sense"):
        award_of(store, {**FORM, field: value}, "en")
