"""The composition root: reads the environment once, puts store, doors and dashboard together, and is the command line.

    python app.py serve | demo | collect | import FILE… | seal | doctor | backup FILE | restore FILE | solarhub check | user … | config

`app` (Flask) and `asgi` (what a server runs: `gunicorn -k asgi app:asgi`) are made when they are first asked for.
"""

import argparse
import ctypes
import gc
import json
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plant.errors import PlantError, Unavailable
from services import retention
from services.config import SETTINGS, Config, Setting, SettingError, doubts

if TYPE_CHECKING:
    import flask

    from api.collectors import Collecting
    from api.contract import Context
    from api.native import Front
    from datastore.backends.redis_link import RedisLink
    from datastore.sources import Source
    from datastore.store import Store
    from services.alarming import AlarmWatch
    from services.jobs import Foreman
    from services.leases import Leases

MAINTAIN_EVERY_S = 2.0
SEAL_EVERY_S = 3600.0
LEASE_S = 15.0
"""After this long, what a process that died did alone is taken over by another."""
SEALING, ALARMS, COMMANDS, DEMO, NOTICES = "sealing", "alarms", "commands", "demo", "notices"
"""What only one of several processes does: names of leases."""
TRIM_EVERY_S = 60.0
FLASK_THREADS = 24
GRACE_S = 5
_M_ARENA_MAX = -8  # of mallopt(3)
WEBSOCKET_BYTES = 65_536

log = logging.getLogger("voltdeck")

Clock = Callable[[], int]


def now_ms() -> int:
    """The machine's clock, epoch ms UTC."""
    return time.time_ns() // 1_000_000


class Maintenance:
    """Closes minutes and drains dirty rollups; packs old readings and drops those past their retention where the lease for that is.
    On a thread of its own.

    Every process closes minutes: the open ones of each are in its memory."""

    def __init__(self, store: "Store", clock: Clock, config: Config, leases: "Leases", seal_every_s: float) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._leases = leases
        self._seal_every_s = seal_every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> "Maintenance":
        """Begin; returns itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Finish the current round and end."""
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        sealed = trimmed = time.monotonic()
        self._leases.held(SEALING)  # applied for in time
        silent = False
        while not self._stop.wait(MAINTAIN_EVERY_S):
            try:
                self._store.telemetry.maintain()
                silent = False
                if time.monotonic() - trimmed >= TRIM_EVERY_S:
                    trimmed = time.monotonic()
                    return_memory()
                if time.monotonic() - sealed >= self._seal_every_s and self._leases.held(SEALING):
                    sealed = time.monotonic()
                    rows = self._store.telemetry.seal(self._clock() - self._config.seal_after_hours * 3_600_000)
                    log.info("sealed %d readings", rows)
                    retention.apply(
                        self._store, self._config.retention, self._config.document_days, self._clock(), self._config.command_days
                    )
            except Unavailable as error:
                if not silent:  # an outage is told once, not every two seconds
                    log.warning("maintenance waits for the store: %s", error.message)
                silent = True
            except Exception:
                log.exception("maintenance failed; it will try again")


