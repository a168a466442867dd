"""Real MongoDB servers that are killed, frozen, cut off, demoted and starved of disk: what was acknowledged is stored, once."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from pymongo import MongoClient

from datastore.backends import mongo_turn
from datastore.backends.mongo_engine import MongoEngine
from datastore.kept.telemetry import KeptTelemetry
from plant.errors import Unavailable
from plant.model import MINUTE, SECOND, Block, Window
from tests.datastore import mongod
from tests.datastore.cut_line import Proxy
from tests.datastore.mongod import Mongod
from tests.datastore.outages import small_disk

NOON = 1_790_049_600_000
ROOT = Path(__file__).resolve().parents[2]
BATCH = 200

pytestmark = pytest.mark.timeout(240)


def now() -> int:
    return NOON + 30 * SECOND


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mongod]:
    """A server of this test's own."""
    with mongod.running(tmp_path / "data") as started:
        yield started


def block(device: str, number: int, rows: int = BATCH) -> Block:
    """The `number`th batch of a device: a reading every millisecond, each with a value of its own."""
    first = number * rows
    return Block("rack", ("soc", "power"), [(device, NOON + i, NOON + 300 + i, 0, i / 8, float(i)) for i in range(first, first + rows)])


@dataclass
class Sender(threading.Thread):
    """Sends one batch after the other until told to stop; one that was not acknowledged is sent again, as a spool does."""

    telemetry: KeptTelemetry
    device: str
    acknowledged: int = 0
    refusals: int = 0
    faults: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.stopping = threading.Event()
        self.progress = threading.Condition()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                try:
                    self.telemetry.append([block(self.device, self.acknowledged)])
                except Unavailable:
                    with self.progress:
                        self.refusals += 1
                        self.progress.notify_all()
                    continue
                with self.progress:
                    self.acknowledged += 1
                    self.progress.notify_all()
        except BaseException as error:
            self.faults.append(error)

    def until(self, batches: int = 0, refusals: int = 0) -> None:
        """Wait for this many acknowledged batches and refusals."""
        with self.progress:
            assert self.progress.wait_for(lambda: self.acknowledged >= batches and self.refusals >= refusals, 100), self.faults

    def finish(self) -> None:
        self.stopping.set()
        self.join(60)
        assert not self.is_alive()
        assert self.faults == []


def sending(telemetry: KeptTelemetry, count: int = 3) -> list[Sender]:
    senders = [Sender(telemetry, f"r{i}") for i in range(count)]
    for sender in senders:
        sender.start()
    return senders


def stored(url: str, device: str) -> list[int]:
    """The instants of a device as another client finds them, without the code under test."""
    with MongoClient(url, directConnection=True) as client:
        database = client.get_default_database()
        key = database["device_key"].find_one({"device_id": device})["_id"]
        found = database["reading_rack"].find({"_id": {"$gte": key << 43, "$lt": key + 1 << 43}}, {"_id": 1})
        return sorted(row["_id"] & (1 << 43) - 1 for row in found)


def check(url: str, senders: list[Sender]) -> None:
    """What was acknowledged is stored exactly, and the rollups that were accumulated meanwhile say the same as the rows."""
    for sender in senders:
        sender.finish()
        assert stored(url, sender.device) == [NOON + i for i in range(sender.acknowledged * BATCH)]
    telemetry = KeptTelemetry(MongoEngine(url), lambda: NOON + 200 * MINUTE)
    try:
        for sender in senders:
            window = Window(NOON, NOON + 100 * MINUTE)
            found = telemetry.columns(sender.device, "rack", ["soc", "power"], window)
            assert found.values["power"].tolist() == list(range(sender.acknowledged * BATCH))
            for _ in range(2):
                summed = telemetry.series([(sender.device, "rack")], ["power"], window, resolution=MINUTE)
                series = summed[sender.device, "rack", "power"]
                assert int(series.n.sum()) == sender.acknowledged * BATCH
                assert np.nanmax(series.max) == sender.acknowledged * BATCH - 1
                telemetry.maintain()
    finally:
        telemetry.close()


def test_a_server_killed_amid_inserts_has_what_was_acknowledged(server: Mongod) -> None:
    url = server.url("plant")
    telemetry = KeptTelemetry(MongoEngine(url), now)
    senders = sending(telemetry, 2)
    for kill in range(1, 3):
        senders[0].until(batches=10 * kill)
        server.kill()
        senders[0].until(refusals=kill)
        server.start()
        senders[0].until(batches=10 * kill + 5)
    for sender in senders:
        sender.finish()
    telemetry.maintain()
    telemetry.close()
    check(url, senders)


