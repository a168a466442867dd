"""Tables of text and numbers, kept up to date in place by live frames: numbers right-aligned, colour only where it says something."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dash import html

from dashboard.icons import icon
from dashboard.page import Scope, Table
from dashboard.words import word
from plant.quantity import DASH, number

LONG = 60
"""A text longer than this may take several lines."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a table is written: `columns` are (column, head, decimals; None = text), the first one names the row. `keys` name the rows for
    live frames, `tones` (row key, column) → tone, `links` the same or a column's head ("", column) → href, `chosen` a column or row key,
    `decimals` those of a row whose numbers differ from its neighbours'."""

    columns: tuple[tuple[str, str, int | None], ...]
    keys: tuple[str, ...]
    tones: Mapping[tuple[str, str], str] = field(default_factory=dict)
    links: Mapping[tuple[str, str], str] = field(default_factory=dict)
    chosen: str = ""
    decimals: Mapping[str, int] = field(default_factory=dict)


def sheet(table: Table, scope: Scope) -> html.Div:
    """`table.columns` hold one entry per row; None and NaN are a dash. `table.more["sheet"]` is the Sheet, `table.more["explained"]` the
    columns and row keys whose heads open a card."""
    spec: Sheet = table.more["sheet"]
    asked: frozenset[str] = table.more.get("explained", frozenset())
    head = html.Tr([_head(spec, column, title, decimals, column in asked) for column, title, decimals in spec.columns])
    body = [
        html.Tr(
            [
                _field(spec, key, column, decimals, table.columns[column][i], place, place == 0 and key in asked)
                for place, (column, _, decimals) in enumerate(spec.columns)
            ],
            className="vd-chosen" if spec.chosen == key else "",
        )
        for i, key in enumerate(spec.keys)
    ]
    return html.Div(html.Table([html.Thead(head), html.Tbody(body)], className="vd-sheet"), className="vd-scroll", tabIndex=0)


def sheet_or_calm(key: str) -> Callable[[Table, Scope], html.Div]:
    """A sheet; without rows the good news that `key` says. For panels with `draws_empty`."""

    def draw(table: Table, scope: Scope) -> html.Div:
        if table.is_empty:
            return html.Div([icon("check-circle"), html.Span(word(key, scope.lang))], className="vd-calm")
        return sheet(table, scope)

    return draw


def frame(table: Table) -> dict[str, Any]:
    """The live frame: all numbers as written; when a tone changes, the table is asked for again."""
    spec: Sheet = table.more["sheet"]
    texts = {
        f"{key}.{column}": said(table.columns[column][i], spec.decimals.get(key, decimals))
        for i, key in enumerate(spec.keys)
        for column, _, decimals in spec.columns[1:]
    }
    return {
        "at": table.at,
        "text": texts,
        "redraw": "|".join(f"{key}.{column}={tone}" for (key, column), tone in sorted(spec.tones.items())),
    }


def said(value: Any, decimals: int | None) -> str:
    """A field as a person reads it."""
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return DASH
    return str(value) if decimals is None or isinstance(value, str) else number(float(value), decimals)


def _head(spec: Sheet, column: str, title: str, decimals: int | None, is_asked: bool) -> html.Th:
    inner: Any = _opener(column, title) if is_asked else title
    if ("", column) in spec.links:
        inner = html.A(title, href=spec.links["", column], **{"data-nav": "1"})
    names = ["vd-text"] * (decimals is None and not spec.decimals) + ["vd-chosen"] * (spec.chosen == column)
    return html.Th(inner, scope="col", className=" ".join(names))


def _opener(name: str, title: str) -> html.Button:
    """A head that opens the card of its column or row; the panel it stands in says of which (`assets/explain.js`)."""
    return html.Button(title, type="button", className="vd-term", **{"aria-haspopup": "dialog", "data-explain": f":{name}"})


def _field(spec: Sheet, key: str, column: str, decimals: int | None, value: Any, place: int, is_asked: bool) -> Any:
    text: Any = said(value, spec.decimals.get(key, decimals))
    if is_asked:
        text = _opener(key, text)
    if (key, column) in spec.links:
        text = html.A(text, href=spec.links[key, column], **{"data-nav": "1"})
    if place == 0:
        return html.Th(text, scope="row")
    names = ["vd-text"] * (decimals is None and not spec.decimals) + ["vd-chosen"] * (spec.chosen == column)
    names += ["vd-wide"] * (isinstance(text, str) and len(text) > LONG)
    marks = {"data-live": f"{key}.{column}", "data-tone": spec.tones.get((key, column), "")}
    return html.Td(text, className=" ".join(names), **marks)


def rows_of(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    """Records as columns."""
    return {name: [record.get(name) for record in records] for name in names}