@dataclass
class App:
    """The product, put together. `start` begins what runs beside requests, `close` ends everything."""

    config: Config
    store: "Store"
    flask: "flask.Flask"
    context: "Context"
    clock: Clock
    own_store: bool
    link: "RedisLink | None" = None
    seal_every_s: float = SEAL_EVERY_S
    lease_s: float = LEASE_S
    companions: list[Callable[[], Any]] = field(default_factory=list)
    asgi: "Front" = field(init=False)
    leases: "Leases" = field(init=False)
    _running: list[Any] = field(default_factory=list)

    def start(self) -> None:
        """Begin maintenance, alarms, live frames and whatever was added to `companions`; called once, when the server is up."""
        from api.collectors import collectors
        from dashboard import live as frames
        from services.command_expiry import Expiry
        from services.leases import WhileHeld, open_leases
        from services.notifying import Notifier

        self.leases = open_leases(self.link, self.lease_s)
        self._running.append(Maintenance(self.store, self.clock, self.config, self.leases, self.seal_every_s).start())
        self._running.append(WhileHeld(self.leases, ALARMS, self._watch_alarms).start())
        self._running.append(WhileHeld(self.leases, COMMANDS, lambda: Expiry(self.store, self.clock).start()).start())
        self._running.append(WhileHeld(self.leases, NOTICES, lambda: Notifier(self.store, self.config, self.clock).start()).start())
        self._running.append(self._foreman().start())
        self._running.append(frames.start(self.store, self.config))
        self._running += [begin() for begin in self.companions]
        self._running += [self._collecting(one) for one in collectors(self.config, self.store, self.context.gauges)]

    def stop(self) -> None:
        """End what `start` began, last first, and leave the leases to other processes."""
        while self._running:
            self._running.pop().stop()
            if not self._running:
                self.leases.close()

    def close(self) -> None:
        """Stop, and release the store if this app opened it; idempotent."""
        self.stop()
        if self.own_store:
            self.own_store = False
            self.store.close()
        if self.link is not None:
            self.link.close()

    def _foreman(self) -> "Foreman":
        from services.jobs import Foreman

        config = self.config
        lonely = any(url.startswith("memory:") for url in (config.database_url, config.records_url))
        why = "the store is in the memory of the server (memory://), where no job process can read it" if lonely else ""
        begin = None if lonely else lambda: begin_jobs(config)
        folder, most = config.exports_dir, config.exports_mb << 20
        return Foreman(self.store, folder, config.export_days, most, begin, why, config.studies, config.reports_kept)

    def _collecting(self, one: "Collecting") -> Any:
        """In one process of those that share a Redis; in one that stands alone at once, so that a port that is taken stops the start."""
        from services.leases import WhileHeld

        return one.start() if self.link is None else WhileHeld(self.leases, f"collect-{one.name}", one.start).start()

    def _watch_alarms(self) -> "AlarmWatch":
        from services.alarming import AlarmWatch

        watch = AlarmWatch(self.store, self.clock)
        watch.start()
        return watch


def create_app(config: Config, store: "Store | None" = None, clock: Clock = now_ms) -> App:
    """The product on this configuration. A store that is handed in stays the caller's to close. Raises ValueError or Unavailable
    for a database that cannot be opened."""
    import flask
    from a2wsgi import WSGIMiddleware

    import callbacks
    from api import auth, wsgi
    from api.contract import VERSION, open_context
    from api.gauges import open_streams
    from api.live import Hub
    from api.native import Front
    from api.routes import discover
    from services import vitals
    from services.throttle import open_throttle

    own = store is None
    link = open_link(config)
    kept = store or open_configured(config, clock, serving=True, link=link)
    server = flask.Flask("voltdeck", static_folder=None)
    server.secret_key = config.secret_key
    context = open_context(kept, config, clock, discover(), link)
    wsgi.receive(server, context)
    guard = auth.install(server, kept, config, open_throttle(link, kept.clock))
    context.authorize = guard.authorize
    wsgi.mount(server, context)
    vitals.begin(
        kept, config=config, redis=link, foreign=context.foreign, streams=lambda: open_streams(context.gauges), version=VERSION
    )
    callbacks.mount(server, kept, config)
    product = App(config, kept, server, context, clock, own, link)
    product.asgi = Front(context, WSGIMiddleware(server, workers=FLASK_THREADS), Hub(context), product.start, product.close)
    return product


def open_link(config: Config) -> "RedisLink | None":
    """The way to the Redis that the configuration names; None when it names none."""
    from datastore.backends.redis_link import RedisLink

    return RedisLink(config.redis_url) if config.redis_url else None


def open_configured(
    config: Config, clock: Clock = now_ms, serving: bool = False, link: "RedisLink | None" = None, reading: bool = False
) -> "Store":
    """The store that the configuration names; only one that serves has a spool, a command would rather stop than go on without its store.
    One that serves, or is there for `reading`, has what is read beside the store too. What happens in it is told to other processes by
    way of `link`."""
    from datastore.backends.redis import RedisLive
    from datastore.open import open_store

    spool = config.data_dir / "spool"
    return open_store(
        config.database_url,
        config.site_tz,
        clock=clock,
        auto_register=config.auto_register,
        seal_after_ms=config.seal_after_hours * 3_600_000,
        records_url=config.records_url,
        document_days=config.document_days,
        # turned off, it is still emptied of what was acknowledged before
        spool=spool if serving and (config.spool_mb or spool.is_dir()) else None,
        spool_bytes=config.spool_mb << 20,
        live=None if link is None else RedisLive(link),
        sources=open_sources(config) if serving or reading else (),
        place=(config.site_latitude, config.site_longitude),
    )


