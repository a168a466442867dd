"""One panel alone, for a frame in another page: `/embed/<panel>?<scope>`."""

from dashboard.book import Book
from dashboard.cards import card
from dashboard.page import Panel, Scope
from dashboard.visitor import is_shown, may_see
from services.access import Identity

PREFIX = "/embed/"
APART = ("/settings",)
"""Pages of forms, whose panels are never shown elsewhere."""


def panel_at(book: Book, path: str) -> Panel | None:
    """The panel that `path` shows alone; None where it is no such address, or names a panel that no page shows."""
    panel = book.panels.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
    shown = (one for at, page in book.pages.items() if at not in APART for one in page.panels)
    return panel if panel is not None and any(one is panel for one in shown) else None


def may_embed(me: Identity, panel: Panel) -> bool:
    """Whether `me` sees this panel alone."""
    return may_see(me, panel) and is_shown(me, panel)


def frame(panel: Panel, scope: Scope) -> list[object]:
    """The panel's card, which fills its frame."""
    return [card(panel, scope, alone=True)]
