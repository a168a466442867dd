"""PostgreSQL, MariaDB and MongoDB are stopped, killed, cut off, frozen and starved of disk under a store that takes readings: what was
acknowledged is stored, once, and whatever is made of it says the same."""

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pymysql
import pytest
from pymongo import MongoClient

import datastore.detour
from datastore.backends import mongo_link, mongo_turn, postgresql_line, sql_mysql, sql_postgresql, sql_record_engines
from datastore.open import open_store
from datastore.ports import Outcome
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import DAY, HOUR, MINUTE, SECOND, Block, Window
from tests.api.conftest import Server as WebServer
from tests.api.conftest import start_server, stop_server
from tests.datastore.cut_line import Proxy, line_to
from tests.datastore.outages import remount, small_disk
from tests.datastore.own_servers import DATABASE, SERVERS, Server, mariadb, mongodb, postgresql

START = 1_790_049_600_000
KIND = "rack"
METRICS = ("soc", "power")
BATCHES = (3, 3, 12, 12)
"""Readings a batch, of each sender: two keep pace with the clock of the plant, two are soon late by hours."""
PACE_S = 0.01
"""Between an answer and the next batch: what piles up while a server starts again must not take minutes to compare."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Kind:
    """A running server and which it is."""

    name: str
    server: Server


@pytest.fixture(scope="module", params=list(SERVERS))
def running(request: pytest.FixtureRequest) -> Iterator[Kind]:
    with SERVERS[request.param]() as server:
        yield Kind(request.param, server)


@pytest.fixture
def server(running: Kind) -> Iterator[Server]:
    """The same for all tests of this file, which tell devices of their own: what one test left is there in the next."""
    yield running.server
    running.server.thaw()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datastore.detour, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(datastore.detour, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(mongo_link, "PATIENCE_S", 2)


IMPATIENT_S = 3


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All limits much shorter than they are; what they are is the claim of another test."""
    for module in (postgresql_line, sql_mysql, sql_record_engines):
        monkeypatch.setattr(module, "SILENT_S", IMPATIENT_S)
    for module in (sql_mysql, sql_record_engines):
        monkeypatch.setattr(module, "CONNECT_S", IMPATIENT_S)
    monkeypatch.setattr(sql_postgresql, "_LINE", sql_postgresql._LINE | {"connect_timeout": IMPATIENT_S})
    monkeypatch.setattr(mongo_link, "SOCKET_S", IMPATIENT_S)
    monkeypatch.setattr(mongo_turn, "LEASE_S", 2 * IMPATIENT_S)
    monkeypatch.setattr(mongo_turn, "_RENEW_S", 1)


# -- a plant that is read once a second -----------------------------------------------------------------------------------


def values(second: int) -> tuple[float, float]:
    """What every device says at that second."""
    return float(second % 101), float(second % 1000)


def block(device: str, first: int, size: int) -> Block:
    """The readings of `size` seconds from the `first` after START."""
    rows = [(device, START + second * SECOND, START + second * SECOND, 0, *values(second)) for second in range(first, first + size)]
    return Block(KIND, METRICS, rows)