def open_sources(config: Config) -> "list[Source]":
    """What the configuration names to be read beside the store. Raises Unavailable for a folder that is no archive, ValueError for
    a mapping that makes no sense."""
    from datastore.backends.csv_archive import CsvArchive
    from datastore.backends.solarhub.source import SolarHub

    folder, hub = config.archive_dir, config.solarhub
    archives: list[Source] = [CsvArchive(folder, config.data_dir / "archive-index", config.archive_tz)] if folder else []
    return [*archives, SolarHub(hub)] if hub else archives


def __getattr__(name: str) -> Any:
    """`app.app` and `app.asgi`, made on first use, so that importing this module does nothing."""
    if name in ("app", "asgi"):
        product = _product()
        return product.flask if name == "app" else product.asgi
    raise AttributeError(name)


_made: list[App] = []


def _product() -> App:
    if not _made:
        config = Config.from_env(environment())
        set_up_logging(config.log_level)
        product = create_app(config)
        announce_admin(product.store, config)
        _made.append(product)
    return _made[0]


def environment(
    flags: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None, dotenv: Path = Path(".env")
) -> dict[str, str]:
    """The settings as given: flags beat the environment, which beats the file `.env`."""
    return {**settings_file(dotenv), **(os.environ if env is None else env), **(flags or {})}


def settings_file(dotenv: Path = Path(".env")) -> dict[str, str]:
    """What the file `.env` says; nothing when there is none."""
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(dotenv).items() if value is not None} if dotenv.is_file() else {}


def set_up_logging(level: str) -> None:
    """One JSON object a line on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("uvicorn.error", "werkzeug", "alembic", "websockets"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))


class JsonLines(logging.Formatter):
    """time, level, logger, message; a message that is a JSON object already is merged in."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        message = record.getMessage()
        if record.name == "voltdeck.access":
            line.update(json.loads(message))
        else:
            line["message"] = message
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def announce_admin(store: "Store", config: Config) -> str | None:
    """Create the first user when there is none, and show the password that was made up for it, once."""
    from services.accounts import ensure_admin

    password = ensure_admin(store, config)
    change = "`python app.py user password admin` sets a new one"
    if password is None:
        print(f"Login: user admin with ADMIN_PASSWORD or the password shown at the first start ({change})", flush=True)
    else:
        print(f"First start: user admin, password {password} (shown only now; {change})", flush=True)
    return password


class Stop(Exception):
    """The command cannot go on; the message is one line for a person."""


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises Stop when the port is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Stop(f"PORT: cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None
    return bound


def tune_collector() -> None:
    """What is loaded now stays for good, and readings are no cycles: the garbage collector need not look at them all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def bound_heaps() -> None:
    """Two heaps for all threads: by default glibc keeps one for each, and each stays as large as its largest request ever was."""
    with suppress(OSError, AttributeError):  # another C library does without
        ctypes.CDLL("libc.so.6").mallopt(_M_ARENA_MAX, 2)


def return_memory() -> None:
    """Give the system back what the heaps hold free."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def serve(config: Config, companions: Sequence[Callable[[App], Callable[[], Any]]] = ()) -> int:
    """Serve until told to stop. `companions` get the app and give back what starts them."""
    import uvicorn

    bound_heaps()
    bound = listen(config.host, config.port)
    with bound:
        product = create_app(config)
        product.companions += [companion(product) for companion in companions]
        try:
            announce_admin(product.store, config)
            settings = uvicorn.Config(
                product.asgi,
                loop="uvloop",
                http="httptools",
                ws="websockets-sansio",
                ws_max_size=WEBSOCKET_BYTES,
                ws_per_message_deflate=False,  # a frame is made once and shared; packing it for each client would undo that
                access_log=False,
                proxy_headers=False,  # uvicorn would believe every process of this machine; see TRUSTED_PROXIES
                lifespan="on",
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
                backlog=4096,
            )
            shown = f"[{config.host}]" if ":" in config.host else config.host
            print(
                f"Voltdeck at http://{shown}:{config.port} (API documentation at /docs, {config.auth_mode} mode); Ctrl-C stops it",
                flush=True,
            )
            tune_collector()
            # uvicorn sends the signal that stopped it once more when it is done; being told to stop is no failure
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: None)
            uvicorn.Server(settings).run(sockets=[bound])
        finally:
            product.close()
    return 0


