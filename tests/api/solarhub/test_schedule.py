"""S1 schedule, income and execution rate: measured seconds in through the door, figures by hand out. The site is in Taipei (UTC+8)."""

import json

import numpy as np
import pytest

import app as composition
from plant.model import ScheduleEvent
from services.config import Config
from tests.api.conftest import flask_door
from tests.api.solarhub.conftest import MIDNIGHT, NOON, Site

HOUR = 3_600_000


@pytest.fixture
def award(site):
    """Puts an award into the store: hours after the site's midnight."""

    def put(hour: float, mode: str = "dreg", power: float = 5.0, price: float = 0.0, hours: float = 1.0, **more):
        start = MIDNIGHT + int(hour * HOUR)
        event = ScheduleEvent(mode, start, start + int(hours * HOUR), power=power, price=price, **more)
        return site.product.store.records.put_events([event])[0]

    return put


@pytest.fixture
def speak(site):
    """Seconds of frequency and power through the door, from an hour of the site's day on; None is a second nobody measured."""

    def send(hour: float, hz, kw):
        start = MIDNIGHT + int(hour * HOUR)
        told = [(start + 1000 * k, f, p) for k, (f, p) in enumerate(zip(hz, kw, strict=True)) if f is not None and p is not None]
        for cut in range(0, len(told), 3000):
            part = told[cut : cut + 3000]
            body = {
                "device_id": "site",
                "kind": "site",
                "timestamps": [at for at, _, _ in part],
                "values": {"frequency": [f for _, f, _ in part], "active_power": [p for _, _, p in part]},
            }
            reply = site.door("POST", "/api/v1/readings", json.dumps(body), Content_Type="application/json")
            assert reply.status == 200, reply.body

    return send


def hour_of(site, hour: int, date: str = "2024-06-01"):
    return site.get(f"/schedule/income/daily?start_time={date}%2000:00:00")["hourly_data"][hour]


# -- /schedule --------------------------------------------------------------------------------------------------------------


def test_an_award_is_shown_with_the_fields_of_the_document(site):
    # the document's own example, moved to the day of this server's clock
    event = ScheduleEvent(
        "dreg", MIDNIGHT + 14 * HOUR, MIDNIGHT + 15 * HOUR, True, False, 5.0, 4.5, 850.0, 900.0,
        "QC001", "D-Reg Dispatch", "Frequency regulation",
    )  # fmt: skip
    kept = site.product.store.records.put_events([event])[0]
    body = site.get("/schedule")
    shown = {
        "index": kept.index,
        "mode": "dreg",
        "time_number": 15,
        "time_start": "2024-06-01T14:00:00",
        "time_end": "2024-06-01T15:00:00",
        "time_date": "2024-06-01T00:00:00",
        "is_get": True,
        "interrupt": False,
        "quote_capacity": 5.0,
        "power": 4.5,
        "price": 850.0,
        "quote_price": 900.0,
        "quote_code": "QC001",
        "title": "D-Reg Dispatch",
        "description": "Frequency regulation",
    }
    assert {name: body["events"][0][name] for name in shown} == shown
    assert (body["mode"], body["weeks"], body["total_count"], body["status"]) == ("all", 1, 1, "success")


def test_an_award_with_other_values_is_shown_as_it_is(site):
    start = MIDNIGHT + 23 * HOUR
    site.product.store.records.put_events([ScheduleEvent("edreg", start, start + HOUR, False, True, quote_price=77.0, title="晚間")])
    (shown,) = site.get("/schedule?mode=edreg")["events"]
    assert (shown["time_number"], shown["time_start"], shown["time_end"]) == (24, "2024-06-01T23:00:00", "2024-06-02T00:00:00")
    assert (shown["is_get"], shown["interrupt"], shown["quote_price"], shown["title"]) == (False, True, 77.0, "晚間")


def test_modes_and_weeks_choose(site, award):
    for hour, mode in ((1, "dreg"), (2, "edreg"), (3, "scan"), (4, "step"), (5, "full_power"), (6, "dreg0.5")):
        award(hour, mode)
    award(-24 * 9, "dreg")
    counts = {mode: site.get(f"/schedule?mode={mode}")["total_count"] for mode in ("all", "dreg", "edreg", "test_mode", "scan", "step")}
    assert counts == {"all": 6, "dreg": 2, "edreg": 1, "test_mode": 3, "scan": 1, "step": 1}
    assert site.get("/schedule?mode=all&weeks=2")["total_count"] == 7


