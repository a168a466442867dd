"""The System page: what comes in, what is kept, who listens, what answers, who did what."""

import platform
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet
from dashboard.loads.alarms import duration
from dashboard.loads.archive import site_second
from dashboard.loads.fleet import fleet
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore.store import Store
from plant.model import MINUTE, SECOND
from plant.quantity import number
from services import vitals
from services.build import BUILD
from services.kiosk import Screen, screens

WIDTH = 10 * SECOND
"""Buckets of the inflow chart [ms]."""
SPAN = 60 * MINUTE
SCREEN_LATE = 2 * MINUTE
"""A screen that has not reported for so long is late [ms]."""
AUDITED = 200
MB = 1_000_000


def tiles(store: Store, scope: Scope) -> list[Tile]:
    """The process and its store in numbers."""
    now, lang, life = store.clock(), scope.lang, vitals.of(store)
    stats, backlog, flow = store.intake.stats, store.intake.backlog, life.inflow()
    plant = fleet(store)
    known = plant.expected([device for devices in plant.devices.values() for device in devices])
    heard = sum(plant.is_online(device) for device in known)
    streams = life.streams()
    resident = vitals.memory()
    share = backlog.bytes / backlog.limit_bytes if backlog.limit_bytes else None
    oldest = store.intake.oldest_spooled()
    late = flow.delay is not None and flow.delay > 10 * SECOND
    waits = word("system.spool.oldest", lang, age=duration(now - oldest, lang)) if oldest is not None else word("system.spool.empty", lang)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(streams.items()) if count)
    told = partial(word, lang=lang)
    return [
        Tile("rate", "system.rate", flow.rate, "/ s", 1, None, told("system.rate.note", n=number(stats.accepted, 0)), "box-arrow-in-down"),
        Tile("delay", "system.delay", None if flow.delay is None else flow.delay / 1000, "s", 2, None, told("system.delay.note"),
             "stopwatch", "warning" if late else ""),
        Tile("commit", "system.commit", stats.last_commit_ms if stats.commits else None, "ms", 1, None,
             told("system.commit.note", n=number(stats.waiting, 0)), "database-check"),
        Tile("spool", "system.spool", float(backlog.waiting), "", 0, None, waits, "inbox", "warning" if backlog.waiting else "", share),
        Tile("devices", "tile.online", f"{heard} / {len(known)}" if known else None, "", 0, None, told("system.devices.note"),
             "hdd-network", "warning" if heard < len(known) else "good", href=scope.elsewhere("/devices")),
        Tile("streams", "system.streams", float(sum(streams.values())), "", 0, None, kinds, "broadcast"),
        Tile("memory", "system.memory", None if resident is None else resident / MB, "MB", 0, None, told("system.memory.note"), "memory"),
        Tile("uptime", "system.uptime", duration(life.uptime_ms(), lang), "", 0, None,
             told("system.uptime.note", when=site_second(life.began, store)), "clock-history"),
    ]  # fmt: skip


