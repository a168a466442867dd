"""One alarm as a card: what it says, its facts, the event it belongs to and what people wrote."""

from typing import Any

from dash import html

from dashboard.cards import icon
from dashboard.page import Scope, Table
from dashboard.words import word
from plant.model import Alarm


def alarm_card(table: Table, scope: Scope) -> html.Div:
    """`table.more`: `alarm`, `said`, `facts`, `talk` and `event` as `loads.alarms.alarm_card` gives them; calm without an alarm."""
    alarm: Alarm | None = table.more.get("alarm")
    lang = scope.lang
    if alarm is None:
        said = "alarm.unknown" if table.more.get("asked") else "alarm.calm"
        return html.Div([icon("search" if table.more.get("asked") else "check-circle"), html.P(word(said, lang))], className="vd-calm")
    device = html.A(alarm.device_id, href=scope.link("/devices", device=alarm.device_id, alarm=None), **{"data-nav": "1"})
    tag = html.Span(word(f"severity.{alarm.severity}", lang), className="vd-tag", **{"data-tone": alarm.severity})
    return html.Div(
        [
            html.P([tag, html.Strong(device), html.Span(f" · {table.more['said']}")], className="vd-lead"),
            facts(table.more["facts"]),
            *_event(table.more["event"], scope),
            *_talk(table.more["talk"], lang),
        ]
    )


def facts(pairs: list[tuple[str, str]]) -> html.Dl:
    """Names and values in columns."""
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in pairs], className="vd-facts")


def _event(event: list[tuple[str, str, str, bool]], scope: Scope) -> list[Any]:
    if not event:
        return []
    lines = []
    for place, (after, device, said, is_this) in enumerate(event):
        first = html.Span(word("alarm.first", scope.lang), className="vd-tag", **{"data-tone": "info"}) if place == 0 else None
        text: Any = html.Strong(device) if is_this else html.Span(device)
        lines.append(html.Div([html.Span(after, className="vd-faint"), text, html.Span(f" · {said} "), first]))
    return [html.Div(lines, className="vd-talk", **{"aria-label": word("alarm.event", scope.lang)})]


def _talk(talk: list[tuple[str, str, str]], lang: str) -> list[Any]:
    if not talk:
        return []
    lines = [html.Div([html.Span(f"{when} · {who}", className="vd-faint"), html.Span(text)]) for when, who, text in talk]
    return [html.Div(lines, className="vd-talk", **{"aria-label": word("alarm.comments", lang)})]
