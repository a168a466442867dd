"""The life of a command and its safety check: pure."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.analysis import commands
from plant.analysis.command_safety import Limits, limits_of, malformed, violations
from plant.errors import Conflict
from plant.model import Command, Device

T0 = 1_705_329_000_000  # 2024-01-15T14:30:00Z


def command(**more) -> Command:
    return Command(**({"id": "cmd_1", "device_id": "battery_pack_001", "type": "start_charge", "queued": T0} | more))


def walked(*steps: tuple[str, int]) -> Command:
    found = command()
    for status, after in steps:
        found = commands.answered(found, status, T0 + after)
    return found


def test_the_documented_life_leaves_its_times():
    found = walked(("acknowledged", 1000), ("executing", 2000), ("completed", 9000))
    assert (found.status, found.acknowledged, found.started, found.ended) == ("completed", T0 + 1000, T0 + 2000, T0 + 9000)


def test_who_reports_the_end_at_once_has_begun():
    found = walked(("completed", 4000))
    assert (found.acknowledged, found.started, found.ended) == (T0 + 4000, T0 + 4000, T0 + 4000)


def test_a_refusal_by_the_device_is_a_failure_that_never_began():
    found = commands.answered(command(), "failed", T0 + 500, "door open")
    assert (found.status, found.started, found.ended, found.message) == ("failed", None, T0 + 500, "door open")


@pytest.mark.parametrize(
    "steps", [["completed", "executing"], ["completed", "failed"], ["failed", "completed"], ["executing", "acknowledged"]]
)
def test_no_way_leads_back(steps):
    with pytest.raises(Conflict):
        walked(*[(status, 100) for status in steps])


@pytest.mark.parametrize("status", ["acknowledged", "executing", "completed", "failed"])
def test_saying_the_same_twice_changes_nothing(status):
    once = commands.answered(command(), status, T0 + 1000, "a", {"x": 1})
    assert commands.answered(once, status, T0 + 2000, "b", {"x": 2}) == once


def test_a_timeout_comes_at_the_deadline_and_not_before():
    waiting = command(timeout_s=30)
    assert commands.due(waiting, T0 + 29_999).status == "queued"
    late = commands.due(waiting, T0 + 45_000)
    assert (late.status, late.ended) == ("timeout", T0 + 30_000)


def test_a_late_answer_is_kept_beside_the_timeout():
    found = commands.answered(command(timeout_s=30), "completed", T0 + 31_000, "done after all", {"final_soc": 80.0})
    assert (found.status, found.ended, found.result) == ("timeout", T0 + 30_000, None)
    assert found.late == {"status": "completed", "message": "done after all", "result": {"final_soc": 80.0}, "at": T0 + 31_000}
    assert commands.answered(found, "completed", T0 + 32_000, "done after all", {"final_soc": 80.0}) == found


STEP = st.tuples(st.sampled_from(commands.ANSWERS), st.integers(0, 20_000))


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=12), st.integers(1, 300))
def test_whatever_a_device_says_in_whatever_order_the_life_stays_sound(steps, timeout_s):
    found, now, seen = command(timeout_s=timeout_s), T0, ["queued"]
    for status, pause in steps:
        now += pause
        before = found
        try:
            found = commands.answered(found, status, now)
        except Conflict:
            assert status not in commands.ALLOWED[commands.due(before, now).status]
        if found.status != seen[-1]:
            assert found.status in commands.ALLOWED[seen[-1]]
            seen.append(found.status)
        if before.status not in commands.OPEN:
            assert (found.status, found.ended, found.result) == (before.status, before.ended, before.result)
        assert (found.ended is None) == (found.status in commands.OPEN)
        times = [at for at in (found.queued, found.acknowledged, found.started, found.ended) if at is not None]
        assert times == sorted(times)
        if found.ended is not None:
            assert found.ended <= found.deadline
    assert len(seen) <= 4


def test_an_emergency_goes_first_then_priority_then_age():
    waiting = [
        command(id="old", queued=T0),
        command(id="high", queued=T0 + 5, priority="high"),
        command(id="stop", queued=T0 + 9, type="emergency_shutdown", priority="critical"),
        command(id="older", queued=T0 - 9),
        command(id="low", queued=T0 - 99, priority="low"),
    ]
    assert [c.id for c in commands.order(waiting)] == ["stop", "high", "older", "old", "low"]


def test_what_lies_in_somebodys_hands_is_not_handed_out_until_that_is_over():
    taken, free = command(id="a", handed_until=T0 + 5000), command(id="b", queued=T0 + 1)
    assert commands.next_in([taken, free], T0 + 100).id == "b"
    assert commands.next_in([taken], T0 + 4999) is None
    assert commands.next_in([taken], T0 + 5000).id == "a"
    assert commands.next_in([command(status="acknowledged")], T0) is None
    assert commands.next_in([taken], taken.deadline) is None


def test_the_estimate_is_the_median_of_what_such_commands_took_at_most_the_deadline():
    def took(ms: int, **more) -> Command:
        return command(status="completed", ended=T0 + ms, **more)

    history = [took(4000), took(10_000), took(6000), took(500, type="stop_charge"), command(status="failed", ended=T0 + 1)]
    assert commands.estimate(command(), history) == T0 + 6000
    assert commands.estimate(command(timeout_s=5), history) == T0 + 5000
    assert commands.estimate(command(type="request_status"), history) == T0 + 30_000


# S2's device: specifications of the document, constraints as in its Command Message
PACK = Device(
    "battery_pack_001", "pack", site_id="site_001", rating={"max_charge_power_kw": 5.0, "max_discharge_power_kw": 8.0},
    info={"chemistry": "NMC", "safety_constraints": {
        "max_cell_voltage": 4.15, "min_cell_voltage": 3.0, "max_charge_current": 25, "max_discharge_current": 50,
        "temperature_limits": {"max": 50.0, "min": -10.0}, "min_soc": 10.0, "max_soc": 95.0}},
)  # fmt: skip
GOOD = {"soc": 67.5, "temperature": 23.7, "cell_voltages": [3.45, 3.46, 3.44], "cell_temperatures": [23.1, 23.9, 22.8]}


def judged(type_: str, parameters: dict, values: dict | None = None, device: Device = PACK) -> list[str]:
    return violations(device.kind, type_, parameters, limits_of(device), GOOD if values is None else GOOD | values)


def test_the_documented_command_is_safe_for_the_documented_device():
    assert judged("start_charge", {"target_power": 5000, "target_soc": 80, "max_current": 25}) == []


@pytest.mark.parametrize(
    ("type_", "parameters", "words"),
    [
        ("start_charge", {"target_power": 5000.1}, ["target_power", "5000 W"]),
        ("start_discharge", {"target_power": 8001}, ["8001", "8000"]),
        ("start_charge", {"max_current": 26}, ["max_current", "25 A"]),
        ("start_discharge", {"max_current": 51}, ["discharge", "50 A"]),
        ("start_charge", {"target_soc": 96}, ["target_soc", "95"]),
        ("start_discharge", {"target_soc": 9}, ["target_soc", "10"]),
        ("update_parameters", {"max_current": 26}, ["charge limit of 25 A"]),
    ],
)
def test_each_parameter_beyond_its_limit_is_told_in_words(type_, parameters, words):
    found = judged(type_, parameters)
    assert len(found) == 1
    assert all(word in found[0] for word in words)


@pytest.mark.parametrize(
    ("type_", "values", "word"),
    [
        ("start_charge", {"soc": 95.0}, "state of charge"),
        ("start_discharge", {"soc": 10.0}, "state of charge"),
        ("start_charge", {"cell_voltages": [3.4, 4.15]}, "cell voltage"),
        ("start_discharge", {"cell_voltages": [3.0, 3.4]}, "cell voltage"),
        ("start_charge", {"temperature": 50.0}, "temperature"),
        ("start_discharge", {"cell_temperatures": [20.0, 57.2]}, "57.2"),
        ("start_charge", {"temperature": -10.0}, "lower limit"),
    ],
)
def test_each_state_at_its_limit_forbids_what_would_make_it_worse(type_, values, word):
    found = judged(type_, {}, values)
    assert len(found) == 1
    assert word in found[0]


@pytest.mark.parametrize(
    ("type_", "values"),
    [("start_discharge", {"soc": 100.0}), ("start_charge", {"soc": 5.0}), ("start_discharge", {"cell_voltages": [4.3]}),
     ("start_charge", {"cell_voltages": [2.5]}), ("stop_charge", {"soc": 100.0, "temperature": 90.0}),
     ("emergency_shutdown", {"temperature": 90.0}), ("request_status", {"temperature": 90.0})],
)  # fmt: skip
def test_what_makes_it_better_is_allowed(type_, values):
    assert judged(type_, {}, values) == []


def test_a_device_of_which_nothing_is_known_is_judged_by_nothing():
    assert violations("pack", "start_charge", {"target_power": 1e6}, Limits(), {}) == []
    assert violations("pack", "start_charge", {}, Limits(), {"soc": 100.0}) != []


def test_a_thermometer_cannot_be_charged():
    assert "weather" in violations("weather", "start_charge", {}, Limits(), {})[0]


def test_without_declared_limits_the_nameplate_and_the_alarm_bounds_of_the_catalogue_hold():
    rack = Device("r", "rack", rating={"power_kw": 100.0}, info={"chemistry": "LFP"})
    assert judged("start_charge", {"target_power": 100_001}, device=rack) != []
    assert judged("start_charge", {}, {"cell_max_voltage": 3.65}, rack) != []
    assert judged("start_charge", {}, {"cell_voltages": [3.7]}, PACK) == []  # NMC, and far below its own limit
    assert judged("start_charge", {}, {"cell_min_temp": 0.0}, rack) != []
    assert judged("start_discharge", {}, {"cell_min_temp": 0.0}, rack) == []  # lithium plates out when charging only
    assert judged("start_discharge", {}, {"cell_max_temp": 55.0}, rack) != []


@pytest.mark.parametrize(
    "parameters",
    [
        {"target_power": "much"},
        {"target_power": True},
        {"target_power": -5},
        {"target_soc": 101},
        {"target_soc": float("nan")},
        {"max_current": -1},
    ],
)
def test_parameters_that_are_no_quantity_are_malformed(parameters):
    assert list(malformed(parameters)) == list(parameters)


def test_unknown_parameters_are_the_devices_business():
    assert malformed({"reason": "operator_initiated", "target_power": 5000, "target_soc": None}) == {}
