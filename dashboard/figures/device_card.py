"""One device as cards: what it is and stands, and its twin beside it."""

from typing import Any

from dash import html

from dashboard.cards import icon
from dashboard.figures.alarm_card import facts
from dashboard.figures.sheet import sheet
from dashboard.page import Scope, Table
from dashboard.words import word

TONES = {"online": "good", "error": "alarm", "offline": "warning", "maintenance": "info"}


def device_card(table: Table, scope: Scope) -> html.Div:
    """`table.more`: `device`, `state`, `facts`, `limits`, `links` as `loads.device_card.card` gives them."""
    device, lang = table.more.get("device"), scope.lang
    if device is None:
        return html.Div(
            [icon("search"), html.P(word("device.unknown", lang, id=str(table.more.get("asked", ""))[:80]))], className="vd-calm"
        )
    state = table.more["state"]
    tag = html.Span(word(f"devices.{state}", lang), className="vd-tag", **{"data-tone": TONES.get(state, "stale")})
    links = [html.A(word(key, lang), href=href, **{"data-nav": "1"}) for key, href in table.more["links"]]
    limits: list[Any] = []
    if table.more["limits"]:
        limits = [html.H3(word("device.limits", lang), className="vd-sub"), facts(table.more["limits"])]
    return html.Div(
        [
            html.P([tag, html.Strong(device.device_id)], className="vd-lead"),
            html.Div(links, className="vd-links"),
            html.H3(word("device.plate", lang), className="vd-sub"),
            facts(table.more["facts"]),
            *limits,
        ]
    )


def health_card(table: Table, scope: Scope) -> html.Div:
    """The indicators of a twin, and what is left of its life; without, why."""
    if table.is_empty:
        return unexamined(table, scope)
    note = [html.P(table.more["note"], className="vd-faint")] if table.more["note"] else []
    return html.Div([sheet(table, scope), *note, facts(table.more["facts"])])


def parameters_card(table: Table, scope: Scope) -> html.Div:
    """The parameters of a twin; without, why."""
    return unexamined(table, scope) if table.is_empty else sheet(table, scope)


def unexamined(table: Table, scope: Scope) -> html.Div:
    """That there is nothing, and why."""
    return html.Div([icon("hourglass-split"), html.P(table.more["why"])], className="vd-calm")


def twin_card(table: Table, scope: Scope) -> html.Div:
    """What the twin expects beside what is measured; without a comparison, why there is none."""
    lang, more = scope.lang, table.more
    if "facts" not in more:  # no battery was asked for
        return html.Div([icon("battery"), html.P(word("twin.none", lang))], className="vd-calm")
    if not table.columns or not table.columns["name"]:
        inner: list[Any] = [html.P(word("twin.why", lang, why=more["why"]))]
    else:
        inner = [sheet(table, scope)]
        if more["note"]:
            inner.append(html.P(word("twin.why", lang, why=more["note"]), className="vd-faint"))
    return html.Div([*inner, facts(more["facts"])])
