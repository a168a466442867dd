"""`/coordinate` and a site's allocation: S2's Power Allocation message, kept, published, in force for its time."""

import math

import pytest

from plant.timeline import iso, parse
from tests.api.pulsebms.conftest import NOON, fields

SITE = "/api/v1/fleet/site_001/allocation"


def build(pulse, number: int, soc: float | None, *, watts: float = 12_500.0, kwh: float = 100.0, **more):
    body = {
        "device_id": f"battery_pack_{number:03d}",
        "site_id": "site_001",
        "specifications": {"chemistry": "LFP", "capacity_kwh": kwh, "max_power": watts, "voltage_nominal": 400.0},
    } | more
    assert pulse.call("POST", "/api/v1/devices/register", body).status == 201
    if soc is not None:
        pulse.send(f"battery_pack_{number:03d}", NOON, {"soc": soc, "soh": 100.0, "voltage": 400.0, "temperature": 25.0})


def allocate(pulse, target: float, path: str = SITE, **demand):
    body = {"demand": {"total_power_target": target, "duration_minutes": 60, "flexibility": 0.1, "priority": "high"} | demand}
    reply = pulse.call("POST", path, body, role="operator")
    assert reply.status == 200, reply.json
    return reply.json


@pytest.mark.parametrize(("target", "sign"), [(-50_000.0, -1), (42_000.0, 1)])
def test_the_documents_demand_is_split_over_the_site(pulse, target, sign):
    for number in (1, 2, 3, 4):
        build(pulse, number, 52.5)
    found = allocate(pulse, target)
    assert (found["schema_version"], found["site_id"], found["timestamp"]) == ("1.0", "site_001", iso(NOON))
    assert found["demand"] == {"total_power_target": target, "duration_minutes": 60.0, "flexibility": 0.1, "priority": "high"}
    part = found["allocation"]
    assert (part["optimization_method"], part["total_allocated"], part["feasible"]) == ("water_filling", target, True)
    assert [device["device_id"] for device in part["devices"]] == [f"battery_pack_00{n}" for n in (1, 2, 3, 4)]
    for device in part["devices"]:  # four of the same: the same each
        assert device["allocated_power"] == pytest.approx(target / 4)
        assert device["max_power"] == sign * 12_500.0
        assert device["expected_soc"] == pytest.approx(52.5 - target / 4 / 1000)  # of 100 kWh in one hour
        # 42.5 kWh may still flow; the charge told is sure to 3 kWh
        assert device["confidence"] == pytest.approx((1 + math.erf((42_500 - abs(target) / 4) / 3000 / math.sqrt(2))) / 2)
        assert device["constraints_active"] == (["max_power"] if target == -50_000.0 else [])
    wear = abs(target) / 4 / 200_000 * 20 / 6000
    assert found["forecasts"]["degradation_impact"]["battery_pack_003"] == pytest.approx(wear)
    loss = 0.13 / 3.2 * (target / 4) ** 2 / 100_000 * 4
    expected = (abs(target) - loss) / abs(target) if sign < 0 else target / (target + loss)
    assert found["forecasts"]["efficiency_prediction"] == pytest.approx(expected)
    assert part["efficiency_score"] == pytest.approx(1.0)


def test_a_target_out_of_reach_gets_the_nearest_and_the_reasons(pulse):
    build(pulse, 1, 52.5)
    build(pulse, 2, 14.0)  # 4 kWh above its lower limit of 10 %
    found = allocate(pulse, 50_000.0)
    part = found["allocation"]
    assert (part["feasible"], part["total_allocated"]) == (False, pytest.approx(16_500.0))
    assert part["binding_constraints"] == ["max_power", "min_soc"]
    assert [device["constraints_active"] for device in part["devices"]] == [["max_power"], ["min_soc"]]
    assert found["forecasts"]["completion_probability"] == 0.0


def test_completion_falls_as_the_charge_does(pulse):
    build(pulse, 1, 22.0)
    likely = allocate(pulse, 10_000.0, flexibility=0.0)["forecasts"]["completion_probability"]
    assert likely == pytest.approx((1 + math.erf((12 - 10) / 3 / math.sqrt(2))) / 2)
    pulse.send("battery_pack_001", NOON + 1000, {"soc": 21.0})
    assert allocate(pulse, 10_000.0, flexibility=0.0)["forecasts"]["completion_probability"] < likely


