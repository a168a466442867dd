"""The store breaks for real in the middle of traffic, and processes are killed: what was acknowledged is stored once, as if nothing
had been."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

import datastore.detour
import datastore.open
from datastore.backends.memory import MemoryTelemetry
from datastore.open import open_store
from datastore.ports import Outcome
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import Block, Window
from tests.datastore.outages import OUTAGES, Outage, small_disk

PROJECT = Path(datastore.open.__file__).parents[1]
NOW = 1_790_000_000_000
EVER = Window(0, NOW + 86_400_000)


@pytest.fixture(params=OUTAGES.values(), ids=OUTAGES.keys())
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    with request.param(tmp_path) as way:
        yield way


on_sqlite_only = pytest.mark.parametrize("outage", [way for name, way in OUTAGES.items() if name.startswith("sqlite")], indirect=True)
"""For claims about the way round that do not depend on what kind of store is silent, and would take minutes on servers."""


def opened(outage: Outage, folder: Path, spool_bytes: int = 64 << 20) -> Store:
    return open_store(outage.url, "UTC", lambda: NOW, spool=folder / "spool", spool_bytes=spool_bytes)


def reading(device: str, at: int, soc: float, received: int = NOW) -> Block:
    return Block("bess", ("soc",), [(device, at, received, 0, soc)])


class Traffic:
    """Threads that send as fast as they are answered and remember what was acknowledged, and how."""

    def __init__(self, store: Store, threads: int = 6) -> None:
        self.store = store
        self.acknowledged: dict[str, dict[int, float]] = {f"d{number}": {} for number in range(threads)}
        self.inserted = dict.fromkeys(self.acknowledged, 0)
        self.spooled = dict.fromkeys(self.acknowledged, 0)
        self.faults: list[BaseException] = []
        self._progress = threading.Condition()
        self._stop = False
        self._threads = [threading.Thread(target=self._send, args=(name, number)) for number, name in enumerate(self.acknowledged)]
        for thread in self._threads:
            thread.start()

    def _send(self, name: str, number: int) -> None:
        at = NOW - 3_600_000
        while not self._stop:
            rows = [(name, at + place, NOW, 0, float((at + place) % 101)) for place in range(1 + number * 3)]
            try:
                (outcome,) = self.store.intake.accept([Block("bess", ("soc",), rows)])
            except BaseException as fault:
                with self._progress:
                    self.faults.append(fault)
                    self._progress.notify_all()
                return
            with self._progress:
                assert outcome in (Outcome(inserted=len(rows)), Outcome(spooled=len(rows)))
                self.acknowledged[name].update({row[1]: row[4] for row in rows})
                self.inserted[name] += outcome.inserted
                self.spooled[name] += outcome.spooled
                self._progress.notify_all()
            at += len(rows)

    def until(self, what: dict[str, int], more: int) -> None:
        """Wait until each thread has had so many more acknowledged in this way."""
        with self._progress:
            goal = {name: count + more for name, count in what.items()}
            assert self._progress.wait_for(lambda: self.faults or all(what[name] >= goal[name] for name in goal), 60)
            assert not self.faults, self.faults

    def stop(self) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join(60)


def stored(store: Store, device: str) -> dict[int, float]:
    kept = store.telemetry.columns(device, "bess", ("soc",), EVER)
    assert len(kept.at) == len(set(kept.at.tolist()))
    return dict(zip(kept.at.tolist(), kept.values["soc"].tolist(), strict=True))


def test_an_outage_in_the_middle_of_traffic_loses_and_doubles_nothing(outage, tmp_path):
    store = opened(outage, tmp_path)
    traffic = Traffic(store)
    traffic.until(traffic.inserted, 20)
    outage.begin()
    traffic.until(traffic.spooled, 40)
    outage.end()
    assert store.intake.wait_for_spool(60), "the spool empties although readings keep coming"
    traffic.until(traffic.inserted, 20)
    traffic.stop()
    stats = store.intake.stats
    assert stats.failed == stats.duplicates == stats.refused == stats.spool_waiting == 0
    assert stats.spooled == store.intake.backlog.drained == sum(traffic.spooled.values())
    store.close()
    again = opened(outage, tmp_path)
    for device, acknowledged in traffic.acknowledged.items():
        assert stored(again, device) == acknowledged
    assert [device.device_id for device in again.records.devices()] == sorted(traffic.acknowledged)
    again.close()


@on_sqlite_only
def test_several_outages_one_after_the_other(outage, tmp_path):
    store = opened(outage, tmp_path)
    traffic = Traffic(store, 3)
    for _ in range(3):
        traffic.until(traffic.inserted, 5)
        outage.begin()
        traffic.until(traffic.spooled, 5)
        outage.end()
        assert store.intake.wait_for_spool(60)
    traffic.stop()
    for device, acknowledged in traffic.acknowledged.items():
        assert stored(store, device) == acknowledged
    store.close()


def revisions() -> list[Block]:
    """One instant told again and again with other values, other metrics and older ones, by three devices: order decides."""
    dice = random.Random(7)
    sent = []
    for number in range(120):
        device, at = f"d{dice.randrange(3)}", NOW - 1000 * dice.randrange(4)
        metrics = dice.choice([("soc",), ("soc", "voltage"), ("voltage",)])
        sent.append(Block("bess", metrics, [(device, at, NOW + number, 0, *[float(dice.randrange(5)) for _ in metrics])]))
    return sent


def told(telemetry) -> list[object]:
    """All that can be read of it, also what was known at each time of receipt."""
    found: list[object] = []
    for device in ("d0", "d1", "d2"):
        for as_of in (None, *range(NOW, NOW + 120, 7)):
            kept = telemetry.columns(device, "bess", ("soc", "voltage"), EVER, as_of=as_of)
            found.append(
                (device, as_of, kept.at.tolist(), kept.received.tolist(), repr([column.tolist() for column in kept.values.values()]))
            )
    return found


def never_down() -> list[object]:
    memory = MemoryTelemetry("UTC", lambda: NOW)
    for block in revisions():
        memory.append([block])
    return told(memory)


def test_an_instant_revised_during_the_outage_ends_as_if_it_had_never_been_spooled(outage, tmp_path):
    store = opened(outage, tmp_path)
    sent = revisions()
    for block in sent[:30]:
        store.intake.accept([block])
    outage.begin()
    for block in sent[30:90]:
        assert store.intake.accept([block])[0].spooled == 1
    outage.end()
    assert store.intake.wait_for_spool(60)
    for block in sent[90:]:
        assert store.intake.accept([block])[0].spooled == 0
    assert told(store.telemetry) == never_down()
    store.close()


def test_closing_during_an_outage_leaves_the_readings_for_the_next_start(outage, tmp_path):
    store = opened(outage, tmp_path)
    store.intake.accept([reading("d0", NOW, 1.0)])
    outage.begin()
    store.intake.accept([reading("d0", NOW + 1, 2.0)])
    store.intake.close()
    outage.end()
    store.telemetry.close()
    store.records.close()
    again = opened(outage, tmp_path)
    assert again.intake.wait_for_spool(60)
    assert stored(again, "d0") == {NOW: 1.0, NOW + 1: 2.0}
    again.close()


@on_sqlite_only
def test_a_full_spool_refuses_and_everything_acknowledged_is_stored(outage, tmp_path):
    store = opened(outage, tmp_path, spool_bytes=4000)
    store.intake.accept([reading("d0", NOW, 0.0)])
    outage.begin()
    acknowledged = {NOW: 0.0}
    with pytest.raises(Unavailable, match="the spool is full") as refusal:
        for number in range(1, 1000):
            store.intake.accept([reading("d0", NOW + number, float(number))])
            acknowledged[NOW + number] = float(number)
    assert refusal.value.details["retry_after"] > 0
    assert len(acknowledged) > 20
    outage.end()
    assert store.intake.wait_for_spool(60)
    assert stored(store, "d0") == acknowledged
    assert store.intake.accept([reading("d0", NOW + 5000, 1.0)]) == [Outcome(inserted=1)]
    store.close()


def test_store_and_spool_on_one_full_disk_refuse_and_both_recover(tmp_path):
    with small_disk(tmp_path / "disk", "24m") as disk:
        store = open_store(f"sqlite:///{disk / 'plant.db'}", "UTC", lambda: NOW, spool=disk / "spool")
        acknowledged = {}
        with pytest.raises(Unavailable, match="No space left on device"), (disk / "filler").open("wb", buffering=0) as filler:
            for at in range(NOW, NOW + 100_000):
                store.intake.accept([reading("d0", at, float(at % 7))])
                acknowledged[at] = float(at % 7)
                with suppress(OSError):
                    filler.write(bytes(400_000))
        assert len(acknowledged) > 10
        (disk / "filler").unlink()
        assert store.intake.wait_for_spool(60)
        assert stored(store, "d0") == acknowledged
        assert store.intake.accept([reading("d0", NOW + 200_000, 1.0)]) == [Outcome(inserted=1)]
        store.close()


# --- killed ---------------------------------------------------------------------------------------------------------

SENDER = """
import os, sys, threading
from pathlib import Path
from datastore.open import open_store
from plant.model import Block

