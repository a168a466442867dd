"""Choices in a page's head: each sets one field of the scope, and with it the URL."""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from dashboard.cards import icon
from dashboard.page import Control, Scope
from dashboard.words import word
from datastore.store import Store

ALL = "*"
"""The value of "all" in a select: an empty one would show as blank."""
NAMED = 2
"""Up to this many chosen things are named on the button, more are counted."""
SEARCHED = 12
"""More options than this can be searched."""


def control(shown: Control, scope: Scope, store: Store, path: str = "/") -> html.Label | html.Div:
    """One of several as a native select, any number of them as a menu of check boxes."""
    options = [(value, word(label, scope.lang)) for value, label in shown.options(store, scope)]
    value = getattr(scope, shown.field)
    text = "" if value is None else str(value)
    if shown.many:
        return _many(shown, options, [part for part in text.split(",") if part], scope, path)
    everything = [{"value": ALL, "label": word(shown.all_, scope.lang)}] if shown.all_ else []
    listed = [{"value": value, "label": label} for value, label in options]
    field = dbc.Select(id={"type": "control", "id": shown.field}, options=[*everything, *listed], value=text or ALL, size="sm")
    return html.Label([html.Span(word(shown.title, scope.lang)), field], className="vd-control")


def _many(shown: Control, options: Sequence[tuple[str, str]], chosen: Sequence[str], scope: Scope, path: str) -> html.Div:
    lang, title = scope.lang, word(shown.title, scope.lang)
    names = dict(options)
    said = ", ".join(names.get(name, name) for name in chosen) if len(chosen) <= NAMED else word("choice.count", lang, n=len(chosen))
    hint = word("choice.search", lang)
    field = dbc.Input(id={"type": "search", "id": shown.field}, type="search", placeholder=hint, size="sm", className="vd-search")
    search = html.Label([html.Span(f"{hint}: {title}", className="visually-hidden"), field])
    boxes = dcc.Checklist(
        id={"type": "controls", "id": shown.field},
        options=[{"value": value, "label": label} for value, label in options],
        value=list(chosen),
        className="vd-options",
        labelClassName="vd-option",
    )
    without = scope.link(path, **{shown.field: None})
    clear = html.A(word("choice.clear", lang), href=without, className="vd-quiet", **{"data-nav": "1", "data-stay": "1"})
    inner: list[Any] = [search] * (len(options) > SEARCHED) + [boxes] + [clear] * bool(chosen)
    button = html.Summary(
        [html.Span(said or word(shown.all_, lang), className="vd-picked"), icon("chevron-down")],
        className="form-select-sm vd-pick-button",
        **{"aria-label": f"{title}: {said or word(shown.all_, lang)}"},
    )
    menu = html.Details([button, html.Div(inner, className="vd-pop vd-pick")], className="vd-menu", **{"data-pick": shown.field})
    return html.Div([html.Span(title, **{"aria-hidden": "true"}), menu], className="vd-control vd-many")