def test_who_is_silent_in_maintenance_or_limited_is_respected(pulse):
    build(pulse, 1, 52.5)
    build(pulse, 2, None)
    build(pulse, 3, 52.5)
    build(pulse, 4, 52.5, safety_constraints={"max_soc": 55.0, "max_charge_current": 5.0})
    assert pulse.call("PUT", "/api/v1/devices/battery_pack_003", {"status": "maintenance"}).status == 200
    devices = allocate(pulse, -40_000.0)["allocation"]["devices"]
    assert [(device["allocated_power"], device["constraints_active"]) for device in devices] == [
        (-12_500.0, ["max_power"]),
        (0.0, ["offline"]),
        (0.0, ["maintenance"]),
        (pytest.approx(-2000.0), ["max_current"]),  # 5 A at 400 V; 2.5 kWh to 55 % would have been more
    ]


def test_an_allocation_is_in_force_for_its_time_and_steers_the_fleet(pulse):
    build(pulse, 1, 52.5)
    assert pulse.call("GET", f"{SITE}/current").status == 404
    first = allocate(pulse, 5_000.0, duration_minutes=30)
    assert pulse.get(f"{SITE}/current") == first
    pulse.send("battery_pack_001", NOON + 1000, {"power": 4_500.0})
    pulse.now = NOON + 2000
    steered = pulse.get("/api/v1/fleet/site_001/status")["optimization"]
    assert steered == {"active_policy": "water_filling", "performance_score": 0.9, "next_update": iso(NOON + 30 * 60_000)}
    second = allocate(pulse, 2_000.0, duration_minutes=10)
    assert second["allocation_id"] != first["allocation_id"]
    assert pulse.get(f"{SITE}/current") == second
    pulse.now = parse(second["timestamp"]) + 10 * 60_000 - 1
    assert pulse.get(f"{SITE}/current") == second
    pulse.now += 1
    reply = pulse.call("GET", f"{SITE}/current")
    assert (reply.status, reply.json["error"]["code"]) == (404, "NOT_FOUND")


def test_allocations_of_one_instant_all_stay_and_the_last_holds(pulse):
    build(pulse, 1, 52.5)
    ids = [allocate(pulse, 1_000.0 * k)["allocation_id"] for k in range(12)]
    assert ids == sorted(set(ids))
    assert pulse.get(f"{SITE}/current")["allocation_id"] == ids[-1]


def test_the_message_is_published_whole_and_no_device_gets_a_command(pulse):
    build(pulse, 1, 52.5)
    heard = []
    pulse.store.live.subscribe("allocations", lambda topic, message: heard.append(message))
    found = allocate(pulse, 5_000.0)
    assert heard == [found]
    assert pulse.call("GET", "/api/v1/commands/battery_pack_001", role="operator").json["commands"] == []
    assert any(action == "allocation.set" and who == "operator01" for _, who, action, _ in pulse.store.records.audit_log())


def test_only_operators_allocate(pulse):
    build(pulse, 1, 52.5)
    body = {"demand": {"total_power_target": 1.0}}
    assert [pulse.call("POST", SITE, body, role=role).status for role in ("", "viewer", "analyst", "operator")] == [401, 403, 403, 200]


def test_an_unknown_site_is_404(pulse):
    body = {"demand": {"total_power_target": 1.0}}
    assert pulse.call("POST", "/api/v1/fleet/nowhere/allocation", body, role="operator").status == 404
    assert pulse.call("GET", "/api/v1/fleet/nowhere/allocation/current").status == 404


@pytest.mark.parametrize(
    ("demand", "wrong"),
    [
        ({}, "demand.total_power_target"),
        ({"total_power_target": "much"}, "demand.total_power_target"),
        ({"total_power_target": 1e300}, "demand.total_power_target"),
        ({"total_power_target": 1.0, "duration_minutes": 0}, "demand.duration_minutes"),
        ({"total_power_target": 1.0, "flexibility": 2}, "demand.flexibility"),
        ({"total_power_target": 1.0, "priority": "whenever"}, "demand.priority"),
    ],
)
def test_a_bad_demand_is_400_and_named(pulse, demand, wrong):
    assert wrong in fields(pulse.call("POST", SITE, {"demand": demand}, role="operator"))


