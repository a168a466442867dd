"""A figure's button → the card that explains it, one callback for all figures of all pages."""

import logging
from typing import Any

from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from dashboard import door
from dashboard.book import Book
from dashboard.explanations import EXPLANATIONS, parts
from dashboard.figures import explain as drawn
from dashboard.loads import explained, explained_panels
from dashboard.page import Tile
from dashboard.render import Shared, trace_id
from dashboard.visitor import may_see, visitor
from datastore.store import Store
from plant.errors import Unavailable

log = logging.getLogger(__name__)


def wire(app: Dash, book: Book, shared: Shared, store: Store, zone: str) -> None:
    """What was asked for is `<panel id>:<key of its tile, or name of a part>`, without one the panel. Wall screens get no answer; `zone` is
    the site's."""

    @app.callback(
        Output("explain-body", "children"),
        Input("explain-asked", "data"),
        State("scope", "data"),
        prevent_initial_call=True,
    )
    def explain(asked: Any, scope: Any) -> Any:
        view, request, me = door.fields(scope, "scope"), door.fields(asked, "asked") or {}, visitor()
        panel_id, _, key = door.text(request.get("of"), "of").partition(":")
        panel = book.panels.get(panel_id)
        if panel is None or not view or not may_see(me, panel) or me.pages is not None:
            raise PreventUpdate
        seen = door.seen(view, zone)
        try:
            table = shared.table(panel, seen)
            tile = next((one for one in table.more.get("tiles", ()) if one.key == key), None)
            part = parts(panel_id).get(key)
            unit = str(table.more.get("unit", ""))
            if tile is not None and tile.title in EXPLANATIONS:
                told = explained.facts(tile.title, store, seen)
            elif part is not None:
                tile, told = Tile("", part.key, None, unit), explained_panels.part(panel, key, part, table, seen)
            elif not key and panel.title in EXPLANATIONS:
                tile, told = Tile("", panel.title, None, unit), explained_panels.whole(panel, table, seen)
            elif not key and parts(panel_id):
                return drawn.index(panel, seen)
            else:
                raise PreventUpdate
            return drawn.card(panel, tile, told, seen, store.clock(), me.may("export"))
        except PreventUpdate:
            raise
        except Unavailable as problem:
            trace = trace_id()
            log.warning("explanation of %s has no answer, trace %s: %s", panel.id, trace, problem.message)
            return drawn.failed("panel.error.store", trace, seen)
        except Exception:  # a card that cannot be made must not take the page with it
            trace = trace_id()
            log.exception("explanation of %s failed, trace %s, scope %s", panel.id, trace, seen.query())
            return drawn.failed("explain.failed", trace, seen)
