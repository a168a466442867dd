"""Long tables as AG Grid, sorted and read with the keyboard; on a phone the same rows as short cards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dash import html
from dash_ag_grid import AgGrid

from dashboard.cards import icon
from dashboard.page import Scope, Table
from dashboard.words import word

ROW, HEAD = 34, 36
"""Heights in px."""
MOST_CARDS = 60
"""Rows a phone lists; the rest is told as a number."""

_THEME = (
    "themeQuartz.withParams({backgroundColor: 'var(--vd-surface)', foregroundColor: 'var(--vd-text)', borderColor: 'var(--vd-line)', "
    "headerBackgroundColor: 'var(--vd-surface)', headerTextColor: 'var(--vd-muted)', accentColor: 'var(--vd-accent)', "
    "rowHoverColor: 'var(--vd-raised)', selectedRowBackgroundColor: 'var(--vd-accent-soft)', oddRowBackgroundColor: 'var(--vd-surface)', "
    "fontFamily: 'inherit', headerFontFamily: 'inherit', fontSize: 13, headerFontSize: 12, headerFontWeight: 500, "
    "cellHorizontalPadding: 10, wrapperBorder: false, wrapperBorderRadius: 0, headerColumnBorder: false, columnBorder: false})"
)


_SAID = ("contains", "equals", "greaterThan", "lessThan", "filterOoo", "resetFilter", "noMatchingRows", "noRowsToShow")
"""What AG Grid says itself, by its own names."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the grid: `name` of the table column, `head`, `decimals` of a number (None = text), `words` what its values (codes) are
    called, `tones` value → tone, `width` px at least, `flex` its share of what is left."""

    name: str
    head: str
    decimals: int | None = None
    words: Mapping[Any, str] | None = None
    tones: Mapping[Any, str] | None = None
    width: int = 90
    flex: float = 0.0


@dataclass(frozen=True, slots=True)
class Grid:
    """How a table is shown: `keys` name its rows, `links` where each leads, `chosen` the one looked at. On a phone a card is headed by the
    column `title`, tagged by `tag` and says the columns `facts`."""

    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    links: tuple[str, ...]
    title: str
    tag: str
    facts: tuple[str, ...]
    chosen: str = ""
    note: str = ""


def grid(panel_id: str, label: str, table: Table, scope: Scope, height: int) -> html.Div:
    """The grid of `table.more["grid"]`, at most `height` px tall; `label` is what a screen reader calls it."""
    spec: Grid = table.more["grid"]
    shown = min(height, HEAD + ROW * max(len(spec.keys), 1) + 14)
    name = f"{panel_id}-grid"
    wide = AgGrid(
        id=name,
        columnDefs=[_column(column) for column in spec.columns],
        rowData=rows(table),
        getRowId="params.data.id",
        defaultColDef={"sortable": True, "filter": True, "resizable": True, "suppressMovable": True, "suppressHeaderMenuButton": True},
        rowClassRules={"vd-chosen": "params.data.chosen"},
        dashGridOptions={
            "theme": {"function": _THEME},
            "rowHeight": ROW,
            "headerHeight": HEAD,
            "suppressCellFocus": False,
            "ensureDomOrder": True,
            "suppressColumnVirtualisation": True,
            "enableCellTextSelection": True,
            "localeText": {name: word(f"grid.{name}", scope.lang) for name in _SAID},
        },
        className="vd-ag",
        style={"height": f"{shown}px", "width": "100%"},
    )
    note = [html.P(spec.note, className="vd-faint vd-grid-note")] if spec.note else []
    # `data-grid` is how live frames find it
    holder = html.Div(wide, className="vd-grid-wide", role="region", **{"data-grid": name, "aria-label": label})
    return html.Div([*note, holder, _cards(table, spec, scope)])


def rows(table: Table) -> list[dict[str, Any]]:
    """The rows as AG Grid takes them, for the drawing and for live frames."""
    spec: Grid = table.more["grid"]
    columns = [(column.name, table.columns[column.name]) for column in spec.columns]
    return [
        {"id": key, "href": spec.links[i], "chosen": key == spec.chosen, **{name: _plain(values[i]) for name, values in columns}}
        for i, key in enumerate(spec.keys)
    ]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def _column(column: Column) -> dict[str, Any]:
    made: dict[str, Any] = {"field": column.name, "headerName": column.head, "minWidth": column.width, "width": column.width}
    if column.flex:
        made["flex"] = column.flex
    is_number = column.decimals is not None
    made["filter"] = "agNumberColumnFilter" if is_number else "agTextColumnFilter"
    options = ["greaterThan", "lessThan", "equals"] if is_number else ["contains", "equals"]
    made["filterParams"] = {"filterOptions": options, "maxNumConditions": 1, "buttons": ["reset"]}
    if is_number:
        made |= {
            "type": "rightAligned",
            "valueFormatter": {
                "function": f"params.value == null ? '—' : d3.format(',.{column.decimals}f')(params.value).replace('-', '−')"
            },
        }
    if column.words:
        made["refData"] = {str(value): text for value, text in column.words.items()}
        made["filterValueGetter"] = {"function": f"params.colDef.refData[params.data['{column.name}']]"}  # people look for what they read
    if column.tones:
        tones: dict[str, list[str]] = {}
        for value, tone in column.tones.items():
            tones.setdefault(tone, []).append(_same(value))
        made["cellClassRules"] = {f"vd-tone-{tone}": " || ".join(tests) for tone, tests in tones.items()}
    return made


def _same(value: Any) -> str:
    return f"params.value == '{value}'" if isinstance(value, str) else f"params.value == {value}"


def _cards(table: Table, spec: Grid, scope: Scope) -> html.Div:
    named = {column.name: column for column in spec.columns}
    listed = [_card(table, spec, named, i) for i in range(min(len(spec.keys), MOST_CARDS))]
    if len(spec.keys) > MOST_CARDS:
        listed.append(html.P(word("grid.more", scope.lang, n=len(spec.keys) - MOST_CARDS), className="vd-faint"))
    return html.Div(listed, className="vd-grid-narrow", tabIndex=0)


def _card(table: Table, spec: Grid, named: Mapping[str, Column], place: int) -> html.A:
    def said(name: str) -> str:
        value = _plain(table.columns[name][place])
        column = named[name]
        if value is None or value == "":
            return ""
        if column.words:
            return str(column.words.get(value, value))
        return f"{value:,.{column.decimals}f}".replace("-", "−") if column.decimals is not None else str(value)

    tone = (named[spec.tag].tones or {}).get(table.columns[spec.tag][place], "")
    facts = [html.Span([html.Span(f"{named[name].head} ", className="vd-faint"), said(name)]) for name in spec.facts if said(name)]
    head = [html.Strong(said(spec.title)), html.Span(said(spec.tag), className="vd-tag", **{"data-tone": tone}), icon("chevron-right")]
    current = {"aria-current": "true"} if spec.keys[place] == spec.chosen else {}
    return html.A(
        [html.Div(head, className="vd-line-head"), html.Div(facts, className="vd-line-facts")],
        href=spec.links[place],
        className="vd-line",
        **{"data-nav": "1", **current},
    )