ASKED = {
    "devices": [
        {"device_id": "test_battery_001", "soc": 60.0, "soh": 85.0, "voltage": 410.0, "current": 0.0, "temperature": 25.0,
         "power_capability": 5000.0, "energy_capacity": 50_000.0, "chemistry": "LFP"},
        {"device_id": "test_battery_002", "soc": 45.0, "soh": 92.0, "voltage": 380.0, "current": 0.0, "temperature": 28.0,
         "power_capability": 7500.0, "energy_capacity": 75_000.0, "chemistry": "NMC"},
    ],
    "power_demand": {"current_demand_kw": 6.0},
    "market_data": {"electricity_price": 0.15},
}  # fmt: skip


@pytest.mark.parametrize("path", ["/coordinate", "/api/v1/coordinate"])
@pytest.mark.parametrize(("kilowatts", "feasible"), [(6.0, True), (-11.5, True), (20.0, False)])
def test_coordinate_splits_a_demand(pulse, path, kilowatts, feasible):
    reply = pulse.call("POST", path, ASKED | {"power_demand": {"current_demand_kw": kilowatts}})
    assert reply.status == 200, reply.json
    found = reply.json
    assert (found["status"], found["feasible"], found["optimization_method"]) == ("success", feasible, "water_filling")
    served = 12.5 if kilowatts > 12.5 else kilowatts
    assert found["total_allocated_kw"] == pytest.approx(served)
    assert found["unserved_kw"] == pytest.approx(kilowatts - served)
    shares = {share["device_id"]: share for share in found["allocations"]}
    assert sum(share["allocated_power"] for share in shares.values()) == pytest.approx(1000 * served)
    for one in ASKED["devices"]:
        share = shares[one["device_id"]]
        assert abs(share["allocated_power"]) <= one["power_capability"]
        moved = share["allocated_power"] / (one["energy_capacity"] * one["soh"] / 100) * 100
        assert share["expected_soc"] == pytest.approx(one["soc"] - moved)
        assert share["constraints_active"] == (["max_power"] if not feasible else share["constraints_active"])
    assert found["binding_constraints"] == ([] if feasible else ["max_power"])


def test_the_least_cost_split_by_hand(pulse):
    """Two LFP packs, 100 and 50 kWh, nothing at a limit: power goes as the energy does."""
    devices = [
        {"device_id": name, "soc": 50.0, "power_capability": 1e5, "energy_capacity": energy} for name, energy in (("a", 1e5), ("b", 5e4))
    ]
    found = pulse.call("POST", "/coordinate", {"devices": devices, "power_demand": {"current_demand_kw": 15}}).json
    assert [share["allocated_power"] for share in found["allocations"]] == [pytest.approx(10_000.0), pytest.approx(5_000.0)]


def test_coordinate_keeps_and_sends_nothing(pulse):
    heard = []
    pulse.store.live.subscribe("allocations", lambda topic, message: heard.append(message))
    assert pulse.call("POST", "/coordinate", ASKED).status == 200
    assert heard == []
    assert pulse.store.records.entries("allocations") == []


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"devices": []}, "devices"),
        ({"devices": [ASKED["devices"][0]] * 2}, "devices"),
        ({"devices": [ASKED["devices"][0] | {"soc": 120}]}, "devices.0.soc"),
        ({"devices": [ASKED["devices"][0] | {"power_capability": -1}]}, "devices.0.power_capability"),
        ({"devices": [ASKED["devices"][0] | {"energy_capacity": 0}]}, "devices.0.energy_capacity"),
        ({"devices": [{"device_id": "a"}]}, "devices.0.soc"),
        ({"power_demand": {}}, "power_demand.current_demand_kw"),
        ({"power_demand": {"current_demand_kw": "6"}}, "power_demand.current_demand_kw"),
        ({"power_demand": None}, "power_demand"),
    ],
)
def test_bad_input_to_coordinate_is_400_and_named(pulse, changes, wrong):
    assert wrong in fields(pulse.call("POST", "/coordinate", ASKED | changes))
