"""The settings page: who may sees and changes users, keys and kiosk links. Every action asks the guard's word again: what is hidden is
also refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dash import Dash

from callbacks import desks, notifications
from dashboard import door, settings
from dashboard.book import Book
from dashboard.desk import told
from dashboard.scope import Scope
from dashboard.visitor import visitor
from dashboard.words import word
from datastore.store import Store
from plant.errors import Forbidden, PlantError
from plant.model import DAY
from services import keys
from services.access import Identity
from services.accounts import add_user, change_user
from services.config import Config
from services.kiosk import Kiosk

Fields = Mapping[str, Any]
SAID = ("username", "password", "email", "name", "pages", "devices")
"""Fields of whose faults the page has words of its own."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the actions work with."""

    store: Store
    links: Kiosk
    config: Config
    me: Identity
    scope: Scope


def wire(app: Dash, store: Store, config: Config, book: Book, links: Kiosk) -> None:
    """Fill the page by who looks, and do what its buttons say."""
    shown = [page for path, page in book.pages.items() if path != "/settings"]

    def form(seen: Scope) -> Any:
        return settings.body(store, links, shown, visitor(), seen, config.smtp is not None)

    def done(wanted: tuple[str, str], given: Fields, seen: Scope) -> Any:
        what, about = wanted
        of_form = {name.removesuffix(f"@{what}"): value for name, value in given.items() if name.endswith(f"@{what}")}
        return _done(Desk(store, links, config, visitor(), seen), what, about, of_form)

    desks.wire(app, store, config, settings.DESK, "/settings", form, done, refused=refused)


def refused(error: PlantError, scope: Scope) -> Any:
    """Which fields make no sense, in the language of the page."""
    faults = dict.fromkeys(str(fault["field"]) for fault in error.details.get("field_errors", ()))
    known = [word(f"set.bad.{name}", scope.lang) for name in faults if name in SAID]
    return told("alarm", " ".join(known) if len(known) == len(faults) > 0 else error.message)


def _done(desk: Desk, what: str, about: str, given: Fields) -> Any:
    """What to say. Raises Forbidden without the permission, and what the action raises."""
    if what not in ACTIONS:
        raise Forbidden("There is no such action")
    need, action = ACTIONS[what]
    if not desk.me.may(need):
        raise Forbidden(word("set.refused", desk.scope.lang))
    return action(desk, about, given)


def _add_user(desk: Desk, _about: str, given: Fields) -> Any:
    name = _text(given, "username")
    add_user(desk.store, name, _secret(given, "password"), [_text(given, "role")], _text(given, "email"), desk.me.username)
    return _good(desk, "set.user.added", name=name)


def _change_user(desk: Desk, _about: str, given: Fields) -> Any:
    name, role, password = _text(given, "username"), _text(given, "role"), _secret(given, "password")
    change_user(desk.store, name, roles=[role] if role else None, password=password or None, who=desk.me.username)
    return _good(desk, "set.user.changed", name=name)


def _disable(desk: Desk, about: str, _given: Fields) -> Any:
    return _good(desk, "set.user.changed", name=change_user(desk.store, about, active=False, who=desk.me.username).username)


def _enable(desk: Desk, about: str, _given: Fields) -> Any:
    return _good(desk, "set.user.changed", name=change_user(desk.store, about, active=True, who=desk.me.username).username)


def _add_key(desk: Desk, _about: str, given: Fields) -> Any:
    kind = _text(given, "kind")
    more: dict[str, Any] = {"scopes": ["read"]} if kind == "read" else {"role": kind}
    devices = [part.strip() for part in _text(given, "devices").split(",") if part.strip()]
    name, days = _text(given, "name"), _days(given)
    expires = desk.store.clock() + days * DAY if days else None
    key, secret = keys.issue(desk.store, desk.me, desk.config.site_id, name=name, devices=devices, expires=expires, **more)
    lang = desk.scope.lang
    return settings.issued(word("set.key.added", lang, name=key.name), secret, lang)


def _revoke_key(desk: Desk, about: str, _given: Fields) -> Any:
    return _good(desk, "set.revoked.done", name=keys.revoke(desk.store, about, desk.me.username).name)


def _add_link(desk: Desk, _about: str, given: Fields) -> Any:
    pages = given.get("pages")
    paths = [path for path in pages if isinstance(path, str)] if isinstance(pages, list) else []
    expires = desk.store.clock() + (_days(given) or 90) * DAY
    link, token = desk.links.issue(desk.me.username, name=_text(given, "name"), pages=paths, expires=expires)
    lang = desk.scope.lang
    return settings.issued(word("set.link.added", lang, name=link.name), f"/kiosk/{token}", lang)


def _revoke_link(desk: Desk, about: str, _given: Fields) -> Any:
    return _good(desk, "set.revoked.done", name=desk.links.revoke(about, desk.me.username).name)


ACTIONS: Mapping[str, tuple[str, Callable[[Desk, str, Fields], Any]]] = {
    "user-add": ("users", _add_user),
    "user-change": ("users", _change_user),
    "user-off": ("users", _disable),
    "user-on": ("users", _enable),
    "key-add": ("keys", _add_key),
    "key-off": ("keys", _revoke_key),
    "link-add": ("links", _add_link),
    "link-off": ("links", _revoke_link),
    **notifications.ACTIONS,
}
"""What a button does → the permission it needs."""


def _good(desk: Desk, key: str, **values: str) -> str:
    return word(key, desk.scope.lang, **values)


def _text(given: Fields, name: str) -> str:
    return _secret(given, name).strip()


def _secret(given: Fields, name: str) -> str:
    return door.text(given.get(name), name)


def _days(given: Fields) -> int:
    text = _text(given, "days")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
