"""What surrounds a value: the card of a panel with its head, KPI tiles, and the states every panel can be in."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dash import dcc, html

from dashboard.format import DASH, number
from dashboard.page import Panel, Scope, Table, Tile
from dashboard.words import word
from datastore.store import Store

Children = Any


def card(panel: Panel, scope: Scope) -> html.Section:
    """The frame of a panel before its first draw: title, age, buttons; the body is filled by a callback."""
    place = html.Div(skeleton(panel), id={"type": "panel", "id": panel.id}, className="vd-body")
    body = html.Div([dcc.Store(id={"type": "redraw", "id": panel.id}), place])
    if panel.bare:
        return html.Section(body, className="vd-bare", style={"--span": panel.span}, **{"aria-label": word(panel.title, scope.lang)})
    return html.Section(
        [head(panel, scope), body],
        className="vd-card",
        style={"--span": panel.span},
        **{"aria-labelledby": f"title-{panel.id}", "data-card": panel.id},
    )


def head(panel: Panel, scope: Scope) -> html.Header:
    """Title, note, age of the newest value, and what can be done with the panel."""
    lang = scope.lang
    return html.Header(
        [
            html.H2(word(panel.title, lang), id=f"title-{panel.id}"),
            html.Span(word(panel.note, lang), className="vd-note") if panel.note else None,
            html.Span(className="vd-age", **{"data-age-of": panel.id}),
            html.A(
                icon("download"),
                id={"type": "csv", "id": panel.id},
                href=csv_link(panel.id, scope),
                download=f"{panel.id}.csv",
                className="vd-tool",
                title=word("panel.csv", lang),
                **{"aria-label": f"{word('panel.csv', lang)}: {word(panel.title, lang)}"},
            ),
            html.Button(
                icon("arrows-fullscreen"),
                type="button",
                className="vd-tool",
                title=word("panel.full", lang),
                **{"aria-label": f"{word('panel.full', lang)}: {word(panel.title, lang)}", "data-full": panel.id, "aria-pressed": "false"},
            ),
        ]
    )


def csv_link(panel_id: str, scope: Scope) -> str:
    """Where the rows of a panel are, as CSV."""
    return scope.link(f"/panels/{panel_id}.csv", theme=None, live=None)


def icon(name: str, label: str = "") -> html.I:
    """A bootstrap-icons glyph; without `label` it is decoration and hidden from readers."""
    said = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.I(className=f"bi bi-{name}", **said)


def filled(panel: Panel, scope: Scope, table: Table, content: Children) -> html.Div:
    """The drawn body of a panel, marked for the live script: its topic, and from when its data is."""
    marks = {"data-panel": panel.id, "data-at": str(table.at or "")}
    if panel.live is not None and (scope.follows or (panel.is_current and scope.live)):
        marks["data-topic"] = scope.topic(panel.id)
    if table.simulated:
        marks |= {"data-simulated": word("simulated", scope.lang), "data-simulated-note": word("simulated.note", scope.lang)}
    return html.Div(content, className="vd-filled", **marks)


def skeleton(panel: Panel) -> html.Div:
    """Calm placeholder in the size of what will come."""
    return html.Div(className="vd-skeleton", style={"height": f"{panel.height}px"}, **{"aria-hidden": "true"})


def empty(panel: Panel, scope: Scope, kept: tuple[str, str] | None = None) -> html.Div:
    """Nothing to show in this window: said honestly; `kept` is a sentence and a link to where there is something."""
    link = html.A(kept[0], href=kept[1], **{"data-nav": "1"}) if kept else None
    return html.Div(
        [icon("inbox"), html.P(word("panel.empty.now" if panel.is_current else "panel.empty", scope.lang)), link],
        className="vd-state",
        style={"minHeight": f"{min(panel.height, 240)}px"},
        role="status",
        **{"data-panel": panel.id},
    )


def error(panel: Panel, scope: Scope, trace: str, reason: str = "panel.error") -> html.Div | html.Span:
    """The panel failed: what, under which trace id the log tells more, and that the page lives on. Panels without a height (in the
    header) show only a sign."""
    if not panel.height:
        said = f"{word(reason, scope.lang)}: {word(panel.title, scope.lang)} ({word('panel.trace', scope.lang)} {trace})"
        return html.Span(icon("exclamation-triangle", said), className="vd-icon-button vd-error", title=said)
    return html.Div(
        [
            icon("exclamation-triangle"),
            html.P(word(reason, scope.lang)),
            html.P(word("panel.error.other", scope.lang), className="vd-faint"),
            html.Code(f"{word('panel.trace', scope.lang)} {trace}"),
        ],
        className="vd-state vd-error",
        style={"minHeight": f"{min(panel.height, 240)}px"},
        role="alert",
        **{"data-panel": panel.id},
    )


def tile(panel_id: str, shown: Tile, scope: Scope) -> html.Div | html.A:
    """One KPI: title, number with unit, note, age. `data-tile` is where live frames write."""
    text = tile_text(shown)
    inner = [
        html.Div([icon(shown.icon) if shown.icon else None, html.Span(word(shown.title, scope.lang))], className="vd-tile-title"),
        html.Div(
            [html.Span(text, className="vd-number"), html.Span(shown.unit, className="vd-unit") if shown.unit else None],
            className="vd-tile-value",
        ),
        html.Div(html.Div(style={"width": f"{100 * _clip(shown.share):.1f}%"}), className="vd-share") if shown.share is not None else None,
        html.Div(
            [html.Span(word(shown.note, scope.lang), className="vd-tile-note"), html.Span(className="vd-age")], className="vd-tile-foot"
        ),
    ]
    marks = {
        "data-tile": f"{panel_id}:{shown.key}",
        "data-at": str(shown.at or ""),
        "data-stale-after": str(shown.stale_after),
        "data-tone": shown.tone,
        **({"data-none": "1"} if text == DASH else {}),
    }
    if shown.href:
        return html.A(inner, href=shown.href, className="vd-tile vd-tile-link", **{"data-nav": "1", **marks})
    return html.Div(inner, className="vd-tile", **marks)


def tile_text(shown: Tile) -> str:
    """The number as written on the tile; a dash when not known."""
    if shown.value is None:
        return DASH
    return shown.value if isinstance(shown.value, str) else number(shown.value, shown.decimals)


def tile_frame(tiles: Sequence[Tile], lang: str) -> dict[str, Any]:
    """The frame keys that bring the same tiles up to date in place."""
    return {
        "tiles": {
            t.key: {
                "text": tile_text(t),
                "at": t.at,
                "tone": t.tone,
                "note": word(t.note, lang),
                "share": None if t.share is None else _clip(t.share),
            }
            for t in tiles
        }
    }


def tiles_panel(panel_id: str, title: str, tiles: Callable[[Store, Scope], Sequence[Tile]], span: int = 12) -> Panel:
    """A row of KPI tiles as a panel of its own: loaded, drawn, exported and kept live from the one function `tiles`."""

    def load(store: Store, scope: Scope) -> Table:
        shown = tuple(tiles(store, scope))
        columns: dict[str, list[Any]] = {
            "name": [word(t.title, scope.lang) for t in shown],
            "value": [t.value for t in shown],
            "unit": [t.unit for t in shown],
            "at": [t.at for t in shown],
        }
        return Table(columns, at=max((t.at for t in shown if t.at), default=None), more={"tiles": shown})

    def draw(table: Table, scope: Scope) -> html.Div:
        shown = table.more["tiles"]
        columns = {f"--{size}": _columns(len(shown), most) for size, most in (("wide", 8), ("middle", 6), ("narrow", 4))}
        return html.Div([tile(panel_id, t, scope) for t in shown], className="vd-tiles", style=columns)

    def live(store: Store, scope: Scope) -> Mapping[str, Any]:
        return tile_frame(tiles(store, scope), scope.lang)

    return Panel(panel_id, title, load, draw, live, span=span, height=104, is_current=True, bare=True)


def _columns(count: int, most: int) -> int:
    """Tiles per row so that rows are full, or nearly."""
    rows = -(-count // most) or 1
    return -(-count // rows) or 1


def _clip(share: float | None) -> float:
    return min(1.0, max(0.0, share or 0.0))
