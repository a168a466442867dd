"""`/twin` and `/simulate`: what a battery is, and what it will do."""

import math

import numpy as np
import pytest

from plant.analysis.chemistry import CHEMISTRIES, SOC_POINTS
from services import twin_study
from tests.api.pulsebms.conftest import NOON, fields
from tests.plant.test_twin import World, drive

NEW = {
    "device_id": "battery_pack_001",
    "site_id": "site_001",
    "name": "Battery pack 1",
    "chemistry": "LFP",
    "specifications": {"nominal_capacity": 280.0, "nominal_voltage": 768.0, "series_cells": 240, "parallel_cells": 1},
}


def build(pulse, **changes):
    reply = pulse.call("POST", "/api/v1/devices", NEW | changes)
    assert reply.status == 201, reply.json


def tell(pulse, history, device_id="battery_pack_001", kind="pack"):
    """The history, ending now, through the native door."""
    at = history.at - history.at[-1] + NOON
    values = {name: getattr(history, name).tolist() for name in ("voltage", "current", "soc", "temperature")}
    values["soh"] = [87.2] * at.size
    body = {"device_id": device_id, "kind": kind, "timestamps": at.tolist(), "values": values}
    reply = pulse.call("POST", "/api/v1/readings", body)
    assert (reply.status, reply.json["accepted"]) == (200, at.size), reply.json


@pytest.mark.parametrize(("r0", "chemistry"), [(0.040, "LFP"), (0.072, "LFP")])
def test_a_twin_shows_state_prediction_measurement_and_residual(pulse, r0, chemistry):
    build(pulse)
    history = World(r0=r0).live(drive(700, 140.0), 10.0)
    tell(pulse, history)
    found = pulse.get("/api/v1/twin/battery_pack_001")
    assert found["state"]["soc"] == history.soc[-1]
    assert found["state"]["soh"] == 87.2
    assert found["state"]["voltage"] == history.voltage[-1] == found["measured"]["voltage"]
    assert found["state"]["current"] == history.current[-1]
    assert found["measured"]["temperature"] == history.temperature[-1]
    for name in ("voltage", "temperature", "soc"):
        assert found["residual"][name] == pytest.approx(found["measured"][name] - found["predicted"][name], abs=2e-3)
        assert abs(found["bias"][name]) <= found["rmse"][name] + 1e-9
    assert found["rmse"]["voltage"] == pytest.approx(math.hypot(0.05, 0.1 / 12**0.5), rel=0.3)
    r0_found = found["parameters"]["r0_ohm"]
    assert (r0_found["value"], r0_found["source"]) == (pytest.approx(r0, rel=0.05), "history")
    assert found["parameters"]["series_cells"] == {"value": 240.0, "source": "nameplate", "standard_error": None}
    assert (found["chemistry"], found["reason"]) == (chemistry, "")
    assert found["window"]["readings"] == 700
    rest = 240 * np.interp(history.soc[-1], SOC_POINTS, CHEMISTRIES["LFP"].ocv) + 1.3
    assert found["state"]["open_circuit_voltage"] == pytest.approx(rest, abs=0.3)


def test_a_bess_has_a_twin_by_its_own_names(pulse):
    body = {
        "device_id": "bess_7",
        "device_type": "bess",
        "specifications": {"chemistry": "LFP", "capacity_kwh": 215.0, "voltage_nominal": 768.0},
    }
    assert pulse.call("POST", "/api/v1/devices/register", body).status == 201
    history = World(offset=0.0).live(drive(300, 140.0), 10.0)
    at = history.at - history.at[-1] + NOON
    values = {"voltage": history.voltage, "current": history.current, "soc": history.soc, "cell_avg_temp": history.temperature}
    body = {"device_id": "bess_7", "kind": "bess", "timestamps": at.tolist(), "values": {name: v.tolist() for name, v in values.items()}}
    assert pulse.call("POST", "/api/v1/readings", body).json["accepted"] == 300
    found = pulse.get("/api/v1/twin/bess_7")
    assert found["parameters"]["r0_ohm"]["value"] == pytest.approx(0.040, rel=0.05)
    assert found["parameters"]["series_cells"] == {"value": 240.0, "source": "estimated", "standard_error": None}