def test_a_schedule_without_awards_is_empty(site):
    assert site.get("/schedule") == {"events": [], "mode": "all", "weeks": 1, "total_count": 0, "status": "success"}


@pytest.mark.parametrize("query", ["weeks=0", "weeks=53", "weeks=x", "mode=nothing", "weeks=1e3"])
def test_a_question_out_of_range_is_refused(site, query):
    assert site.ask(f"/schedule?{query}").status == 422


# -- income -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "rate", "q", "money"),
    # at 60 Hz ±9 % of 5 MW is permitted: what lies so many % beyond costs as many points
    [(9.0 + 5, 0.95, 1.0, 1750.0), (9.0 + 6, 0.94, 0.8, 1400.0), (9.0 + 10, 0.90, 0.0, 0.0), (9.0 + 31, 0.69, -1.0, -1750.0)],
)
def test_an_hour_earns_what_the_worked_examples_say(site, award, speak, percent, rate, q, money):
    award(1, power=5.0, price=0.0)
    speak(1, [60.0] * 3600, [percent * 50] * 3600)
    hour = hour_of(site, 1)
    assert (hour["hour"], hour["exec_rate"], hour["performance_index"]) == (1, rate, q)
    assert (hour["capacity_fee"], hour["efficiency_fee"], hour["energy_service_fee"]) == (0.0, money, 0.0)


def test_a_day_adds_up_its_hours(site, award, speak):
    award(2, power=4.0, price=850.0)
    award(3, power=2.0, price=100.0)
    speak(2, [60.0] * 3600, [0.0] * 3600)  # 100 %: q 1
    speak(3, [60.0] * 3600, [2000 * (0.09 + 0.07)] * 3600)  # 7 points off: 93 %, q 0.6
    body = site.get("/schedule/income/daily?start_time=2024-06-01T05:00:00")
    assert body["date"] == "2024-06-01"
    assert (body["total_capacity_fee"], body["total_efficiency_fee"]) == (4 * 850 + 2 * 100 * 0.6, 4 * 350 + 2 * 350 * 0.6)
    assert body["total_income"] == 3520.0 + 1820.0
    assert (body["avg_exec_rate"], body["avg_performance_index"], body["settled_hours"]) == (0.965, 0.8, 2.0)
    assert [hour["hour"] for hour in body["hourly_data"]] == list(range(24))
    assert body["hourly_data"][4]["exec_rate"] is body["hourly_data"][4]["capacity_fee"] is None


def test_the_energy_of_edreg_is_paid_beside_the_index(site, award, speak):
    award(4, "edreg", power=10.0, transfer=3.4)
    # an hour of 3.4 MW discharged: 4 quarters · 2000 · 3.4 · 0.25
    speak(4, [60.0] * 3600, [3400.0] * 3600)
    hour = hour_of(site, 4)
    assert (hour["exec_rate"], hour["efficiency_fee"], hour["energy_service_fee"]) == (1.0, 4750.0, 6800.0)
    assert site.get("/schedule/income/daily?start_time=2024-06-01")["total_income"] == 11_550.0


def test_charging_for_edreg_is_paid_less_and_a_bad_hour_still_gets_it(site, award, speak):
    award(5, "edreg", power=10.0, transfer=-2.0)
    # −4 MW where −2.9 … −1.1 MW is permitted: 11 points off, 89 %, q 0; energy 500 · 4 MW
    speak(5, [60.0] * 3600, [-4000.0] * 3600)
    hour = hour_of(site, 5)
    assert (hour["exec_rate"], hour["performance_index"], hour["efficiency_fee"], hour["energy_service_fee"]) == (0.89, 0.0, 0.0, 2000.0)


def test_three_missing_seconds_are_forgiven_and_four_are_not(site, award, speak):
    award(6), award(7)
    speak(6, [60.0] * 3600, [None if 100 <= k < 103 else 0.0 for k in range(3600)])
    speak(7, [60.0] * 3600, [None if 100 <= k < 104 else 0.0 for k in range(3600)])
    assert [hour_of(site, h)["performance_index"] for h in (6, 7)] == [1.0, -1.0]
    assert hour_of(site, 7)["efficiency_fee"] == -1750.0


