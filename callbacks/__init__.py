"""Every callback of the project, generic: written once for all pages and panels."""

from collections.abc import Iterable

import flask
from dash import Dash

from callbacks import (
    alarms,
    dataset,
    devices,
    explain,
    export,
    notes,
    panels,
    pictures,
    plans,
    reports,
    schedule,
    scope,
    session,
    settings,
    turns,
)
from dashboard import kiosk, login, shell
from dashboard.book import bind, discover
from dashboard.page import Page
from dashboard.render import Shared
from dashboard.site import create
from datastore.store import Store
from services.config import Config
from services.kiosk import Kiosk


def mount(server: flask.Flask, store: Store, config: Config, pages: Iterable[Page] | None = None) -> Dash:
    """Put the dashboard onto `server`, with every page of the folder `pages` unless told which. It keeps no state but a second's
    worth of shared tables."""
    book = bind(discover() if pages is None else pages, shell.PANELS)
    shared = Shared(store)
    screens = {path: tuple(panel.id for panel in page.panels) for path, page in book.pages.items() if path != "/settings"}
    server.extensions["pages"] = screens  # what kiosk links may name
    links = Kiosk(store, config.site_id, config.secret_key, lambda: screens)
    login.register(server, config)
    kiosk.register(server, config, links)
    export.register(server, book, shared.views, store, config)
    pictures.register(server, book, shared, store, config)
    app = create(server, config, book)
    scope.wire(app, store, config, book)
    panels.wire(app, book, shared, config.site_tz)
    explain.wire(app, book, shared, store, config.site_tz)
    session.wire(app)
    turns.wire(app, store, config, book)
    settings.wire(app, store, config, book, links)
    schedule.wire(app, store, config)
    plans.wire(app, store, config)
    alarms.wire(app, store, config)
    dataset.wire(app, store, config)
    notes.wire(app, store, config)
    reports.wire(app, store, config)
    devices.wire(app, store, config)
    return app
