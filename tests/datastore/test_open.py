"""A store from its URL: what works, what is refused in one clear line, and that nothing acknowledged is lost."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import datastore.open
from datastore.open import now_ms, open_store
from datastore.ports import Outcome
from plant.errors import Unavailable
from plant.model import HOUR, Block, Device, Window

PROJECT = Path(datastore.open.__file__).parents[1]
NOW = 1_790_000_000_000


def reading(device: str = "bess01", at: int = NOW, soc: float = 50.0) -> Block:
    return Block("bess", ("soc",), [(device, at, NOW, 0, soc)])


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path) -> str:
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'plant.db'}"


def test_a_reading_goes_in_and_comes_out(url):
    store = open_store(url, "Asia/Taipei", lambda: NOW)
    heard: list[object] = []
    store.live.subscribe("readings", lambda _topic, blocks: heard.extend(blocks))
    block = reading()
    assert store.intake.accept([block]) == [Outcome(inserted=1)]
    assert store.intake.accept([block]) == [Outcome(duplicates=1)]
    assert heard == [block]
    assert store.telemetry.columns("bess01", "bess", ("soc",), Window(NOW, NOW + 1)).values["soc"].tolist() == [50.0]
    assert store.telemetry.latest()["bess01", "bess"].values["soc"] == 50.0
    assert [device.device_id for device in store.records.devices()] == ["bess01"]
    assert store.zone.key == "Asia/Taipei"
    assert store.clock() == NOW
    store.records.ping()
    store.close()


def test_auto_register_is_passed_on(url):
    store = open_store(url, "UTC", lambda: NOW, auto_register=False)
    _, rejected = store.intake.offer([reading()])
    assert [refusal.field for refusal in rejected] == ["device_id"]
    store.close()


def test_what_was_kept_is_there_after_a_new_start(tmp_path):
    url = f"sqlite:///{tmp_path / 'plant.db'}"
    store = open_store(url, "UTC", lambda: NOW)
    store.intake.accept([reading()])
    store.records.put_setting("demo_state", {"soc": 50})
    store.close()
    store = open_store(url, "UTC", lambda: NOW)
    assert store.telemetry.latest()["bess01", "bess"].values["soc"] == 50.0
    assert store.records.setting("demo_state") == {"soc": 50}
    assert store.intake.accept([reading()]) == [Outcome(duplicates=1)]
    store.close()


def test_a_relative_path_is_relative_to_the_folder_of_the_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///plant.db", "UTC").close()
    assert (tmp_path / "plant.db").exists()


def test_closing_leaves_one_file_and_no_lock(tmp_path):
    path = tmp_path / "plant.db"
    store = open_store(f"sqlite:///{path}", "UTC", lambda: NOW)
    store.intake.accept([reading()])
    store.close()
    connection = sqlite3.connect(path, timeout=0)
    connection.execute("BEGIN EXCLUSIVE")
    connection.close()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_sqlite_without_a_file_is_refused(path):
    with pytest.raises(ValueError, match="names no file"):
        open_store(f"sqlite:///{path}", "UTC")


@pytest.mark.parametrize("url", ["", "oracle://plant:geheim@db/x", "plant.db", "sqlite://plant.db", "memory://x"])
def test_an_unknown_url_is_refused_without_repeating_a_password(url):
    with pytest.raises(ValueError, match="^DATABASE_URL: .* is not known, use sqlite:///path/to/file.db, postgresql://") as refusal:
        open_store(url, "UTC")
    assert "geheim" not in str(refusal.value)


def test_an_unknown_url_of_records_is_refused_by_its_own_name(tmp_path):
    with pytest.raises(ValueError, match="^RECORDS_URL: a store of scheme 'oracle' is not known"):
        open_store(f"sqlite:///{tmp_path / 'v.db'}", "UTC", records_url="oracle://plant:geheim@db/x")


def test_an_unknown_zone_is_refused():
    with pytest.raises(ValueError, match="'Asia/Atlantis' is not an IANA time zone"):
        open_store("memory://", "Asia/Atlantis")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(Unavailable, match=f"folder {tmp_path / 'nowhere'} does not exist"):
        open_store(f"sqlite:///{tmp_path / 'nowhere' / 'plant.db'}", "UTC")


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(Unavailable, match="it is a folder"):
        open_store(f"sqlite:///{tmp_path}", "UTC")


def test_a_file_that_is_no_database_is_named_in_one_line(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 500)
    with pytest.raises(Unavailable, match="notes.txt cannot be opened: file is not a database$") as refusal:
        open_store(f"sqlite:///{path}", "UTC")
    assert "\n" not in str(refusal.value)
    assert path.read_text().startswith("remember")


def test_a_folder_that_cannot_be_written_is_named():
    """Not even root can make a file in /proc."""
    with pytest.raises(Unavailable, match=r"/proc/plant.db cannot be opened: unable to open database file$"):
        open_store("sqlite:////proc/plant.db", "UTC")


def test_now_is_in_milliseconds():
    assert 1_700_000_000_000 < now_ms() < 4_000_000_000_000


# The disk is made full for this process by the limit on the size of files.
FULL_DISK = """
import resource, sys
from datastore.open import open_store
from plant.errors import Unavailable
from plant.model import Block

