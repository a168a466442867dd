"""The alarm page: the list, one alarm, the timeline with what came first, and how the alarm system does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from dashboard.figures.grid import Column, Grid
from dashboard.loads.alarm_words import sentence
from dashboard.loads.archive import site_second
from dashboard.page import Scope, Table, Tile
from dashboard.words import word
from datastore.store import Store
from plant.analysis import alarm_figures
from plant.analysis.alarm_figures import OPEN, AlarmFigures, figures, first_outs
from plant.analysis.alarms import SEVERITIES
from plant.metrics import CATALOGUE
from plant.model import HOUR, Alarm, Device, Window
from plant.quantity import number, quantity
from services.alarm_actions import Comment, comments, state_of

MOST = 5_000
"""Alarms of a window that are looked at, the newest."""
LISTED = 1_000
BEFORE = HOUR
"""In a flood one event follows another: where the one of an alarm began is counted from here before it."""
STATES = ("active", "acknowledged", "shelved", "cleared")
ANY = "any"
_KEPT = ("active", "acknowledged", "cleared")
TONES = {rank: severity for severity, rank in SEVERITIES.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """Alarms that stood in the window, newest first: all of them, and those of the scope's device and severity; `is_cut` when there were
    more."""

    every: tuple[Alarm, ...]
    alarms: tuple[Alarm, ...]
    window: Window
    now: int
    is_cut: bool

    @property
    def raised(self) -> alarm_figures.Instants:
        """[n] epoch ms."""
        return np.array([alarm.raised for alarm in self.alarms], dtype=np.int64)

    @property
    def cleared(self) -> alarm_figures.Instants:
        """[n] epoch ms, OPEN while it stands."""
        return np.array([OPEN if alarm.cleared is None else alarm.cleared for alarm in self.alarms], dtype=np.int64)

    @property
    def leads(self) -> frozenset[int | None]:
        """Numbers of the first alarms of events; whatever the list is narrowed to, an alarm leads or follows the whole plant's."""
        return frozenset(alarm.id for alarm, _, is_first in in_events(self.every) if is_first)


def in_events(alarms: Iterable[Alarm]) -> list[tuple[Alarm, int, bool]]:
    """Alarms in the order in which they were raised, by number when at one instant, with the event of each and whether it is its first."""
    ordered = sorted(alarms, key=lambda alarm: (alarm.raised, alarm.id or 0))
    events, firsts = first_outs(np.array([alarm.raised for alarm in ordered], dtype=np.int64))
    return list(zip(ordered, events.tolist(), firsts.tolist(), strict=True))


def found(store: Store, scope: Scope) -> Found:
    """What stood in the scope's window."""
    now = store.clock()
    span = scope.span(now)
    window = Window(span.start, max(min(span.end, now + 1), span.start + 1))
    kept = store.records.alarms(_KEPT, window, MOST)
    return Found(tuple(kept), tuple(alarm for alarm in kept if _fits(alarm, scope)), window, now, len(kept) == MOST)


def _fits(alarm: Alarm, scope: Scope) -> bool:
    return (not scope.device or alarm.device_id in scope.devices) and scope.severity in ("", alarm.severity)


def tag(alarm: Alarm) -> str:
    """What the alarm is one of."""
    return f"{alarm.device_id} · {alarm.code}"


def severity_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """Worst first."""
    return [(name, f"severity.{name}") for name in reversed(list(SEVERITIES))]


def state_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """The states an alarm can be in, and all of them."""
    return [(state, f"alarm.state.{state}") for state in (*STATES, ANY)]


def device_options(store: Store, scope: Scope) -> list[tuple[str, str]]:
    """Devices that had an alarm in the window, and those asked for."""
    window = found(store, Scope(window=scope.window, start=scope.start, end=scope.end, zone=scope.zone))
    names = sorted({alarm.device_id for alarm in window.alarms} | set(scope.devices))
    return [(name, name) for name in names]


