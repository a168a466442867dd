"""The composition root: reads the environment once, puts store, doors and dashboard together, and is the command line.

    python app.py serve | demo | import FILE… | seal | user … | config

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

from plant.errors import PlantError
from services.config import SETTINGS, Config, Setting, SettingError, doubts

if TYPE_CHECKING:
    import flask

    from api.contract import Context
    from api.native import Front
    from datastore.store import Store

MAINTAIN_EVERY_S = 2.0
SEAL_EVERY_S = 3600.0
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
    """Closes minutes, drains dirty rollups and packs old readings, on a thread of its own."""

    def __init__(self, store: "Store", clock: Clock, seal_after_ms: int) -> None:
        self._store = store
        self._clock = clock
        self._seal_after_ms = seal_after_ms
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
        while not self._stop.wait(MAINTAIN_EVERY_S):
            try:
                self._store.telemetry.maintain()
                if time.monotonic() - trimmed >= TRIM_EVERY_S:
                    trimmed = time.monotonic()
                    return_memory()
                if time.monotonic() - sealed >= SEAL_EVERY_S:
                    sealed = time.monotonic()
                    rows = self._store.telemetry.seal(self._clock() - self._seal_after_ms)
                    log.info("sealed %d readings", rows)
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
    companions: list[Callable[[], Any]] = field(default_factory=list)
    asgi: "Front" = field(init=False)
    _running: list[Any] = field(default_factory=list)

    def start(self) -> None:
        """Begin maintenance, alarms, live frames and whatever was added to `companions`; called once, when the server is up."""
        from dashboard import live as frames
        from services.alarming import AlarmWatch

        self._running.append(Maintenance(self.store, self.clock, self.config.seal_after_hours * 3_600_000).start())
        watch = AlarmWatch(self.store, self.clock)
        watch.start()
        self._running.append(watch)
        self._running.append(frames.start(self.store, self.config))
        self._running += [begin() for begin in self.companions]

    def stop(self) -> None:
        """End what `start` began, last first."""
        while self._running:
            self._running.pop().stop()

    def close(self) -> None:
        """Stop, and release the store if this app opened it; idempotent."""
        self.stop()
        if self.own_store:
            self.own_store = False
            self.store.close()


def create_app(config: Config, store: "Store | None" = None, clock: Clock = now_ms) -> App:
    """The product on this configuration. A store that is handed in stays the caller's to close. Raises ValueError or Unavailable
    for a database that cannot be opened."""
    import flask
    from a2wsgi import WSGIMiddleware

    import callbacks
    from api import auth, wsgi
    from api.contract import open_context
    from api.live import Hub
    from api.native import Front
    from api.routes import discover

    own = store is None
    kept = store or open_configured(config, clock)
    server = flask.Flask("voltdeck", static_folder=None)
    server.secret_key = config.secret_key
    context = open_context(kept, config, clock, discover())
    wsgi.receive(server, context)
    guard = auth.install(server, kept, config)
    context.authorize = guard.authorize
    wsgi.mount(server, context)
    callbacks.mount(server, kept, config)
    product = App(config, kept, server, context, clock, own)
    product.asgi = Front(context, WSGIMiddleware(server, workers=FLASK_THREADS), Hub(context), product.start, product.close)
    return product


def open_configured(config: Config, clock: Clock = now_ms) -> "Store":
    """The store that the configuration names."""
    from datastore.open import open_store

    return open_store(
        config.database_url,
        config.site_tz,
        clock=clock,
        auto_register=config.auto_register,
        seal_after_ms=config.seal_after_hours * 3_600_000,
    )


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

        live = LivePlant(product.store, config, product.clock)

        def begin() -> LivePlant:
            live.start()
            return live

        return begin

    return serve(config, [plant])


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


def user(config: Config, argv: Sequence[str]) -> int:
    """Add, change and list users."""
    from services.accounts import run_user_command

    with opened(config) as store:
        return run_user_command(store, argv)


def show(config: Config) -> int:
    """Print what is in force, secrets hidden."""
    for name, value in config.shown().items():
        print(f"{name} = {value}")
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description="Voltdeck: dashboard and data hub for battery storage and solar plants")
    common = _settings_parser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve", parents=[common], help="serve the product on one port")
    verbs.add_parser("demo", parents=[common], help="serve a living simulated plant, made at the first start")
    # import and user read their own arguments
    verbs.add_parser("import", parents=[common], help="import files into the store", add_help=False, allow_abbrev=False)
    verbs.add_parser("seal", parents=[common], help="pack old readings into compressed chunks now")
    verbs.add_parser("user", parents=[common], help="add, change and list users", add_help=False, allow_abbrev=False)
    settings = verbs.add_parser("config", parents=[common], help="print the settings in force, secrets hidden")
    settings.add_argument("--example", action="store_true", help="print the file .env.example instead")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run one verb; one clear line and a non-zero code when it cannot."""
    parsed, rest = _parser().parse_known_args(argv)
    if rest and parsed.verb not in ("import", "user"):
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
            case "import":
                return import_files(config, rest)
            case "seal":
                return seal(config)
            case "user":
                return user(config, rest)
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
