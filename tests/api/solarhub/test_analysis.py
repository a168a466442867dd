"""S1 analysis: energies by hand from powers sent through the door. The site is in Taipei (UTC+8), its clock at noon of 2024-06-01."""

import json

import numpy as np
import pytest

from plant.model import ScheduleEvent
from tests.api.solarhub.conftest import MIDNIGHT, NOON

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture
def speak(site):
    """Readings of one device every `step` s through the door, from `start` [epoch ms] on."""

    def send(device: str, kind: str, start: int, step: int, **metrics):
        length = len(next(iter(metrics.values())))
        for cut in range(0, length, 3000):
            part = range(cut, min(cut + 3000, length))
            values = {name: [values[k] for k in part] for name, values in metrics.items()}
            body = {"device_id": device, "kind": kind, "timestamps": [start + 1000 * step * k for k in part], "values": values}
            reply = site.door("POST", "/api/v1/readings", json.dumps(body), Content_Type="application/json")
            assert reply.status == 200, reply.body

    return send


def constant(kw: float, hours: float, step: int) -> list[float]:
    """Readings of one power over so many hours, both ends included."""
    return [kw] * (int(hours * 3600 / step) + 1)


# -- power-loss -------------------------------------------------------------------------------------------------------------


def test_a_day_of_the_document_is_lost_and_efficient_as_it_says(site, speak):
    # 480.2 kWh in, 450.5 kWh out: an hour each, between them nothing
    speak("pcs01", "pcs", MIDNIGHT + HOUR, 60, active_power=constant(-480.2, 1, 60))
    speak("pcs01", "pcs", MIDNIGHT + 4 * HOUR, 60, active_power=constant(450.5, 1, 60))
    speak("meter-aux", "meter", MIDNIGHT + HOUR, 60, active_power=constant(-15.2, 1, 60))
    body = site.get("/analysis/power-loss?start_time=2024-06-01%2000:00:00")
    (day,) = body["daily_data"]
    assert (day["date"], day["charge_energy"], day["discharge_energy"]) == ("2024-06-01", 480.2, 450.5)
    assert (day["loss"], round(day["efficiency"], 1), day["aux_consumption"]) == (29.7, 93.8, 15.2)
    assert (body["start_date"], body["total_charge"], body["total_discharge"]) == ("2024-06-01", 480.2, 450.5)
    assert (body["total_loss"], round(body["avg_efficiency"], 1), body["total_aux"], body["status"]) == (29.7, 93.8, 15.2, "success")


def test_days_and_units_with_other_values_add_up(site, speak):
    for unit in ("pcs01", "pcs02"):
        speak(unit, "pcs", MIDNIGHT - 20 * HOUR, 60, active_power=constant(-100.0, 2, 60))  # 31 May: 200 kWh each
        speak(unit, "pcs", MIDNIGHT + 2 * HOUR, 60, active_power=constant(60.0, 3, 60))  # 1 June: 180 kWh each
    body = site.get("/analysis/power-loss?start_time=2024-05-30T12:00:00")
    assert [(day["date"], day["charge_energy"], day["discharge_energy"]) for day in body["daily_data"]] == [
        ("2024-05-31", 400.0, 0.0),
        ("2024-06-01", 0.0, 360.0),
    ]
    assert (body["start_date"], body["total_loss"], body["avg_efficiency"]) == ("2024-05-30", 40.0, 90.0)
    assert body["daily_data"][1]["efficiency"] is None  # nothing was charged that day
    assert body["total_aux"] is None


def test_midnight_loses_nothing_and_counts_nothing_twice(site, speak):
    speak("pcs01", "pcs", MIDNIGHT - HOUR - 30_000, 60, active_power=constant(120.0, 2 + 1 / 60, 60))  # no reading at midnight itself
    days = site.get("/analysis/power-loss?start_time=2024-05-31")["daily_data"]
    assert [day["discharge_energy"] for day in days] == [pytest.approx(121.0, abs=1e-6), pytest.approx(121.0, abs=1e-6)]


def test_a_gap_is_not_bridged(site, speak):
    speak("pcs01", "pcs", MIDNIGHT, 60, active_power=constant(100.0, 1, 60))
    speak("pcs01", "pcs", MIDNIGHT + 5 * HOUR, 60, active_power=constant(100.0, 1, 60))
    (day,) = site.get("/analysis/power-loss?start_time=2024-06-01")["daily_data"]
    assert (day["discharge_energy"], day["coverage"]) == (200.0, pytest.approx(2 / 12))  # of twelve hours so far


