"""What the shell itself shows of the plant, as panels: the alarms behind the bell and the pulse of the live pill."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from dash import html

from dashboard.cards import icon
from dashboard.loads.alarm_words import sentences
from dashboard.page import Panel, Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.model import Alarm

RANKS = ("info", "warning", "alarm", "protection")
SHOWN = 8


def alarm_table(store: Store, scope: Scope) -> Table:
    """The alarms that ask for attention now, worst first, then newest; shelved ones ask for none."""
    found = sorted(_asking(store), key=lambda alarm: (-_rank(alarm), -alarm.raised))
    said = sentences(store, found, scope.lang)
    columns: dict[str, list[Any]] = {
        "at": [a.raised for a in found],
        "severity": [a.severity for a in found],
        "device": [a.device_id for a in found],
        "code": [a.code for a in found],
        "message": said,
        "state": [a.state for a in found],
    }
    return Table(columns, at=store.clock(), more={"alarms": found[:SHOWN], "said": said[:SHOWN]})


def _asking(store: Store) -> list[Alarm]:
    now = store.clock()
    return [alarm for alarm in store.records.alarms() if not alarm.is_shelved(now)]


def alarm_menu(table: Table, scope: Scope) -> html.Details:
    """The bell: how many, how bad, and the worst of them."""
    lang, count = scope.lang, len(table.columns["at"])
    worst = table.more["alarms"][0].severity if count else ""
    said = word("alarms.active", lang, n=count) if count else word("alarms.none", lang)
    badge = html.Span(str(count) if count < 100 else "99+", className="vd-badge", **{"data-tone": worst}) if count else None
    items = alarm_lines(table, scope)
    summary = html.Summary([icon("bell-fill" if count else "bell"), badge], className="vd-icon-button", title=said, **{"aria-label": said})
    return html.Details([summary, html.Div([html.H2(said), *items], className="vd-pop vd-alarm-list")], className="vd-menu")


def alarm_lines(table: Table, scope: Scope) -> list[html.Div]:
    """One line for each of `table.more["alarms"]`: how bad, which device, how old, and what `table.more["said"]` says of it."""
    return [_alarm_line(alarm, said, scope) for alarm, said in zip(table.more["alarms"], table.more["said"], strict=True)]


def _alarm_line(alarm: Alarm, said: str, scope: Scope) -> html.Div:
    tag = html.Span(word(f"severity.{alarm.severity}", scope.lang), className="vd-tag", **{"data-tone": alarm.severity})
    age = html.Span(className="vd-age", **{"data-at": str(alarm.raised)})
    return html.Div([html.Div([tag, html.Strong(alarm.device_id), age]), html.P(said)], className="vd-alarm-line")


def _rank(alarm: Alarm) -> int:
    return RANKS.index(alarm.severity) if alarm.severity in RANKS else 0


def alarm_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the bell again when the set of alarms has changed."""
    signs = "|".join(f"{alarm.id} {alarm.state} {alarm.severity}" for alarm in _asking(store))
    return {"redraw": f"{crc32(signs.encode()):08x}"}


def pulse(store: Store, scope: Scope) -> Mapping[str, Any]:
    """When the plant was last heard: the age in the live pill."""
    heard = [latest.at for latest in store.telemetry.latest().values()]
    return {"at": max(heard, default=None), "devices": len(heard)}


def _nothing(store: Store, scope: Scope) -> Table:
    return Table({})


PANELS = (
    Panel("shell", "live", _nothing, lambda table, scope: None, pulse, is_current=True, bare=True),
    Panel("shell-alarms", "alarms.list", alarm_table, alarm_menu, alarm_frame, is_current=True, bare=True, height=0, draws_empty=True),
)