def test_a_server_killed_amid_sealing_has_every_reading_once(server: Mongod) -> None:
    url = server.url("plant")
    later = NOON + 48 * 60 * MINUTE
    telemetry = KeptTelemetry(MongoEngine(url), lambda: later)
    devices = [f"r{i}" for i in range(12)]
    telemetry.append([block(device, 0, 2000) for device in devices])
    refusals: list[Unavailable] = []

    def seal() -> None:
        try:
            telemetry.seal(later)
        except Unavailable as error:
            refusals.append(error)

    sealing = threading.Thread(target=seal)
    with MongoClient(url, directConnection=True, serverSelectionTimeoutMS=1000) as client:
        chunks = client.get_default_database()["chunk"]
        sealing.start()
        while sealing.is_alive() and not chunks.find_one({}, {"_id": 1}):
            pass
        server.kill()
    sealing.join(60)
    assert len(refusals) == 1, "the kill came too late"
    server.start()
    window = Window(NOON, NOON + 10 * SECOND)

    def whole() -> bool:
        read = [telemetry.columns(device, "rack", ["power"], window).values["power"].tolist() for device in devices]
        return read == [list(range(2000))] * len(devices)

    assert whole()
    telemetry.seal(later)
    assert whole()
    telemetry.close()
    with MongoClient(url, directConnection=True) as client:
        database = client.get_default_database()
        assert database["reading_rack"].count_documents({}) == 0
        assert database["chunk"].count_documents({}) == len(devices)


def test_a_demoted_primary_loses_nothing(mongodb_replica_set_url: str) -> None:
    url = mongodb_replica_set_url
    telemetry = KeptTelemetry(MongoEngine(url), now)
    senders = sending(telemetry, 2)
    with MongoClient(url, directConnection=True) as client:
        for down in range(1, 4):
            senders[0].until(batches=10 * down)
            client.admin.command({"replSetStepDown": 1, "force": True})
            senders[0].until(batches=10 * down + 5)
    for sender in senders:
        sender.finish()
    telemetry.close()
    check(url, senders)


def test_a_frozen_server_is_unavailable_and_what_it_did_meanwhile_is_told_as_duplicates(server: Mongod) -> None:
    telemetry = KeptTelemetry(MongoEngine(server.url("plant")), now)
    telemetry.append([block("r0", 0)])
    server.freeze()
    begun = time.monotonic()
    try:
        with pytest.raises(Unavailable, match="MongoDB does not answer"):
            telemetry.append([block("r0", 1)])
        assert time.monotonic() - begun < 30
    finally:
        server.thaw()
    (outcome,) = telemetry.append([block("r0", 1)])
    assert outcome.inserted + outcome.duplicates == BATCH
    assert stored(server.url("plant"), "r0") == [NOON + i for i in range(2 * BATCH)]
    telemetry.close()


@pytest.mark.slow
def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "420m") as disk:
        server = Mongod(disk / "data", syncdelay="1")
        server.folder.mkdir()
        try:
            server.start()
            telemetry = KeptTelemetry(MongoEngine(server.url("plant")), now)
            senders = sending(telemetry)
            senders[0].until(batches=5)
            free = os.statvfs(disk)
            (disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - (1 << 20)))
            senders[0].until(refusals=1)
            (disk / "filler").unlink()
            assert server.process is not None
            if server.process.poll() is not None:  # MongoDB ends itself rather than keep half a checkpoint
                server.start()
            senders[0].until(batches=senders[0].acknowledged + 3)
            for sender in senders:
                sender.finish()
            telemetry.close()
            check(server.url("plant"), senders)
        finally:
            server.kill()


@pytest.mark.parametrize("way", ["in the request", "before the answer"])
def test_a_connection_cut_amid_a_batch_leaves_each_reading_once(server: Mongod, way: str) -> None:
    """The insert of 2,000 rows is more than 100 kB: what comes before it, taking the turn, is a few hundred bytes."""
    proxy = Proxy(server.port)
    telemetry = KeptTelemetry(MongoEngine(server.url("plant", proxy.port)), now)
    try:
        telemetry.append([block("r0", 0, 2000)])
        (proxy.cut_request if way == "in the request" else proxy.cut_answer)(60_000)
        with pytest.raises(Unavailable, match="MongoDB does not answer"):
            telemetry.append([block("r0", 1, 2000)])
        assert proxy.cuts == 1
        (outcome,) = telemetry.append([block("r0", 1, 2000)])
        assert (outcome.inserted, outcome.duplicates) == ((2000, 0) if way == "in the request" else (0, 2000))
        assert stored(server.url("plant"), "r0") == [NOON + i for i in range(4000)]
        found = telemetry.columns("r0", "rack", ["power"], Window(NOON, NOON + 10 * SECOND))
        assert found.values["power"].tolist() == list(range(4000))
    finally:
        telemetry.close()
        proxy.close()