url, spool, first, now = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
store = open_store(url, "UTC", lambda: now, spool=spool)

def send(number):
    at = first
    while True:
        size = 1 + (at % 5) * number
        rows = [(f"d{number}", at + i, now, 0, float((at + i) % 101)) for i in range(size)]
        outcome = store.intake.accept([Block("bess", ("soc",), rows)])[0]
        os.write(1, f"{number} {at} {size} {outcome.spooled}\\n".encode())
        at += size

for number in range(5):
    threading.Thread(target=send, args=(number,), daemon=True).start()
threading.Event().wait()
"""


def test_a_process_killed_while_it_spools_loses_nothing_it_acknowledged(outage, tmp_path):
    """Three times over the same files: killed during the outage, then started again after it."""
    acknowledged: dict[str, dict[int, float]] = {f"d{number}": {} for number in range(5)}
    first = NOW - 50_000_000
    opened(outage, tmp_path).close()
    for turn in range(3):
        command = [sys.executable, "-c", SENDER, outage.url, str(tmp_path / "spool"), str(first), str(NOW)]
        with subprocess.Popen(command, env={"PYTHONPATH": str(PROJECT)}, stdout=subprocess.PIPE, text=True) as sender:
            assert sender.stdout is not None
            lines = [sender.stdout.readline() for _ in range(20)]
            outage.begin()
            spooled = 0
            while spooled < 50 + 30 * turn:
                lines.append(sender.stdout.readline())
                assert lines[-1], "the sender ended"
                spooled += lines[-1].split()[3] != "0"
            sender.kill()
            lines += sender.stdout.read().splitlines()
        outage.end()
        for number, at, size, _ in (map(int, line.split()) for line in lines if line.strip()):
            acknowledged[f"d{number}"].update({instant: float(instant % 101) for instant in range(at, at + size)})
        first = 1000 + max(max(instants, default=first) for instants in acknowledged.values())
    store = opened(outage, tmp_path)
    assert store.intake.wait_for_spool(60)
    for device, instants in acknowledged.items():
        kept = stored(store, device)
        assert instants.items() <= kept.items()
        # what is stored beyond that was on its way when the process was killed: written, and nobody was told
        assert all(value == at % 101 for at, value in kept.items())
    store.close()


def kept_revisions(path: Path) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT ts, metric, received, replaced FROM revision ORDER BY 1, 2, 3, 4").fetchall()


DRAINER = """
import os, sys, threading
from pathlib import Path
import datastore.detour
from datastore.kept.telemetry import KeptTelemetry
from datastore.open import open_store

