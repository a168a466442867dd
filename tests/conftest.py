"""What all tests share: which run together, and which parts of the machine they need."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.pytest_md_report"]
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
REDIS = shutil.which("redis-server")


def pytest_report_header() -> list[str]:
    found = CHROMIUM or "MISSING: browser tests " + ("fail" if os.environ.get("CI") else "are skipped")
    return [f"chromium: {found}"]


LONGEST = (
    "datastore/test_telemetry_contract.py", "api/test_openapi.py", "datastore/test_server_faults.py", "datastore/test_records_contract.py",
    "server/test_two_processes.py", "datastore/test_migrations.py", "datastore/test_crash_points.py", "server/test_bad_plants.py",
    "services/test_demo.py", "datastore/test_mongo_faults.py", "api/test_exports.py", "datastore/test_records_shared.py",
    "api/test_fuzz.py", "plant/test_simulation.py", "datastore/test_spool_faults.py", "api/test_access.py", "api/test_store_down.py",
    "datastore/test_any_order.py", "server/test_mqtt_takeover.py", "datastore/test_redis_live.py",
)  # fmt: skip
"""What takes longest comes first, so that no runner is left alone with it in the end (with `--no-loadscope-reorder`)."""

SECOND_TRY = ("api/", "browser/", "datastore/", "server/", "services/")
"""Tests here drive servers, databases and browsers, on whatever machine CI gets: one that fails is tried once more, and the summary names
it (RERUN). It is looked into all the same."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Second tries, limits, what is missing, and the order. One runner takes a whole file (`--dist loadfile`), as servers and stores are
    set up for a file."""
    for item in items:
        file = Path(item.fspath).relative_to(Path(__file__).parent).as_posix()
        browser = item.get_closest_marker("browser") is not None
        if file.startswith(SECOND_TRY):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if browser and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))  # the first one makes the history of a demo plant
        if browser and CHROMIUM is None and not os.environ.get("CI"):
            item.add_marker(pytest.mark.skip(reason="Chromium is missing: apt-get install chromium"))
    first = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(Path(item.fspath).relative_to(Path(__file__).parent).as_posix(), len(first)))


class RedisServer:
    """A Redis of the test's own, which it may stop, kill, freeze and start again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/3"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisServer":
        """Start, empty; returns when it answers."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self.process = subprocess.Popen([REDIS or "redis-server", *settings], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b"Ready to accept connections" in line:
                return self
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        """End it, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis of this test's own."""
    if REDIS is None:
        reason = "redis-server is missing: apt-get install redis-server"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    server = RedisServer(tmp_path).start()
    yield server
    server.kill()