def test_a_car_has_a_twin_too(pulse):
    row = {"vin": "WVWZZZ1JZXW000001", "ts": "2024-01-15T14:30:00Z", "soc": 63.0, "soh": 91.0, "pack_voltage": 355.0, "pack_current": 40.0,
           "max_temp": 31.0}  # fmt: skip
    assert pulse.call("POST", "/api/telemetry", [row]).status == 200
    found = pulse.get("/api/v1/twin/WVWZZZ1JZXW000001")
    assert (found["state"]["soc"], found["state"]["voltage"], found["state"]["temperature"]) == (63.0, 355.0, 31.0)
    assert "chemistry" in found["reason"]


def test_a_device_that_never_spoke_has_a_twin_by_its_chemistry_and_no_figures(pulse):
    build(pulse)
    found = pulse.get("/api/v1/twin/battery_pack_001")
    assert found["timestamp"] is None
    for part in ("predicted", "measured", "residual", "rmse", "bias"):
        assert set(found[part].values()) == {None}
    assert found["parameters"]["r0_ohm"] == {
        "value": pytest.approx(CHEMISTRIES["LFP"].ohmic * 240 / 280, rel=1e-5),
        "source": "chemistry",
        "standard_error": None,
    }
    assert "no readings" in found["reason"]


def test_a_stranger_without_chemistry_says_what_is_missing(pulse):
    pulse.send("wild", NOON, {"soc": 50.0, "voltage": 400.0, "current": 5.0})
    found = pulse.get("/api/v1/twin/wild")
    assert (found["state"]["voltage"], found["predicted"]["voltage"], found["parameters"]) == (400.0, None, {})
    assert "chemistry" in found["reason"]


def test_the_twin_looks_back_as_far_as_asked(pulse):
    build(pulse)
    tell(pulse, World().live(drive(700, 140.0), 10.0))
    assert pulse.get("/api/v1/twin/battery_pack_001?hours=0.5")["window"]["readings"] == 181


def test_who_has_no_twin(pulse):
    reply = pulse.call("GET", "/api/v1/twin/battery_pack_999")
    assert (reply.status, reply.json["error"]["code"]) == (404, "DEVICE_NOT_FOUND")
    assert (
        pulse.call(
            "POST", "/api/v1/readings", [{"device_id": "m1", "kind": "meter", "timestamp": NOON, "values": {"active_power": 1.0}}]
        ).status
        == 200
    )
    reply = pulse.call("GET", "/api/v1/twin/m1")
    assert (reply.status, "only batteries have a twin" in reply.json["detail"]) == (400, True)
    for hours in ("0", "-1", "nan", "1e9", "x"):
        assert pulse.call("GET", f"/api/v1/twin/m1?hours={hours}").status == 400


ASKED = {
    "device_id": "test_battery_001",
    "chemistry": "LFP",
    "current_soc": 60.0,
    "current_soh": 85.0,
    "temperature": 25.0,
    "power_profile": [1000, 2000, 1500, 0, -1000],
    "time_steps": [0.25, 0.5, 0.75, 1.0, 1.25],
    "model_parameters": {},
}


@pytest.mark.parametrize("path", ["/simulate", "/api/v1/simulate"])
@pytest.mark.parametrize(
    ("changes", "held"),
    [({}, 50.0), ({"current_soc": 35.0, "current_soh": 92.0, "chemistry": "NMC", "model_parameters": {"capacity_ah": 120.0}}, 120.0)],
)
def test_a_profile_is_answered_with_one_value_per_step(pulse, path, changes, held):
    asked = ASKED | changes
    reply = pulse.call("POST", path, asked)
    assert reply.status == 200, reply.json
    found = reply.json
    for name in ("voltage_profile", "current_profile", "soc_profile", "temperature_profile", "power_profile"):
        assert len(found[name]) == 5
    # by hand: each quarter hour takes I·0.25 h of what the battery holds
    soc = asked["current_soc"]
    for k, power in enumerate(asked["power_profile"]):
        assert found["power_profile"][k] == pytest.approx(power, rel=1e-9)
        assert found["current_profile"][k] == pytest.approx(power / found["voltage_profile"][k], rel=1e-9)
        soc -= 100 * found["current_profile"][k] * 0.25 / (held * asked["current_soh"] / 100)
        assert found["soc_profile"][k] == pytest.approx(soc, abs=0.02)
    assert found["current_profile"][3] == 0.0
    assert found["voltage_profile"][4] > found["voltage_profile"][3] > found["voltage_profile"][2]  # rest, then charging
    kind = CHEMISTRIES[asked["chemistry"]]
    cells = round(400 / kind.nominal)
    assert found["voltage_profile"][3] == pytest.approx(cells * float(kind.open_circuit(found["soc_profile"][3])), rel=1e-4)
    assert found["temperature_profile"][1] > 25.0
    assert found["limits_reached"] == []


