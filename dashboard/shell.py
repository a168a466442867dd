"""The frame around every page: navigation, header, page head. What it shows of the plant itself (alarms, newest reading) are
panels too, so they are loaded, kept live and fail like every other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_bootstrap_components as dbc
import orjson
from dash import dcc, html

from dashboard.cards import card, icon
from dashboard.page import Control, Page, Panel, Scope, Table
from dashboard.scope import LANGUAGES, WINDOWS
from dashboard.words import word
from datastore.store import Store
from plant.model import Alarm

ALL = "*"
"""The value of "all" in a select: an empty one would show as blank."""
RANKS = ("info", "warning", "alarm", "protection")
CLIENT_WORDS = (
    "live", "live.paused", "live.connecting", "live.lost", "live.stale", "live.range", "age.now", "age.s", "age.min", "age.h", "age.d",
    "age.never", "alarms.none", "alarms.active", "panel.full", "panel.close",
)
"""Texts the live script writes itself."""


def skeleton() -> html.Div:
    """The layout before the first answer: places, no content. The URL fills them."""
    return html.Div(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="scope"),
            dcc.Store(id="shown"),
            dcc.Store(id="again"),
            html.Div(id="applied", hidden=True),
            html.Nav(id="nav", className="vd-nav"),
            html.Div(
                [
                    html.Header(id="header", className="vd-header"),
                    html.Main(
                        [html.Div(id="notes"), html.Div(id="page-head", className="vd-page-head"), html.Div(id="content", className="vd-grid")],
                        id="main", className="vd-main", tabIndex=-1,
                    ),
                ],
                className="vd-column",
            ),
        ],
        className="vd-shell",
    )


def nav(pages: Sequence[Page], path: str, scope: Scope) -> list[Any]:
    """Links to all pages; window, language and theme go along."""
    links = [
        html.A(
            [icon(page.icon), html.Span(word(page.title, scope.lang))],
            href=scope.elsewhere(page.path), title=word(page.title, scope.lang), className="vd-nav-link",
            **{"data-nav": "1", **({"aria-current": "page"} if page.path == path else {})},
        )
        for page in pages
    ]
    fold = html.Button(
        icon("layout-sidebar"), type="button", className="vd-nav-fold", title=word("collapse", scope.lang),
        **{"data-fold": "1", "aria-label": word("collapse", scope.lang)},
    )
    brand = html.Div([icon("lightning-charge-fill"), html.Span(word("product", scope.lang))], className="vd-brand")
    return [html.A(word("skip", scope.lang), href="#main", className="vd-skip"), brand, html.Div(links, className="vd-nav-links"), fold]


def header(site: str, path: str, scope: Scope, now: int, who: str, may_login: bool) -> list[Any]:
    """Site and zone, window, live, alarms, theme, language, user."""
    lang = scope.lang
    words = orjson.dumps({key: word(key, lang) for key in CLIENT_WORDS}).decode()
    return [
        html.Div([html.Strong(site), html.Span(zone_text(scope.zone, now), title=f"{word('zone', lang)} {scope.zone}")], className="vd-site"),
        html.Div([_windows(path, scope), _range(path, scope)], className="vd-time"),
        html.Div(
            [
                _pill(path, scope),
                html.Div([dcc.Store(id={"type": "redraw", "id": "shell-alarms"}), html.Div(id={"type": "panel", "id": "shell-alarms"})]),
                _look(path, scope),
                _languages(path, scope),
                _user(who, may_login, lang),
            ],
            className="vd-actions",
        ),
        html.Div(id="client", hidden=True, **{"data-words": words, "data-now": str(now), "data-lang": lang}),
    ]


def page_head(page: Page, scope: Scope, store: Store | None) -> list[Any]:
    """The page's name and its controls (none without a store to ask)."""
    note = html.P(word(page.note, scope.lang)) if page.note else None
    controls = [control(c, scope, store) for c in page.controls] if store is not None else []
    return [html.Div([html.H1(word(page.title, scope.lang)), note]), html.Div(controls, className="vd-controls") if controls else None]


def content(page: Page, scope: Scope) -> list[Any]:
    """The empty cards of a page; each is filled by its own callback."""
    return [card(panel, scope) for panel in page.panels]


