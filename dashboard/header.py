"""The header: where and when one looks, whether it is live, what is wrong, and how it is shown."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_bootstrap_components as dbc
import orjson
from dash import html

from dashboard import files
from dashboard.cards import icon, stores
from dashboard.page import Scope
from dashboard.periods import day_of, picks
from dashboard.scope import LANGUAGES, STEPS, WINDOWS
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
    "calendar.before",
    "calendar.after",
    "calendar.week",
    "calendar.whole",
    "wall.frozen",
    "wall.newest",
    "wall.offline",
)
"""Texts the live script writes itself."""
HERE = ""
"""The path of links that lead to another view of the same page."""


def header(
    site: str,
    scope: Scope,
    now: int,
    who: str,
    may_login: bool,
    alarms: bool = True,
    wall: Mapping[str, str] | None = None,
    compares: bool = False,
) -> list[Any]:
    """Site and zone, window, live, alarms (where they may be seen), theme, language, user. `wall` is what a wall screen is told. On a page
    that `compares`, the calendar also offers a date to compare with. All links are views of the page that is open, so that the header
    may stay when another one is opened."""
    lang = scope.lang
    words = orjson.dumps({key: word(key, lang) for key in CLIENT_WORDS}).decode()
    marks = {"data-words": words, "data-now": str(now), "data-lang": lang, "data-zone": scope.zone, "data-site": site, **(wall or {})}
    return [
        html.Div(
            [html.Strong(site), html.Span(zone_text(scope.zone, now), title=f"{word('zone', lang)} {scope.zone}")], className="vd-site"
        ),
        html.Div(_time(scope, now, compares), className="vd-time"),
        html.Div(
            [
                _pill(scope),
                _bell() if alarms else None,
                _look(scope),
                _languages(scope),
                _user(who, may_login, lang),
            ],
            className="vd-actions",
        ),
        html.Div(id="client", hidden=True, **marks),
        files.items(lang),
    ]


def zone_text(zone: str, now: int) -> str:
    """`Asia/Taipei (UTC+8)`: the zone's name and its offset now."""
    offset = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).strftime("%z")
    hours = f"{offset[0]}{int(offset[1:3])}" + (f":{offset[3:5]}" if offset[3:5] != "00" else "")
    return f"{zone.replace('_', ' ')} (UTC{hours.replace('-', '−')})"


def _bell() -> html.Div:
    return html.Div([*stores("shell-alarms"), html.Div(id={"type": "panel", "id": "shell-alarms"})])


def _windows(scope: Scope) -> html.Div:
    links = [
        html.A(
            word(f"window.{name}", scope.lang),
            href=scope.link(HERE, window=name),
            className="vd-segment",
            **{"data-nav": "1", **({"aria-current": "true"} if name == scope.window and not scope.is_fixed else {})},
        )
        for name in WINDOWS
    ]
    return html.Div(links, className="vd-segments", role="group", **{"aria-label": word("window", scope.lang)})


def _time(scope: Scope, now: int, compares: bool) -> list[Any]:
    """The period before, the windows up to now, the calendar, the period after, and the way back to now."""
    lang, after = scope.lang, word("period.after", scope.lang)
    ends = {"className": "vd-icon-button", "title": after}
    later = (
        html.A(icon("chevron-right"), href=scope.aside(HERE, 1, now), **ends, **{"data-nav": "1", "aria-label": after})
        if scope.is_fixed
        else html.Span(icon("chevron-right"), **ends, **{"aria-disabled": "true", "aria-label": after, "role": "link"})
    )
    before = html.A(
        icon("chevron-left"),
        href=scope.aside(HERE, -1, now),
        className="vd-icon-button",
        title=word("period.before", lang),
        # the clock goes on after this link was made
        **{"data-nav": "1", "aria-label": word("period.before", lang), **({} if scope.is_fixed else {"data-made": str(now)})},
    )
    back = html.A(
        word("period.now", lang), href=scope.link(HERE, window=scope.window), className="vd-icon-button vd-now", **{"data-nav": "1"}
    )
    return [before, _windows(scope), _calendar(scope, now, compares), later, back if scope.is_fixed else None]