class Plant:
    """Four devices, each sent by a thread of its own as fast as it is answered, and the upkeep that a server process does meanwhile.

    `seconds` says how many readings of each device were acknowledged: those of the seconds 0, 1, 2, … after START.
    """

    def __init__(self, url: str, spool: Path, name: str, records_url: str = "") -> None:
        self.devices = [f"{name}-{number}" for number in range(len(BATCHES))]
        self.seconds = dict.fromkeys(self.devices, 0)
        self.inserted = dict.fromkeys(self.devices, 0)
        self.spooled = dict.fromkeys(self.devices, 0)
        self.longest_s = 0.0
        self.later = 0
        self._how = (url, spool, records_url)
        self._faults: list[BaseException] = []
        self._progress = threading.Condition()
        self._stopping = threading.Event()
        self.store = self.open()
        work = [
            self._upkeep,
            *(lambda device=device, size=size: self._send(device, size) for device, size in zip(self.devices, BATCHES, strict=True)),
        ]
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in work]
        for thread in self._threads:
            thread.start()

    def open(self) -> Store:
        url, spool, records_url = self._how
        return open_store(url, "UTC", self.now, spool=spool, records_url=records_url)

    def now(self) -> int:
        """The clock of the plant: the newest reading is from now."""
        return START + max(self.seconds.values()) * SECOND + self.later

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as fault:
            with self._progress:
                self._faults.append(fault)
                self._progress.notify_all()

    def _send(self, device: str, size: int) -> None:
        while not self._stopping.wait(PACE_S):
            begun = time.monotonic()
            (outcome,) = self.store.intake.accept([block(device, self.seconds[device], size)])
            with self._progress:
                assert outcome in (Outcome(inserted=size), Outcome(spooled=size))
                self.longest_s = max(self.longest_s, time.monotonic() - begun)
                self.seconds[device] += size
                self.inserted[device] += outcome.inserted
                self.spooled[device] += outcome.spooled
                self._progress.notify_all()

    def _upkeep(self) -> None:
        while not self._stopping.wait(0.3):
            with suppress(Unavailable):
                self.store.telemetry.maintain()

    def until(self, reached: Callable[[], bool], patience_s: float = 90) -> None:
        """Wait until that is so; looked at after each answer to a sender."""
        with self._progress:
            assert self._progress.wait_for(lambda: bool(self._faults) or reached(), patience_s), (self.inserted, self.spooled)
        assert not self._faults, self._faults

    def until_more(self, counts: Mapping[str, int], batches: int) -> None:
        """Wait until each device has had so many more batches answered in this way."""
        goal = {device: counts[device] + batches * size for device, size in zip(self.devices, BATCHES, strict=True)}
        self.until(lambda: all(counts[device] >= goal[device] for device in self.devices))

    def until_spooled_and_drained(self) -> None:
        """Wait until readings go the straight way again, with senders that never rest."""
        assert self.store.intake.wait_for_spool(60), self.store.intake.backlog
        self.until_more(self.inserted, 3)

    def stop(self) -> None:
        """Stop sending."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def close(self) -> None:
        self.stop()
        self.store.close()


@contextmanager
def plant_at(url: str, folder: Path, name: str, records_url: str = "") -> Iterator[Plant]:
    with closing(Plant(url, folder / "spool", name, records_url)) as plant:
        yield plant


# -- what is stored -------------------------------------------------------------------------------------------------------


def counted(server: Server, device: str) -> tuple[int, float]:
    """How many readings the server has of a device, and the sum of one value, as another client finds them in the table of the newest."""
    url, own = server.url(), f"FROM reading_{KIND} r JOIN device_key d ON d.id = r.device WHERE d.device_id = %s"
    if url.startswith("mongodb"):
        with MongoClient[dict[str, Any]](url, directConnection=True) as client:
            database = client[DATABASE]
            key = database["device_key"].find_one({"device_id": device, "kind": KIND})
            assert key is not None
            rows = list(database[f"reading_{KIND}"].find({"_id": {"$gte": key["_id"] << 43, "$lt": key["_id"] + 1 << 43}}))
        return len(rows), sum(row["power"] for row in rows)
    if url.startswith("postgresql"):
        with psycopg.connect(url) as connection:
            ((count, total),) = connection.execute(f"SELECT count(*), sum(r.power) {own}", (device,)).fetchall()  # type: ignore[arg-type]
    else:
        with closing(pymysql.connect(host="127.0.0.1", port=server.port, user="root", database=DATABASE)) as line, line.cursor() as cursor:
            cursor.execute(f"SELECT count(*), sum(r.power) {own}", (device,))
            ((count, total),) = cursor.fetchall()
    return int(count), float(total)


def assert_whole(store: Store, seconds: Mapping[str, int]) -> None:
    """Each device says `values` of its seconds, once: as readings, in minutes and hours, and as the newest."""
    latest = store.telemetry.latest([(device, KIND) for device in seconds])
    for device, count in seconds.items():
        window = Window(START, START + (count * SECOND // HOUR + 1) * HOUR)
        told = np.array([values(second) for second in range(count)])
        kept = store.telemetry.columns(device, KIND, METRICS, window)
        assert kept.at.tolist() == [START + second * SECOND for second in range(count)]
        for place, name in enumerate(METRICS):
            assert kept.values[name].tolist() == told[:, place].tolist()
        for width in (MINUTE, HOUR):
            firsts = np.arange(0, count, width // SECOND)
            series = store.telemetry.series([(device, KIND)], METRICS, window, resolution=width)
            for place, name in enumerate(METRICS):
                found = series[device, KIND, name]
                heard = found.n > 0
                assert found.at[heard].tolist() == [START + int(first) * SECOND for first in firsts]
                assert found.n[heard].tolist() == np.diff(np.r_[firsts, count]).tolist()
                assert found.sum[heard].tolist() == np.add.reduceat(told[:, place], firsts).tolist()
        last = START + (count - 1) * SECOND
        assert (latest[device, KIND].at, latest[device, KIND].times) == (last, dict.fromkeys(METRICS, last))
        assert latest[device, KIND].values == dict(zip(METRICS, values(count - 1), strict=True))


def assert_nothing_lost_or_doubled(plant: Plant, server: Server) -> None:
    """Now, when all minutes and hours are closed, when all is sealed, and in another process."""
    plant.until_spooled_and_drained()
    plant.stop()
    store, stats = plant.store, plant.store.intake.stats
    assert (stats.failed, stats.duplicates, stats.refused, stats.spool_waiting) == (0, 0, 0, 0)
    assert (stats.accepted, stats.spooled) == (sum(plant.inserted.values()), sum(plant.spooled.values()))
    assert store.intake.backlog.drained == stats.spooled
    for device, count in plant.seconds.items():
        assert plant.inserted[device] + plant.spooled[device] == count
        assert counted(server, device) == (count, sum(values(second)[1] for second in range(count)))
    assert_whole(store, plant.seconds)
    plant.later = 2 * HOUR
    for _ in range(2):
        store.telemetry.maintain()
        assert_whole(store, plant.seconds)
    store.telemetry.seal(plant.now() - HOUR)
    assert_whole(store, plant.seconds)
    plant.later = 2 * DAY
    store.telemetry.seal(plant.now())
    store.telemetry.maintain()
    assert_whole(store, plant.seconds)
    with closing(plant.open()) as again:
        assert again.intake.backlog.waiting == 0
        assert_whole(again, plant.seconds)


# -- gone and back --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_killed_and_one_that_is_stopped_amid_ingest(server: Server, tmp_path: Path) -> None:
    with plant_at(server.url(), tmp_path, "gone") as plant:
        for goes in (server.kill, server.stop):
            plant.until_more(plant.inserted, 15)
            goes()
            plant.until_more(plant.spooled, 15)
            server.start()
            plant.until_spooled_and_drained()
        assert_nothing_lost_or_doubled(plant, server)


def test_reads_say_within_seconds_that_the_server_is_away_and_answer_when_it_is_back(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_link, "PATIENCE_S", 1)
    window = Window(START, START + HOUR)
    with closing(open_store(server.url(), "UTC", lambda: START, spool=tmp_path / "spool")) as store:
        store.intake.accept([block("read", 0, 10)])
        telemetry = store.telemetry
        reads: list[Callable[[], object]] = [
            lambda: telemetry.columns("read", KIND, METRICS, window),
            lambda: telemetry.series([("read", KIND)], METRICS, window, resolution=MINUTE),
            lambda: telemetry.series([("read", KIND)], METRICS, window, resolution=HOUR),
            lambda: telemetry.latest([("read", KIND)]),
            lambda: telemetry.extent("read", KIND),
            lambda: store.records.ping(),
        ]
        server.stop()
        try:
            assert store.intake.accept([block("read", 10, 10)]) == [Outcome(spooled=10)]
            for read in reads:
                begun = time.monotonic()
                with pytest.raises(Unavailable):
                    read()
                assert time.monotonic() - begun < 5
        finally:
            server.start()
        assert store.intake.wait_for_spool(60)
        store.records.ping()
        assert_whole(store, {"read": 20})


# -- lines that are cut ---------------------------------------------------------------------------------------------------


def test_a_store_is_closed_while_its_server_is_away(server: Server, tmp_path: Path) -> None:
    store = open_store(server.url(), "UTC", lambda: START + DAY, spool=tmp_path / "spool")
    try:
        store.intake.accept([block("closed-away", 0, 3)])
        server.stop()
        store.close()
    finally:
        store.close()
        server.start()
    with closing(open_store(server.url(), "UTC", lambda: START + DAY)) as store:
        assert dict(store.telemetry.latest([("closed-away", KIND)])["closed-away", KIND].values) == {"soc": 2.0, "power": 2.0}


def test_a_line_that_is_cut_anywhere_in_a_batch(server: Server, tmp_path: Path) -> None:
    """A commit of the four senders says some kB: the cuts fall into any statement of it, and before any answer."""
    proxy = Proxy(server.port)
    sizes = (1, 200, 700, 1500, 3000, 6000)
    ways = [(cut, size) for size in sizes for cut in (proxy.cut_request, proxy.cut_answer)]
    try:
        with plant_at(server.url(DATABASE, proxy.port), tmp_path, "cut", server.url()) as plant:
            plant.until_more(plant.inserted, 5)
            for cuts, (cut, size) in enumerate(ways, 1):
                cut(size)
                plant.until(lambda cuts=cuts: proxy.cuts == cuts)  # type: ignore[misc]
                plant.until_spooled_and_drained()
            assert sum(plant.spooled.values()) > 0, "no cut fell into a batch"
            assert_nothing_lost_or_doubled(plant, server)
    finally:
        proxy.close()


LAST_WORD = {"postgresql": b"COMMIT\0", "mariadb": b"\x03COMMIT", "mongodb": f"reading_{KIND}\0".encode()}
"""Who has heard this, and answers, has kept the readings."""


def test_readings_that_were_kept_although_nobody_heard_so_are_not_kept_again(running: Kind, server: Server, tmp_path: Path) -> None:
    clock = [START + 25 * SECOND]
    with line_to("127.0.0.1", server.port) as line:
        through, spool = server.url(DATABASE, line.port), tmp_path / "spool"
        with closing(open_store(through, "UTC", lambda: clock[0], spool=spool, records_url=server.url())) as store:
            assert store.intake.accept([block("doubt", 0, 10)]) == [Outcome(inserted=10)]
            line.cut_at(LAST_WORD[running.name], for_good=True)
            assert store.intake.accept([block("doubt", 10, 10)]) == [Outcome(spooled=10)]
            assert line.cuts == 1
            assert counted(server, "doubt")[0] == 20, "the cut came before the end: this test has not seen what it is about"
            assert store.intake.backlog.waiting == 10
            line.mended.set()
            assert store.intake.wait_for_spool(60)
            assert store.intake.accept([block("doubt", 20, 5)]) == [Outcome(inserted=5)]
            for now in (clock[0], START + 2 * MINUTE, START + 2 * HOUR):  # the minute is open, closed, and its hour too
                clock[0] = now
                assert_whole(store, {"doubt": 25})
                store.telemetry.maintain()
                assert_whole(store, {"doubt": 25})
            assert counted(server, "doubt")[0] == 25


# -- frozen ---------------------------------------------------------------------------------------------------------------


def test_nobody_waits_for_a_frozen_server_longer_than_a_minute() -> None:
    """Whoever comes first asks for the devices, and then the writer finds the store, perhaps held by upkeep that froze with it: each
    until the server has been silent for too long and does not take a new call either."""
    for silent, connect in (
        (postgresql_line.SILENT_S, sql_postgresql._LINE["connect_timeout"]),
        (sql_mysql.SILENT_S, sql_mysql.CONNECT_S),
        (mongo_link.SOCKET_S, 5),
    ):
        records = sql_record_engines.SILENT_S + sql_record_engines.CONNECT_S
        assert records + silent + 2 * int(str(connect)) <= 60
    assert sql_postgresql.TURN_S < postgresql_line.SILENT_S, "who waits for its turn hears nothing"
    assert sql_mysql.TURN_S < sql_mysql.SILENT_S


@pytest.mark.usefixtures("impatient")
def test_a_frozen_server_holds_nobody_up_and_health_says_so(server: Server, tmp_path: Path) -> None:
    with plant_at(server.url(), tmp_path, "frozen") as plant:
        plant.until_more(plant.inserted, 15)
        server.freeze()
        frozen = time.monotonic()
        try:
            plant.until_more(plant.spooled, 15)
            assert plant.store.intake.backlog.cause
            begun = time.monotonic()
            with pytest.raises(Unavailable):
                plant.store.records.ping()
            assert time.monotonic() - begun < 3 * IMPATIENT_S
            # longer than the lease of a turn, and than any limit: what the server was asked then is stale when it wakes
            plant.until(lambda: time.monotonic() - frozen > 2.5 * IMPATIENT_S)
        finally:
            server.thaw()
        assert plant.longest_s < 6 * IMPATIENT_S
        assert_nothing_lost_or_doubled(plant, server)


# -- a full disk ----------------------------------------------------------------------------------------------------------

_SMALL_MARIADB = (
    "--innodb-log-file-size=4M", "--innodb-data-file-path=ibdata1:4M:autoextend", "--innodb-temp-data-file-path=ibtmp1:4M:autoextend",
    "--innodb-undo-tablespaces=0", "--innodb-log-buffer-size=2M",
)  # fmt: skip
_SMALL_POSTGRESQL = ("-c", "min_wal_size=2MB", "-c", "max_wal_size=4MB", "-c", "shared_buffers=8MB")
DISKS: Mapping[str, tuple[str, Callable[[Path], Any]]] = {
    "postgresql": ("100m", lambda folder: postgresql(folder, *_SMALL_POSTGRESQL)),
    "mariadb": ("100m", lambda folder: mariadb(folder, *_SMALL_MARIADB)),
    "mongodb": ("420m", lambda folder: mongodb(folder, syncdelay="1")),
}


@pytest.mark.parametrize("name", list(DISKS))
def test_a_full_disk_loses_nothing_and_readings_go_on_when_it_is_larger(name: str, disk: Path, tmp_path: Path) -> None:
    size, start = DISKS[name]
    remount(disk, f"size={size}")
    with start(disk) as server, plant_at(server.url(), tmp_path, "disk") as plant:
        plant.until_more(plant.inserted, 5)
        free = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - (256 << 10)))
        plant.until_more(plant.spooled, 10)
        remount(disk, "size=800m")
        until = time.monotonic() + 60
        while not plant.store.intake.wait_for_spool(2) and time.monotonic() < until:
            if server.process.poll() is not None:  # it may end itself rather than go on with half of a log
                server.start()
        assert_nothing_lost_or_doubled(plant, server)


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk that other users can enter, too."""
    folder = Path(tempfile.mkdtemp(prefix="voltdeck-disk-"))
    try:
        folder.chmod(0o755)
        with small_disk(folder / "disk", "50m") as mounted:
            yield mounted
    finally:
        shutil.rmtree(folder)