def demo(config: Config) -> int:
    """A living simulated plant: its history is made once, in a process of its own, so that the memory this takes ends with it."""
    from services.demo import is_filled

    listen(config.host, config.port).close()
    with opened(config) as store:
        filled = is_filled(store)
    if not filled:
        child = multiprocessing.get_context("spawn").Process(target=fill, args=(config,))
        child.start()
        child.join()
        if child.exitcode:
            raise Stop("the demo plant's history could not be made, see above; started again it goes on where it was")

    def plant(product: App) -> Callable[[], Any]:
        from services.demo import LivePlant
        from services.leases import WhileHeld

        def live() -> LivePlant:
            made = LivePlant(product.store, config, product.clock)
            made.start()
            return made

        return lambda: WhileHeld(product.leases, DEMO, live).start()

    return serve(config, [plant])


def collect(config: Config) -> int:
    """Take in what devices send that do not speak HTTP, beside the server or without one, until told to stop."""
    from api.collectors import collectors
    from services.leases import WhileHeld, open_leases

    link = open_link(config)
    store = open_configured(config, serving=True, link=link)
    leases = open_leases(link, LEASE_S)
    running: list[Any] = []
    ended = threading.Event()
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        running.append(Maintenance(store, now_ms, config, leases, SEAL_EVERY_S).start())
        for one in collectors(config, store, alone=True):
            running.append(one.start() if link is None else WhileHeld(leases, f"collect-{one.name}", one.start).start())
            print(f"Voltdeck collects: {one.shown}", flush=True)
        ended.wait()
    finally:
        while running:
            running.pop().stop()
        leases.close()
        store.close()
        if link is not None:
            link.close()
    return 0


def begin_jobs(config: Config) -> multiprocessing.process.BaseProcess:
    """Start the job process: it does what waits in the queue, and ends."""
    child = multiprocessing.get_context("spawn").Process(target=jobs, args=(config, os.getpid()), name="jobs", daemon=True)
    child.start()
    return child


def jobs(config: Config, parent: int) -> None:
    """The job process itself. It ends when nothing is left, when it is told to, or when the server that began it is gone."""
    from dashboard.report import press
    from services import reports
    from services.jobs import Worker

    set_up_logging(config.log_level)
    store = open_configured(config, reading=True)
    try:
        folder, most = config.exports_dir, config.exports_mb << 20
        worker = Worker(store, folder, config.export_days, most, parent, config.studies, press(config), config.reports_kept)
        if config.studies:
            reports.plan(store, config.report_languages)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which tells us
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        worker.work()
    finally:
        store.close()


def fill(config: Config) -> None:
    """Make the demo plant's history, with a progress bar; safe to repeat."""
    from services.demo import fill as fill_history

    with opened(config) as store, progress_bar("simulating the plant") as progress:
        fill_history(store, config, now_ms, progress)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """A bar on the terminal; call it with the share done (0…1) and what is being done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn()) as bar:
        task = bar.add_task(title, total=1.0)

        def advance(share: float, doing: str = "") -> None:
            bar.update(task, completed=share, description=doing or title)

        yield advance


@contextmanager
def opened(config: Config) -> "Iterator[Store]":
    """The configured store, closed at the end."""
    store = open_configured(config)
    try:
        yield store
    finally:
        store.close()


def import_files(config: Config, argv: Sequence[str]) -> int:
    """Read files into the store; bad rows are listed, the rest is kept."""
    from services.importing import run_import_command

    with opened(config) as store:
        return run_import_command(store, argv)


def seal(config: Config) -> int:
    """Pack old readings now."""
    with opened(config) as store:
        rows = store.telemetry.seal(now_ms() - config.seal_after_hours * 3_600_000)
        store.telemetry.maintain()
    print(f"Sealed {rows} readings")
    return 0


def doctor(config: Config, argv: Sequence[str]) -> int:
    """What the store holds and costs, and whether it is sound."""
    from services.doctor import run_doctor_command

    return run_doctor_command(config.database_url, argv, config.retention, now_ms(), progress_bar)


def backup(config: Config, argv: Sequence[str]) -> int:
    """The store into one file."""
    from services.backup import run_backup_command

    return run_backup_command(config.database_url, config.records_url, argv, now_ms(), progress_bar)


def restore(config: Config, argv: Sequence[str]) -> int:
    """The store from one file."""
    from services.backup import run_restore_command

    return run_restore_command(config.database_url, config.records_url, argv, now_ms(), progress_bar)


def user(config: Config, argv: Sequence[str]) -> int:
    """Add, change and list users."""
    from services.accounts import run_user_command

    with opened(config) as store:
        return run_user_command(store, argv)


def show(config: Config) -> int:
    """Print what is in force, secrets hidden."""
    for name, value in config.shown().items():
        print(f"{name}={value}")
    return 0


def env_example() -> str:
    """The file `.env.example`: every setting with its default and what it is for."""
    lines = ["# Copy to .env and change what you need. Command-line flags beat the environment, which beats this file.", ""]
    for setting in SETTINGS:
        also = f" (also read as {', '.join(setting.aliases)})" if setting.aliases else ""
        lines += [f"# {setting.help}{also}", f"{'# ' if not setting.default else ''}{setting.name}={setting.default}", ""]
    return "\n".join(lines)


def _flag(name: str) -> str:
    return "--" + name.lower().replace("_", "-")


def _settings_parser() -> argparse.ArgumentParser:
    """Every setting that is no secret as a flag; secrets do not belong into the list of processes."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("settings (they beat the environment, which beats .env)")
    for setting in SETTINGS:
        if not setting.secret:
            group.add_argument(_flag(setting.name), dest=setting.name, metavar="VALUE", help=_help(setting))
    return parser


