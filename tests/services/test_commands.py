"""Commands through a real store: sent, checked, handed out, answered, timed out, by several at once."""

import multiprocessing
import threading
from dataclasses import replace

import pytest

from datastore.open import open_store
from plant.errors import CommandNotFound, Conflict, DeviceNotFound, Invalid, Locked, SafetyViolation, TooMany
from plant.model import Block, Device
from services.command_expiry import Expiry
from services.commands import MOST_OPEN, Commands, Order, hash_of
from services.orders import check_json

T0 = 1_705_329_000_000  # 2024-01-15T14:30:00Z
PACK = Device(
    "battery_pack_001", "pack", site_id="site_001", rating={"power_kw": 20.0}, info={"safety_constraints": {"max_charge_current": 25}}
)


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path, clock):
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'commands.db'}"
    opened = open_store(url, "UTC", clock=clock)
    opened.records.put_devices([PACK, replace(PACK, device_id="battery_pack_002")])
    yield opened
    opened.close()


@pytest.fixture
def commands(store, clock):
    return Commands(store, clock)


def charge(device="battery_pack_001", **more) -> Order:
    values = {"parameters": {"target_power": 5000, "target_soc": 80, "max_current": 25}, "source": "operator01"} | more
    return Order(device, values.pop("type", "start_charge"), **values)


def stop(device="battery_pack_001") -> Order:
    return Order(device, "emergency_shutdown", {"reason": "operator_initiated"}, source="operator01")


def test_a_command_comes_back_from_the_store_as_it_was_sent(commands, store, clock):
    sent = commands.send(charge(metadata={"optimization_context": {"policy_version": "RL_v2.1"}}, timeout_s=60, priority="high"))
    kept = Commands(store, clock).get("battery_pack_001", sent.id)
    assert kept == sent
    assert (kept.type, kept.parameters, kept.timeout_s, kept.priority, kept.source, kept.site_id, kept.queued) == (
        "start_charge", {"target_power": 5000, "target_soc": 80, "max_current": 25}, 60, "high", "operator01", "site_001", T0)  # fmt: skip
    assert kept.metadata == {"optimization_context": {"policy_version": "RL_v2.1"}}
    assert kept.constraints["max_charge_power"] == 20_000


def test_ids_are_unique_and_sequences_grow_within_a_device_even_in_one_millisecond(commands):
    sent = [commands.send(charge(type="request_status", parameters={})) for _ in range(5)]
    other = commands.send(charge("battery_pack_002"))
    assert [c.sequence for c in sent] == list(range(sent[0].sequence, sent[0].sequence + 5))
    assert len({c.id for c in [*sent, other]}) == 6


def test_a_device_answers_and_the_command_goes_its_way(commands, clock):
    sent = commands.send(charge())
    for after, status in ((1000, "acknowledged"), (2000, "executing"), (9000, "completed")):
        clock.now = T0 + after
        commands.respond("battery_pack_001", sent.id, status, f"now {status}", {"soc": 80.0} if status == "completed" else None)
    found = commands.get("battery_pack_001", sent.id)
    assert (found.status, found.acknowledged, found.started, found.ended) == ("completed", T0 + 1000, T0 + 2000, T0 + 9000)
    assert (found.message, found.result) == ("now completed", {"soc": 80.0})


def test_an_answer_that_leads_back_is_a_conflict_and_a_strangers_is_not_found(commands):
    sent = commands.send(charge())
    commands.respond("battery_pack_001", sent.id, "completed")
    with pytest.raises(Conflict):
        commands.respond("battery_pack_001", sent.id, "failed")
    for device, number in (("battery_pack_002", sent.id), ("battery_pack_001", "cmd_0"), ("battery_pack_001", "x" * 500)):
        with pytest.raises(CommandNotFound):
            commands.respond(device, number, "completed")
        with pytest.raises(CommandNotFound):
            commands.get(device, number)
    with pytest.raises(Invalid):
        commands.respond("battery_pack_001", sent.id, "timeout")


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (charge("nobody"), DeviceNotFound),
        (charge(type="explode"), Invalid),
        (charge(timeout_s=0), Invalid),
        (charge(timeout_s=301), Invalid),
        (charge(priority="super"), Invalid),
        (charge(parameters={"target_power": "lots"}), Invalid),
        (charge(parameters={"x": float("nan")}), Invalid),
        (charge(parameters={"x": "a\0b"}), Invalid),
        (charge(parameters={"x": "\ud800"}), Invalid),
        (charge(parameters={"x": 2**80}), Invalid),
        (charge(parameters={"x": "y" * 20_000}), Invalid),
        (charge(parameters={"target_power": 20_001}), SafetyViolation),
        (charge(parameters={"max_current": 25.5}), SafetyViolation),
    ],
)
def test_what_must_not_be_queued_is_not(commands, order, error):
    with pytest.raises(error):
        commands.send(order)
    assert commands.history("battery_pack_001")[0] == []