def wanted(seen: Found, scope: Scope) -> list[Alarm]:
    """Those of the asked state: what is open unless another one is named."""
    if scope.state == ANY:
        return list(seen.alarms)
    states = (scope.state,) if scope.state in STATES else STATES[:3]
    return [alarm for alarm in seen.alarms if state_of(alarm, seen.now) in states]


def alarm_list(store: Store, scope: Scope) -> Table:
    """Columns, one row per alarm, newest first: `number`, `severity` (rank), `state`, `device`, `said`, `at` (raised), `raised` (site
    time), `lasted` [min], `code`, `first`."""
    seen = found(store, scope)
    rows = wanted(seen, scope)[:LISTED]
    lang, devices = scope.lang, _devices(store)
    leads = seen.leads
    shown = chosen(seen, scope)
    columns: dict[str, list[Any]] = {
        "number": [alarm.id for alarm in rows],
        "severity": [SEVERITIES.get(alarm.severity, 0) for alarm in rows],
        "state": [state_of(alarm, seen.now) for alarm in rows],
        "device": [alarm.device_id for alarm in rows],
        "said": [sentence(alarm, _info(devices, alarm), lang) for alarm in rows],
        "first": [word("alarm.first", lang) if alarm.id in leads else "" for alarm in rows],
        "raised": [site_second(alarm.raised, store) for alarm in rows],
        "lasted": [round(lasted(alarm, seen.now) / 60_000, 1) for alarm in rows],
        "code": [alarm.code for alarm in rows],
        "at": [alarm.raised for alarm in rows],
    }
    note = word("alarm.cut", lang, n=LISTED) if seen.is_cut or len(wanted(seen, scope)) > LISTED else ""
    spec = Grid(
        _list_columns(lang),
        tuple(str(alarm.id) for alarm in rows),
        tuple(scope.link("/alarms", alarm=alarm.id) for alarm in rows),
        "device",
        "severity",
        ("said", "state", "raised", "first"),
        str(shown.id) if shown else "",
        note,
    )
    simulated = bool(rows) and all(alarm.simulated for alarm in rows)
    return Table(columns, seen.now, simulated, {"grid": spec, "period": seen.window})


def _list_columns(lang: str) -> tuple[Column, ...]:
    states = {state: word(f"alarm.state.{state}", lang) for state in STATES}
    severities = {rank: word(f"severity.{name}", lang) for name, rank in SEVERITIES.items()}
    return (
        Column("severity", word("alarm.severity", lang), None, severities, TONES, 104),
        Column("state", word("alarm.state", lang), None, states, {"active": "alarm", "shelved": "stale", "cleared": "stale"}, 116),
        Column("device", word("control.device", lang), width=136),
        Column("said", word("alarm.said", lang), width=240, flex=1),
        Column("first", word("alarm.first.head", lang), width=96),
        Column("raised", word("alarm.raised", lang), width=172),
        Column("lasted", word("alarm.lasted", lang), 1, width=128),
    )