def inflow_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` (starts of 10 s buckets of the last hour), `rate` [readings/s], `delay` [s, NaN where nothing came]."""
    now, life = store.clock(), vitals.of(store)
    end = now - now % WIDTH
    start = max(end - SPAN, life.began - life.began % WIDTH)
    if end <= start:
        return Table({})
    at = np.arange(start, end, WIDTH, dtype=np.int64)
    count, delay, blocks = np.zeros(at.size), np.zeros(at.size), np.zeros(at.size)
    for second in life.seconds():
        place = (second.at * SECOND - start) // WIDTH
        if 0 <= place < at.size:
            count[place] += second.readings
            delay[place] += second.delay
            blocks[place] += second.blocks
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(blocks > 0, delay / blocks / SECOND, np.nan)
    lang = scope.lang
    plot = Plot(
        (
            Line("rate", word("system.rate", lang), "/s", 1, "accent", width=WIDTH),
            Line("delay", word("system.delay", lang), "s", 2, "target", width=WIDTH),
        ),
        end - SPAN,
        end,
        floor=(("/s", 0.0, None), ("s", 0.0, None)),
    )
    columns: dict[str, Any] = {"at": at, "rate": count * SECOND / WIDTH, "delay": mean}
    return Table(columns, end, False, {"plot": plot})


def inflow_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Every ten seconds, when a bucket has closed."""
    return {"redraw": store.clock() // WIDTH}


def parts_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per server or store: `part`, `kind`, `place`, `state`; what is read beside the store too. Asked now."""
    lang = scope.lang
    found = vitals.of(store).reachable(store)
    if not found:
        return Table({})
    columns: dict[str, list[Any]] = {
        "part": [part.name for part in found],
        "kind": [word(f"system.part.{part.type}", lang) for part in found],
        "place": [part.host if part.port is None else f"{part.host}:{part.port}" for part in found],
        "state": [word("system.answers" if part.online else "system.silent", lang) for part in found],
    }
    tones = {(part.id, "state"): "good" if part.online else "alarm" for part in found}
    heads = tuple((name, word(f"system.col.{name}", lang), None) for name in columns)
    return Table(columns, store.clock(), False, {"sheet": Sheet(heads, tuple(part.id for part in found), tones)})


def parts_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the parts again every fifteen seconds: asking them is not for the thread that makes frames."""
    return {"redraw": store.clock() // (15 * SECOND)}


def kept_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per kind of device and one of everything: `kind`, `devices`, `hot` and `sealed` readings, `days`, `daily` [MB
    a day], `size` [MB] of the sealed readings."""
    found = vitals.of(store).kept(store)
    if found is None:
        return Table({})
    kinds, tables = found
    lang = scope.lang
    columns: dict[str, list[Any]] = {
        "kind": [*(word(f"kind.{one.kind}", lang) for one in kinds), word("system.kept.all", lang)],
        "devices": [*(one.devices for one in kinds), sum(one.devices for one in kinds)],
        "hot": [*(one.hot for one in kinds), sum(one.hot for one in kinds)],
        "sealed": [*(one.sealed for one in kinds), sum(one.sealed for one in kinds)],
        "days": [*(one.days for one in kinds), max((one.days for one in kinds), default=None)],
        "daily": [
            *(None if one.bytes_a_day is None else one.bytes_a_day / MB for one in kinds),
            sum(one.bytes_a_day or 0.0 for one in kinds) / MB,
        ],
        "size": [*(one.size / MB for one in kinds), sum(table.size for table in tables) / MB],
    }
    decimals = {"kind": None, "devices": 0, "hot": 0, "sealed": 0, "days": 1, "daily": 2, "size": 2}
    heads = tuple((name, word(f"system.kept.{name}", lang), decimals[name]) for name in columns)
    keys = (*(one.kind for one in kinds), "all")
    return Table(columns, store.clock(), False, {"sheet": Sheet(heads, keys, chosen="all")})


def foreign_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per field of a foreign sender that nobody mapped: `field`, `measurement`, `door`, `count`, `last` (site time)."""
    known = vitals.of(store).foreign
    unknown = known.seen()[1] if known else {}
    rows = sorted(unknown.items(), key=lambda item: -item[1].count)[:100]
    if not rows:
        return Table({})
    columns: dict[str, list[Any]] = {
        "field": [name for (_, _, name), _ in rows],
        "measurement": [measurement for (_, measurement, _), _ in rows],
        "door": [door for (door, _, _), _ in rows],
        "count": [seen.count for _, seen in rows],
        "last": [site_second(seen.last, store) for _, seen in rows],
    }
    heads = tuple((name, word(f"system.foreign.{name}", scope.lang), 0 if name == "count" else None) for name in columns)
    keys = tuple(f"{door}:{measurement}:{name}" for (door, measurement, name), _ in rows)
    return Table(columns, store.clock(), False, {"sheet": Sheet(heads, keys)})


def screens_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per wall screen, the latest first: `screen`, `who`, `page`, `size`, `seen` (site time), `age` of that, age of the
    newest `data` on it, `load` (frames a second, memory), `build` (marked where the server runs another)."""
    now, lang = store.clock(), scope.lang
    found = screens(store)
    if not found:
        return Table({})
    columns: dict[str, list[Any]] = {
        "screen": [screen.name or screen.id for screen in found],
        "who": [screen.who for screen in found],
        "page": [screen.page for screen in found],
        "size": [f"{screen.width} × {screen.height}" for screen in found],
        "seen": [site_second(screen.seen, store) for screen in found],
        "age": [duration(max(0, now - screen.seen), lang) for screen in found],
        "data": [None if screen.age is None else duration(screen.age, lang) for screen in found],
        "load": [_load(screen) for screen in found],
        "build": [screen.build or None for screen in found],
    }
    tones = {(screen.id, "age"): "good" if now - screen.seen < SCREEN_LATE else "warning" for screen in found}
    tones |= {(screen.id, "data"): "warning" for screen in found if screen.age is not None and screen.age > SCREEN_LATE}
    tones |= {(screen.id, "build"): "warning" for screen in found if screen.build and screen.build != BUILD}
    heads = tuple((name, word(f"system.screen.{name}", lang), None) for name in columns)
    told = {
        "age": [("t", (now - screen.seen) / SECOND, screen.name or screen.id) for screen in found],
        "data": [("t", None if screen.age is None else screen.age / SECOND, screen.name or screen.id) for screen in found],
        "load": [("fps", screen.fps, screen.name or screen.id) for screen in found],
    }
    return Table(columns, now, False, {"sheet": Sheet(heads, tuple(screen.id for screen in found), tones), "told": told})


def _load(screen: Screen) -> str | None:
    told = [(screen.fps, "fps"), (screen.memory, "MB")]
    return ", ".join(f"{number(value, 0)} {unit}" for value, unit in told if value is not None) or None


def audit_table(store: Store, scope: Scope) -> Table:
    """Columns, newest first: `at`, `when` (site time), `who`, `action`, `what`."""
    rows = store.records.audit_log(AUDITED)
    if not rows:
        return Table({})
    columns: dict[str, list[Any]] = {
        "when": [site_second(at, store) for at, _, _, _ in rows],
        "who": [who for _, who, _, _ in rows],
        "action": [action for _, _, action, _ in rows],
        "what": [what for _, _, _, what in rows],
        "at": [at for at, _, _, _ in rows],
    }
    heads = tuple((name, word(f"system.audit.{name}", scope.lang), None) for name in ("when", "who", "action", "what"))
    return Table(columns, store.clock(), False, {"sheet": Sheet(heads, tuple(str(i) for i in range(len(rows))))})


def audit_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the log again when something was written; says nothing of it."""
    newest = store.records.audit_log(1)
    return {"redraw": newest[0][0] if newest else 0}


def slow_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the panel again every half minute."""
    return {"redraw": store.clock() // (30 * SECOND)}


def about_table(store: Store, scope: Scope) -> Table:
    """Columns `name` and `value`: what runs here. No setting that is a secret."""
    life, lang = vitals.of(store), scope.lang
    config = life.config
    pairs = [("version", life.version or "—"), ("python", platform.python_version()), ("zone", store.zone.key)]
    if config is not None:
        pairs += [
            ("mode", config.auth_mode),
            ("site", f"{config.site_name} ({config.site_id})"),
            ("store", config.database_url.partition(":")[0].partition("+")[0]),
            ("retention", ", ".join(f"{kind} {days} d" for kind, days in config.retention.items()) or word("system.about.forever", lang)),
        ]
    names = [word(f"system.about.{name}", lang) for name, _ in pairs]
    facts = list(zip(names, [value for _, value in pairs], strict=True))
    return Table({"name": names, "value": [value for _, value in pairs]}, store.clock(), False, {"facts": facts})


def reports_table(store: Store, scope: Scope) -> Table:
    """Nothing to export: reports are files themselves, listed by who looks."""
    return Table({})