def control(shown: Control, scope: Scope, store: Store) -> html.Label:
    """A choice that sets one field of the scope."""
    lang = scope.lang
    options = [{"value": value, "label": word(label, lang)} for value, label in shown.options(store, scope)]
    value = getattr(scope, shown.field)
    text = "" if value is None else str(value)
    key = {"type": "control", "id": shown.field}
    if shown.many:
        field: Any = dcc.Dropdown(options, text.split(",") if text else [], multi=True, id={**key, "type": "controls"}, className="vd-dropdown", placeholder=word(shown.all_, lang))
    else:
        everything = [{"value": ALL, "label": word(shown.all_, lang)}] if shown.all_ else []
        field = dbc.Select(id=key, options=[*everything, *options], value=text or ALL, size="sm")
    return html.Label([html.Span(word(shown.title, lang)), field], className="vd-control vd-many" if shown.many else "vd-control")


def welcome(origin: str, scope: Scope) -> html.Section:
    """What an empty plant shows instead of empty charts: how the first reading gets in."""
    body = '{"device_id": "bess01", "values": {"soc": 55.2, "power": 120}}'
    send = f"curl -X POST {origin}/api/v1/readings \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
    return html.Section(
        [
            icon("broadcast-pin"), html.H2(word("empty.title", scope.lang)), html.P(word("empty.lead", scope.lang)), html.Pre(html.Code(send)),
            html.P(word("empty.demo", scope.lang)), html.Pre(html.Code("python app.py demo")),
        ],
        className="vd-card vd-welcome", style={"--span": 12}, **{"data-welcome": "1"},
    )


def note(bad: Sequence[str], scope: Scope) -> html.Div | None:
    """Says which parts of the link were left out; the view goes on without them."""
    if not bad:
        return None
    return html.Div(
        [icon("info-circle"), html.Span(word("note.query", scope.lang, names=", ".join(bad)))], className="vd-notice", role="status"
    )


def missing(path: str, scope: Scope) -> html.Div:
    """The page for paths nobody claims."""
    return html.Div(
        [
            icon("signpost-split"), html.H1(word("missing.title", scope.lang)), html.P(word("missing.lead", scope.lang, path=path[:120])),
            html.A(word("missing.back", scope.lang), href=scope.elsewhere("/"), className="vd-button", **{"data-nav": "1"}),
        ],
        className="vd-state vd-missing",
    )


def zone_text(zone: str, now: int) -> str:
    """`Asia/Taipei (UTC+8)`: the zone's name and its offset now."""
    offset = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).strftime("%z")
    hours = f"{offset[0]}{int(offset[1:3])}" + (f":{offset[3:5]}" if offset[3:5] != "00" else "")
    return f"{zone.replace('_', ' ')} (UTC{hours.replace('-', '−')})"


def _windows(path: str, scope: Scope) -> html.Div:
    links = [
        html.A(
            word(f"window.{name}", scope.lang), href=scope.link(path, window=name), className="vd-segment",
            **{"data-nav": "1", **({"aria-current": "true"} if name == scope.window and not scope.is_fixed else {})},
        )
        for name in WINDOWS
    ]
    return html.Div(links, className="vd-segments", role="group", **{"aria-label": word("window", scope.lang)})


def _range(path: str, scope: Scope) -> html.Details:
    lang = scope.lang
    days = [local_day(at, scope.zone) if scope.is_fixed and at is not None else "" for at in (scope.start, None if scope.end is None else scope.end - 1)]
    fields = [
        html.Label([html.Span(word(f"range.{end}", lang)), dbc.Input(id=f"range-{end}", type="date", value=day, size="sm")])
        for end, day in zip(("from", "to"), days, strict=True)
    ]
    buttons = [
        html.Button(word("range.apply", lang), type="button", className="vd-button", **{"data-range": "1"}),
        html.A(word("range.clear", lang), href=scope.link(path, window="24h"), className="vd-quiet", **{"data-nav": "1"}),
    ]
    shown = f"{days[0]} – {days[1]}" if scope.is_fixed and days[0] != days[1] else days[0]
    summary = html.Summary(
        [icon("calendar3"), html.Span(shown, className="vd-range-shown") if scope.is_fixed else None],
        title=word("range.choose", lang), className="vd-icon-button" + (" vd-on" if scope.is_fixed else ""), **{"aria-label": word("range.choose", lang)},
    )
    return html.Details([summary, html.Div([*fields, html.Div(buttons, className="vd-row")], className="vd-pop vd-range")], className="vd-menu")


