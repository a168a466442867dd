"""S1's meters: the newest values of all, and what the auxiliary feeder took on a day."""

import pytest

from plant.model import HOUR, MINUTE, Window
from tests.api.solarhub.conftest import MIDNIGHT, NOON

# S1, GET /api/v1/meters
METER = {
    "phase_a_current": 125.5, "phase_b_current": 124.8, "phase_c_current": 126.2, "phase_a_voltage": 220.1, "phase_b_voltage": 219.8,
    "phase_c_voltage": 220.5, "active_power": 82.5, "reactive_power": 12.3, "apparent_power": 83.4, "frequency": 60.01,
    "power_factor": 0.98,
}  # fmt: skip
OTHER = METER | {"active_power": -41.25, "frequency": 59.93, "power_factor": -0.99, "phase_a_current": 0.0}


@pytest.mark.parametrize("sent", [METER, OTHER], ids=["the document's", "others"])
def test_the_documents_answer_comes_back(site, sent):
    site.tell("meter01", "meter", **sent)
    body = site.get("/meters")
    assert body["meters"] == [{"meter_id": 1, **sent}]
    assert list(body["meters"][0]) == ["meter_id", *METER]
    assert (body["meter_count"], body["total_power"], body["status"]) == (1, sent["active_power"], "success")


def test_total_power_is_the_sum_of_the_meters_without_the_auxiliary_one(site):
    site.tell("meter01", "meter", active_power=0.1)
    site.tell("meter02", "meter", active_power=0.2)
    site.tell("meter03", "meter", frequency=60)
    site.tell("meter-aux", "meter", active_power=-52.1)
    body = site.get("/meters")
    assert [(row["meter_id"], row["active_power"]) for row in body["meters"]] == [(1, 0.1), (2, 0.2), (3, None)]
    assert (body["meter_count"], body["total_power"]) == (3, 0.3)  # not 0.30000000000000004


def test_no_meters_no_power(site):
    assert site.get("/meters") == {
        "meters": [], "meter_count": 0, "total_power": None, "timestamp": None, "stale": [], "status": "success"
    }  # fmt: skip
    site.device("meter01", "meter")
    body = site.get("/meters")
    assert (body["meter_count"], body["total_power"], body["meters"][0]) == (1, None, {"meter_id": 1} | dict.fromkeys(METER))


def test_meters_that_fell_silent_are_named(site):
    site.tell("meter01", "meter", NOON - 61_000, active_power=1)
    site.tell("meter02", "meter", NOON - 59_000, active_power=2)
    assert site.get("/meters")["stale"] == [1]


# the auxiliary feeder


def aux(site, at_power, device="meter-aux", metric="active_power", interval_s=60.0):
    site.device(device, "site" if metric == "aux_power" else "meter", interval_s=interval_s)
    kind = "site" if metric == "aux_power" else "meter"
    site.clock[0] = max(site.clock[0], at_power[-1][0])
    site.tell_all([{"device_id": device, "kind": kind, "timestamp": at, "values": {metric: power}} for at, power in at_power])


def summary(site, query="&time=2024-06-01"):
    body = site.get(f"/meters/aux?data_type=summary{query}")
    assert (body["data_type"], body["status"]) == ("summary", "success")
    return body["data"]


