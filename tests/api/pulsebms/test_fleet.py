"""S2's fleet: the site's batteries once each, weighted by energy, in the document's frame."""

from dataclasses import replace

import pytest

from datastore.ports import Entry
from plant.model import HOUR, Alarm, Device
from services.fleet import fleet_summary, summary_frame
from tests.api.pulsebms.conftest import NOON, Pulse, fields

SITE = "site_001"


def pack(device_id: str, kwh: float | None, **more) -> Device:
    return Device(device_id, more.pop("kind", "pack"), site_id=SITE, rating={} if kwh is None else {"capacity_kwh": kwh}, **more)


def two_packs(pulse: Pulse) -> None:
    """100 kWh at 50 % and full health, 300 kWh at 90 % and 80 % health; one gives 5 kW, the other takes 30 kW."""
    pulse.store.records.put_devices([pack("a", 100.0), pack("b", 300.0)])
    pulse.send("a", NOON, {"soc": 50.0, "soh": 100.0, "power": 5_000.0})
    pulse.send("b", NOON, {"soc": 90.0, "soh": 80.0, "power": -30_000.5})


@pytest.mark.parametrize("path", ["/api/v1/fleet/site_001/status", "/api/v1/fleet/status?site_id=site_001", "/fleet/status"])
def test_the_frame_is_the_documents_with_figures_worked_out_by_hand(pulse, path):
    two_packs(pulse)
    pulse.store.records.put_alarm(Alarm("b", "pack", "X", "warning", "m", NOON))
    assert pulse.get(path) == {
        "type": "fleet_status",
        "timestamp": "2024-01-15T14:30:20Z",
        "site_id": None if path == "/fleet/status" else SITE,
        "summary": {
            "total_devices": 2,
            "online_devices": 2,
            "total_capacity": 400.0,
            "available_capacity": 266.0,  # 100·1·0.5 + 300·0.8·0.9
            "total_power": -25_000.5,
            "average_soc": 78.2352941176,  # (50·100 + 90·240) / 340
            "mean_soc": 70.0,
            "average_soh": 85.0,  # (100·100 + 300·80) / 400
            "active_alarms": 1,
        },
        "devices": [
            {"device_id": "a", "status": "online", "soc": 50.0, "power": 5000.0, "alarm_count": 0},
            {"device_id": "b", "status": "online", "soc": 90.0, "power": -30000.5, "alarm_count": 1},
        ],
        "optimization": {"active_policy": None, "performance_score": None, "next_update": None},
    }


def test_a_bess_counts_once_with_the_alarms_of_its_racks(pulse):
    racks = [pack(f"bess01-rack0{i}", 50.0, kind="rack", parent="bess01") for i in (1, 2)]
    others = [pack("pcs01", None, kind="pcs"), pack("site_001", None, kind="site"), pack("meter01", None, kind="meter")]
    pulse.store.records.put_devices([pack("bess01", 100.0, kind="bess", parent="site_001"), *racks, *others])
    for device, power in (("bess01", 20_000.0), ("bess01-rack01", 10_000.0), ("bess01-rack02", 10_000.0)):
        pulse.send(device, NOON, {"soc": 60.0, "power": power})
    for device, kind in (("bess01-rack02", "rack"), ("pcs01", "pcs")):
        pulse.store.records.put_alarm(Alarm(device, kind, "X", "warning", "m", NOON))
    frame = pulse.get("/api/v1/fleet/site_001/status")
    summary = frame["summary"]
    assert (summary["total_devices"], summary["total_capacity"], summary["total_power"]) == (1, 100.0, 20_000.0)
    assert summary["available_capacity"] == 60.0
    assert frame["devices"] == [{"device_id": "bess01", "status": "online", "soc": 60.0, "power": 20_000.0, "alarm_count": 1}]
    assert summary["active_alarms"] == 2
    assert pulse.get("/api/v1/fleet/site_001/devices")["total"] == 1


def test_a_bess_without_a_nameplate_has_that_of_its_racks(pulse):
    racks = [pack(f"r{i}", 50.0, kind="rack", parent="bess01") for i in (1, 2)]
    pulse.store.records.put_devices([pack("bess01", None, kind="bess"), *racks])
    assert pulse.get("/api/v1/fleet/site_001/status")["summary"]["total_capacity"] == 100.0


