"""Who looks. The guard has said it before any page or callback is asked; where none stands (a test) it is a stranger in open mode."""

import flask

from dashboard.page import Panel
from services.access import OPEN, Identity

STRANGER = Identity(granted=OPEN)


def visitor() -> Identity:
    """Who is behind the request being answered."""
    identity: Identity = (flask.g.get("identity") if flask.has_app_context() else None) or STRANGER
    return identity


def may_see(me: Identity, panel: Panel) -> bool:
    """Whether `me` gets an answer from this panel."""
    return me.may_see(panel.id) and (not panel.needs or me.may(panel.needs))


def is_shown(me: Identity, panel: Panel) -> bool:
    """Whether a page has a place for this panel: one whose link or rights leave it out would only stay empty."""
    return (me.panels is None or me.may_see(panel.id)) and (not panel.needs or me.may(panel.needs))