def whole_day(levels):
    """A day by the minute, from midnight to midnight, at `levels` [kW] for equal parts, which jump within a minute."""
    part = 1440 // len(levels)
    return [(MIDNIGHT + n * MINUTE, levels[min(n // part, len(levels) - 1)]) for n in range(1441)]


def test_the_documents_summary_adds_up(site):
    """S1: total_energy 1250.5 kWh, avg_power 52.1 kW, max_power 98.5, min_power 12.3: 1250.5 kWh / 24 h = 52.104 kW."""
    # 12.3 kW at the first instant and 98.5 kW at the last; between them what makes the day 1250.5 kWh:
    # the two ends are half a minute each, and the half minutes beside them belong to the level: L·1439/60 + (12.3 + 98.5)/120 = 1250.5
    level = (1250.5 - (12.3 + 98.5) / 120) * 60 / 1439
    aux(site, [(MIDNIGHT, 12.3), *[(MIDNIGHT + n * MINUTE, level) for n in range(1, 1440)], (MIDNIGHT + 1440 * MINUTE - 1, 98.5)])
    data = summary(site)
    assert data["total_energy"] == pytest.approx(1250.5, abs=1e-3)  # the last minute is 1 ms short
    assert data["avg_power"] == pytest.approx(52.1, abs=0.05)
    assert (data["max_power"], data["min_power"], data["coverage"]) == (98.5, 12.3, 1.0)


def test_another_days_summary_adds_up(site):
    """Six hours each at 10, 20, 30 and 40 kW make 600 kWh; at each of the three jumps the power rises by 10 kW
    within a minute, which is 10 kW x 1/2 min more than if it rose at its end."""
    aux(site, whole_day([10, 20, 30, 40]))
    data = summary(site)
    assert data["total_energy"] == pytest.approx(600 + 3 * 10 / 120, abs=1e-5)
    assert data["avg_power"] == pytest.approx(data["total_energy"] / 24, abs=1e-9)
    assert (data["max_power"], data["min_power"], data["coverage"]) == (40, 10, 1.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_consumption_is_positive_whichever_way_the_meter_counts(site, sign):
    aux(site, [(MIDNIGHT + n * MINUTE, sign * 30.0) for n in range(61)])
    data = summary(site)
    assert (data["total_energy"], data["avg_power"], data["max_power"], data["min_power"]) == (30.0, 30.0, 30.0, 30.0)
    assert data["coverage"] == round(1 / 24, 6)
    assert set(site.get("/meters/aux?time=2024-06-01")["data"]["power"]) == {30.0}


def test_gaps_are_not_bridged(site):
    """One hour, four hours of silence, one hour: 2 h x 60 kW."""
    aux(site, [(MIDNIGHT + hour * HOUR + n * MINUTE, 60.0) for hour in (0, 5) for n in range(61)])
    data = summary(site)
    assert (data["total_energy"], data["avg_power"], data["coverage"]) == (120.0, 60.0, round(2 / 24, 6))


def test_the_day_is_the_sites_and_its_edges_are_whole(site):
    """Readings at 30 s past each minute, around both midnights of Taipei: of the pieces that cross them each day has its own half."""
    start = MIDNIGHT - 10 * MINUTE + 30_000
    aux(site, [(start + n * MINUTE, 120.0) for n in range(1440 + 20)])
    data = summary(site)
    assert (data["total_energy"], data["coverage"]) == (pytest.approx(2880, abs=1e-6), 1.0)
    before = summary(site, "&time=2024-05-31")
    assert before["total_energy"] == pytest.approx(120 * 9.5 / 60, abs=1e-6)  # 9 pieces of a minute and half of one


def test_the_chart_is_what_was_sent(site):
    sent = [(MIDNIGHT + n * 15 * MINUTE, 40 + n / 4) for n in range(96)]
    aux(site, [(MIDNIGHT - 15 * MINUTE, 1.0), *sent, (MIDNIGHT + 24 * HOUR, 2.0)], interval_s=900)
    body = site.get("/meters/aux?time=2024-06-01&data_type=chart")
    assert (body["data_type"], body["status"]) == ("chart", "success")
    assert list(zip(body["data"]["timestamps"], body["data"]["power"], strict=True)) == sent
    site.clock[0] = NOON
    assert site.get("/meters/aux")["data"] == body["data"]  # today, and chart is what is answered without a wish
    kept = site.product.store.telemetry.columns("meter-aux", "meter", ["active_power"], Window(MIDNIGHT, MIDNIGHT + 24 * HOUR))
    assert kept.values["active_power"].tolist() == body["data"]["power"]


def test_a_long_chart_has_a_point_a_minute_and_its_gaps(site):
    seconds = [(MIDNIGHT + s * 1000, float(s % 60)) for s in (*range(0, 1800), *range(3600, 5400))]
    aux(site, seconds, interval_s=1)
    data = site.get("/meters/aux?time=2024-06-01")["data"]
    told = {at: power for at, power in zip(data["timestamps"], data["power"], strict=True) if power is not None}
    assert told == {MIDNIGHT + m * MINUTE: 29.5 for m in (*range(30), *range(60, 90))}  # the mean of 0…59
    assert None in data["power"] or len(data["power"]) == 60


def test_the_sites_controller_tells_it_where_there_is_no_meter(site):
    aux(site, [(MIDNIGHT + n * MINUTE, 20.0) for n in range(121)], "site", "aux_power")
    assert summary(site)["total_energy"] == 40.0


def test_a_meter_that_registered_itself_is_joined_at_the_interval_it_keeps(site):
    """Five minutes apart, over both midnights: 24 h x 6 kW, though nobody said that the meter speaks that seldom."""
    site.clock[0] = MIDNIGHT + 25 * HOUR
    sent = [MIDNIGHT + n * 5 * MINUTE + 150_000 for n in range(-1, 289)]
    site.tell_all([{"device_id": "meter-aux", "kind": "meter", "timestamp": at, "values": {"active_power": -6.0}} for at in sent])
    data = summary(site)
    assert (data["total_energy"], data["coverage"]) == (pytest.approx(144, abs=1e-4), 1.0)


@pytest.mark.parametrize("day", ["2024-05-30", "1970-01-01", "2100-12-31"])
def test_a_day_without_readings_has_no_numbers(site, day):
    aux(site, [(NOON, 1.0)])
    assert summary(site, f"&time={day}") == {
        "total_energy": None, "avg_power": None, "max_power": None, "min_power": None, "coverage": 0.0
    }  # fmt: skip
    assert site.get(f"/meters/aux?time={day}")["data"] == {"timestamps": [], "power": []}


def test_a_single_reading_has_no_energy(site):
    aux(site, [(NOON, 33.0)])
    data = summary(site)
    assert (data["total_energy"], data["avg_power"], data["max_power"], data["min_power"]) == (None, None, 33.0, 33.0)


@pytest.mark.parametrize(
    ("query", "field"),
    [("time=2024-13-01", "time"), ("time=2024-02-30", "time"), ("time=yesterday", "time"), ("time=0001-01-01", "time"),
     ("time=9999-12-31", "time"), ("time=2024-6-1", "time"), ("time=", "time"), ("data_type=table", "data_type"),
     ("data_type=", "data_type")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(site, query, field):
    reply = site.ask(f"/meters/aux?{query}")
    assert (reply.status, reply.json["detail"][0]["loc"]) == (422, ["query", field])


def test_summer_time_days_are_as_long_as_they_are(opened):
    """2024-03-31 has 23 hours in Berlin, 2024-10-27 has 25."""
    site = opened(site_tz="Europe/Berlin")
    site.clock[0] = 1735689600000  # 2025-01-01
    for start, hours in ((1711839600000, 23), (1729980000000, 25)):
        aux(site, [(start + n * MINUTE, 10.0) for n in range(-5, hours * 60 + 6)])
    for day, hours in (("2024-03-31", 23), ("2024-10-27", 25)):
        data = summary(site, f"&time={day}")
        assert (data["total_energy"], data["coverage"]) == (pytest.approx(10 * hours, abs=1e-6), 1.0)