def _calendar(scope: Scope, now: int, compares: bool) -> html.Details:
    """Quick choices, a month whose days, weeks and name are links (`calendar.js` fills it), any range, the resolution, a date to compare
    with."""
    lang = scope.lang
    summary = html.Summary(
        [icon("calendar3"), html.Span(range_text(scope), className="vd-range-shown") if scope.is_fixed else None],
        title=word("range.choose", lang),
        className="vd-icon-button" + (" vd-on" if scope.is_fixed or scope.step else ""),
        **{"aria-label": word("range.choose", lang)},
    )
    chosen = picks(now, scope.zone)
    links = [
        html.A(
            word(f"pick.{name}", lang),
            href=scope.link(HERE, window=scope.window, from_=first.isoformat(), to=last.isoformat()),
            className="vd-chip",
            **{"data-nav": "1"},
        )
        for name, (first, last) in chosen.items()
    ]
    first, last = _edges(scope)
    marks = {"data-from": first[0], "data-to": last[0], "aria-label": word("calendar", lang), "role": "group"}
    parts = [
        html.Div(
            [
                html.Div(className="vd-month", **marks),
                html.Div(links, role="group", className="vd-chips", **{"aria-label": word("pick", lang)}),
            ]
        ),
        html.Div([*_fields(scope, first, last, compares), _steps(scope, now)], className="vd-range"),
    ]
    return html.Details([summary, html.Div(parts, className="vd-pop vd-calendar")], className="vd-menu", **{"data-calendar": "1"})


def _fields(scope: Scope, first: tuple[str, str], last: tuple[str, str], compares: bool) -> list[Any]:
    lang = scope.lang
    rows: list[Any] = [
        html.Div(
            [
                html.Label([html.Span(word(f"range.{end}", lang)), dbc.Input(id=f"range-{end}", type="date", value=day, size="sm")]),
                html.Label(
                    [
                        html.Span(word(f"range.{end}.time", lang), className="visually-hidden"),
                        dbc.Input(id=f"range-{end}-time", type="time", value=time, size="sm", step="1"),
                    ]
                ),
            ],
            className="vd-range-row",
        )
        for end, (day, time) in (("from", first), ("to", last))
    ]
    if compares:
        day = scope.against if day_of(scope.against) else ""
        against = [html.Span(word("against.date", lang)), dbc.Input(id="range-against", type="date", value=day, size="sm")]
        rows.append(html.Label(against))
    zone = html.Span(word("range.zone", lang, zone=scope.zone.replace("_", " ")), className="vd-faint")
    button = html.Button(word("range.apply", lang), type="button", className="vd-button", **{"data-range": "1"})
    return [*rows, html.Div([zone, button], className="vd-row")]


def _steps(scope: Scope, now: int) -> html.Div:
    """The resolutions that make sense for this window."""
    lang, window = scope.lang, scope.span(now)
    sensible = [name for name in STEPS if replace(scope, step=name).width(window) is not None]
    current = scope.step if scope.step in sensible else ""
    links = [
        html.A(
            word(f"step.{name or 'auto'}", lang),
            href=scope.link(HERE, step=name),
            className="vd-chip",
            **{"data-nav": "1", **({"aria-current": "true"} if name == current else {})},
        )
        for name in ("", *sensible)
    ]
    title = word("step", lang)
    return html.Div(
        [html.Span(title, **{"aria-hidden": "true"}), html.Div(links, className="vd-chips", role="group", **{"aria-label": title})],
        className="vd-steps",
    )


def _edges(scope: Scope) -> tuple[tuple[str, str], tuple[str, str]]:
    """(day, time of day) of both ends of a fixed range as its fields say it: whole days without a time."""
    if scope.start is None or scope.end is None:
        return ("", ""), ("", "")
    zone = ZoneInfo(scope.zone)
    start, end = (datetime.fromtimestamp(at / 1000, zone).replace(microsecond=0) for at in (scope.start, scope.end))
    midnight = datetime.min.time()
    last = (local_day(scope.end - 1, scope.zone), "") if end.time() == midnight else (end.date().isoformat(), end.time().isoformat())
    return (start.date().isoformat(), "" if start.time() == midnight else start.time().isoformat()), last


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


def _pill(scope: Scope) -> html.A:
    state = "range" if scope.is_fixed and scope.live else "on" if scope.live else "paused"
    text = word({"range": "live.range", "on": "live.connecting", "paused": "live.paused"}[state], scope.lang)
    marks = {"data-topic": scope.topic("shell"), "data-panel": "shell"} if scope.live else {}
    return html.A(
        [html.Span(className="vd-dot"), html.Span(text, className="vd-pill-text")],
        id="live-pill",
        href=scope.link(HERE, live="0" if scope.live else "1"),
        className="vd-pill",
        role="switch",
        title=word("live.toggle", scope.lang),
        **{"data-nav": "1", "data-state": state, "aria-checked": "true" if scope.live else "false", **marks},
    )


def _look(scope: Scope) -> html.A:
    other = "light" if scope.theme == "dark" else "dark"
    return html.A(
        icon("sun" if other == "light" else "moon-stars"),
        href=scope.link(HERE, theme=other),
        className="vd-icon-button",
        title=f"{word('theme', scope.lang)}: {word(f'theme.{other}', scope.lang)}",
        **{"data-nav": "1", "aria-label": word(f"theme.{other}", scope.lang)},
    )


def _languages(scope: Scope) -> html.Details:
    links = [
        html.A(
            word(f"language.{lang}"),
            href=scope.link(HERE, lang=lang),
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
