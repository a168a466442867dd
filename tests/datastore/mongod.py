"""A real MongoDB server of a test's own, on a free port: `scripts/services.sh` fetches the binary."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

ROOT = Path(__file__).resolve().parents[2]
FETCHED = ROOT / ".services" / "mongod" / "mongod"
PATIENCE_S = 60


def binary() -> Path:
    """The server to start: `VOLTDECK_TEST_MONGOD`, the fetched one, or one of the machine. Raises FileNotFoundError."""
    for found in (os.environ.get("VOLTDECK_TEST_MONGOD"), FETCHED, shutil.which("mongod")):
        if found and Path(found).exists():
            return Path(found)
    raise FileNotFoundError("no mongod in .services/mongod; `make services` fetches one")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mongod:
    """One server with its files in `folder`; `replica_set` names the set it is the only member of."""

    def __init__(self, folder: Path, replica_set: str = "", **parameters: str) -> None:
        self.folder = folder
        # tests live in other times than the server, which must not clear away what it thinks old
        self.parameters = {"diagnosticDataCollectionEnabled": "false", "ttlMonitorEnabled": "false", **parameters}
        self.port = free_port()
        self.replica_set = replica_set
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "", port: int = 0) -> str:
        """The address of a database of this server; `port` of who stands before it."""
        return f"mongodb://127.0.0.1:{port or self.port}/{database}" + (f"?replicaSet={self.replica_set}" if self.replica_set else "")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(binary()), "--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
        command += ["--wiredTigerCacheSizeGB", "0.25", *(f"--setParameter={name}={value}" for name, value in self.parameters.items())]
        command += ["--replSet", self.replica_set, "--oplogSize", "64"] if self.replica_set else []
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        with MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=PATIENCE_S * 1000) as client:
            client.admin.command("ping")
            if self.replica_set:
                self._initiate(client)

    def _initiate(self, client: "MongoClient[dict[str, object]]") -> None:
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        try:
            client.admin.command("replSetInitiate", {"_id": self.replica_set, "members": [member]})
        except PyMongoError as error:
            if "already initialized" not in str(error):
                raise
        until = time.monotonic() + PATIENCE_S
        while not client.admin.command("hello")["isWritablePrimary"]:
            if time.monotonic() > until:
                raise TimeoutError("the replica set elected nobody")
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut for the process: SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shut down in order."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It keeps its connections and says nothing any more."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)  # the signal is only on its way when sending it returns

    def thaw(self) -> None:
        """It goes on where it was."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_S)
            self.process = None


@contextmanager
def running(folder: Path, replica_set: str = "", **parameters: str) -> Iterator[Mongod]:
    """A server that is started, and killed at the end: its files are thrown away."""
    server = Mongod(folder, replica_set, **parameters)
    try:
        server.start()
        yield server
    finally:
        server.kill()
