"""The two sides of a comparison as real processes: the baseline and this product, each on a fresh store."""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
BASELINE_PORT = 8150
OURS_PORT = 8151


@dataclass(slots=True)
class Server:
    """A running side: where it listens, its process, and the SQLite file (or the database of `url`) and table its readings are in."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    database: Path
    tables: tuple[str, ...]
    log: Path
    url: str = ""

    def get(self, path: str) -> tuple[int, bytes]:
        """One GET: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """One POST of JSON: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stored(self) -> int:
        """Readings in the database, counted by a second connection."""
        if self.url:
            return self._stored_on_server()
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return sum(int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]) for table in self.tables)
        finally:
            connection.close()

    def _stored_on_server(self) -> int:
        import psycopg

        with psycopg.connect(self.url) as connection:
            counts = [connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() for table in self.tables]
        return sum(int(count[0]) for count in counts if count)

    def samples(self, vehicle: str, start_ms: int, end_ms: int) -> int:
        """Readings of one vehicle in a window as the S4 summary tells them."""
        start, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms // 1000)) for ms in (start_ms, end_ms))
        status, body = self.get(f"/api/vehicles/{quote(vehicle)}/summary?from_ts={start}&to_ts={end}")
        return int(json.loads(body)["samples"]) if status == 200 else 0

    def rss_mb(self) -> float:
        """Resident memory of the process and its children in MB (10⁶ bytes)."""
        return sum(_rss(pid) for pid in _family(self.process.pid)) / 1e6

    def cpu_s(self) -> float:
        """Processor seconds used so far."""
        return sum(_cpu(pid) for pid in _family(self.process.pid))


ServerContext = AbstractContextManager[Server]


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [pid, *(grandchild for child in found for grandchild in _family(child))]


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu(pid: int) -> float:
    parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _running(name: str, port: int, command: list[str], env: Mapping[str, str], ready: str, database: Path, tables: tuple[str, ...],
             patience: float, url: str = "") -> Iterator[Server]:
    log = database.parent / f"{name}.log"
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", ""), "PYTHONPATH": str(ROOT), **env}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=database.parent, env=environment, stdout=output, stderr=subprocess.STDOUT)
    server = Server(name, port, process, database, tables, log, url)
    try:
        _await(server, ready, patience)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(server: Server, path: str, patience: float) -> None:
    """Wait until `path` answers 200. Raises RuntimeError with the log's end when it does not."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        try:
            if server.get(path)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{server.name} did not become ready:\n{server.log.read_text(errors='replace')[-2000:]}")


@contextmanager
def baseline(folder: Path, port: int = BASELINE_PORT, url: str = "", **env: str) -> Iterator[Server]:
    """The frozen FastAPI + ORM service under uvicorn with uvloop and httptools, one worker, no access log; `url` is that of an empty
    PostgreSQL database to use in place of an SQLite file."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "baseline.db"
    command = [sys.executable, "-m", "uvicorn", "bench.baseline.backend.main:app", "--host", "127.0.0.1", "--port", str(port),
               "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    address = url.replace("postgresql://", "postgresql+psycopg://", 1) if url else f"sqlite:///{database}"
    settings = {"DATABASE_URL": address, **env}
    with _running("baseline", port, command, settings, "/api/health", database, ("telemetry",), 30, url) as server:
        yield server


@contextmanager
def ours(folder: Path, port: int = OURS_PORT, verb: str = "serve", patience: float = 60, program: tuple[str, ...] = (),
         url: str = "", **env: str) -> Iterator[Server]:
    """This product as `python app.py serve` on an empty store, without rate limits; `program` replaces `python app.py`; `url` is that of
    an empty PostgreSQL database to use in place of an SQLite file."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "DATA_DIR": str(folder), "RATE_LIMIT": "0", "RATE_LIMIT_INGEST": "0",
                "ADMIN_PASSWORD": "bench-only-password", **({"DATABASE_URL": url} if url else {}), **env}
    command = [*(program or (sys.executable, str(ROOT / "app.py"))), verb]
    tables = ("reading_vehicle",)
    with _running("voltdeck", port, command, settings, "/health/ready", folder / "voltdeck.db", tables, patience, url) as server:
        yield server
