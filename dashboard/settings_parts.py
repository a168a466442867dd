"""What the settings page is made of: cards, rows and forms. `callbacks/settings.py` hears the buttons and reads the fields."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_bootstrap_components as dbc
from dash import html

from dashboard.cards import icon
from dashboard.page import Scope
from dashboard.words import word

DESK = "settings"


def card(title: str, symbol: str, children: list[Any], scope: Scope, span: int = 6) -> html.Section:
    """A card of the page."""
    head = html.Header([icon(symbol), html.H2(word(title, scope.lang))])
    return html.Section([head, html.Div(children, className="vd-set-list")], className="vd-card", style={"--span": span})


def row(title: str, facts: Sequence[str], state: str, tone: str, actions: list[Any]) -> html.Div:
    """One thing of a list: its name, its state as a tag, facts below, what can be done beside."""
    texts = [html.Span(fact) for fact in facts if fact]
    tag = html.Span(state, className="vd-tag", **({"data-tone": tone} if tone else {}))
    return html.Div(
        [html.Div([html.Strong(title), tag], className="vd-set-head"), html.Div(texts, className="vd-set-facts"), *actions],
        className="vd-set-row",
    )


def facts(facts: Sequence[tuple[str, str]], lang: str) -> html.Dl:
    """Names with values."""
    return html.Dl([html.Div([html.Dt(word(key, lang)), html.Dd(value)]) for key, value in facts], className="vd-set-own")


def form(name: str, title: str, fields: Sequence[tuple[str, Any]], lang: str) -> html.Details:
    """A form behind its title; the button does what the form is named."""
    inner = [labelled(key, field, lang) for key, field in fields]
    summary = html.Summary([icon("plus-lg"), html.Span(word(title, lang))], className="vd-set-open")
    return html.Details(
        [summary, html.Div([*inner, button(title, name, "", lang, "vd-button")], className="vd-form")], className="vd-set-more"
    )


def labelled(key: str, field: Any, lang: str) -> html.Label | html.Fieldset:
    """A field with its label."""
    if isinstance(field, dbc.Checklist):  # each of its boxes has a label of its own
        return html.Fieldset([html.Legend(word(key, lang)), field], className="vd-set-many")
    return html.Label([html.Span(word(key, lang)), field])


def button(title: str, what: str, id: str, lang: str, look: str = "vd-quiet vd-set-do") -> html.Button:
    """A button that does `what` to `id`."""
    said = f"{word(title, lang)} {id}".strip()
    return html.Button(
        word(title, lang), id={"type": f"{DESK}-do", "what": what, "about": id}, n_clicks=0, type="button", className=look, title=said
    )


def field(form: str, name: str) -> dict[str, str]:
    """The id of a field of a form."""
    return {"type": f"{DESK}-in", "field": f"{name}@{form}"}


def text(form: str, name: str, kind: str = "text", placeholder: str = "") -> dbc.Input:
    """A line of text."""
    complete = "new-password" if kind == "password" else "off"
    return dbc.Input(id=field(form, name), type=kind, value="", placeholder=placeholder, autocomplete=complete, size="sm")


def password(name: str, complete: str) -> dbc.Input:
    """A field for a password of a plain form."""
    return dbc.Input(name=name, type="password", autocomplete=complete, required=True, size="sm")


def select(form: str, name: str, options: Sequence[tuple[str, str]], value: str) -> dbc.Select:
    """A choice."""
    return dbc.Select(id=field(form, name), options=[{"value": one, "label": text} for one, text in options], value=value, size="sm")


def none(lang: str) -> html.P:
    """What stands where nothing is."""
    return html.P(word("set.none", lang), className="vd-faint")


def moment(at: int, scope: Scope) -> str:
    """An instant of the scope's clock."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(scope.zone)).strftime("%Y-%m-%d %H:%M:%S")


def day(at: int, scope: Scope) -> str:
    """A day of the scope's clock."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(scope.zone)).strftime("%Y-%m-%d")
