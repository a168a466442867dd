"""The header: where and when one looks, whether it is live, what is wrong, and how it is shown."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_bootstrap_components as dbc
import orjson
from dash import dcc, html

from dashboard.cards import icon
from dashboard.page import Scope
from dashboard.scope import LANGUAGES, WINDOWS
from dashboard.words import word

CLIENT_WORDS = (
    "live",
    "live.paused",
    "live.connecting",
    "live.lost",
    "live.stale",
    "live.range",
    "age.now",
    "age.s",
    "age.min",
    "age.h",
    "age.d",
    "age.never",
    "alarms.none",
    "alarms.active",
    "panel.full",
    "panel.close",
)
"""Texts the live script writes itself."""


def header(site: str, path: str, scope: Scope, now: int, who: str, may_login: bool) -> list[Any]:
    """Site and zone, window, live, alarms, theme, language, user."""
    lang = scope.lang
    words = orjson.dumps({key: word(key, lang) for key in CLIENT_WORDS}).decode()
    return [
        html.Div(
            [html.Strong(site), html.Span(zone_text(scope.zone, now), title=f"{word('zone', lang)} {scope.zone}")], className="vd-site"
        ),
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


def zone_text(zone: str, now: int) -> str:
    """`Asia/Taipei (UTC+8)`: the zone's name and its offset now."""
    offset = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).strftime("%z")
    hours = f"{offset[0]}{int(offset[1:3])}" + (f":{offset[3:5]}" if offset[3:5] != "00" else "")
    return f"{zone.replace('_', ' ')} (UTC{hours.replace('-', '−')})"


def _windows(path: str, scope: Scope) -> html.Div:
    links = [
        html.A(
            word(f"window.{name}", scope.lang),
            href=scope.link(path, window=name),
            className="vd-segment",
            **{"data-nav": "1", **({"aria-current": "true"} if name == scope.window and not scope.is_fixed else {})},
        )
        for name in WINDOWS
    ]
    return html.Div(links, className="vd-segments", role="group", **{"aria-label": word("window", scope.lang)})


def _range(path: str, scope: Scope) -> html.Details:
    lang = scope.lang
    days = [
        local_day(at, scope.zone) if scope.is_fixed and at is not None else ""
        for at in (scope.start, None if scope.end is None else scope.end - 1)
    ]
    fields = [
        html.Label([html.Span(word(f"range.{end}", lang)), dbc.Input(id=f"range-{end}", type="date", value=day, size="sm")])
        for end, day in zip(("from", "to"), days, strict=True)
    ]
    buttons = [
        html.Button(word("range.apply", lang), type="button", className="vd-button", **{"data-range": "1"}),
        html.A(word("range.clear", lang), href=scope.link(path, window="24h"), className="vd-quiet", **{"data-nav": "1"}),
    ]
    summary = html.Summary(
        [icon("calendar3"), html.Span(range_text(scope), className="vd-range-shown") if scope.is_fixed else None],
        title=word("range.choose", lang),
        className="vd-icon-button" + (" vd-on" if scope.is_fixed else ""),
        **{"aria-label": word("range.choose", lang)},
    )
    return html.Details(
        [summary, html.Div([*fields, html.Div(buttons, className="vd-row")], className="vd-pop vd-range")], className="vd-menu"
    )


def local_day(at: int, zone: str) -> str:
    """The site's calendar day of an instant, as `2026-11-21`."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date().isoformat()


def range_text(scope: Scope) -> str:
    """A fixed range as short as it can be said: whole days as dates, else with times, the second date only when it differs."""
    if scope.start is None or scope.end is None:
        return ""
    zone = ZoneInfo(scope.zone)
    start, end = (datetime.fromtimestamp(at / 1000, zone) for at in (scope.start, scope.end))
    if start.time() == end.time() == datetime.min.time():
        first, last = start.date().isoformat(), local_day(scope.end - 1, scope.zone)
        return first if first == last else f"{first} – {last}"
    second = "%H:%M" if end.date() == start.date() else "%Y-%m-%d %H:%M"
    return f"{start:%Y-%m-%d %H:%M} – {end.strftime(second)}"


def _pill(path: str, scope: Scope) -> html.A:
    state = "range" if scope.is_fixed and scope.live else "on" if scope.live else "paused"
    text = word({"range": "live.range", "on": "live.connecting", "paused": "live.paused"}[state], scope.lang)
    marks = {"data-topic": scope.topic("shell"), "data-panel": "shell"} if scope.live else {}
    return html.A(
        [html.Span(className="vd-dot"), html.Span(text, className="vd-pill-text")],
        id="live-pill",
        href=scope.link(path, live="0" if scope.live else "1"),
        className="vd-pill",
        role="switch",
        title=word("live.toggle", scope.lang),
        **{"data-nav": "1", "data-state": state, "aria-checked": "true" if scope.live else "false", **marks},
    )


def _look(path: str, scope: Scope) -> html.A:
    other = "light" if scope.theme == "dark" else "dark"
    return html.A(
        icon("sun" if other == "light" else "moon-stars"),
        href=scope.link(path, theme=other),
        className="vd-icon-button",
        title=f"{word('theme', scope.lang)}: {word(f'theme.{other}', scope.lang)}",
        **{"data-nav": "1", "aria-label": word(f"theme.{other}", scope.lang)},
    )


def _languages(path: str, scope: Scope) -> html.Details:
    links = [
        html.A(
            word(f"language.{lang}"),
            href=scope.link(path, lang=lang),
            lang=lang,
            **{"data-nav": "1", **({"aria-current": "true"} if lang == scope.lang else {})},
        )
        for lang in LANGUAGES
    ]
    summary = html.Summary(
        icon("translate"), className="vd-icon-button", title=word("language", scope.lang), **{"aria-label": word("language", scope.lang)}
    )
    return html.Details([summary, html.Div(links, className="vd-pop vd-list")], className="vd-menu")


def _user(who: str, may_login: bool, lang: str) -> Any:
    if who:
        summary = html.Summary(icon("person-circle"), className="vd-icon-button", title=who, **{"aria-label": who})
        out = html.Button(word("logout", lang), type="button", className="vd-quiet", **{"data-logout": "1"})
        return html.Details([summary, html.Div([html.Strong(who), out], className="vd-pop vd-list")], className="vd-menu")
    if not may_login:
        return None
    return html.A(
        icon("box-arrow-in-right"),
        href="/login",
        className="vd-icon-button",
        title=word("login", lang),
        **{"aria-label": word("login", lang)},
    )