def test_the_newest_reading_forbids_charging_a_full_battery(commands, store):
    store.intake.accept([Block("pack", ("soc",), [("battery_pack_001", T0, T0, 0, 100.0)])])
    with pytest.raises(SafetyViolation) as caught:
        commands.send(charge(parameters={}))
    assert caught.value.details["violations"] == ["The state of charge is 100 %, charging ends at 100 %"]
    commands.send(charge(type="start_discharge", parameters={}))


def test_maintenance_locks_all_but_the_emergency_shutdown(commands, store):
    store.records.put_devices([replace(PACK, status="maintenance")])
    for kind in ("start_charge", "stop_charge", "request_status", "update_parameters"):
        with pytest.raises(Locked):
            commands.send(charge(type=kind, parameters={}))
    assert commands.send(stop()).status == "queued"


def test_maintenance_of_one_of_its_kinds_locks_an_id(commands, store):
    store.records.put_devices([replace(PACK, kind="pcs", status="maintenance", info={}, rating={})])
    with pytest.raises(Locked):
        commands.send(charge())


def test_an_emergency_shutdown_jumps_the_queue_and_ends_what_would_make_power_flow(commands):
    status = commands.send(charge(type="request_status", parameters={}))
    start = commands.send(charge())
    running = commands.send(charge())
    commands.respond("battery_pack_001", running.id, "executing")
    shutdown = commands.send(stop())
    assert commands.next_for("battery_pack_001").id == shutdown.id
    assert commands.next_for("battery_pack_001").id == status.id
    ended = commands.get("battery_pack_001", start.id)
    assert (ended.status, ended.message) == ("failed", f"Superseded by {shutdown.id} (emergency_shutdown)")
    assert commands.get("battery_pack_001", running.id).status == "executing"  # the device is at it and will tell
    with pytest.raises(Locked):
        commands.send(charge())
    commands.respond("battery_pack_001", shutdown.id, "completed")
    assert commands.send(charge()).status == "queued"


def test_an_emergency_shutdown_knows_no_limits_and_no_full_queue(commands, store):
    store.intake.accept([Block("pack", ("soc", "temperature"), [("battery_pack_001", T0, T0, 0, 100.0, 90.0)])])
    for _ in range(MOST_OPEN):
        commands.send(charge(type="request_status", parameters={}))
    with pytest.raises(TooMany):
        commands.send(charge(type="request_status", parameters={}))
    shutdown = commands.send(stop())
    assert (shutdown.priority, shutdown.constraints) == ("critical", {})
    assert commands.next_for("battery_pack_001").id == shutdown.id


def test_a_command_is_handed_to_one_poller_and_again_when_that_one_died(commands, clock):
    sent = commands.send(charge())
    assert commands.next_for("battery_pack_002") is None
    assert commands.next_for("battery_pack_001").id == sent.id
    assert commands.next_for("battery_pack_001") is None
    clock.now = T0 + 4999
    assert commands.next_for("battery_pack_001") is None
    clock.now = T0 + 5000
    assert commands.next_for("battery_pack_001").id == sent.id
    commands.respond("battery_pack_001", sent.id, "acknowledged")
    clock.now = T0 + 20_000
    assert commands.next_for("battery_pack_001") is None


def test_what_timed_out_is_not_handed_out(commands, clock):
    commands.send(charge())
    clock.now = T0 + 30_000
    assert commands.next_for("battery_pack_001") is None
    assert commands.deliverable() == (set(), False)
    assert commands.unpublished() == []


def test_expiry_writes_timeouts_by_the_clock_and_tells_them(store, commands, clock):
    heard = []
    store.live.subscribe("commands", lambda _, command: heard.append((command.id, command.status)))
    short, long = commands.send(charge(timeout_s=10)), commands.send(charge(timeout_s=60))
    expiry = Expiry(store, clock)
    clock.now = T0 + 9999
    assert expiry.step() == []
    clock.now = T0 + 10_000
    assert [c.id for c in expiry.step()] == [short.id]
    assert expiry.step() == []
    assert store.records.entry("commands", short.id).state == "timeout"
    clock.now = T0 + 60_000
    assert [c.id for c in expiry.step()] == [long.id]
    assert heard == [(short.id, "queued"), (long.id, "queued"), (short.id, "timeout"), (long.id, "timeout")]


def test_a_timeout_is_seen_before_anybody_wrote_it(commands, clock):
    sent = commands.send(charge(timeout_s=1))
    clock.now = T0 + 1000
    assert commands.get("battery_pack_001", sent.id).status == "timeout"
    assert commands.history("battery_pack_001")[0][0].status == "timeout"
    late = commands.respond("battery_pack_001", sent.id, "completed", "at last")
    assert (late.status, late.late["status"], late.late["at"]) == ("timeout", "completed", T0 + 1000)