def test_readings_that_come_late_are_in_the_next_answer(site, award, speak):
    award(6)
    speak(6, [60.0] * 3600, [None if 100 <= k < 104 else 0.0 for k in range(3600)])
    assert hour_of(site, 6)["exec_rate"] == 0.0
    speak(6, [60.0] * 104, [None if k < 100 else 0.0 for k in range(104)])
    assert hour_of(site, 6)["exec_rate"] == 1.0


def test_a_changed_award_is_judged_anew(site, award, speak):
    kept = award(6, power=5.0)
    speak(6, [60.0] * 3600, [450.0] * 3600)  # 9 % of 5 MW
    assert hour_of(site, 6)["exec_rate"] == 1.0
    site.product.store.records.put_events([ScheduleEvent("dreg", kept.time_start, kept.time_end, power=3.0, index=kept.index)])
    assert hour_of(site, 6)["exec_rate"] == 0.94  # 15 % of 3 MW


def test_the_seconds_before_the_hour_count_with_it(site, award, speak):
    award(6), award(7)
    bad, good = [5000.0], [0.0]
    # seconds −1 and 3 are good: the hour's first three bad ones hide between them, unless the one before is bad too
    speak(6, [60.0] * 3600, good * 3600)
    speak(7, [60.0] * 3600, bad * 3 + good * 3597)
    assert hour_of(site, 7)["exec_rate"] == 1.0
    speak(6.999722222222223, [60.0], bad)  # 6:59:59 again, now bad
    assert hour_of(site, 7)["exec_rate"] < 0.1


@pytest.mark.parametrize(
    ("more", "state"), [({"is_get": False}, "lost"), ({"interrupt": True}, "interrupted"), ({"mode": "scan"}, "unjudged"), ({}, "settled")]
)
def test_only_what_was_won_and_not_stopped_is_settled(site, award, speak, more, state):
    award(6, **more)
    speak(6, [60.0] * 3600, [0.0] * 3600)
    hour = hour_of(site, 6)
    assert hour["state"] == state
    assert (hour["exec_rate"] is None) == (state != "settled")


def test_a_product_without_verified_constants_scores_and_shows_no_money(site, award, speak):
    award(6, "sreg", price=500.0)
    speak(6, [60.0] * 3600, [0.0] * 3600)
    hour, body = hour_of(site, 6), site.get("/schedule/income/daily?start_time=2024-06-01")
    assert (hour["exec_rate"], hour["performance_index"], hour["capacity_fee"], hour["efficiency_fee"]) == (1.0, 1.0, None, None)
    assert (body["total_income"], body["unverified_hours"], body["avg_exec_rate"]) == (None, 1.0, 1.0)


def test_hours_before_the_first_reading_and_hours_to_come_have_no_figures(site, award, speak):
    award(1), award(6), award(12), award(15)
    speak(6, [60.0] * 3600, [0.0] * 3600)
    assert [hour_of(site, h)["state"] for h in (1, 6, 12, 15)] == ["unrecorded", "settled", "running", "ahead"]
    assert [hour_of(site, h)["exec_rate"] for h in (1, 6, 12, 15)] == [None, 1.0, None, None]


def test_an_outage_of_a_whole_hour_is_no_excuse(site, award, speak):
    award(7)
    speak(6, [60.0] * 3600, [0.0] * 3600)
    assert (hour_of(site, 7)["performance_index"], hour_of(site, 7)["coverage"]) == (-1.0, 0.0)


def test_a_plant_without_awards_or_readings_has_nothing_to_show(site):
    body = site.get("/schedule/income/daily")
    assert (body["date"], body["total_income"], body["avg_exec_rate"], body["status"]) == ("2024-06-01", None, None, "success")


def test_a_month_adds_up_its_days(site, award, speak):
    award(6, power=4.0, price=850.0)
    award(-18, power=2.0, price=0.0)  # 06:00 of 31 May
    award(-24 * 0 + 7, power=4.0, price=0.0)
    speak(-18, [60.0] * 3600, [0.0] * 3600)
    speak(6, [60.0] * 7200, [0.0] * 3600 + [4000 * (0.09 + 0.06)] * 3600)  # the second hour: 94 %, q 0.8
    june, may = (site.get(f"/schedule/income/monthly?start_time=2024-{month}") for month in ("06", "05"))
    assert (june["year"], june["month"], june["days_with_data"], len(june["daily_data"])) == (2024, 6, 1, 30)
    assert june["daily_data"][0] == {
        "date": "2024-06-01", "capacity_fee": 3400.0, "efficiency_fee": 1400.0 + 1120.0, "energy_service_fee": 0.0, "income": 5920.0,
        "exec_rate": 0.97, "performance_index": 0.9, "settled_hours": 2.0,
    }  # fmt: skip
    assert june["daily_data"][1]["income"] is None
    assert (june["total_income"], may["total_income"], may["days_with_data"], len(may["daily_data"])) == (5920.0, 700.0, 1, 31)