def list_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the list again when what stands in it has changed."""
    seen = found(store, scope)
    return {"redraw": _mark(wanted(seen, scope)[:LISTED], seen.now)}


def _mark(alarms: Iterable[Alarm], now: int) -> str:
    signs = "|".join(f"{alarm.id} {state_of(alarm, now)} {alarm.severity} {alarm.shelved_until}" for alarm in alarms)
    return f"{crc32(signs.encode()):08x}"


def lasted(alarm: Alarm, now: int) -> int:
    """How long it stood [ms]."""
    return max(0, (now if alarm.cleared is None else alarm.cleared) - alarm.raised)


def chosen(seen: Found, scope: Scope) -> Alarm | None:
    """The alarm looked at: the one of the link, else the worst that is listed, the newest of those."""
    if scope.alarm is not None:
        return next((alarm for alarm in seen.alarms if alarm.id == scope.alarm), None)
    rows = wanted(seen, scope)[:LISTED]
    return max(rows, key=lambda alarm: (SEVERITIES.get(alarm.severity, 0), alarm.raised), default=None)


def picked(store: Store, scope: Scope) -> Alarm | None:
    """The same, one outside the window too."""
    return store.records.alarm(scope.alarm) if scope.alarm is not None else chosen(found(store, scope), scope)


def alarm_card(store: Store, scope: Scope) -> Table:
    """Columns `name` and `value` (texts) of the alarm looked at; `more` has the alarm, its comments and the others of its event."""
    alarm = picked(store, scope)
    if alarm is None:
        return Table({}, more={"asked": scope.alarm})
    now, lang = store.clock(), scope.lang
    facts = _facts(store, alarm, now, lang)
    notes: Sequence[Comment] = comments(store, alarm.id) if alarm.id is not None else ()
    more = {
        "alarm": alarm,
        "said": sentence(alarm, _info(_devices(store), alarm), lang),
        "facts": facts,
        "talk": [(site_second(note.at, store), note.author or word("alarm.somebody", lang), note.text) for note in notes],
        "event": _event(store, alarm, scope),
        "told": {"": [("t", lasted(alarm, now) / 60_000, tag(alarm)), ("value", alarm.value, ""), ("limit", alarm.limit, "")]},
    }
    columns: dict[str, list[Any]] = {"name": [name for name, _ in facts], "value": [value for _, value in facts]}
    return Table(columns, now, alarm.simulated, more)


def alarm_desk(store: Store, scope: Scope) -> Table:
    """The `number` of the alarm that can be acted on; who may do what is filled in by `callbacks/alarms.py`."""
    alarm = picked(store, scope)
    return Table({"number": [] if alarm is None else [alarm.id]})


def _facts(store: Store, alarm: Alarm, now: int, lang: str) -> list[tuple[str, str]]:
    about = CATALOGUE.get(alarm.metric)
    unit, decimals = (about.unit, max(about.decimals, 1)) if about and about.shape == "scalar" else ("", 0)
    pairs = [
        ("alarm.state", word(f"alarm.state.{state_of(alarm, now)}", lang)),
        ("alarm.raised", site_second(alarm.raised, store)),
        ("alarm.ended", site_second(alarm.cleared, store) if alarm.cleared is not None else ""),
        ("alarm.lasted.long", duration(lasted(alarm, now), lang)),
        ("alarm.metric", about.label(lang) if about else ""),
        ("alarm.value", quantity(alarm.value, unit, decimals) if alarm.value is not None and about else ""),
        ("alarm.limit", quantity(alarm.limit, unit, decimals) if alarm.limit is not None and about and about.shape == "scalar" else ""),
        ("alarm.code", alarm.code),
    ]
    if alarm.acknowledged is not None:
        who = alarm.acknowledged_by or word("alarm.somebody", lang)
        pairs.append(("alarm.acknowledged", f"{who}, {site_second(alarm.acknowledged, store)}"))
    if alarm.is_shelved(now) and alarm.shelved_until is not None:
        who = alarm.shelved_by or word("alarm.somebody", lang)
        pairs.append(("alarm.shelved", word("alarm.shelved.until", lang, who=who, when=site_second(alarm.shelved_until, store))))
    return [(word(key, lang), text) for key, text in pairs if text]


def duration(ms: int, lang: str) -> str:
    """A stretch of time as a person says it, in its largest sensible unit.

    >>> duration(45_000, "en"), duration(5_400_000, "en"), duration(3 * 86_400_000, "es")
    ('45 s', '1.5 h', '3.0 d')
    """
    for unit, size, decimals in (("d", 86_400_000, 1), ("h", 3_600_000, 1), ("min", 60_000, 1)):
        if ms >= size:
            return f"{number(ms / size, decimals)} {word(f'unit.{unit}', lang)}"
    return f"{number(ms / 1000, 0)} {word('unit.s', lang)}"


def _event(store: Store, alarm: Alarm, scope: Scope) -> list[tuple[str, str, str, bool]]:
    """Alarms that began with this one, the first one first: (seconds after it, device, sentence, whether it is this one)."""
    around = Window(alarm.raised - BEFORE, alarm.raised + alarm_figures.TOGETHER + 1)
    near = in_events(one for one in store.records.alarms(_KEPT, around, MOST) if around.start <= one.raised < around.end)
    mine = next((event for one, event, _ in near if one.id == alarm.id), None)
    together = [one for one, event, _ in near if event == mine]
    if len(together) < 2:
        return []
    devices, begun = _devices(store), together[0].raised
    return [
        (f"+{number((one.raised - begun) / 1000, 0)} s", one.device_id, sentence(one, _info(devices, one), scope.lang), one.id == alarm.id)
        for one in together[:12]
    ]


def card_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the card again when the alarm, or what is said of it, has changed."""
    alarm = picked(store, scope)
    notes = store.records.entries_version("alarm_comments")
    return {"redraw": f"{'' if alarm is None else _mark([alarm], store.clock())} {notes}"}