def test_what_a_silent_battery_said_last_does_not_count(pulse):
    two_packs(pulse)
    pulse.now += 59_000
    pulse.send("a", pulse.now, {"soc": 40.0})
    pulse.now += 2_000
    frame = pulse.get("/api/v1/fleet/site_001/status")
    assert [device["status"] for device in frame["devices"]] == ["online", "offline"]
    assert frame["summary"] | {"online_devices": 1, "total_capacity": 400.0, "available_capacity": 40.0, "total_power": 5000.0,
                               "average_soc": 40.0, "mean_soc": 40.0, "average_soh": 100.0} == frame["summary"]  # fmt: skip
    pulse.now += HOUR
    summary = pulse.get("/api/v1/fleet/site_001/status")["summary"]
    assert [summary[name] for name in ("available_capacity", "total_power", "average_soc", "mean_soc", "average_soh")] == [None] * 5
    assert (summary["total_devices"], summary["online_devices"]) == (2, 0)


def test_a_battery_in_maintenance_is_not_available(pulse):
    two_packs(pulse)
    pulse.call("PUT", "/api/v1/devices/b", {"status": "maintenance"})
    summary = pulse.get("/api/v1/fleet/site_001/summary")
    assert (summary["available_capacity"], summary["total_power"], summary["total_capacity"]) == (50.0, -25_000.5, 400.0)
    assert summary["by_status"] == {"online": 1, "offline": 0, "error": 0, "maintenance": 1}


def test_sites_are_apart_and_an_unknown_one_is_404(pulse):
    two_packs(pulse)
    pulse.store.records.put_devices([replace(pack("c", 1000.0), site_id="site_002")])
    assert pulse.get("/api/v1/fleet/site_002/status")["summary"]["total_capacity"] == 1000.0
    assert pulse.get("/fleet/status")["summary"]["total_capacity"] == 1400.0
    for what in ("status", "devices", "summary", "alarms", "performance"):
        reply = pulse.call("GET", f"/api/v1/fleet/nowhere/{what}")
        assert (reply.status, reply.json["error"]["code"]) == (404, "NOT_FOUND")
        assert reply.json["error"]["details"] == {"site_id": "nowhere", "available_sites": ["site_001", "site_002"]}


def test_the_configured_site_is_known_before_it_has_a_device(pulse):
    summary = pulse.get("/api/v1/fleet/site/status")["summary"]
    assert (summary["total_devices"], summary["total_capacity"], summary["average_soc"]) == (0, None, None)
    assert pulse.get("/api/v1/fleet/site/performance")["energy_discharged_kwh"] is None
    assert pulse.get("/api/v1/fleet/site/alarms")["alarms"] == []


def test_batteries_are_listed_filtered_and_paged(pulse):
    two_packs(pulse)
    pulse.store.records.put_devices([pack("c", None, name="Silent")])
    page = pulse.get("/api/v1/fleet/site_001/devices?limit=1&offset=2")
    assert (page["total"], page["devices"]) == (
        3,
        [{"device_id": "c", "name": "Silent", "device_type": "pack", "status": "offline", "soc": None, "soh": None, "power": None,
          "capacity_kwh": None, "alarm_count": 0, "last_seen": None}],
    )  # fmt: skip
    assert [d["device_id"] for d in pulse.get("/api/v1/fleet/site_001/devices?status=online")["devices"]] == ["a", "b"]
    assert fields(pulse.call("GET", "/api/v1/fleet/site_001/devices?status=asleep")) == ["status"]


def test_alarms_of_a_site_with_their_severities(pulse):
    two_packs(pulse)
    put = pulse.store.records.put_alarm
    for code, severity, cleared in (("A", "protection", None), ("B", "alarm", None), ("C", "warning", None), ("D", "alarm", NOON)):
        put(Alarm("a", "pack", code, severity, "m", NOON - HOUR, cleared=cleared))
    put(Alarm("elsewhere", "pack", "E", "alarm", "m", NOON))
    said = pulse.get("/api/v1/fleet/site_001/alarms")
    assert [(a["device_id"], a["code"], a["severity"]) for a in said["alarms"]] == [
        ("a", "C", "info"), ("a", "B", "warning"), ("a", "A", "critical"),
    ]  # fmt: skip
    assert (said["total"], said["by_severity"]) == (3, {"info": 1, "warning": 1, "critical": 1})
    assert [a["code"] for a in pulse.get("/api/v1/fleet/site_001/alarms?severity=critical")["alarms"]] == ["A"]
    assert pulse.get("/api/v1/fleet/site_001/alarms?start_time=2024-01-15T13:00:00Z")["total"] == 4
    assert pulse.get("/api/v1/fleet/site_001/alarms?end_time=2024-01-15T13:00:00Z")["total"] == 0