# -- the web process killed meanwhile -------------------------------------------------------------------------------------


@pytest.mark.server
def test_a_web_process_killed_while_the_spool_fills_drains_at_its_next_start(server: Server, tmp_path: Path) -> None:
    web = start_server(tmp_path, DATABASE_URL=server.url())
    seconds = {"web": 0}

    def send(size: int) -> int:
        rows = [
            {"device_id": "web", "kind": KIND, "timestamp": row[1], "values": dict(zip(METRICS, row[4:], strict=True))}
            for row in block("web", seconds["web"], size).rows
        ]
        reply = web.knock("POST", "/api/v1/readings", json.dumps(rows), Content_Type="application/json")
        assert reply.json["accepted"] + reply.json.get("spooled", 0) == size, reply.json
        seconds["web"] += size
        return reply.status

    try:
        assert send(20) == 200
        server.kill()
        try:
            assert [send(20) for _ in range(10)] == [202] * 10
            web.process.kill()
            web.process.communicate()
        finally:
            server.start()
        web = start_server(tmp_path, DATABASE_URL=server.url())
        wait_for_spool(web)
        assert send(20) == 200
    finally:
        stop_server(web)
    assert counted(server, "web") == (seconds["web"], sum(values(second)[1] for second in range(seconds["web"])))
    with closing(open_store(server.url(), "UTC", lambda: START + DAY)) as store:
        for _ in range(2):
            assert_whole(store, seconds)
            store.telemetry.maintain()


def wait_for_spool(web: WebServer) -> None:
    """The web process has no event to give to another process: it is asked."""
    until = time.monotonic() + 60
    while web.knock("GET", "/health/detailed").json["infrastructure"]["spool"]["readings"]:
        assert time.monotonic() < until
        time.sleep(0.1)
