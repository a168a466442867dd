"""The frame around every page: navigation, page head, grid of cards, and what stands there when there is no page or no plant."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dash import dcc, html

from dashboard.bell import PANELS, alarm_frame, alarm_table
from dashboard.cards import card, icon
from dashboard.controls import control
from dashboard.guide import guide, lacks
from dashboard.header import header
from dashboard.page import Page, Panel, Scope
from dashboard.words import word
from datastore.store import Store

__all__ = [
    "PANELS",
    "alarm_frame",
    "alarm_table",
    "content",
    "control",
    "guide",
    "header",
    "lacks",
    "missing",
    "nav",
    "note",
    "page_head",
    "skeleton",
    "withheld",
]


MAIN = 4
"""So many pages stand in the bar of a phone, the others behind "more"."""


def skeleton() -> html.Div:
    """The layout before the first answer: places, no content. The URL fills them."""
    return html.Div(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="scope"),
            dcc.Store(id="shown"),
            dcc.Store(id="again"),
            html.Div(id="applied", hidden=True),
            dcc.Store(id="explain-asked"),
            html.Dialog(html.Div(id="explain-body"), id="explain", className="vd-explained", **{"aria-labelledby": "explain-title"}),
            html.Div(id="nav"),
            html.Div(
                [
                    html.Header(id="header", className="vd-header"),
                    html.Main(
                        [
                            html.Div(id="notes"),
                            html.Div(id="page-head", className="vd-page-head"),
                            html.Div(id="content", className="vd-grid"),
                        ],
                        id="main",
                        className="vd-main",
                        tabIndex=-1,
                    ),
                ],
                className="vd-column",
            ),
        ],
        className="vd-shell",
    )


def nav(pages: Sequence[Page], path: str, scope: Scope) -> list[Any]:
    """Links to all pages; window, language and theme go along."""
    links = [
        html.A(
            [icon(page.icon), html.Span(word(page.title, scope.lang))],
            href=scope.elsewhere(page.path),
            title=word(page.title, scope.lang),
            className="vd-nav-link",
            **{"data-nav": "1", **({"aria-current": "page"} if page.path == path else {})},
        )
        for page in pages
    ]
    fold = html.Button(
        icon("layout-sidebar"),
        type="button",
        className="vd-nav-fold",
        title=word("collapse", scope.lang),
        **{"data-fold": "1", "aria-label": word("collapse", scope.lang)},
    )
    is_behind = any(page.path == path for page in pages[MAIN:])
    more = html.Button(
        [icon("three-dots"), html.Span(word("nav.more", scope.lang))],
        type="button",
        className="vd-nav-link vd-nav-more",
        **{"data-more": "1", "aria-expanded": "false", "aria-controls": "nav-rest", **({"data-here": "1"} if is_behind else {})},
    )
    brand = html.Div([icon("lightning-charge-fill"), html.Span(word("product", scope.lang))], className="vd-brand")
    skip = html.A(word("skip", scope.lang), href="#main", className="vd-skip")
    rest = html.Div(links[MAIN:], id="nav-rest", className="vd-nav-rest")
    inner = [brand, html.Div([*links[:MAIN], rest, *([more] if links[MAIN:] else [])], className="vd-nav-links"), fold]
    return [skip, html.Nav(inner, className="vd-nav", **{"aria-label": word("navigation", scope.lang)})]


def page_head(page: Page, scope: Scope, store: Store | None) -> list[Any]:
    """The page's name and its controls (none without a store to ask)."""
    note = html.P(word(page.note, scope.lang)) if page.note else None
    controls = [control(c, scope, store, page.path) for c in page.controls] if store is not None else []
    return [html.Div([html.H1(word(page.title, scope.lang)), note]), html.Div(controls, className="vd-controls") if controls else None]


def content(page: Page, scope: Scope) -> list[Any]:
    """The empty cards of a page; each is filled by its own callback."""
    return [card(panel, scope) for panel in in_full_rows(page.panels)]


def in_full_rows(panels: Sequence[Panel]) -> list[Panel]:
    """The panels with the last of each row as wide as what is left of its 12 columns: one that is not shown leaves no empty corner."""
    found: list[Panel] = []
    taken = 0
    for place, panel in enumerate(panels):
        taken = panel.span if taken + panel.span > 12 else taken + panel.span
        is_last = place + 1 == len(panels) or taken + panels[place + 1].span > 12
        found.append(replace(panel, span=panel.span + 12 - taken) if is_last and taken < 12 else panel)
    return found


def note(bad: Sequence[str], scope: Scope) -> html.Div | None:
    """Says which parts of the link were left out; the view goes on without them."""
    if not bad:
        return None
    return html.Div(
        [icon("info-circle"), html.Span(word("note.query", scope.lang, names=", ".join(bad)))], className="vd-notice", role="status"
    )


def withheld(scope: Scope, what: str = "kiosk.withheld") -> html.Div:
    """The page for paths a kiosk link does not show."""
    said = [icon("eye-slash"), html.H1(word(what, scope.lang)), html.P(word(f"{what}.lead", scope.lang))]
    return html.Div(said, className="vd-state vd-missing")


def missing(path: str, scope: Scope) -> html.Div:
    """The page for paths nobody claims."""
    return html.Div(
        [
            icon("signpost-split"),
            html.H1(word("missing.title", scope.lang)),
            html.P(word("missing.lead", scope.lang, path=path[:120])),
            html.A(word("missing.back", scope.lang), href=scope.elsewhere("/"), className="vd-button", **{"data-nav": "1"}),
        ],
        className="vd-state vd-missing",
    )