def cycle(pulse: Pulse, device: str, kwh: float, hours: int) -> None:
    """From NOON - 2·hours: charge with `kwh` kW for `hours`, then discharge at 0.9 of it for as long, a message a minute; the state of
    charge ends where it began."""
    pulse.store.records.put_devices([pack(device, 10.0 * kwh, interval_s=60.0)])
    begin = NOON // HOUR * HOUR - 2 * hours * HOUR
    for minute in range(2 * hours * 60):
        power = -kwh if minute < hours * 60 else 0.9 * kwh
        pulse.send(device, begin + minute * 60_000, {"power": power * 1000.0, "soc": 50.0, "soh": 100.0})


def flows(kwh: float, hours: int) -> tuple[float, float]:
    """In and out [kWh] of a `cycle`: straight lines between the readings of a minute, so that the turn from −k to 0.9 k kW is one triangle
    of 1/1.9 and one of 0.9/1.9 minutes, and the minute after the last reading is not known."""
    minutes = hours * 60 - 1
    return kwh * (minutes + 0.5 / 1.9) / 60, 0.9 * kwh * (minutes + 0.5 * 0.9 / 1.9) / 60


@pytest.mark.parametrize("kwh", [10.0, 37.5])
def test_performance_is_worked_out_from_the_energies(pulse, kwh):
    cycle(pulse, "a", kwh, 3)
    into, out = flows(kwh, 3)
    pulse.store.records.put_alarm(Alarm("a", "pack", "X", "warning", "m", NOON - HOUR, cleared=NOON))
    pulse.store.records.put_alarm(Alarm("a", "pack", "OLD", "warning", "m", NOON - 48 * HOUR))
    said = pulse.get("/api/v1/fleet/site_001/performance")
    assert said["energy_charged_kwh"] == pytest.approx(into, rel=1e-6)
    assert said["energy_discharged_kwh"] == pytest.approx(out, rel=1e-6)
    assert said["round_trip_efficiency"]["value"] == pytest.approx(100 * out / into, rel=1e-6)
    assert said["equivalent_cycles"]["value"] == pytest.approx((into + out) / kwh / 20, rel=1e-6)
    assert said["availability"]["value"] == pytest.approx(0.25, rel=1e-3)  # six of 24 hours
    assert said["coverage"] == pytest.approx(359 / 1440, rel=1e-6)  # between 360 readings lie 359 minutes
    assert said["alarms_raised"] == 1
    assert (said["start_time"], said["end_time"]) == ("2024-01-14T14:30:20Z", "2024-01-15T14:30:20Z")
    last = pulse.get("/api/v1/fleet/site_001/performance?period=1h")
    assert last["energy_charged_kwh"] == 0.0
    assert last["round_trip_efficiency"] == {"value": None, "reason": "nothing was charged"}


def unclosed(pulse: Pulse, minutes: int, last: int, silent: range = range(0)) -> None:
    """80 kWh, 0.95 each way, from 20 %: 180 minutes in at 10 kW, a minute of nothing, 120 out at 9 kW, nothing. `minutes` + 1 messages, a
    minute apart but for the `silent` ones, the last one at `last` [epoch ms]; the charge follows the straight lines between them."""
    pulse.store.records.put_devices([pack("a", 80.0, interval_s=60.0)])
    powers = [-10.0 if m <= 180 else 9.0 if 181 < m <= 301 else 0.0 for m in range(minutes + 2)]
    soc = 20.0
    for minute, power in enumerate(powers[:-1]):
        if minute not in silent:
            pulse.send("a", last - (minutes - minute) * 60_000, {"power": power * 1000.0, "soc": soc, "soh": 100.0})
        mean = (power + powers[minute + 1]) / 2
        soc += -mean * (0.95 if mean < 0 else 1 / 0.95) / 60 / 0.8