@pytest.mark.parametrize("path", ["daily?start_time=yesterday", "daily?start_time=2024-02-30", "daily?start_time=9999-12-31", "monthly",
                                  "monthly?start_time=2024-13", "monthly?start_time=2024-06-01", "monthly?start_time=24-06"])  # fmt: skip
def test_dates_that_are_none_are_refused(site, path):
    reply = site.ask(f"/schedule/income/{path}")
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", "start_time"])


# -- execution rate ---------------------------------------------------------------------------------------------------------


def test_the_execution_rate_second_by_second_rolling_and_by_hour(site, award, speak):
    award(6)
    start = MIDNIGHT + 6 * HOUR
    kw = [0.0] * 3600
    kw[10:15] = [50 * (9 + off) for off in (1, 2, 3, 4, 5)]  # 99, 98, 97, 96, 95
    speak(6, [60.0] * 3600, kw)
    ask = "/schedule/exec-rate?date=2024-06-01%2006:00:00&minutes=1&data_type="
    second, rolling, hourly = (site.get(ask + name) for name in ("exec_rate", "roll_exec_rate", "hour_exec_rate"))
    assert second["data"][9:16] == [[start + 1000 * k, rate] for k, rate in zip(range(9, 16), (100, 99, 98, 97, 96, 95, 100), strict=True)]
    assert [rate for _, rate in rolling["data"][9:16]] == [100, 100, 100, 100, 99, 98, 100]
    assert hourly["data"] == [[start, 98.0]]
    assert (second["date"], second["data_type"], second["resolution_s"], len(second["data"])) == ("2024-06-01 06:00:00", "exec_rate", 1, 60)


def test_a_long_series_keeps_its_worst_seconds(site, award, speak):
    award(6), award(7)
    kw = [0.0] * 7200
    kw[4001] = 50.0 * 29  # 20 points off
    speak(6, [60.0] * 7200, kw)
    body = site.get("/schedule/exec-rate?date=2024-06-01T00:00:00")
    assert (body["resolution_s"], len(body["data"])) == (2, 3600)
    assert [at for at, rate in body["data"] if rate == 80.0] == [MIDNIGHT + 6 * HOUR + 4_000_000]
    assert {rate for _, rate in body["data"]} == {80.0, 100.0}


def test_a_missing_second_shows_as_nought_and_unawarded_time_not_at_all(site, award, speak):
    award(6)
    speak(5, [60.0] * 10, [0.0] * 10)
    speak(6, [60.0] * 20, [0.0] * 20)
    data = site.get("/schedule/exec-rate?date=2024-06-01%2005:30:00&minutes=31")["data"]
    assert [rate for _, rate in data] == [100.0] * 20 + [0.0] * 40
    assert data[0][0] == MIDNIGHT + 6 * HOUR


@pytest.mark.parametrize("query", ["", "date=x", "date=2024-06-01&data_type=all", "date=2024-06-01&minutes=0", "date=nan", "date=inf"])
def test_a_series_needs_a_date_and_a_known_type(site, query):
    assert site.ask(f"/schedule/exec-rate?{query}").status == 422


def test_awards_of_an_installation_stand_beside_the_own_ones(site, award):
    from datastore.sources import Federated

    class Installation:
        """A source with a schedule, as SolarHub's is."""

        name = "hub"

        def devices(self):
            return []

        def latest(self, devices=None):
            return {}

        def close(self):
            pass

        def events(self, window, mode=None):
            hours = [ScheduleEvent("dreg", MIDNIGHT + h * HOUR, MIDNIGHT + (h + 1) * HOUR, power=7.0) for h in (8, 9)]
            return [event for event in hours if event.time_start < window.end and event.time_end > window.start]

    award(8, power=5.0)
    store = site.product.store
    object.__setattr__(store, "telemetry", Federated(store.telemetry, [Installation()]))
    shown = [(event["time_number"], event["power"], event["source"]) for event in site.get("/schedule")["events"]]
    assert shown == [(9, 5.0, ""), (10, 7.0, "hub")]


