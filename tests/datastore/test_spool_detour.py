"""The way around a silent store: order, pauses, who is told what. The store is a real one in memory that is told when to be silent;
real faults are in test_spool_faults."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import datastore.detour
from datastore.backends.memory import MemoryTelemetry
from datastore.backends.memory_records import MemoryRecords
from datastore.detour import Detour, longer
from datastore.intake import Intake
from datastore.live import LiveBus
from datastore.ports import Outcome
from datastore.spool import Spool
from plant.errors import Damaged, DeviceNotFound, Invalid, Unavailable
from plant.model import Block, Device, Quality, Window

NOW = 1_790_000_000_000
SILENT = Unavailable("the server is gone")


class Switch:
    """Telemetry in memory whose `append` raises `fault` while there is one; remembers what was tried and what was kept."""

    def __init__(self) -> None:
        self.memory = MemoryTelemetry("UTC", lambda: NOW)
        self.fault: Exception | None = None
        self.judge: Callable[[Block], Exception | None] = lambda block: None
        self.tried = 0
        self.commits: list[list[Block]] = []
        self.progress = threading.Condition()

    def append(self, blocks: Sequence[Block]) -> list[Outcome]:
        with self.progress:
            self.tried += 1
            self.progress.notify_all()
            fault = self.fault or next((found for block in blocks if (found := self.judge(block))), None)
            if fault:
                raise fault
            self.commits.append(list(blocks))
            return self.memory.append(blocks)

    def wait_until_tried(self, times: int) -> None:
        with self.progress:
            assert self.progress.wait_for(lambda: self.tried >= times, 30)


class SwitchedRecords(MemoryRecords):
    """Records that are silent while `fault` is set."""

    fault: Exception | None = None
    asked = 0

    def devices_version(self) -> int:
        self.asked += 1
        if self.fault:
            raise self.fault
        return super().devices_version()

    def put_devices(self, devices) -> None:
        if self.fault:
            raise self.fault
        super().put_devices(devices)


class Bench:
    def __init__(self, folder: Path, auto_register: bool = True) -> None:
        self.folder = folder
        self.telemetry = Switch()
        self.records = SwitchedRecords(lambda: NOW)
        self.heard: list[Block] = []
        self.live = LiveBus()
        self.live.subscribe("readings", lambda _topic, blocks: self.heard.extend(blocks))
        self.intake = self.start(auto_register)

    def start(self, auto_register: bool = True) -> Intake:
        spool = Spool(self.folder / "spool", 1 << 30)
        self.intake = Intake(self.telemetry, self.records, self.live, lambda: NOW, auto_register, spool=spool)
        return self.intake

    def silence(self) -> None:
        self.telemetry.fault = self.records.fault = SILENT

    def answer_again(self) -> None:
        self.telemetry.fault = self.records.fault = None

    def stored(self, device: str = "b1") -> dict[int, float]:
        kept = self.telemetry.memory.columns(device, "bess", ("soc",), Window(0, NOW + 10**9))
        return dict(zip(kept.at.tolist(), kept.values["soc"].tolist(), strict=True))

    def refused(self) -> list[dict]:
        return [json.loads(line) for path in self.folder.glob("spool/*/*.refused") for line in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(datastore.detour, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(datastore.detour, "LONGEST_PAUSE_S", 0.05)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.intake.close()


def reading(at: int, soc: float = 50.0, device: str = "b1", quality: int = 0) -> Block:
    return Block("bess", ("soc",), [(device, at, NOW, quality, soc)])


def test_while_the_store_is_silent_readings_are_acknowledged_as_spooled_and_made_known_once(bench):
    assert bench.intake.accept([reading(NOW)]) == [Outcome(inserted=1)]
    bench.silence()
    assert bench.intake.accept([reading(NOW + 1), reading(NOW + 2)]) == [Outcome(spooled=1), Outcome(spooled=1)]
    stats = bench.intake.stats
    assert (stats.accepted, stats.spooled, stats.spool_waiting, stats.failed) == (1, 2, 2, 0)
    assert stats.spool_bytes > 0
    assert bench.intake.backlog.cause == "the server is gone"
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert bench.heard == [reading(NOW), reading(NOW + 1), reading(NOW + 2)]
    assert sorted(bench.stored()) == [NOW, NOW + 1, NOW + 2]
    assert bench.intake.backlog.drained == 2
    assert bench.intake.backlog.cause == ""
    assert bench.intake.accept([reading(NOW + 3)]) == [Outcome(inserted=1)]


def test_the_parts_of_one_call_are_answered_apart(bench):
    bench.silence()
    bench.records.fault = None
    clocked = Block("pack", ("voltage",), [("p1", 5, NOW, 0, 51.2), ("p1", NOW, NOW, 0, 51.3)])
    assert bench.intake.accept([clocked, reading(NOW)]) == [Outcome(spooled=2), Outcome(spooled=1)]


def test_what_comes_while_something_waits_stands_behind_it(bench):
    """The newer value of an instant must not be overtaken by the older one that waited."""
    bench.intake.accept([reading(NOW, 0.0)])
    bench.silence()
    bench.intake.accept([reading(NOW, 1.0)])
    bench.intake.accept([reading(NOW, 2.0)])
    bench.telemetry.fault = None  # the records are still silent: nothing can be registered, so nothing drains
    assert bench.intake.accept([reading(NOW, 3.0)]) == [Outcome(spooled=1)]
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert [block.rows[0][4] for commit in bench.telemetry.commits for block in commit] == [0.0, 1.0, 2.0, 3.0]
    assert bench.stored() == {NOW: 3.0}


def test_a_failing_store_is_asked_again_after_longer_and_longer_pauses(monkeypatch):
    monkeypatch.undo()
    pauses = [0.0]
    while len(pauses) < 9:
        pauses.append(longer(pauses[-1]))
    assert pauses[1:] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


def test_while_it_is_silent_the_store_is_asked_by_one_thread_only_and_callers_do_not_wait(bench, monkeypatch):
    monkeypatch.setattr(datastore.detour, "FIRST_PAUSE_S", 3600.0)
    bench.intake.accept([reading(NOW)])
    bench.silence()
    bench.intake.accept([reading(NOW + 1)])
    tried, asked = bench.telemetry.tried, bench.records.asked
    for number in range(50):
        assert bench.intake.accept([reading(NOW + 2 + number)]) == [Outcome(spooled=1)]
    assert (bench.telemetry.tried, bench.records.asked) == (tried, asked)


def test_unknown_devices_register_when_the_store_is_back(bench):
    bench.intake.accept([reading(NOW)])
    bench.silence()
    assert bench.intake.accept([reading(NOW, device="new", quality=Quality.SIMULATED)]) == [Outcome(spooled=1)]
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert bench.records.device("new") == Device("new", "bess", name="new", simulated=True)
    assert bench.stored("new") == {NOW: 50.0}


def test_bad_readings_are_refused_during_an_outage_too(tmp_path):
    bench = Bench(tmp_path, auto_register=False)
    bench.records.put_devices([Device("b1", "bess")])
    bench.intake.accept([reading(NOW)])
    bench.silence()
    with pytest.raises(DeviceNotFound):
        bench.intake.submit([reading(NOW, device="stranger")])
    with pytest.raises(Invalid):
        bench.intake.submit([reading(NOW, float("nan"))])
    future, rejected = bench.intake.offer([reading(NOW + 1), reading(NOW, device="stranger")])
    assert future.result(30) == [Outcome(spooled=1)]
    assert [refusal.field for refusal in rejected] == ["device_id"]
    bench.intake.close()


def test_without_ever_having_heard_the_devices_nothing_can_be_accepted(tmp_path):
    bench = Bench(tmp_path)
    bench.silence()
    with pytest.raises(Unavailable, match="the server is gone"):
        bench.intake.accept([reading(NOW)])
    bench.intake.close()


def test_a_device_deleted_during_the_outage_is_set_aside_and_its_neighbours_are_kept(bench, caplog):
    bench.records.put_devices([Device("b1", "bess"), Device("b2", "bess")])
    bench.intake.accept([reading(NOW)])
    bench.telemetry.fault = SILENT
    for number in range(5):
        bench.intake.accept([reading(NOW + 1 + number, float(number)), reading(NOW + 1 + number, 7.0, "b2")])
    bench.records.put_devices([Device("b2", "bess", deleted=True)])
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert len(bench.stored()) == 6
    assert bench.stored("b2") == {}
    assert [(line["device_id"], line["timestamp"], line["values"]) for line in bench.refused()] == [
        ("b2", NOW + 1 + number, {"soc": 7.0}) for number in range(5)
    ]
    assert (bench.intake.stats.refused, bench.intake.backlog.drained) == (5, 5)
    assert "Device with ID 'b2' not found" in caplog.text


def test_one_poisoned_reading_among_many_is_found_and_set_aside(bench):
    bench.intake.accept([reading(NOW)])
    bench.silence()
    rows = [("b1", NOW - number, NOW, 0, 13.0 if number == 77 else 1.0) for number in range(1, 200)]
    bench.intake.accept([Block("bess", ("soc",), rows), reading(NOW + 1)])
    bench.telemetry.judge = lambda block: TypeError("13 brings bad luck") if any(row[4] == 13.0 for row in block.rows) else None
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert len(bench.stored()) == 200
    assert [(line["timestamp"], line["reason"]) for line in bench.refused()] == [(NOW - 77, "TypeError: 13 brings bad luck")]


def test_readings_of_a_damaged_chunk_do_not_hold_up_the_others(bench):
    """A chunk that cannot be read is Unavailable too, but no other reading suffers from it."""
    bench.intake.accept([reading(NOW)])
    bench.telemetry.judge = lambda block: Damaged("The readings soc are damaged") if block.rows[0][1] == NOW - 5 else None
    with pytest.raises(Unavailable, match="damaged"):
        bench.intake.accept([reading(NOW - 5)])
    assert bench.intake.stats.spooled == 0, "the store answers"
    bench.silence()
    for at in (NOW - 4, NOW - 5, NOW - 6):
        bench.intake.accept([reading(at)])
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert sorted(bench.stored()) == [NOW - 6, NOW - 4, NOW]
    assert bench.intake.stats.refused == 1


def test_a_store_that_refuses_everything_is_broken_and_nothing_is_set_aside(bench):
    bench.intake.accept([reading(NOW)])
    bench.silence()
    for number in range(100):
        bench.intake.accept([reading(NOW + number + 1)])
    bench.records.fault, bench.telemetry.fault = None, RuntimeError("the driver is confused")
    bench.telemetry.wait_until_tried(bench.telemetry.tried + 60)
    assert bench.refused() == []
    assert bench.intake.stats.spool_waiting == 100
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert len(bench.stored()) == 101


def test_a_new_start_drains_what_the_last_run_left(bench):
    bench.intake.accept([reading(NOW)])
    bench.silence()
    for number in range(10):
        bench.intake.accept([reading(NOW + number, float(number))])
    bench.intake.close()
    bench.answer_again()
    bench.heard.clear()
    intake = bench.start()
    assert intake.wait_for_spool(30)
    assert bench.stored() == {NOW + number: float(number) for number in range(10)}
    assert bench.heard == [], "they were made known when they came"


def test_closing_drains_what_goes(bench, monkeypatch):
    monkeypatch.setattr(datastore.detour, "FIRST_PAUSE_S", 3600.0)
    bench.intake.accept([reading(NOW)])
    bench.silence()
    bench.intake.accept([reading(NOW + 1)])
    bench.answer_again()
    bench.intake.close()
    assert sorted(bench.stored()) == [NOW, NOW + 1]
    assert list(bench.folder.glob("spool/*/*.spool")) == []


def test_closing_does_not_wait_for_a_silent_store(bench, monkeypatch):
    monkeypatch.setattr(datastore.detour, "CLOSE_WITHIN_S", 3600.0)
    bench.intake.accept([reading(NOW)])
    bench.silence()
    bench.intake.accept([reading(NOW + 1)])
    bench.intake.close()
    assert bench.intake.stats.spool_waiting == 1


def test_senders_that_never_rest_do_not_keep_the_spool_from_emptying(bench, monkeypatch):
    """Spooling is quicker than committing: without holding the writer back a little the spool would grow for ever."""
    monkeypatch.setattr(datastore.detour, "ROWS_PER_COMMIT", 40)
    bench.intake.accept([reading(NOW)])
    bench.telemetry.fault = SILENT
    stop = threading.Event()
    kept: dict[str, int] = {}

    def send(name: str) -> None:
        at = NOW
        while not stop.is_set():
            bench.intake.accept([Block("bess", ("soc",), [(name, at + place, NOW, 0, 1.0) for place in range(30)])])
            at += 30
            kept[name] = at - NOW

    threads = [threading.Thread(target=send, args=(f"d{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    try:
        bench.telemetry.wait_until_tried(bench.telemetry.tried + 3)
        bench.answer_again()
        assert bench.intake.wait_for_spool(60)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {name: len(bench.stored(name)) for name in kept} == kept


def test_a_hung_store_does_not_hold_up_those_who_send(bench, monkeypatch):
    """The drainer waits inside the store; acknowledgements go on."""
    monkeypatch.setattr(datastore.detour, "TURN_S", 0.01)
    bench.intake.accept([reading(NOW)])
    bench.silence()
    bench.intake.accept([reading(NOW + 1)])
    hung, go = threading.Event(), threading.Event()

    def hang(block: Block) -> None:
        hung.set()
        assert go.wait(30)

    bench.telemetry.judge = hang
    bench.answer_again()
    assert hung.wait(30)
    for number in range(20):
        assert bench.intake.submit([reading(NOW + 2 + number)]).result(30) == [Outcome(spooled=1)]
    go.set()
    assert bench.intake.wait_for_spool(30)
    assert len(bench.stored()) == 22


def test_a_full_spool_fails_those_who_come_and_says_when_to_come_back(tmp_path):
    telemetry, records = Switch(), MemoryRecords(lambda: NOW)
    intake = Intake(telemetry, records, LiveBus(), lambda: NOW, spool=Spool(tmp_path / "spool", 200))
    intake.accept([reading(NOW)])
    telemetry.fault = SILENT
    assert intake.accept([reading(NOW + 1)]) == [Outcome(spooled=1)]
    with pytest.raises(Unavailable, match="spool is full") as refusal:
        intake.accept([Block("bess", ("soc",), [("b1", NOW + number, NOW, 0, 1.0) for number in range(50)])])
    assert refusal.value.details["retry_after"] > 0
    assert (intake.stats.failed, intake.stats.spooled) == (50, 1)
    telemetry.fault = None
    assert intake.wait_for_spool(30)
    intake.close()


def test_without_a_spool_a_silent_store_is_told_to_the_caller(bench):
    plain = Intake(bench.telemetry, bench.records, bench.live, lambda: NOW)
    bench.telemetry.fault = SILENT
    with pytest.raises(Unavailable, match="the server is gone"):
        plain.accept([reading(NOW)])
    assert (plain.stats.spool_waiting, plain.backlog.limit_bytes, plain.wait_for_spool(0)) == (0, 0, True)
    plain.close()


def test_what_a_dead_neighbour_left_is_taken_over_while_running(tmp_path, monkeypatch):
    monkeypatch.setattr(datastore.detour, "ADOPT_EVERY_S", 0.01)
    neighbour = Spool(tmp_path / "spool", 1 << 30)
    neighbour.append([[reading(NOW, 1.0)]], NOW)
    kept, came = [], threading.Event()

    def keep(blocks: list[Block]) -> None:
        kept.extend(blocks)
        came.set()

    detour = Detour(Spool(tmp_path / "spool", 1 << 30), keep, lambda: NOW)
    assert not came.is_set()
    neighbour.close()
    assert came.wait(30)
    assert detour.wait(30)
    assert kept == [reading(NOW, 1.0)]
    detour.close()


def test_an_outage_says_so_once_and_its_end_too(bench, caplog):
    caplog.set_level(logging.WARNING, "datastore.detour")
    bench.intake.accept([reading(NOW)])
    bench.silence()
    for number in range(5):
        bench.intake.accept([reading(NOW + number)])
    bench.answer_again()
    assert bench.intake.wait_for_spool(30)
    assert [record.message.split(" (")[0] for record in caplog.records if record.name == "datastore.detour"] == [
        "the store does not answer",
        "the store has taken over what was in the spool",
    ]