now = int(sys.argv[2])
store = open_store(sys.argv[1], "UTC", lambda: now)
store.intake.accept([Block("rack", ("soc",), [("r1", now, now, 0, 50.0)])])
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
big = [("r1", now + 1 + number, now, 0, [3.0 + number / 1000 + cell / 10007 for cell in range(4000)]) for number in range(100)]
try:
    store.intake.accept([Block("rack", ("cell_voltages",), big)])
except Unavailable as error:
    print("unavailable", flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
print(store.intake.accept([Block("rack", ("soc",), [("r1", now + 1, now, 0, 51.0)])])[0].inserted, flush=True)
print(store.intake.accept([Block("rack", ("cell_voltages",), big)])[0].inserted, flush=True)
store.close()
"""


def test_a_full_disk_is_unavailable_and_the_store_goes_on_afterwards(tmp_path):
    url = f"sqlite:///{tmp_path / 'plant.db'}"
    command = [sys.executable, "-c", FULL_DISK, url, str(NOW)]
    done = subprocess.run(command, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["unavailable", "1", "99"], done.stderr


# Threads send as fast as they are answered; each acknowledged (device, instant) is written before the next is sent.
SENDER = """
import os, sys, threading
from datastore.open import open_store
from plant.model import Block

url, first, now = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = open_store(url, "UTC", lambda: now)

def send(number):
    at = first
    while True:
        size = 1 + (at % 7) * number
        rows = [(f"d{number}", at + i, now, 0, float((at + i) % 101), 800.0) for i in range(size)]
        outcome = store.intake.accept([Block("bess", ("soc", "voltage"), rows)])[0]
        assert outcome.inserted == size, outcome
        os.write(1, f"{number} {at} {size}\\n".encode())
        at += size

for number in range(6):
    threading.Thread(target=send, args=(number,), daemon=True).start()
threading.Event().wait()
"""


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path):
    """Killed in the middle of the traffic, four times over the same file: every acknowledged reading is there exactly once."""
    url = f"sqlite:///{tmp_path / 'plant.db'}"
    acknowledged: dict[str, set[int]] = {f"d{number}": set() for number in range(6)}
    first = NOW
    for turn in range(4):
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER, url, str(first), str(NOW)],
            env={"PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert sender.stdout is not None
        lines = [sender.stdout.readline() for _ in range(60 + 37 * turn)]
        sender.send_signal(signal.SIGKILL)
        lines += sender.stdout.read().splitlines()
        assert sender.wait(30) == -signal.SIGKILL
        sender.stdout.close()
        for number, at, size in (map(int, line.split()) for line in lines if line.strip()):
            acknowledged[f"d{number}"] |= set(range(at, at + size))
        first = 1 + max(max(instants, default=NOW) for instants in acknowledged.values()) + 100
        check_kept(url, acknowledged)


def check_kept(url: str, acknowledged: dict[str, set[int]]) -> None:
    store = open_store(url, "UTC", lambda: NOW)
    for device, instants in acknowledged.items():
        kept = store.telemetry.columns(device, "bess", ("soc", "voltage"), Window(0, NOW + HOUR))
        there = kept.at.tolist()
        assert len(there) == len(set(there))
        assert instants <= set(there)
        values = dict(zip(there, kept.values["soc"].tolist(), strict=True))
        assert all(values[at] == at % 101 for at in instants)
    assert {device.device_id for device in store.records.devices()} == set(acknowledged)
    store.close()


def test_two_processes_share_one_file(tmp_path):
    """A second process opens the store, adds a device and a reading while the first one runs."""
    url = f"sqlite:///{tmp_path / 'plant.db'}"
    store = open_store(url, "UTC", lambda: NOW)
    store.records.put_devices([Device("bess01", "bess")])
    code = (
        "import sys\nfrom datastore.open import open_store\nfrom plant.model import Block\n"
        "store = open_store(sys.argv[1], 'UTC', lambda: int(sys.argv[2]))\n"
        "store.intake.accept([Block('bess', ('soc',), [('bess02', int(sys.argv[2]), int(sys.argv[2]), 0, 40.0)])])\nstore.close()\n"
    )
    subprocess.run([sys.executable, "-c", code, url, str(NOW)], env={"PYTHONPATH": str(PROJECT)}, check=True, timeout=60)
    assert store.intake.accept([reading()]) == [Outcome(inserted=1)]
    kept = store.telemetry.columns("bess02", "bess", ("soc",), Window(NOW, NOW + 1))
    assert kept.values["soc"].tolist() == [40.0]
    store.close()
