"""Monthly reports are asked for, watched, fetched and removed on the system page."""

from typing import Any

from dash import Dash, no_update

from callbacks import desks
from callbacks.dataset import may_export
from dashboard import desk, reports_desk
from dashboard.reports_desk import DESK
from dashboard.scope import LANGUAGES, Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant.errors import Forbidden, Invalid
from services import exports, paper, pictures, reports
from services.config import Config

PATH = "/system"


def wire(app: Dash, store: Store, config: Config) -> None:
    """Fill the panel by who looks, and do what its buttons say."""

    def form(seen: Scope) -> Any:
        if may_export():
            return reports_desk.form(store, seen)
        return [] if visitor().pages is not None else desk.login("reports.login", PATH, seen)

    def done(wanted: tuple[str, str], given: desk.Fields, seen: Scope) -> str:
        if not may_export():
            raise Forbidden(word("set.refused", seen.lang))
        what, about = wanted
        if what == "make":
            return make(store, config, desk.line(given, "month"), desk.line(given, "lang"), seen)
        if what in ("cancel", "remove"):
            return end(store, config, about, seen)
        raise Forbidden("There is no such action")

    def listed(seen: Scope) -> Any:
        if not may_export():
            return no_update
        return reports_desk.files(exports.listed(store.records, None, what="report"), visitor(), seen)

    desks.fill(app, config, DESK, PATH, form, again=False)
    desks.answer(app, store, config, DESK, done)
    desks.watch(app, config, DESK, PATH, listed)


def make(store: Store, config: Config, month: str, lang: str, seen: Scope) -> str:
    """Ask for a report. Raises Invalid, Conflict, Unavailable without Chromium or a font for the language."""
    window = reports.month_of(month, store)
    if lang not in LANGUAGES:
        raise Invalid("There is no such language")
    pictures.browser(config.browser_path)
    paper.check_fonts(lang)
    reports.submit(store, visitor().username, window, lang, True)
    return word("reports.asked", seen.lang, month=month)


def end(store: Store, config: Config, about: str, seen: Scope) -> str:
    """Cancel or remove a report. Raises NotFound, Forbidden."""
    export = reports.find(store.records, about)
    if not reports_desk.may_remove(visitor(), export):
        raise Forbidden(word("set.refused", seen.lang))
    exports.cancel(store.records, config.exports_dir, export.id, store.clock())
    return word("dataset.stopped" if export.state in exports.OPEN else "dataset.gone", seen.lang)
