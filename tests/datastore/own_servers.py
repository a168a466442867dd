"""Database servers of a test's own, in temporary folders on free ports: started, stopped, killed and frozen at will."""

import getpass
import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
import pymysql

from tests.datastore import mongod
from tests.datastore.conftest import missing

PATIENCE_S = 60
DATABASE = "voltdeck"


class Server(Protocol):
    """A database server that a test may do anything to."""

    port: int

    def url(self, database: str = "", port: int = 0) -> str:
        """The address of a database, by default one that is there; `port` of who stands before the server."""

    def start(self) -> None:
        """Returns when it answers."""

    def stop(self) -> None:
        """Shut down in order, whoever is connected."""

    def kill(self) -> None:
        """SIGKILL for all of it, as a power cut would."""

    def freeze(self) -> None:
        """It keeps its connections and says nothing any more."""

    def thaw(self) -> None:
        """It goes on where it was."""


@dataclass
class OwnServer:
    """`Server`: `command` runs it in the foreground, `answers` raises OSError until it is up, `orderly` is its signal for a shutdown."""

    scheme: str
    port: int
    command: list[str]
    answers: Callable[[int], None]
    orderly: signal.Signals
    owner: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def url(self, database: str = DATABASE, port: int = 0) -> str:
        return f"{self.scheme}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, user=self.owner, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.answers(self.port)
            except OSError:
                assert self.process.poll() is None, f"{self.command[0]} ended"
                assert time.monotonic() < until, f"{self.command[0]} does not answer"
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(self.orderly)
            self.process.wait(PATIENCE_S)
            self.process = None

    def kill(self) -> None:
        """The children too, and none is left when this returns: they would keep a new start from its memory."""
        if self.process is None:
            return
        self._signal(signal.SIGSTOP)  # so that no more children come
        family = [os.pidfd_open(pid) for pid in self._family()]
        try:
            self._signal(signal.SIGKILL)
            self.process.wait(PATIENCE_S)
            for one in family:
                assert select.select([one], [], [], PATIENCE_S)[0], "a server process outlived SIGKILL"
        finally:
            for one in family:
                os.close(one)
        self.process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, how: signal.Signals) -> None:
        for pid in self._family():
            with suppress(ProcessLookupError):
                os.kill(pid, how)

    def _family(self) -> list[int]:
        """The server's process and its children."""
        if self.process is None or self.process.poll() is not None:
            return []
        parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
        return [self.process.pid, *(pid for pid, parent in parents.items() if parent == self.process.pid)]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return 0


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The folder given, or a temporary one: not below pytest's, which other users cannot enter."""
    folder = given or Path(tempfile.mkdtemp(prefix="voltdeck-server-"))
    try:
        yield folder
    finally:
        if given is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql(folder: Path | None = None, *settings: str) -> Iterator[OwnServer]:
    """A PostgreSQL, running; killed at the end."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    binary = shutil.which("postgres") or (str(found[-1]) if found else "postgres")
    owner = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root

    def answers(port: int) -> None:
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="postgres", dbname="postgres", connect_timeout=5, autocommit=True
            ) as server:
                if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchall():
                    server.execute(f"CREATE DATABASE {DATABASE} STRATEGY file_copy")
        except psycopg.OperationalError as error:
            raise OSError(error) from error

    with _folder(folder) as home:
        try:
            if owner:
                os.chown(home, pwd.getpwnam(owner).pw_uid, -1)
            make = [str(Path(binary).with_name("initdb")), "-D", str(home / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
            subprocess.run([*make, "--no-sync", "--wal-segsize=1"], check=True, capture_output=True, user=owner, cwd=home)
            port = mongod.free_port()
            run = [binary, "-D", str(home / "data"), "-p", str(port), "-k", str(home), "-h", "127.0.0.1", "-c", "max_connections=50"]
            run += ["-c", "fsync=on", *settings]
            server = OwnServer("postgresql://postgres", port, run, answers, signal.SIGINT, owner)
            server.start()
        except (OSError, KeyError, subprocess.CalledProcessError) as error:
            missing("PostgreSQL", error)
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def mariadb(folder: Path | None = None, *settings: str) -> Iterator[OwnServer]:
    """A MariaDB, running; killed at the end."""
    daemon = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec") or "mariadbd"

    def answers(port: int) -> None:
        try:
            with pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=5) as server, server.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4")
        except pymysql.err.OperationalError as error:
            raise OSError(error) from error

    with _folder(folder) as home:
        (home / "tmp").mkdir(exist_ok=True)  # not /tmp: a server that starts clears away temporary tables there, its neighbours' too
        common = ["--no-defaults", f"--datadir={home / 'data'}", f"--tmpdir={home / 'tmp'}", f"--user={getpass.getuser()}", *settings]
        try:
            make = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
            subprocess.run(make, check=True, capture_output=True)
            port = mongod.free_port()
            run = [daemon, *common, f"--port={port}", f"--socket={home / 's'}", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=32M"]
            server = OwnServer("mysql://root", port, run, answers, signal.SIGTERM)
            server.start()
        except (OSError, subprocess.CalledProcessError) as error:
            missing("MariaDB", error)
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def mongodb(folder: Path | None = None, **parameters: str) -> Iterator[mongod.Mongod]:
    """A MongoDB of a single node, running; killed at the end."""
    try:
        mongod.binary()
    except FileNotFoundError as error:
        missing("MongoDB", error)
    with _folder(folder) as home, mongod.running(home / "data", **parameters) as server:
        yield server


SERVERS: Mapping[str, Callable[[], AbstractContextManager[Server]]] = {"postgresql": postgresql, "mariadb": mariadb, "mongodb": mongodb}
"""Every kind of server by name: what starts one."""