def test_charge_and_discharge_within_a_minute_are_both_counted(site, speak):
    # ±100 kW, changing every 30 s, a reading a second: 50 kWh each way an hour, less the ramps
    power = [100.0 if second // 30 % 2 else -100.0 for second in range(3601)]
    speak("pcs01", "pcs", MIDNIGHT, 1, active_power=power)
    (day,) = site.get("/analysis/power-loss?start_time=2024-06-01")["daily_data"]
    ramps = 120 * 100 * 0.25 / 3600  # of each of 120 changes a quarter of 100 kW·s is missing on either side
    assert (day["discharge_energy"], day["charge_energy"]) == (pytest.approx(50 - ramps, abs=0.03), pytest.approx(50 - ramps, abs=0.03))


@pytest.mark.parametrize(
    ("device", "kind", "metric"), [("bess01", "bess", "power"), ("pack1", "pack", "power"), ("site", "site", "active_power")]
)
def test_without_converters_the_next_best_tells_the_energy(site, speak, device, kind, metric):
    speak(device, kind, MIDNIGHT, 60, **{metric: constant(-30.0, 2, 60)})
    (day,) = site.get("/analysis/power-loss?start_time=2024-06-01")["daily_data"]
    assert (day["charge_energy"], day["discharge_energy"]) == (60.0, 0.0)


def test_days_beyond_the_budget_are_made_from_minute_means_and_say_so(site, speak, monkeypatch):
    from services import energy_days

    monkeypatch.setattr(energy_days, "BUDGET", 100)
    for start in (MIDNIGHT - 10 * HOUR, MIDNIGHT):
        speak("pcs01", "pcs", start, 60, active_power=[120.0] * 60)
    old, new = site.get("/analysis/power-loss?start_time=2024-05-31")["daily_data"]
    assert (old["method"], new["method"]) == ("minute means", "readings")
    assert (old["discharge_energy"], new["discharge_energy"]) == (120.0, 118.0)  # a minute's mean stands for all of it


def test_late_readings_change_a_day_that_was_asked_for_before(site, speak):
    speak("pcs01", "pcs", MIDNIGHT - 10 * HOUR, 60, active_power=constant(50.0, 1, 60))
    ask = "/analysis/power-loss?start_time=2024-05-31"
    assert site.get(ask)["total_discharge"] == 50.0
    speak("pcs01", "pcs", MIDNIGHT - 9 * HOUR + MINUTE, 60, active_power=[50.0] * 60)
    assert site.get(ask)["total_discharge"] == 100.0


def test_days_before_the_first_reading_are_not_listed_and_days_without_any_are_null(site, speak):
    speak("pcs01", "pcs", MIDNIGHT - 2 * DAY, 60, active_power=constant(10.0, 1, 60))
    speak("pcs01", "pcs", MIDNIGHT, 60, active_power=constant(10.0, 1, 60))
    body = site.get("/analysis/power-loss?start_time=2024-01-01%2000:00:00")
    assert [(day["date"], day["discharge_energy"]) for day in body["daily_data"]] == [
        ("2024-05-30", 10.0),
        ("2024-05-31", None),
        ("2024-06-01", 10.0),
    ]
    assert body["start_date"] == "2024-01-01"


def test_a_plant_that_never_spoke_has_no_energies(site):
    body = site.get("/analysis/power-loss?start_time=2024-01-01%2000:00:00")
    assert (body["daily_data"], body["total_loss"], body["avg_efficiency"], body["total_aux"]) == ([], None, None, None)
    assert site.get("/analysis/power-loss?start_time=2030-01-01")["daily_data"] == []


@pytest.mark.parametrize(
    "path",
    ["power-loss", "power-loss?start_time=x", "power-loss?start_time=2024-02-30", "power-io", "power-io?select_time=2024-06",
     "power-io?select_time=2024-06-01&data_type=yearly", "freq-power", "freq-power?date_period=0", "freq-power?date_period=99999999",
     "freq-power?date_period=1.5", "freq-power?date_period=60&select_mode=x", "freq-power?date_period=60&select_mode=selectTimeMode",
     "freq-power?date_period=60&select_time=nan"],
)  # fmt: skip
def test_bad_questions_are_refused(site, path):
    assert site.ask(f"/analysis/{path}").status == 422


# -- power-io ---------------------------------------------------------------------------------------------------------------


def test_a_day_by_hours(site, speak):
    speak("pcs01", "pcs", MIDNIGHT + HOUR, 60, active_power=constant(90.0, 1.5, 60))
    speak("pcs01", "pcs", MIDNIGHT + 3 * HOUR, 60, active_power=constant(-40.0, 1, 60))
    body = site.get("/analysis/power-io?select_time=2024-06-01")
    assert (body["select_date"], body["data_type"], len(body["data"]), body["status"]) == ("2024-06-01", "daily", 24, "success")
    assert body["data"][:5] == [
        {"timestamp": "2024-06-01T00:00:00", "discharge": None, "charge": None},
        {"timestamp": "2024-06-01T01:00:00", "discharge": 90.0, "charge": 0.0},
        {"timestamp": "2024-06-01T02:00:00", "discharge": 45.0, "charge": 0.0},
        {"timestamp": "2024-06-01T03:00:00", "discharge": 0.0, "charge": 40.0},
        {"timestamp": "2024-06-01T04:00:00", "discharge": None, "charge": None},
    ]
    assert (body["total_discharge"], body["total_charge"]) == (135.0, 40.0)


def test_a_month_by_days_says_the_same_as_its_days(site, speak):
    noise = np.random.default_rng(3).normal(0, 500, 2881).round(1).tolist()  # two days of minutes
    speak("pcs01", "pcs", MIDNIGHT - 2 * DAY, 60, active_power=noise)
    month = site.get("/analysis/power-io?select_time=2024-05-31&data_type=monthly")
    assert (len(month["data"]), month["data"][0]["timestamp"]) == (31, "2024-05-01T00:00:00")
    for date, row in (("2024-05-30", month["data"][29]), ("2024-05-31", month["data"][30])):
        day = site.get(f"/analysis/power-io?select_time={date}")
        assert (row["timestamp"], row["discharge"], row["charge"]) == (f"{date}T00:00:00", day["total_discharge"], day["total_charge"])
        assert round(sum(hour["charge"] for hour in day["data"]), 6) == day["total_charge"]
    assert month["total_charge"] == round(sum(row["charge"] or 0 for row in month["data"]), 6)
    assert month["data"][0]["charge"] is None
    # the same energy by an integral of straight lines, made finer than any crossing
    fine = np.interp(np.linspace(0, 2880, 2880 * 200 + 1), np.arange(2881), noise)
    assert month["total_discharge"] == pytest.approx(np.maximum((fine[1:] + fine[:-1]) / 2, 0).sum() / 200 / 60, rel=1e-4)


# -- freq-power -------------------------------------------------------------------------------------------------------------


def test_frequency_and_power_up_to_now(site, speak):
    start = NOON - 10_000
    speak("site", "site", start, 1, frequency=[60.01, 59.98, 60.0], active_power=[125.5, 128.2, -7.0])
    body = site.get("/analysis/freq-power?date_period=60")
    assert (body["date_period"], body["select_time"], body["select_mode"], body["status"]) == (60, None, "normalMode", "success")
    assert body["frequency_data"] == [[start, 60.01], [start + 1000, 59.98], [start + 2000, 60.0]]
    assert body["power_data"] == [[start, 125.5], [start + 1000, 128.2], [start + 2000, -7.0]]
    assert [value for _, value in body["baseline_data"]] == [60.0, 60.0, 60.0]
    assert [value for _, value in body["droop_data"]] == [None, None, None]


def test_an_award_says_what_the_frequency_asks_for(site, speak):
    start = MIDNIGHT + 6 * HOUR
    awards = [ScheduleEvent("dreg", start, start + HOUR, power=5.0),
              ScheduleEvent("edreg", start + HOUR, start + 2 * HOUR, power=10.0, transfer=3.4)]  # fmt: skip
    site.product.store.records.put_events(awards)
    speak("site", "site", start, 60, frequency=[60.0, 59.86, 60.25], active_power=[0.0, 2600.0, -5000.0])
    speak("site", "site", start + HOUR, 60, frequency=[59.75], active_power=[8200.0])
    ask = "/analysis/freq-power?date_period=90&select_mode=selectTimeMode&select_time=2024-06-01T06:00:00"
    body = site.get(ask)
    # dReg0.25: 0, 52 and −100 % of 5 MW; E-dReg: 48 % of 10 MW beside 3.4 MW
    assert [value for _, value in body["droop_data"]] == [0.0, 2600.0, -5000.0, 8200.0]
    assert (body["select_time"], body["frequency_data"][0][0]) == ("2024-06-01T06:00:00", start)


def test_a_grid_of_fifty_hertz_has_its_own_baseline(site, speak):
    speak("site", "site", NOON - 5000, 1, frequency=[49.98, 50.01], active_power=[1.0, 2.0])
    assert {value for _, value in site.get("/analysis/freq-power?date_period=1")["baseline_data"]} == {50.0}


def test_a_long_window_is_thinned_to_means_and_gaps_are_null(site, speak):
    hz, kw = [59.9, 60.1, 60.0, 59.8, 60.2] * 720, [0.0, 100.0, 50.0, 20.0, 30.0] * 720
    speak("site", "site", NOON - 2 * HOUR, 1, frequency=hz, active_power=kw)
    body = site.get("/analysis/freq-power?date_period=120")
    assert 100 < len(body["power_data"]) <= 2000
    heard = [value for at, value in body["power_data"] if at < NOON - HOUR]
    assert set(heard) == {40.0}  # buckets of five seconds
    assert {value for at, value in body["power_data"] if at >= NOON - HOUR} == {None}
    assert body["frequency_data"][0][1] == 60.0


def test_without_readings_there_are_no_points(site):
    body = site.get("/analysis/freq-power?date_period=60")
    assert body["frequency_data"] == body["power_data"] == body["baseline_data"] == body["droop_data"] == []
