"""Choices in a page's head: each sets one field of the scope, and with it the URL."""

from collections.abc import Sequence
from dataclasses import replace
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
LONGEST = 80
"""Characters of a wish that are repeated when it cannot be met."""
SEARCHED = 12
"""More options than this can be searched."""


def control(shown: Control, scope: Scope, store: Store, path: str = "/") -> html.Label | html.Div:
    """One of several as a native select, any number of them as a menu of check boxes."""
    options = [(value, word(label, scope.lang)) for value, label in shown.options(store, scope)]
    value = getattr(scope, shown.field)
    text = "" if value is None else str(value)
    if not text and shown.in_force:
        text = shown.in_force(store, scope)
    if shown.many:
        return _many(shown, options, [part for part in text.split(",") if part], scope, path)
    everything = [{"value": ALL, "label": word(shown.all_, scope.lang)}] if shown.all_ else []
    listed = [{"value": value, "label": label} for value, label in options]
    is_none = not everything and text not in dict(options)
    nothing = [{"value": ALL, "label": "—", "disabled": True}] if is_none else []  # without it browsers show the first option as chosen
    every = [*nothing, *everything, *listed]
    field = dbc.Select(id={"type": "control", "id": shown.field}, options=every, value=ALL if nothing else text or ALL, size="sm")
    return html.Label([html.Span(word(shown.title, scope.lang)), field], className="vd-control")


def sensible(controls: Sequence[Control], scope: Scope, store: Store) -> tuple[Scope, tuple[str, ...]]:
    """The scope without what its page has not (`unit=99`), and these parts as they were asked for: the view goes on with what there is."""
    lost: list[str] = []
    for shown in controls:
        value = getattr(scope, shown.field)
        if value in (None, ""):
            if shown.in_force and scope.device and shown.options(store, scope) and not shown.in_force(store, scope):
                lost.append(f"device={scope.device}"[:LONGEST])  # a link that names its device otherwise
                scope = replace(scope, device="")
            continue
        offered = {name for name, _ in shown.options(store, scope)}
        wanted = str(value).split(",") if shown.many else [str(value)]
        strange = [name for name in wanted if name not in offered]
        if strange:
            kept = ",".join(name for name in wanted if name in offered)
            left: Any = kept or (None if isinstance(value, int) else "")
            scope = replace(scope, **{shown.field: left})
            lost.append(f"{shown.field}={','.join(strange)}"[:LONGEST])
    return scope, tuple(lost)


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
