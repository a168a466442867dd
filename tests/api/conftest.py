"""Two doors to the same product: Flask's, called in process, and the native one of a real server process on a free port."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import app as composition
from datastore.open import open_store
from services.config import Config

ROOT = Path(composition.__file__).parent


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Door = Callable[..., Reply]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[composition.App]:
    """The product in memory, without limits."""
    config = Config(database_url="memory://", data_dir=tmp_path, rate_limit=0, rate_limit_ingest=0, max_body_mb=1)
    made = make(config)
    yield made
    made.store.close()


def make(config: Config, clock: Callable[[], int] = composition.now_ms) -> composition.App:
    return composition.create_app(config, open_store("memory://", config.site_tz, clock=clock, auto_register=config.auto_register), clock)


def flask_door(product: composition.App) -> Door:
    client = product.flask.test_client()

    def knock(method: str, path: str, body: bytes | str | None = None, **headers: str) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.open(path, method=method, data=body, headers=sent)
        return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.get_data())

    return knock


@pytest.fixture
def door(product: composition.App) -> Door:
    """The Flask door."""
    return flask_door(product)


@dataclass
class Server:
    """A running server process."""

    port: int
    process: subprocess.Popen[bytes]

    def knock(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            payload = body.encode() if isinstance(body, str) else body
            connection.request(method, path, payload, sent)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_server(folder: Path, **settings: str) -> Server:
    """`python app.py serve` on a free port, or on PORT, ready."""
    port = int(settings.get("PORT", 0)) or free_port()
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")} | {
        "PORT": str(port), "DATA_DIR": str(folder), "DATABASE_URL": "memory://",
        "RATE_LIMIT": "0", "RATE_LIMIT_INGEST": "0", "MAX_BODY_MB": "1",
        "LOG_LEVEL": "warning", "ADMIN_PASSWORD": "correct horse battery", "STUDIES": "0",
    } | settings  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "serve"], env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    server = Server(port, process)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            out, err = process.communicate()
            raise AssertionError(f"the server ended: {out.decode()} {err.decode()}")
        try:
            if server.knock("GET", "/health/ready").status == 200:
                return server
        except OSError:
            time.sleep(0.1)
    stop_server(server)
    raise AssertionError("the server was not ready in time")


def stop_server(server: Server) -> tuple[int, bytes]:
    """End it as an operator would; returns the exit code and what it wrote to standard error."""
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
    try:
        _, err = server.process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.communicate()
        raise
    return server.process.returncode, err


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One real server for the tests of a file that do not change its settings: what one file leaves behind is no concern of another."""
    running = start_server(tmp_path_factory.mktemp("server"))
    yield running
    stop_server(running)


@pytest.fixture(params=["flask", pytest.param("native", marks=pytest.mark.server)])
def either(request: pytest.FixtureRequest, product: composition.App) -> Door:
    """Each of the two doors in turn."""
    if request.param == "flask":
        return flask_door(product)
    running: Server = request.getfixturevalue("server")
    return running.knock