def _help(setting: Setting) -> str:
    return f"{setting.help} (default: {setting.default or 'empty'})".replace("%", "%%")


OWN_ARGUMENTS = {
    "import": "import files into the store",
    "user": "add, change and list users",
    "doctor": "what the store holds and costs, and whether it is sound",
    "backup": "copy the store into one file, while it is in use",
    "restore": "fill an empty store from a backup",
    "solarhub": "look what of an existing SolarHub can be read",
}
"""Verbs that read their own arguments, and what they do."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description="Voltdeck: dashboard and data hub for battery storage and solar plants")
    common = _settings_parser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve", parents=[common], help="serve the product on one port")
    verbs.add_parser("demo", parents=[common], help="serve a living simulated plant, made at the first start")
    verbs.add_parser("collect", parents=[common], help="take in what devices send over TCP and MQTT, without serving")
    for verb, does in OWN_ARGUMENTS.items():
        verbs.add_parser(verb, parents=[common], help=does, add_help=False, allow_abbrev=False)
    verbs.add_parser("seal", parents=[common], help="pack old readings into compressed chunks now")
    settings = verbs.add_parser("config", parents=[common], help="print the settings in force, secrets hidden")
    settings.add_argument("--example", action="store_true", help="print the file .env.example instead")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one verb; one clear line and a non-zero code when it cannot."""
    parsed, rest = _parser().parse_known_args(argv)
    if rest and parsed.verb not in OWN_ARGUMENTS:
        _parser().error(f"unrecognised arguments: {' '.join(rest)}")
    flags = {setting.name: value for setting in SETTINGS if (value := getattr(parsed, setting.name, None)) is not None}
    if getattr(parsed, "example", False):
        print(env_example(), end="")
        return 0
    try:
        given = environment(flags)
        config = Config.from_env(given)
        for doubt in doubts(given, settings_file()):
            print(f"voltdeck: {doubt}", file=sys.stderr)
        set_up_logging(config.log_level)
        match parsed.verb:
            case "serve":
                return serve(config)
            case "demo":
                return demo(config)
            case "collect":
                return collect(config)
            case "import":
                return import_files(config, rest)
            case "seal":
                return seal(config)
            case "user":
                return user(config, rest)
            case "doctor":
                return doctor(config, rest)
            case "backup":
                return backup(config, rest)
            case "restore":
                return restore(config, rest)
            case "solarhub":
                from services.solarhub import run_solarhub_command

                return run_solarhub_command(config.solarhub, rest, now_ms)
            case _:
                return show(config)
    except (SettingError, Stop, ValueError) as error:
        print(f"voltdeck: {error}", file=sys.stderr)
        return 2
    except PlantError as error:
        print(f"voltdeck: {error.message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    # `import app` elsewhere in this process must find this module, not load it a second time.
    sys.modules["app"] = sys.modules["__main__"]
    raise SystemExit(main(sys.argv[1:]))