def local_day(at: int, zone: str) -> str:
    """The site's calendar day of an instant, as `2026-11-21`."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date().isoformat()


def _pill(path: str, scope: Scope) -> html.A:
    state = "range" if scope.is_fixed and scope.live else "on" if scope.live else "paused"
    text = word({"range": "live.range", "on": "live.connecting", "paused": "live.paused"}[state], scope.lang)
    marks = {"data-topic": scope.topic("shell"), "data-panel": "shell"} if scope.live else {}
    return html.A(
        [html.Span(className="vd-dot"), html.Span(text, className="vd-pill-text")],
        id="live-pill", href=scope.link(path, live="0" if scope.live else "1"), className="vd-pill", role="switch", title=word("live.toggle", scope.lang),
        **{"data-nav": "1", "data-state": state, "aria-checked": "true" if scope.live else "false", **marks},
    )


def _look(path: str, scope: Scope) -> html.A:
    other = "light" if scope.theme == "dark" else "dark"
    return html.A(
        icon("sun" if other == "light" else "moon-stars"), href=scope.link(path, theme=other), className="vd-icon-button",
        title=f"{word('theme', scope.lang)}: {word(f'theme.{other}', scope.lang)}",
        **{"data-nav": "1", "aria-label": word(f"theme.{other}", scope.lang)},
    )


def _languages(path: str, scope: Scope) -> html.Details:
    links = [
        html.A(word(f"language.{lang}"), href=scope.link(path, lang=lang), lang=lang,
               **{"data-nav": "1", **({"aria-current": "true"} if lang == scope.lang else {})})
        for lang in LANGUAGES
    ]
    summary = html.Summary(icon("translate"), className="vd-icon-button", title=word("language", scope.lang), **{"aria-label": word("language", scope.lang)})
    return html.Details([summary, html.Div(links, className="vd-pop vd-list")], className="vd-menu")


def _user(who: str, may_login: bool, lang: str) -> Any:
    if who:
        summary = html.Summary(icon("person-circle"), className="vd-icon-button", title=who, **{"aria-label": who})
        out = html.Button(word("logout", lang), type="button", className="vd-quiet", **{"data-logout": "1"})
        return html.Details([summary, html.Div([html.Strong(who), out], className="vd-pop vd-list")], className="vd-menu")
    if not may_login:
        return None
    return html.A(icon("box-arrow-in-right"), href="/login", className="vd-icon-button", title=word("login", lang), **{"aria-label": word("login", lang)})


def alarm_table(store: Store, scope: Scope) -> Table:
    """The alarms that ask for attention now, worst first, then newest."""
    found = sorted(store.records.alarms(), key=lambda alarm: (-_rank(alarm), -alarm.raised))
    columns = {
        "at": [a.raised for a in found], "severity": [a.severity for a in found], "device": [a.device_id for a in found],
        "code": [a.code for a in found], "message": [a.message for a in found], "state": [a.state for a in found],
    }
    return Table(columns, at=store.clock(), more={"alarms": found[:8]})


def alarm_menu(table: Table, scope: Scope) -> html.Details:
    """The bell: how many, how bad, and the worst of them."""
    lang, count = scope.lang, len(table.columns["at"])
    worst = table.more["alarms"][0].severity if count else ""
    said = word("alarms.active", lang, n=count) if count else word("alarms.none", lang)
    badge = html.Span(str(count) if count < 100 else "99+", className="vd-badge", **{"data-tone": worst}) if count else None
    items = [_alarm_line(alarm, scope) for alarm in table.more["alarms"]] or [html.P(said, className="vd-faint")]
    summary = html.Summary([icon("bell-fill" if count else "bell"), badge], className="vd-icon-button", title=said, **{"aria-label": said})
    return html.Details([summary, html.Div([html.H2(said), *items], className="vd-pop vd-alarm-list")], className="vd-menu")


def _alarm_line(alarm: Alarm, scope: Scope) -> html.Div:
    tag = html.Span(word(f"severity.{alarm.severity}", scope.lang), className="vd-tag", **{"data-tone": alarm.severity})
    age = html.Span(className="vd-age", **{"data-at": str(alarm.raised)})
    return html.Div([html.Div([tag, html.Strong(alarm.device_id), age]), html.P(alarm.message)], className="vd-alarm-line")


def _rank(alarm: Alarm) -> int:
    return RANKS.index(alarm.severity) if alarm.severity in RANKS else 0


def alarm_frame(store: Store, scope: Scope) -> Mapping[str, Any]:
    """Asks for the bell again when the set of alarms has changed."""
    return {"redraw": "|".join(f"{a.id}{a.state[:2]}{a.severity[:1]}" for a in store.records.alarms())}


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