def test_a_battery_nobody_registered_is_assumed_and_the_answer_says_so(pulse):
    found = pulse.call("POST", "/simulate", ASKED).json["parameters"]
    assert found["capacity_ah"] == {"value": 50.0, "source": "assumed"}
    assert found["series_cells"] == {"value": 125.0, "source": "assumed"}
    assert found["r0_ohm"]["source"] == "chemistry"
    assert found["soc"] == {"value": 60.0, "source": "request"}


def test_a_registered_battery_is_simulated_as_its_twin(pulse):
    build(pulse)
    history = World().live(drive(700, 140.0), 10.0)
    tell(pulse, history)
    asked = {"device_id": "battery_pack_001", "power_profile": [50_000.0], "time_steps": [0.0]}
    found = pulse.call("POST", "/simulate", asked).json
    assert found["parameters"]["r0_ohm"]["source"] == "history"
    assert found["parameters"]["soc"] == {"value": history.soc[-1], "source": "reading"}
    more = math.exp(2400 / (history.temperature[-1] + 273.15) - 2400 / 298.15)
    rest = 240 * np.interp(history.soc[-1], SOC_POINTS, CHEMISTRIES["LFP"].ocv) + 1.3
    resistance = 0.040 * more
    current = (rest - math.sqrt(rest**2 - 4 * resistance * 50_000)) / (2 * resistance)
    assert found["current_profile"][0] == pytest.approx(current, rel=0.002)
    assert found["voltage_profile"][0] == pytest.approx(rest - resistance * current, rel=0.002)


def test_what_the_caller_names_is_used_and_what_nobody_knows_is_told(pulse):
    build(pulse)
    asked = ASKED | {
        "device_id": "battery_pack_001",
        "model_parameters": {"r0_ohm": 0.5, "max_discharge_current": 2.0, "surroundings_c": 40.0, "colour": "blue", "sei": {"k": 1}},
    }
    found = pulse.call("POST", "/simulate", asked).json
    assert found["parameters"]["r0_ohm"] == {"value": 0.5, "source": "request"}
    assert found["parameters"]["surroundings_c"] == {"value": 40.0, "source": "request"}
    assert found["parameters"]["capacity_ah"] == {"value": 280.0, "source": "nameplate"}
    assert found["ignored_parameters"] == ["colour", "sei"]
    assert found["limits_reached"][0] == {
        "step": 1,
        "limit": "max_discharge_current",
        "requested_power": 2000.0,
        "delivered_power": pytest.approx(2.0 * found["voltage_profile"][1], rel=1e-3),
    }
    assert max(found["current_profile"]) == 2.0


def test_a_capacity_found_in_the_history_is_not_aged_again(pulse):
    pulse.send("wild", NOON - 5 * 3_600_000, {"soc": 90.0, "voltage": 800.0, "current": 0.0})
    assert pulse.call("PUT", "/api/v1/devices/wild", {"chemistry": "LFP"}).status == 200
    tell(pulse, World(charge=200.0).live(np.concatenate([np.full(700, 80.0), np.full(500, -60.0)]), 6.0, soc=90.0), "wild")
    asked = {"device_id": "wild", "power_profile": [1000.0], "time_steps": [1.0], "chemistry": "LFP"}
    found = pulse.call("POST", "/simulate", asked).json["parameters"]
    assert found["capacity_ah"] == {"value": pytest.approx(200.0, rel=0.01), "source": "history"}
    assert found["soh"] == {"value": 100.0, "source": "history"}  # though it says 87.2


