"""Accounts and access: one's own account for everybody, users, keys, kiosk links and the audit log for those who may. What stands in it
depends on who looks, so it is filled by a callback of its own (`callbacks/settings.py`)."""

from typing import Any

from dash import html

from dashboard.desk import inner
from dashboard.guide import NEEDS_NONE
from dashboard.page import Page, Panel, Scope, Table
from dashboard.settings import DESK
from datastore.store import Store


def nothing(store: Store, scope: Scope) -> Table:
    """No readings: everything here is asked for by who looks."""
    return Table({})


def places(table: Table, scope: Scope) -> Any:
    """Where the callbacks write."""
    return html.Div([*inner(DESK, "vd-settings")])


PAGE = Page(
    path="/settings",
    title="page.settings",
    order=99,
    icon="gear",
    kind=NEEDS_NONE,
    panels=(
        Panel("settings", "page.settings", nothing, places, span=12, height=320, is_current=True, bare=True, draws_empty=True, files=False),
    ),
)
