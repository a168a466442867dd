"""Every callback of the project, generic: written once for all pages and panels."""

from collections.abc import Iterable

import flask
from dash import Dash

from callbacks import export, panels, scope, session
from dashboard import login, shell
from dashboard.book import bind, discover
from dashboard.page import Page
from dashboard.render import Shared
from dashboard.site import create
from datastore.store import Store
from services.config import Config


def mount(server: flask.Flask, store: Store, config: Config, pages: Iterable[Page] | None = None) -> Dash:
    """Put the dashboard onto `server`, with every page of the folder `pages` unless told which. It keeps no state but a second's
    worth of shared tables."""
    book = bind(discover() if pages is None else pages, shell.PANELS)
    shared = Shared(store)
    login.register(server, config)
    export.register(server, book, shared, config.site_tz)
    app = create(server, config, book)
    scope.wire(app, store, config, book)
    panels.wire(app, book, shared, config.site_tz)
    session.wire(app)
    return app