def test_the_limits_of_the_device_hold(pulse):
    build(pulse, safety_constraints={"min_soc": 58.0, "max_charge_current": 1.0})
    asked = ASKED | {"device_id": "battery_pack_001", "power_profile": [50_000.0, -5000.0], "time_steps": [0.5, 1.0]}
    found = pulse.call("POST", "/simulate", asked).json
    assert found["soc_profile"][0] == pytest.approx(58.0)
    assert [one["limit"] for one in found["limits_reached"]] == ["min_soc", "max_charge_current"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"time_steps": [1.0]}, "time_steps"),
        ({"time_steps": [0.25, 0.5, 0.5, 1.0, 1.25]}, "time_steps"),
        ({"time_steps": [1.25, 1.0, 0.75, 0.5, 0.25]}, "time_steps"),
        ({"time_steps": [-1, 0.5, 0.75, 1.0, 1.25]}, "time_steps.0"),
        ({"power_profile": [], "time_steps": []}, "power_profile"),
        ({"power_profile": [1e300] * 5}, "power_profile.0"),
        ({"power_profile": "all"}, "power_profile"),
        ({"power_profile": [True, 1, 1, 1, 1]}, "power_profile.0"),
        ({"chemistry": "LEAD"}, "chemistry"),
        ({"current_soc": 101.0}, "current_soc"),
        ({"current_soc": -0.1}, "current_soc"),
        ({"current_soh": 0.0}, "current_soh"),
        ({"temperature": 1000.0}, "temperature"),
        ({"device_id": ""}, "device_id"),
        ({"model_parameters": {"r0_ohm": -1.0}}, "model_parameters.r0_ohm"),
        ({"model_parameters": {"min_soc": 80.0, "max_soc": 20.0}}, "model_parameters.min_soc"),
        ({"current_soc": None}, "current_soc"),
        ({"chemistry": None}, "chemistry"),
    ],
)
def test_bad_input_is_400_and_named(pulse, changes, wrong):
    assert wrong in fields(pulse.call("POST", "/simulate", ASKED | changes))


@pytest.mark.parametrize(
    "body", ['{"device_id":"x","power_profile":[NaN],"time_steps":[1]}', "[]", "", "{", '{"power_profile":[Infinity]}']
)
def test_bodies_that_are_none_are_400(pulse, body):
    reply = pulse._door("POST", "/api/v1/simulate", body, Content_Type="application/json")
    assert reply.status == 400


@pytest.mark.parametrize(
    "model", [{}, {"capacity_ah": 0.001}, {"r0_ohm": 1e-6, "heat_capacity_j_k": 1}, {"capacity_ah": 1e6}, {"series_cells": 100_000}]
)
@pytest.mark.parametrize("power", [1e10, -1e10, 1e-300])
def test_extremes_are_finite(pulse, model, power):
    reply = pulse.call("POST", "/simulate", ASKED | {"power_profile": [power] * 5, "model_parameters": model})
    assert reply.status == 200, reply.json
    for name in ("voltage_profile", "current_profile", "soc_profile", "temperature_profile", "power_profile"):
        assert all(value is not None and math.isfinite(value) for value in reply.json[name])
    assert all(0 <= soc <= 100 for soc in reply.json["soc_profile"])


def test_what_the_job_process_found_stands_in_the_answer(pulse):
    build(pulse)
    history = World().live(drive(700, 140.0), 10.0)
    tell(pulse, history)
    before = pulse.get("/api/v1/twin/battery_pack_001")
    assert (before["examined"], before["estimate"], before["health"], before["remaining_life"]) == (None, None, [], None)
    assert "not been examined" in before["remaining_life_reason"]
    twin_study.study(pulse.store, NOON, lambda share: None)
    found = pulse.get("/api/v1/twin/battery_pack_001")
    estimate = found["estimate"]
    assert estimate["soc"] == pytest.approx(history.soc[-1], abs=2 * estimate["soc_standard_deviation"])
    assert 0.3 < estimate["innovation"] < 1.5
    assert {one["name"]: one["state"] for one in found["health"]}["voltage_bias"] == "good"
    assert [one["reason"] for one in found["health"] if one["value"] is None] == ["its resistance was found on too few days"]
    assert (found["remaining_life"], "too few days" in found["remaining_life_reason"]) == (None, True)
