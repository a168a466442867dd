"""InfluxDB 1.x beside this product, where it is installed (Debian: `influxdb`): a server of its own on free ports in a temporary folder."""

import http.client
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import orjson

from datastore.ports import Columns

_LINES = 20_000
_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "2s"
  compact-full-write-cold-duration = "4s"
  max-series-per-database = 0
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[logging]
  level = "error"
"""


def installed() -> bool:
    """Whether there is an `influxd`."""
    return shutil.which("influxd") is not None


@dataclass(slots=True)
class Influx:
    """A running server with the database `bench`."""

    port: int
    folder: Path

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """One request. Raises RuntimeError when it is refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"InfluxDB answers {answer.status}: {content[:300].decode(errors='replace')}")
        return content

    def query(self, text: str) -> list[list[object]]:
        """Rows of the first series; times in epoch ms."""
        answer = orjson.loads(self.ask("GET", "/query?" + urlencode({"db": "bench", "q": text, "epoch": "ms"})))
        return [row for series in answer["results"][0].get("series", ()) for row in series["values"]]

    def write(self, kind: str, device: str, told: Columns) -> None:
        """All of these readings: measurement = kind, tag = device, each metric a float field, receive time and quality as integers."""
        names = list(told.values)
        columns = [told.at.tolist(), told.received.tolist(), told.quality.tolist(), *[told.values[name].tolist() for name in names]]
        lines = []
        for at, received, quality, *values in zip(*columns, strict=True):
            fields = ",".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True) if value == value)
            lines.append(f"{kind},device={device} {fields},received={received}i,quality={quality}i {at}")
            if len(lines) == _LINES:
                self._send(lines)
        self._send(lines)

    def _send(self, lines: list[str]) -> None:
        if lines:
            self.ask("POST", "/write?db=bench&precision=ms", "\n".join(lines).encode())
            lines.clear()

    def settled_bytes(self, patience: float = 60) -> int:
        """Size of the data on disk once everything is snapshot and compacted (it has not changed for 6 s and the log is empty)."""
        until = time.monotonic() + patience
        seen, since = -1, time.monotonic()
        while time.monotonic() < until:
            size = self._data_bytes()
            if size != seen or _bytes(self.folder / "wal", "*.wal") > 0:
                seen, since = size, time.monotonic()
            elif time.monotonic() - since > 6:
                break
            time.sleep(0.5)
        return self._data_bytes()

    def _data_bytes(self) -> int:
        return _bytes(self.folder / "data", "*.tsm")  # not its index of series, which takes 32 MB from the start


def _bytes(folder: Path, names: str) -> int:
    return sum(file.stat().st_size for file in folder.rglob(names) if file.is_file())


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def influx(folder: Path) -> Iterator[Influx]:
    """A running server; its folder and process go with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "influxdb.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, rpc=free_port()))
    environment: Mapping[str, str] = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["influxd", "-config", str(config)], env=environment, stdout=log, stderr=subprocess.STDOUT)
    server = Influx(port, folder)
    try:
        _await(server, process)
        server.ask("POST", "/query?" + urlencode({"q": 'CREATE DATABASE "bench" WITH SHARD DURATION 7d'}))
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await(server: Influx, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            server.ask("GET", "/ping")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"InfluxDB did not start:\n{(server.folder / 'log').read_text(errors='replace')[-1500:]}")