datastore.detour.ROWS_PER_COMMIT = 8
append = KeptTelemetry.append

def watched(self, blocks):
    os.write(1, b"<")
    os.read(0, 1)
    outcomes = append(self, blocks)
    os.write(1, b">")
    os.read(0, 1)
    return outcomes

KeptTelemetry.append = watched
store = open_store(sys.argv[1], "UTC", lambda: int(sys.argv[3]), spool=Path(sys.argv[2]))
store.intake.wait_for_spool(100)
os.write(1, b".")
threading.Event().wait()
"""


def test_a_process_killed_while_it_drains_neither_loses_nor_doubles_nor_invents_a_revision(tmp_path):
    """Killed before the commit and after it, before the spool has heard of it, again and again until nothing is left."""
    with OUTAGES["sqlite file away"](tmp_path) as outage:
        store = opened(outage, tmp_path)
        sent = revisions()
        store.intake.accept([sent[0]])
        outage.begin()
        for block in sent[1:]:
            store.intake.accept([block])
        store.intake.close()
        outage.end()
        store.telemetry.close()
        store.records.close()
        kills = 0
        command = [sys.executable, "-c", DRAINER, outage.url, str(tmp_path / "spool"), str(NOW)]
        while True:
            with subprocess.Popen(command, env={"PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as drainer:
                assert drainer.stdin is not None
                assert drainer.stdout is not None
                for _ in range(3 + 4 * kills):
                    told_now = os.read(drainer.stdout.fileno(), 1)
                    if told_now == b".":
                        break
                    drainer.stdin.write(b"g")
                    drainer.stdin.flush()
                else:
                    told_now = os.read(drainer.stdout.fileno(), 1)
                drainer.kill()
            kills += 1
            if told_now == b".":
                break
        assert kills > 3
        again = opened(outage, tmp_path)
        assert again.intake.backlog.waiting == 0
        assert told(again.telemetry) == never_down()
        again.close()
        undisturbed = open_store(f"sqlite:///{tmp_path / 'undisturbed.db'}", "UTC", lambda: NOW)
        for block in sent:
            undisturbed.intake.accept([block])
        undisturbed.close()
        assert kept_revisions(tmp_path / "plant.db") == kept_revisions(tmp_path / "undisturbed.db")
