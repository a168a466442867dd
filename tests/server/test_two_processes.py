"""Two processes on one database and one Redis behind nginx behave as one. The nginx of these tests runs `deploy/nginx.conf` itself,
with the ports of the test; what it needs around it (a folder for its files, a log) is added here."""

import contextlib
import http.client
import inspect
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import app as composition
from datastore import open as opening

pytestmark = [pytest.mark.server, pytest.mark.slow]

ROOT = Path(composition.__file__).parent
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
POSTGRESQL = os.environ.get("VOLTDECK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
PASSWORD = "correct horse battery"
CLIENT = "127.0.0.2"
"""Where the tests call from: nginx calls the processes from 127.0.0.1, which they trust."""

# `python app.py serve`, but an hour between sealings and a lease of a quarter of a minute are made short
SERVE = """
import app
from services.config import Config

class Nothing:
    def stop(self):
        pass

def brisk(product):
    product.seal_every_s, product.lease_s = 1.0, 4.0
    return Nothing

config = Config.from_env(app.environment())
app.set_up_logging(config.log_level)
raise SystemExit(app.serve(config, [brisk]))
"""

AROUND = """
daemon off;
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    log_format upstream '$upstream_addr $status $request';
    access_log {folder}/access.log upstream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(port: int, method: str, path: str, content: Any = None, source: str = CLIENT, **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(source, 0))
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if content is None else json.dumps(content).encode()
        connection.request(method, path, body, sent | ({"Content-Type": "application/json"} if body else {}))
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@dataclass
class Process:
    """One `serve`. Its log can be waited for."""

    port: int
    running: subprocess.Popen[str]
    log: list[dict[str, Any]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.running.stderr is not None
        for line in self.running.stderr:
            with self.news:
                try:
                    self.log.append(json.loads(line))
                except ValueError:
                    self.log.append({"message": line})
                self.news.notify_all()

    def says(self, wanted: str) -> list[str]:
        return [text for entry in self.log if wanted in (text := entry.get("message", ""))]

    def wait_for(self, wanted: str, within_s: float = 30.0) -> str:
        with self.news:
            assert self.news.wait_for(lambda: self.says(wanted), within_s), f"{wanted!r} is not in the log: {self.log[-5:]}"
        return self.says(wanted)[0]

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()
        self.reader.join()
        if self.running.stderr is not None:
            self.running.stderr.close()


def start_process(folder: Path, database: str, redis: str, **settings: str) -> Process:
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")} | {
        "PORT": str(port), "DATA_DIR": str(folder), "DATABASE_URL": database, "REDIS_URL": redis, "TRUSTED_PROXIES": "127.0.0.1",
        "RATE_LIMIT": "0", "RATE_LIMIT_INGEST": "0", "SEAL_AFTER_HOURS": "1", "LOG_LEVEL": "info", "ADMIN_PASSWORD": PASSWORD,
        "STUDIES": "0",
    } | settings  # fmt: skip
    running = subprocess.Popen(
        [sys.executable, "-c", SERVE], env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    return Process(port, running)


def wait_ready(port: int, running: subprocess.Popen[Any], said: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert running.poll() is None, f"it ended: {said()}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(port, "GET", "/health/ready").status == 200:
                return
        time.sleep(0.05)
    raise AssertionError("not ready in time")


def start_nginx(folder: Path, ports: list[int]) -> tuple[int, "subprocess.Popen[bytes]"]:
    """nginx with the shipped site: only its ports are changed."""
    front = free_port()
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    for shipped, own in {"127.0.0.1:8001": f"127.0.0.1:{ports[0]}", "127.0.0.1:8002": f"127.0.0.1:{ports[1]}",
                         "listen 80;": f"listen 127.0.0.1:{front};"}.items():  # fmt: skip
        assert site.count(shipped) == 1, f"{shipped} is not once in deploy/nginx.conf"
        site = site.replace(shipped, own)
    folder.mkdir()
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    running = subprocess.Popen([NGINX or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE)
    return front, running


def row(device: str, values: dict[str, float], kind: str = "bess", at: int | None = None) -> dict[str, Any]:
    return {"device_id": device, "kind": kind, "timestamp": at or int(time.time() * 1000), "values": values}


@dataclass
class Site:
    """Two processes and the nginx in front of them."""

    processes: list[Process]
    front: int
    folder: Path

    def ask(self, method: str, path: str, content: Any = None, **headers: str) -> Reply:
        return ask(self.front, method, path, content, **headers)

    def post(self, device: str, soc: float, port: int | None = None, at: int | None = None) -> None:
        reply = ask(port or self.front, "POST", "/api/v1/readings", [row(device, {"soc": soc}, at=at)])
        assert reply.status == 200, reply.body

    def served(self) -> set[int]:
        """Ports of the processes that nginx has asked so far."""
        lines = (self.folder / "nginx" / "access.log").read_text().splitlines()
        return {int(port) for line in lines for port in re.findall(r"127\.0\.0\.1:(\d+)", line.split(" ")[0])}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shared.db'}"
        return
    if "postgresql" not in inspect.getsource(opening):
        pytest.skip("the store does not open postgresql:// yet")
    name = f"voltdeck_two_{os.getpid()}_{secrets.token_hex(4)}"
    try:
        with psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=5) as server:
            server.execute(f'CREATE DATABASE "{name}"')
    except psycopg.OperationalError as error:
        missing(f"PostgreSQL is missing: {error}")
    yield f"{POSTGRESQL.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(POSTGRESQL, autocommit=True) as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def start(tmp_path, redis_server, database) -> Iterator[Callable[..., Site]]:
    """Starts the site with settings."""
    if NGINX is None:
        missing("nginx is missing: apt-get install nginx-light")
    with contextlib.ExitStack() as stack:

        def make(**settings: str) -> Site:
            processes = [start_process(tmp_path / "data", database, redis_server.url, **settings) for _ in range(2)]
            for process in processes:
                stack.callback(process.kill)
            for process in processes:
                wait_ready(process.port, process.running, lambda process=process: process.log)
            front, nginx = start_nginx(tmp_path / "nginx", [process.port for process in processes])
            stack.callback(nginx.communicate)
            stack.callback(nginx.kill)
            wait_ready(front, nginx, lambda: nginx.communicate()[1])
            return Site(processes, front, tmp_path)

        yield make


@contextlib.contextmanager
def socket_at(port: int, topic: str) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{port}/ws/test", open_timeout=20) as ws:
        ws.send(json.dumps({"type": "subscribe", "topic": topic}))
        assert json.loads(ws.recv(timeout=10))["type"] == "ack"
        yield ws


def hear(ws: ClientConnection, wanted: Callable[[dict[str, Any]], bool], within_s: float) -> float:
    """Wait for a message; after how many seconds it came."""
    started = time.monotonic()
    while True:
        left = within_s - (time.monotonic() - started)
        assert left > 0, f"not heard within {within_s} s"
        with contextlib.suppress(TimeoutError):
            if wanted(json.loads(ws.recv(timeout=left))):
                return time.monotonic() - started


def listen(redis_url: str, processes: int) -> None:
    """Wait until Redis knows that so many processes listen to readings."""
    import redis

    client = redis.Redis.from_url(redis_url)
    deadline = time.monotonic() + 10
    while client.pubsub_numsub("voltdeck:3:live:readings")[0][1] != processes:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    client.close()


def known_everywhere(site: Site, device: str) -> None:
    """A device that one process registered is known to the others within a second, and a little for the machine."""
    deadline = time.monotonic() + 3
    while not all(ask(process.port, "GET", f"/api/v1/devices/{device}/latest").status == 200 for process in site.processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def name() -> str:
    return f"bess-{secrets.token_hex(4)}"


ON_ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What nginx and Redis carry does not depend on the database."""


def test_a_reading_posted_through_nginx_is_seen_live_at_each_process(start, redis_server):
    site, device = start(), name()
    one, two = site.processes
    site.post(device, 49.0)
    with (
        socket_at(one.port, "telemetry") as at_one,
        socket_at(two.port, "telemetry") as at_two,
        socket_at(site.front, "telemetry") as in_front,
        socket_at(one.port, "panel:overview-tiles?") as panel_one,
        socket_at(two.port, "panel:overview-tiles?") as panel_two,
    ):
        listen(redis_server.url, 2)
        for number in range(4):  # nginx takes turns
            soc = 50.0 + number
            site.post(device, soc)
            for ws in (at_one, at_two, in_front):
                hear(ws, lambda frame, soc=soc: frame["device_id"] == device and frame["data"]["soc"] == soc, 1.0)
        assert site.served() == {one.port, two.port}
        for process, other, panel, soc in ((one, two, panel_two, 61.0), (two, one, panel_one, 62.0)):
            # what was posted to one is on the panels and streams of the other; frames are made once a second
            site.post(device, soc, process.port)
            hear(panel, lambda frame, soc=soc: frame["tiles"]["soc"]["text"] == f"{soc:.1f}", 2.0)
            connection = http.client.HTTPConnection("127.0.0.1", other.port, timeout=10)
            connection.request("GET", f"/bms/{device}/stream?interval=0.1")
            answer = connection.getresponse()
            event = next(line for line in iter(answer.readline, b"") if line.startswith(b"data:"))
            assert (answer.status, json.loads(event[5:])["soc"]) == (200, soc)
            connection.close()


@ON_ONE_DATABASE
def test_an_event_stream_comes_through_nginx_as_it_happens(start):
    site, device = start(), name()
    site.post(device, 40.0)
    known_everywhere(site, device)
    connection = http.client.HTTPConnection("127.0.0.1", site.front, timeout=10)
    connection.request("GET", f"/bms/{device}/stream?interval=0.1")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (200, "text/event-stream; charset=utf-8")
    heard = (json.loads(line[5:])["soc"] for line in iter(answer.readline, b"") if line.startswith(b"data:"))
    assert next(heard) == 40.0
    for soc in (41.0, 42.0):
        site.post(device, soc)
        started = time.monotonic()
        assert next(heard) == soc
        assert time.monotonic() - started < 1.0
    connection.close()


def limited(site: Site, count: int, method: str, path: str, content: Any = None) -> tuple[str, list[Reply]]:
    """A caller and its answers, which all belong to one minute."""
    for number in range(10, 20):
        caller = f"127.0.1.{number}"
        replies = [ask(site.front, method, path, content, source=caller) for _ in range(count)]
        if len({reply.headers["x-ratelimit-reset"] for reply in replies}) == 1:
            return caller, replies
    raise AssertionError("no minute was long enough")


@ON_ONE_DATABASE
def test_the_limit_counts_over_both_processes_and_per_real_address(start):
    site = start(RATE_LIMIT="20")
    caller, replies = limited(site, 25, "GET", "/api/v1/alarms")
    assert [reply.status for reply in replies] == [200] * 20 + [429] * 5
    assert [int(reply.headers["x-ratelimit-remaining"]) for reply in replies] == [*range(19, -1, -1), 0, 0, 0, 0, 0]
    assert {reply.headers["x-ratelimit-limit"] for reply in replies} == {"20"}
    assert site.served() == {process.port for process in site.processes}
    forged = {"X_Forwarded_For": "203.0.113.9", "X_Real_IP": "203.0.113.9"}
    assert ask(site.front, "GET", "/api/v1/alarms", source=caller, **forged).status == 429, "a made-up address buys nothing"
    for process in site.processes:
        assert ask(process.port, "GET", "/api/v1/alarms", source=caller, **forged).status == 429, "who calls directly is no proxy"
    assert ask(site.front, "GET", "/api/v1/alarms", source="127.0.0.3").status == 200, "another caller has its own limit"


@ON_ONE_DATABASE
def test_the_limit_of_ingest_counts_over_both_processes(start):
    site, device = start(RATE_LIMIT_INGEST="10"), name()
    _, replies = limited(site, 13, "POST", "/api/v1/readings", [row(device, {"soc": 50.0})])
    assert [reply.status for reply in replies] == [200] * 10 + [429] * 3
    assert [int(reply.headers["x-ratelimit-remaining"]) for reply in replies] == [*range(9, -1, -1), 0, 0, 0]
    assert site.served() == {process.port for process in site.processes}


@ON_ONE_DATABASE
def test_failed_logins_count_over_both_processes(start):
    site = start(AUTH_MODE="protected")
    wrong = {"username": "admin", "password": "a guess"}
    statuses = [site.ask("POST", "/api/v1/auth/login/json", wrong).status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert site.served() == {process.port for process in site.processes}
    assert ask(site.front, "POST", "/api/v1/auth/login/json", {"username": "admin", "password": PASSWORD}, source="127.0.0.4").status == 200


def test_a_refresh_token_is_good_once_whichever_processes_are_asked(start):
    site = start(AUTH_MODE="protected")
    one, two = site.processes
    for _ in range(5):
        tokens = ask(one.port, "POST", "/api/v1/auth/login/json", {"username": "admin", "password": PASSWORD}).json
        gate, statuses = threading.Barrier(2), []

        def refresh(port: int, token: str = tokens["refresh_token"], gate=gate, statuses=statuses) -> None:
            gate.wait()
            statuses.append(ask(port, "POST", "/api/v1/auth/refresh", {"refresh_token": token}).status)

        threads = [threading.Thread(target=refresh, args=(process.port,)) for process in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 401]
        assert ask(two.port, "GET", "/api/v1/alarms", Authorization=f"Bearer {tokens['access_token']}").status == 200


def holder_of(site: Site, lease: str) -> tuple[Process, Process]:
    """Who holds it and who does not."""
    deadline = time.monotonic() + 20
    while True:
        holders = [process for process in site.processes if process.says(f"holds the lease '{lease}'")]
        if holders:
            (holder,) = holders
            (other,) = [process for process in site.processes if process is not holder]
            return holder, other
        assert time.monotonic() < deadline, f"nobody holds the lease '{lease}'"
        time.sleep(0.05)


def test_exactly_one_process_seals_and_when_it_is_killed_the_other_does(start):
    site, device = start(), name()
    hours_ago = (int(time.time()) - 3 * 3600) * 1000
    instants = [hours_ago + number * 1000 for number in range(10)]
    for number, at in enumerate(instants):
        site.post(device, 50.0 + number, at=at)
    holder, heir = holder_of(site, "sealing")
    with holder.news:
        assert holder.news.wait_for(lambda: len(holder.says("sealed")) >= 4, 30)
    assert not heir.says("sealed"), "both processes sealed"
    assert sum(int(text.split()[1]) for text in holder.says("sealed")) == 10
    query = f"device={device}&metric=soc&from={hours_ago}&to={hours_ago + 20_000}&resolution=raw"
    (series,) = ask(heir.port, "GET", f"/api/v1/series?{query}").json["series"]
    assert series["values"] == [50.0 + number for number in range(10)], "what one sealed the other reads"
    holder.kill()
    killed = time.monotonic()
    heir.wait_for("holds the lease 'sealing'", 20)
    assert time.monotonic() - killed < 10
    heir.wait_for("sealed")


def test_an_alarm_is_raised_once_told_at_both_processes_and_watched_on_after_a_kill(start):
    site = start()
    watcher, heir = holder_of(site, "alarms")
    with socket_at(watcher.port, "alerts") as near, socket_at(heir.port, "alerts") as far:
        assert ask(heir.port, "POST", "/api/v1/readings", [row("pcs-1", {"fault_status1": 1}, "pcs")]).status == 200
        for ws in (near, far):
            hear(ws, lambda frame: (frame["device_id"], frame["state"]) == ("pcs-1", "active"), 5.0)
        assert [alarm["device_id"] for alarm in site.ask("GET", "/api/v1/alarms").json["alarms"]] == ["pcs-1"]
        watcher.kill()
        heir.wait_for("holds the lease 'alarms'", 20)
        assert ask(heir.port, "POST", "/api/v1/readings", [row("pcs-2", {"fault_status1": 1}, "pcs")]).status == 200
        hear(far, lambda frame: (frame["device_id"], frame["state"]) == ("pcs-2", "active"), 5.0)
    assert sorted(alarm["device_id"] for alarm in site.ask("GET", "/api/v1/alarms").json["alarms"]) == ["pcs-1", "pcs-2"]


@ON_ONE_DATABASE
def test_killing_one_process_leaves_the_service_up(start):
    site, device = start(), name()
    one, two = site.processes
    site.post(device, 50.0)
    with socket_at(two.port, "telemetry") as staying, socket_at(one.port, "telemetry") as ending:
        one.kill()
        statuses = [site.ask("GET", "/health/ready").status for _ in range(30)]
        assert statuses == [200] * 30
        for number in range(10):
            site.post(device, 60.0 + number)
        hear(staying, lambda frame: frame["data"]["soc"] == 69.0, 2.0)
        with pytest.raises(ConnectionClosed):
            while True:
                ending.recv(timeout=30)
    assert two.running.poll() is None


@ON_ONE_DATABASE
def test_health_tells_of_redis_and_the_site_goes_on_without_it(start, redis_server):
    site, device = start(), name()
    one, two = site.processes
    whole = ask(one.port, "GET", "/health/detailed").json
    assert whole["infrastructure"]["redis"] == {"status": "healthy", "connections": {"main": True}}
    assert whole["status"] == "healthy"
    assert ask(one.port, "GET", "/api/v1/health").json["services"]["redis"] == "healthy"
    assert b"voltdeck_redis_up 1.0" in ask(one.port, "GET", "/metrics").body
    redis_server.kill()
    for process in (one, two):
        process.wait_for("Redis does not answer")
        told = ask(process.port, "GET", "/health/detailed").json
        assert told["infrastructure"]["redis"] == {"status": "unhealthy", "connections": {"main": False}}
        assert (told["status"], "Redis" in told["message"]) == ("degraded", True)
        assert ask(process.port, "GET", "/api/v1/health").json["services"]["redis"] == "unhealthy"
        assert ask(process.port, "GET", "/health/ready").status == 200
        assert b"voltdeck_redis_up 0.0" in ask(process.port, "GET", "/metrics").body
    with socket_at(two.port, "telemetry") as ws:
        site.post(device, 51.0, two.port)
        hear(ws, lambda frame: frame["data"]["soc"] == 51.0, 1.0)
        redis_server.start()
        for process in (one, two):
            process.wait_for("Redis answers again")
            assert len(process.says("Redis does not answer")) == 1
        listen(redis_server.url, 2)
        site.post(device, 52.0, one.port)
        hear(ws, lambda frame: frame["data"]["soc"] == 52.0, 1.0)
    assert ask(one.port, "GET", "/health/detailed").json["status"] == "healthy"


def sealed(site) -> int:
    """Readings that the processes say they sealed."""
    said = [text for process in site.processes for text in process.says("sealed ")]
    return sum(int(found[1]) for text in said if (found := re.match(r"sealed (\d+) readings", text)))


def test_without_redis_both_processes_seal_and_watch_and_nothing_is_doubled_or_lost(start):
    site, device = start(REDIS_URL=""), name()
    hours_ago = (int(time.time()) - 3 * 3600) * 1000
    for number in range(10):
        site.post(device, 50.0 + number, at=hours_ago + number * 1000)
    assert site.ask("POST", "/api/v1/readings", [row("pcs-1", {"fault_status1": 1}, "pcs")]).status == 200
    # two that seal at once may be in each other's way; what is left takes the next round
    for process in site.processes:
        with process.news:
            assert process.news.wait_for(lambda: sealed(site) >= 10, 60), [process.says("seal") for process in site.processes]
    rounds = {process.port: len(process.says("sealed ")) for process in site.processes}
    for process in site.processes:
        with process.news:
            assert process.news.wait_for(lambda process=process: len(process.says("sealed ")) >= rounds[process.port] + 2, 40)
    assert sealed(site) == 10
    query = f"device={device}&metric=soc&from={hours_ago}&to={hours_ago + 20_000}&resolution=raw"
    for process in site.processes:
        (series,) = ask(process.port, "GET", f"/api/v1/series?{query}").json["series"]
        assert series["values"] == [50.0 + number for number in range(10)]
        assert [alarm["device_id"] for alarm in ask(process.port, "GET", "/api/v1/alarms").json["alarms"]] == ["pcs-1"]
        redis = ask(process.port, "GET", "/health/detailed").json["infrastructure"]["redis"]
        assert redis == {"status": "not configured", "connections": {}}


@ON_ONE_DATABASE
def test_a_process_ends_when_it_is_told_to_and_leaves_its_leases_at_once(start):
    site = start()
    holder, heir = holder_of(site, "alarms")
    holder.running.send_signal(signal.SIGTERM)
    assert holder.running.wait(20) == 0
    heir.wait_for("holds the lease 'alarms'", 5)