def test_history_pages_are_stable_while_new_commands_come(commands, clock):
    sent = []
    for n in range(7):
        clock.now = T0 + n // 3  # several in one millisecond
        sent.append(commands.send(charge(type="request_status", parameters={})).id)
    first, cursor = commands.history("battery_pack_001", limit=3)
    clock.now = T0 + 99
    commands.send(charge(type="request_status", parameters={}))
    rest = []
    while cursor:
        page, cursor = commands.history("battery_pack_001", limit=3, cursor=cursor)
        rest += page
    assert [c.id for c in [*first, *rest]] == sent[::-1]


def test_history_of_one_status(commands, clock):
    ids = []
    for n in range(6):
        clock.now = T0 + n
        ids.append(commands.send(charge(type="request_status", parameters={})).id)
        if n % 2:
            commands.respond("battery_pack_001", ids[-1], "completed")
    found, cursor = commands.history("battery_pack_001", limit=2, status="completed")
    more, end = commands.history("battery_pack_001", limit=2, cursor=cursor, status="completed")
    assert ([c.id for c in [*found, *more]], end) == ([ids[5], ids[3], ids[1]], None)


@pytest.mark.parametrize("cursor", ["x", "12", "12-", "-a", "9" * 30 + "-a", "1e3-b", "١-a"])
def test_a_cursor_that_is_none_is_invalid(commands, cursor):
    with pytest.raises(Invalid):
        commands.history("battery_pack_001", cursor=cursor)


def test_the_audit_log_tells_who_sent_what_and_nothing_secret(commands, store):
    sent = commands.send(charge(parameters={"target_power": 5000, "password": "hunter2"}))
    commands.respond("battery_pack_001", sent.id, "completed", "ok")
    with pytest.raises(SafetyViolation):
        commands.send(charge(parameters={"target_power": 1e8}))
    log = [(who, action, what) for _, who, action, what in store.records.audit_log()][::-1]
    assert [(who, action) for who, action, _ in log] == [
        ("operator01", "command.send"), ("battery_pack_001", "command.completed"), ("operator01", "command.refused")]  # fmt: skip
    assert "target_power=5000" in log[0][2]
    assert not any("hunter2" in what for _, _, what in log)


def test_published_is_noted_once_and_says_nothing_to_others(commands, store):
    sent = commands.send(charge())
    heard = []
    store.live.subscribe("commands", lambda _, command: heard.append(command))
    assert [c.id for c in commands.unpublished()] == [sent.id]
    commands.mark_published(sent)
    assert (commands.unpublished(), heard) == ([], [])


def test_threads_that_ask_at_once_get_each_command_once(commands):
    sent = {commands.send(charge(type="request_status", parameters={})).id for _ in range(12)}
    got, lock, gate = [], threading.Lock(), threading.Barrier(6)

    def poll():
        gate.wait()
        for _ in range(4):
            found = commands.next_for("battery_pack_001")
            if found is not None:
                with lock:
                    got.append(found.id)

    threads = [threading.Thread(target=poll) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got))
    assert set(got) <= sent
    assert len(got) == 12


def _race(url: str, gate, results) -> None:
    store = open_store(url, "UTC", clock=lambda: T0)
    commands = Commands(store, lambda: T0)
    gate.wait(60)
    sent = [commands.send(charge(type="request_status", parameters={})).id for _ in range(10)]
    got = []
    while (found := commands.next_for("battery_pack_001")) is not None:
        got.append(found.id)
    results.put((sent, got))
    store.close()


def test_two_processes_give_different_ids_and_hand_each_command_out_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'race.db'}"
    store = open_store(url, "UTC", clock=lambda: T0)
    store.records.put_devices([PACK])
    spawn = multiprocessing.get_context("spawn")
    gate, results = spawn.Barrier(2), spawn.Queue()
    racers = [spawn.Process(target=_race, args=(url, gate, results)) for _ in range(2)]
    for racer in racers:
        racer.start()
    told = [results.get(timeout=90) for _ in racers]
    for racer in racers:
        racer.join(30)
        assert racer.exitcode == 0
    sent = [number for ids, _ in told for number in ids]
    got = [number for _, ids in told for number in ids]
    assert len(set(sent)) == 20
    assert sorted(got) == sorted(sent)
    store.close()


def test_the_hash_is_fnv_1a():
    # test vectors of the FNV specification (Noll): "" and "foobar"
    assert (hash_of(""), hash_of("foobar")) == (0x811C9DC5, 0xBF9CF968)


def test_json_that_every_store_can_keep():
    check_json("x", {"a": [1, 2.5, None, True, "電🔋", {"b": []}]})
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(Invalid):
        check_json("x", deep)