# -- the turn over processes ----------------------------------------------------------------------------------------

KILLED_IN_ITS_TURN = """
import os, signal, sys
from datastore.backends import mongo_turn
from datastore.backends.mongo_engine import MongoEngine
mongo_turn.LEASE_S = 2
with MongoEngine(sys.argv[1]).write() as tx:
    tx.number_devices("rack", ["r0"])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_in_its_turn_holds_others_up_for_its_lease_at_most(mongodb_url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_ITS_TURN, mongodb_url], cwd=ROOT, timeout=60)
    assert killed.returncode == -9
    with MongoClient(mongodb_url) as client:
        assert client.get_default_database()["state"].find_one({"_id": "turn"})["holder"]
    begun = time.monotonic()
    engine = MongoEngine(mongodb_url)
    try:
        with engine.write() as tx:
            assert list(tx.number_devices("rack", ["r0", "r1"])) == ["r0", "r1"]
        assert time.monotonic() - begun < 5
    finally:
        engine.close()


def test_a_writer_that_stood_still_beyond_its_lease_writes_nothing_more(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = MongoEngine(mongodb_url), MongoEngine(mongodb_url)
    monkeypatch.setattr(mongo_turn, "LEASE_S", 0.3)
    monkeypatch.setattr(mongo_turn, "_RENEW_S", 0.0)
    try:
        with pytest.raises(Unavailable, match="another one has taken its turn"), slow.write() as tx:
            (key,) = tx.number_devices("rack", ["r0"]).values()
            with quick.write() as other:  # waits until the lease has ended
                assert other.insert_new("rack", ("soc",), [(key, NOON, NOON, 0, 1.0)]) == []
            tx.insert_new("rack", ("soc",), [(key, NOON + 1, NOON, 0, 2.0)])
        with quick.read() as tx:
            assert tx.hot_rows("rack", ("soc",), None, 0, 1 << 50) == [(key, NOON, NOON, 0, 1.0)]
    finally:
        slow.close()
        quick.close()


def test_a_long_turn_renews_its_lease(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = MongoEngine(mongodb_url), MongoEngine(mongodb_url)
    monkeypatch.setattr(mongo_turn, "LEASE_S", 0.5)
    monkeypatch.setattr(mongo_turn, "_RENEW_S", 0.0)
    order: list[str] = []

    def other() -> None:
        with second.write():
            order.append("second")

    waiting = threading.Thread(target=other)
    try:
        with first.write() as tx:
            (key,) = tx.number_devices("rack", ["r0"]).values()
            waiting.start()
            until, place = time.monotonic() + 1.5, 0
            while time.monotonic() < until:
                tx.insert_new("rack", ("soc",), [(key, NOON + place, NOON, 0, 1.0)])
                place += 1
            order.append("first")
        waiting.join(20)
        assert order == ["first", "second"]
    finally:
        first.close()
        second.close()


# -- opening --------------------------------------------------------------------------------------------------------


def test_nobody_at_the_address_is_unavailable_within_seconds_and_tells_no_password() -> None:
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="Connection refused") as caught:
        MongoEngine(f"mongodb://olga:top-secret@127.0.0.1:{mongod.free_port()}/plant")
    assert time.monotonic() - begun < 10
    assert "top-secret" not in f"{caught.value}{caught.value.__cause__}"


def test_a_wrong_password_is_told_without_it(server: Mongod) -> None:
    with pytest.raises(Unavailable, match="Authentication failed") as caught:
        MongoEngine(f"mongodb://olga:top-secret@127.0.0.1:{server.port}/plant")
    assert "top-secret" not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize(
    "url", ["mongodb://olga:top@secret@host/x", "mongodb://", "mongodb://h:port/x", "mongodb://h/x?w=top-secret&replicaSet="]
)
def test_an_address_that_makes_no_sense_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises((ValueError, Unavailable)) as caught:
        MongoEngine(url)
    assert "secret" not in str(caught.value)
