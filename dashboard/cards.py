"""What surrounds a value: the card of a panel with its head, KPI tiles, and the states every panel can be in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dash import dcc, html

from dashboard import files
from dashboard.explanations import EXPLANATIONS, parts
from dashboard.icons import icon as icon
from dashboard.page import Panel, Scope, Table, Tile
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant.model import DAY, HOUR, MINUTE, SECOND
from plant.quantity import DASH, number

Children = Any
UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))


def card(panel: Panel, scope: Scope, alone: bool = False) -> html.Section:
    """The frame of a panel before its first draw: title, age, buttons; the body is filled by a callback. `alone` it fills the window and
    has no buttons."""
    current = {"data-current": "1"} if panel.is_current else {}
    place = html.Div(skeleton(panel), id={"type": "panel", "id": panel.id}, className="vd-body", **current)
    body = html.Div([*stores(panel.id), place])
    if panel.bare:
        inner = [body, files.menu(panel, scope)] if panel.files and not alone else body
        return html.Section(inner, className="vd-bare", style={"--span": panel.span}, **{"aria-label": word(panel.title, scope.lang)})
    return html.Section(
        [head(panel, scope, alone), body],
        className="vd-card vd-full" if alone else "vd-card",
        style={"--span": panel.span},
        **{"aria-labelledby": f"title-{panel.id}", "data-card": panel.id},
    )


def stores(panel_id: str) -> list[dcc.Store]:
    """What fills the body of a panel: the scope it is to show, and a version to draw it anew."""
    return [dcc.Store(id={"type": kind, "id": panel_id}) for kind in ("scope", "redraw")]


def head(panel: Panel, scope: Scope, alone: bool = False) -> html.Header:
    """Title, note, age of the newest value, and what can be done with the panel."""
    lang = scope.lang
    said = [
        html.H2(word(panel.title, lang), id=f"title-{panel.id}"),
        html.Span(word(panel.note, lang), className="vd-note") if panel.note else None,
        html.Span(className="vd-age", **{"data-age-of": panel.id}),
    ]
    if alone:
        return html.Header(said)
    return html.Header(
        [
            *said,
            explain_button(f"{panel.id}:", panel.title, lang, "vd-tool") if is_explained(panel.title, panel.id) else None,
            files.menu(panel, scope) if panel.files else None,
            html.Button(
                icon("arrows-fullscreen"),
                type="button",
                className="vd-tool",
                title=word("panel.full", lang),
                **{"aria-label": f"{word('panel.full', lang)}: {word(panel.title, lang)}", "data-full": panel.id, "aria-pressed": "false"},
            ),
        ]
    )


def filled(panel: Panel, scope: Scope, table: Table, content: Children, paused: int | None = None) -> html.Div:
    """The drawn body of a panel, marked for the live script: its topic, and from when its data is; the files of one that is `paused` are
    of that instant [epoch ms UTC]."""
    marks = {"data-panel": panel.id, "data-at": str(table.at or ""), **({"data-paused": str(paused)} if paused else {})}
    if panel.live is not None and (scope.follows or (panel.is_current and scope.live)):
        marks["data-topic"] = scope.topic(panel.id)
    shown = resolution(table, scope.lang)
    if shown:
        marks |= {"data-step": shown[0], "data-step-note": shown[1]}
    if table.simulated:
        marks |= {"data-simulated": word("simulated", scope.lang), "data-simulated-note": word("simulated.note", scope.lang)}
    return html.Div(content, className="vd-filled", **marks)


def resolution(table: Table, lang: str) -> tuple[str, str] | None:
    """How closely a chart over time looks, as a word for the card's head (`1 min`, `5–15 min`), and a sentence; None for other panels."""
    plot, stack = table.more.get("plot"), table.more.get("stack")
    widths = sorted({line.width for line in plot.lines} if plot else {stack.width} if stack else ())
    if not widths:
        return None
    if widths == [0]:
        return word("step.raw", lang), word("step.shown.raw", lang)
    said = " – ".join(word("step.raw", lang) if not width else span(width, lang) for width in dict.fromkeys((widths[0], widths[-1])))
    return said, word("step.shown", lang, step=said)


def span(width: int, lang: str) -> str:
    """A bucket's width [ms] in the largest unit that divides it: `15 min`."""
    unit, name = next(((unit, name) for unit, name in UNITS if width % unit == 0), UNITS[-1])
    return word(f"step.{name}", lang, n=f"{width / unit:g}")


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
    header) show only a sign. One the store had no answer for is asked for again by itself (`data-retry`)."""
    retry = {"data-retry": panel.id} if reason == "panel.error.store" else {}
    if not panel.height:
        said = f"{word(reason, scope.lang)}: {word(panel.title, scope.lang)} ({word('panel.trace', scope.lang)} {trace})"
        return html.Span(icon("exclamation-triangle", said), className="vd-icon-button vd-error", title=said, **retry)
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
        **retry,
    )


def tile(panel_id: str, shown: Tile, scope: Scope, classes: str = "") -> html.Div | html.A:
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
        body = html.A(inner, href=shown.href, className=f"vd-tile vd-tile-link{classes}", **{"data-nav": "1", **marks})
    else:
        body = html.Div(inner, className=f"vd-tile{classes}", **marks)
    if not is_explained(shown.title):
        return body
    return html.Div([body, explain_button(f"{panel_id}:{shown.key}", shown.title, scope.lang, "vd-explain")], className="vd-asked")


def is_explained(title: str, panel_id: str = "") -> bool:
    """Whether there is a card for figures of this title, or for parts of this panel; nobody asks a wall screen."""
    return (title in EXPLANATIONS or bool(parts(panel_id))) and visitor().pages is None


def explained(panel: Panel, table: Table) -> Table:
    """The table with `more["explained"]`: its columns and rows whose heads open a card for this visitor."""
    names = frozenset(parts(panel.id)) if visitor().pages is None else frozenset()
    return replace(table, more={**table.more, "explained": names}) if names else table


def explain_button(of: str, title: str, lang: str, style: str) -> html.Button:
    """Opens the card that says how the figures of a tile or panel come about (`assets/explain.js`)."""
    return html.Button(
        icon("info-circle"),
        type="button",
        className=style,
        title=word("explain", lang),
        **{"aria-label": f"{word('explain', lang)}: {word(title, lang)}", "aria-haspopup": "dialog", "data-explain": of},
    )


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
        parts = [tile(panel_id, t, scope, _corner(place, columns)) for place, t in enumerate(shown)]
        return html.Div(parts, className="vd-tiles", style=columns)

    def live(store: Store, scope: Scope) -> Mapping[str, Any]:
        return tile_frame(tiles(store, scope), scope.lang)

    return Panel(panel_id, title, load, draw, live, span=span, height=104, is_current=True, bare=True)


def _corner(place: int, columns: Mapping[str, int]) -> str:
    """The classes of a tile that stands under the panel's menu, at the top right, at some width of the window (a phone has two columns)."""
    last = {**columns, "--phone": 2}
    return "".join(f" vd-corner-{size.removeprefix('--')}" for size, count in last.items() if place == count - 1)


def _columns(count: int, most: int) -> int:
    """Tiles per row so that rows are full, or nearly."""
    rows = -(-count // most) or 1
    return -(-count // rows) or 1


def _clip(share: float | None) -> float:
    return min(1.0, max(0.0, share or 0.0))