def _devices(store: Store) -> dict[tuple[str, str], Device]:
    return {(device.device_id, str(device.kind)): device for device in store.records.devices()}


def _info(devices: Mapping[tuple[str, str], Device], alarm: Alarm) -> Mapping[str, Any]:
    device = devices.get((alarm.device_id, alarm.kind))
    return device.info if device else {}


def seen_figures(seen: Found) -> AlarmFigures:
    """The figures of the alarms raised in the window."""
    return figures(seen.raised, seen.cleared, [tag(alarm) for alarm in seen.alarms], [alarm.severity for alarm in seen.alarms], seen.window)


def tiles(store: Store, scope: Scope) -> list[Tile]:
    """How many stand, and ISA-18.2's figures over the window with their targets."""
    seen, lang = found(store, scope), scope.lang
    at, told = seen.now, seen_figures(seen)
    standing = [alarm for alarm in seen.alarms if alarm.cleared is None and not alarm.is_shelved(at)]
    worst = max(standing, key=lambda alarm: SEVERITIES.get(alarm.severity, 0), default=None)
    unseen = sum(alarm.acknowledged is None for alarm in standing)
    split = "" if told.split is None else " / ".join(number(100 * share, 0) for _, share in told.split)

    def target(key: str, **values: object) -> str:
        return word(key, lang, **values)

    def tone(is_bad: bool) -> str:
        return "warning" if is_bad else ""

    return [
        Tile("open", "alarm.tile.open", float(len(standing)), "", 0, at, target("alarm.tile.open.note", n=unseen), "bell",
             worst.severity if worst else "good"),
        Tile("rate", "alarm.tile.rate", told.rate, "/ 10 min", 2, None, target("alarm.tile.rate.note"), "activity",
             tone(told.rate > alarm_figures.ACCEPTABLE)),
        Tile("peak", "alarm.tile.peak", float(told.peak), "/ 10 min", 0, None, target("alarm.tile.peak.note"), "bar-chart",
             tone(told.peak > alarm_figures.FLOOD)),
        Tile("flood", "alarm.tile.flood", 100 * told.in_flood, "%", 1, None, target("alarm.tile.flood.note"), "water",
             tone(told.in_flood >= alarm_figures.MOST_IN_FLOOD)),
        Tile("top", "alarm.tile.top", None if told.top_ten is None else 100 * told.top_ten, "%", 0, None, target("alarm.tile.top.note"),
             "list-ol", ""),
        Tile("chatter", "alarm.tile.chatter", float(len(told.chattering)), "", 0, None, target("alarm.tile.chatter.note"), "chat-dots",
             tone(bool(told.chattering))),
        Tile("stale", "alarm.tile.stale", float(told.stale), "", 0, None, target("alarm.tile.stale.note"), "hourglass-split",
             tone(told.stale >= alarm_figures.MOST_STALE)),
        Tile("split", "alarm.tile.split", split or None, "%" if split else "", 0, None, target("alarm.tile.split.note"), "pie-chart"),
    ]  # fmt: skip