def test_the_clock_decides_what_today_is(site):
    site.clock[0] = NOON + 12 * HOUR  # midnight in Taipei, still 1 June in Greenwich
    assert site.get("/schedule/income/daily")["date"] == "2024-06-02"


def test_days_on_which_the_clocks_change_have_their_hours(opened):
    berlin = opened(site_tz="Europe/Berlin")
    spring, autumn = (berlin.get(f"/schedule/income/daily?start_time={day}")["hourly_data"] for day in ("2024-03-31", "2023-10-29"))
    assert [hour["hour"] for hour in spring] == [0, 1, *range(3, 24)]
    assert [hour["hour"] for hour in autumn] == [0, 1, 2, *range(2, 24)]


def test_a_meter_tells_when_there_is_no_site(site, award):
    award(6)
    start = MIDNIGHT + 6 * HOUR
    for cut in (0, 1800):
        stamps = [start + 1000 * k for k in range(cut, cut + 1800)]
        values = {"frequency": [60.0] * 1800, "active_power": [550.0] * 1800}  # 11 % of 5 MW
        for meter, kw in (("meter-aux", -900.0), ("meter01", 550.0)):
            body = {"device_id": meter, "kind": "meter", "timestamps": stamps, "values": values | {"active_power": [kw] * 1800}}
            assert site.door("POST", "/api/v1/readings", json.dumps(body), Content_Type="application/json").status == 200
    assert hour_of(site, 6)["exec_rate"] == 0.98


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_in_which_batches_come_changes_nothing(opened, seed):
    rng = np.random.default_rng(seed)
    rows = [
        {"device_id": "site", "kind": "site", "timestamp": MIDNIGHT + 6 * HOUR + 1000 * k,
         "values": {"frequency": round(rng.normal(60, 0.03), 3), "active_power": round(rng.normal(0, 300), 1)}}
        for k in range(-3, 3600) if k % 997
    ]  # fmt: skip
    shuffled = [rows[k] for k in rng.permutation(len(rows))]
    answers = []
    for told in (rows, shuffled, rows[1800:] + rows[:2000]):
        one = opened()
        one.product.store.records.put_events([ScheduleEvent("dreg", MIDNIGHT + 6 * HOUR, MIDNIGHT + 7 * HOUR, power=5.0, price=100.0)])
        for cut in range(0, len(told), 700):
            one.tell_all(told[cut : cut + 700])
        ask = "/schedule/exec-rate?date=2024-06-01%2006:00:00&minutes=60&data_type=roll_exec_rate"
        answers.append((one.get("/schedule/income/daily?start_time=2024-06-01"), one.get(ask)))
    assert answers[0] == answers[1] == answers[2]
    assert len({rate for _, rate in answers[0][1]["data"]}) > 3


def test_an_hour_is_worth_the_same_when_it_is_packed_and_the_server_starts_again(tmp_path):
    config = Config(database_url=f"sqlite:///{tmp_path}/plant.db", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0)
    stamps = [MIDNIGHT + 6 * HOUR + 1000 * k for k in range(3600)]
    seen = []
    for turn in ("kept", "packed", "opened again"):
        product = composition.create_app(config, clock=lambda: NOON)
        try:
            site = Site(product, flask_door(product), [NOON])
            if turn == "kept":
                event = ScheduleEvent("edreg", MIDNIGHT + 6 * HOUR, MIDNIGHT + 7 * HOUR, power=10.0, price=20.0, transfer=-2.0)
                product.store.records.put_events([event])
                values = {"frequency": [60.0] * 3600, "active_power": [-3500.0] * 3600}  # −35 % where −29 … −11 % is permitted: 94, q 0.8
                body = {"device_id": "site", "kind": "site", "timestamps": stamps, "values": values}
                assert site.door("POST", "/api/v1/readings", json.dumps(body), Content_Type="application/json").status == 200
            if turn == "packed":
                assert product.store.telemetry.seal(NOON) > 0
            hour = hour_of(site, 6)
            seen.append([hour[name] for name in ("exec_rate", "performance_index", "capacity_fee", "efficiency_fee", "energy_service_fee")])
        finally:
            product.store.close()
    assert seen == [[0.94, 0.8, 160.0, 3800.0, 1750.0]] * 3  # 20 · 10 · 0.8, 475 · 10 · 0.8, 500 · 3.5
