"""Forms that act: fields, buttons and what became of it, for pages on which people do something with alarms and devices. What stands in
them depends on who looks, so callbacks of their own fill them (`callbacks/alarms.py`, `callbacks/devices.py`)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
import orjson
from dash import dcc, html

from dashboard import door
from dashboard.cards import icon
from dashboard.page import Scope, Table
from dashboard.words import word

Fields = Mapping[str, Any]


def places(desk: str, title: str, note: str = "", has_files: bool = False) -> Callable[[Table, Scope], html.Section]:
    """The `draw` of a bare panel whose places callbacks write: `<desk>-body`, what is said of an action in `<desk>-said`, and the files it
    makes in `<desk>-files`."""

    def draw(table: Table, scope: Scope) -> html.Section:
        noted = [html.Span(word(note, scope.lang), className="vd-note")] if note else []
        done, said, body = inner(desk)
        parts = [done, body, said, html.Div(id=f"{desk}-files")] if has_files else [done, said, body]
        head = html.Header([html.H2(word(title, scope.lang)), *noted])
        return html.Section([head, html.Div(parts)], className="vd-card", **{"aria-label": word(title, scope.lang)})

    return draw


def inner(desk: str, look: str = "vd-desk") -> tuple[dcc.Store, html.Div, html.Div]:
    """What tells that something was done, where it is said, and where the form stands."""
    said = html.Div(id=f"{desk}-said", role="status", **{"aria-live": "polite"})
    return dcc.Store(id=f"{desk}-done"), said, html.Div(id=f"{desk}-body", className=look)


def told(tone: str, text: str, more: Sequence[str] = ()) -> html.Div:
    """What became of an action: tone good or alarm."""
    parts: list[Any] = [
        html.Div([icon("check-circle" if tone == "good" else "exclamation-triangle"), html.Span(text)], className="vd-row-start")
    ]
    if more:
        parts.append(html.Ul([html.Li(one) for one in more]))
    return html.Div(parts, className="vd-told", **{"data-tone": tone})


def button(desk: str, what: str, about: str, title: str, lang: str, tone: str = "", look: str = "vd-button", **said: str) -> html.Button:
    """A button that does `what` to `about`; `said` stands in its title."""
    marks = {"data-tone": tone} if tone else {}
    return html.Button(
        word(title, lang, **said),
        id={"type": f"{desk}-do", "what": what, "about": about},
        n_clicks=0,
        type="button",
        className=look,
        **marks,
    )


def text(desk: str, field: str, title: str, lang: str, kind: str = "text", value: str = "", **more: Any) -> html.Label:
    """A labelled field for a line of text or a number."""
    shown = dbc.Input(id={"type": f"{desk}-in", "field": field}, type=kind, value=value, autocomplete="off", size="sm", **more)
    return html.Label([html.Span(word(title, lang)), shown])


def select(desk: str, field: str, title: str, options: Sequence[tuple[str, str]], value: str, lang: str) -> html.Label:
    """A labelled choice."""
    listed = [{"value": one, "label": word(label, lang)} for one, label in options]
    return html.Label(
        [html.Span(word(title, lang)), dbc.Select(id={"type": f"{desk}-in", "field": field}, options=listed, value=value, size="sm")]
    )


def login(key: str, path: str, scope: Scope) -> list[Any]:
    """What stands instead of a form for who may not act."""
    link = html.A(word("login", scope.lang), href=f"/login?next={path}", className="vd-quiet")
    return [html.P([html.Span(word(key, scope.lang) + " "), link], className="vd-faint")]


def given(ids: Any, values: Any) -> Fields:
    """The fields of a form by name. What a browser says of its components is no more than a claim."""
    named = [door.fields(one, "id") or {} for one in ids] if isinstance(ids, list) else []
    return {door.text(one.get("field"), "field"): value for one, value in zip(named, values, strict=False)}


def line(fields: Fields, name: str) -> str:
    """A field as text without blanks around it; numbers too. Aborts with 422 for anything else."""
    value = fields.get(name)
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else door.text(value, name).strip()


def pressed(triggered: Any) -> tuple[str, str] | None:
    """What a button does and to what (`ctx.triggered`); None when buttons were only drawn. A press and a redraw may come in one request, in
    any order: the button that was pressed is the one with a count."""
    for one in triggered or ():
        value = one.get("value")
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            named = _id(one.get("prop_id"))
            return door.text(named.get("what"), "what"), door.text(named.get("about"), "about")
    return None


def _id(prop: Any) -> Fields:
    """The component's id within `{"about":"7","type":"alarm-do","what":"ack"}.n_clicks`."""
    try:
        named = orjson.loads(str(prop).rpartition(".")[0])
    except orjson.JSONDecodeError:
        return {}
    return named if isinstance(named, dict) else {}