def test_what_stays_in_the_battery_is_counted_from_the_charge_at_the_ends_themselves(pulse):
    """(18 + 9.55 · 0.95) / 30 = 0.9025; with the mean charge of the first clock hour it would be 83 %."""
    unclosed(pulse, 302, NOON)
    said = pulse.get("/api/v1/fleet/site_001/performance")
    assert said["round_trip_efficiency"]["value"] == pytest.approx(90.25, abs=0.1)


def test_a_window_that_begins_amidst_a_charge_takes_the_charge_of_its_beginning(pulse):
    """The 24 hours begin 60.5 of 180 minutes into a charge, between two messages: what was stored before is no part of them. 20 kWh in and
    18 out leave 0.05 kWh, less than one percent of charge: nothing is corrected."""
    unclosed(pulse, 24 * 60 + 61, NOON + 30_000)
    said = pulse.get("/api/v1/fleet/site_001/performance")
    assert said["energy_charged_kwh"] == pytest.approx(20.0, rel=1e-6)
    assert said["round_trip_efficiency"]["value"] == pytest.approx(90.0, abs=0.01)


def test_what_flowed_unseen_makes_a_round_trip_not_assessable(pulse):
    unclosed(pulse, 302, NOON, silent=range(60, 100))
    said = pulse.get("/api/v1/fleet/site_001/performance")
    assert said["round_trip_efficiency"] == {"value": None, "reason": "the power was not observed throughout"}


def test_without_the_capacity_of_every_battery_there_are_no_cycles_and_a_reason(pulse):
    cycle(pulse, "a", 10.0, 1)
    pulse.store.records.put_devices([pack("unrated", None)])
    said = pulse.get("/api/v1/fleet/site_001/performance")
    assert said["equivalent_cycles"] == said["round_trip_efficiency"] == {"value": None, "reason": "the capacity of a battery is not known"}
    assert said["energy_charged_kwh"] == pytest.approx(flows(10.0, 1)[0], rel=1e-6)


def test_one_batterys_charge_does_not_hide_anothers_discharge(pulse):
    pulse.store.records.put_devices([pack("a", 100.0, interval_s=60.0), pack("b", 100.0, interval_s=60.0)])
    for minute in range(60):
        at = NOON - 2 * HOUR + minute * 60_000
        pulse.send("a", at, {"power": 6_000.0})
        pulse.send("b", at, {"power": -6_000.0})
    said = pulse.get("/api/v1/fleet/site_001/performance")
    assert said["energy_charged_kwh"] == pytest.approx(5.9, rel=1e-6)  # 59 minutes lie between 60 readings
    assert said["energy_discharged_kwh"] == pytest.approx(5.9, rel=1e-6)


# specs/002, "Power Allocation Message"
ALLOCATION = {
    "schema_version": "1.0",
    "timestamp": "2024-01-15T14:30:00Z",
    "allocation_id": "alloc_98765",
    "site_id": SITE,
    "demand": {"total_power_target": -50000, "duration_minutes": 60, "flexibility": 0.1, "priority": "high"},
    "allocation": {"optimization_method": "RL", "total_allocated": -48750, "efficiency_score": 0.94, "devices": []},
}


@pytest.mark.parametrize(("power", "score"), [(-48_750.0, 1.0), (-39_000.0, 0.8), (-58_500.0, 0.8), (10_000.0, 0.0)])
def test_the_score_says_how_well_the_fleet_follows_its_allocation(pulse, power, score):
    pulse.store.records.put_devices([pack("a", 100.0)])
    pulse.send("a", NOON, {"power": power})
    pulse.store.records.put_entry(Entry("allocations", "alloc_98765", SITE, "done", NOON - 20_000, ALLOCATION))
    frame = summary_frame(fleet_summary(pulse.store, SITE, NOON))
    assert frame["optimization"] == {"active_policy": "RL", "performance_score": score, "next_update": "2024-01-15T15:30:00Z"}
    assert pulse.get("/api/v1/fleet/site_001/status") == frame
    pulse.now = NOON + HOUR
    nothing = {"active_policy": None, "performance_score": None, "next_update": None}
    assert pulse.get("/api/v1/fleet/site_001/status")["optimization"] == nothing


def test_parts_of_each_other_are_no_endless_loop(pulse):
    pulse.store.records.put_devices([pack("x", 1.0), pack("a", 1.0, parent="b"), pack("b", 1.0, parent="a"), pack("s", 1.0, parent="s")])
    assert pulse.get("/api/v1/fleet/site_001/status")["summary"]["total_devices"] == 2  # x, s
