"""The settings page as components: cards with lists and forms, each only for who may do what it offers."""

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard import desk, notifications
from dashboard import settings_parts as parts
from dashboard.page import Page, Scope
from dashboard.words import word
from datastore.store import Store
from plant.model import User
from services import keys
from services.access import ROLES, Identity
from services.keys import Key
from services.kiosk import Kiosk, Link, screens

DESK = parts.DESK
DAYS = ("30", "90", "365", "")
"""How long a key may live; "" = until it is revoked."""
LINK_DAYS = ("1", "30", "90", "365")
KEY_SCOPES = ("device", "read", "operator")
"""What a key is usually for: a device that reports, a reader, a machine that does all an operator does."""
AUDIT_ROWS = 50


def body(store: Store, links: Kiosk, pages: Sequence[Page], me: Identity, scope: Scope, has_mail: bool = False) -> list[Any]:
    """All cards that `me` may see; `has_mail`: a mail server is set."""
    user = store.records.user(me.username) if me.known else None
    cards = [_account(user, scope)]
    if me.may("users"):
        cards.append(_users(store.records.users(), scope))
    if me.may("keys"):
        cards.append(_keys(keys.every(store.records), store.clock(), scope))
    if me.may("links"):
        cards.append(_links(links.every(), pages, store, scope))
    if me.may("settings"):
        cards.append(notifications.card(store, has_mail, scope))
    if me.may("audit"):
        cards.append(_audit(store.records.audit_log(AUDIT_ROWS), scope))
    return cards


def issued(text: str, secret: str, lang: str) -> html.Div:
    """What was made; its secret stands here once, ready to be copied."""
    field = parts.labelled("set.secret", dbc.Input(value=secret, readonly=True, className="vd-secret"), lang)
    copy = html.Button(
        word("set.copy", lang), type="button", className="vd-button", **{"data-copy": secret, "data-copied": word("set.copied", lang)}
    )
    said = desk.told("good", text)
    said.children += [html.Div([field, copy], className="vd-form"), html.P(word("set.once", lang), className="vd-faint")]
    return said


def _account(user: User | None, scope: Scope) -> html.Section:
    lang = scope.lang
    if user is None:
        login = html.A(word("login", lang), href=f"/login?next={scope.link('/settings')}", className="vd-button")
        return parts.card("set.account", "person-circle", [html.P(word("set.account.none", lang)), html.Div(login)], scope, span=12)
    facts = [("login.user", user.username), ("set.roles", ", ".join(user.roles)), ("set.email", user.email or "—")]
    form = html.Form(
        [
            dbc.Input(type="text", name="username", value=user.username, autocomplete="username", readonly=True, className="vd-hidden"),
            parts.labelled("set.password.old", parts.password("old_password", "current-password"), lang),
            parts.labelled("set.password.new", parts.password("new_password", "new-password"), lang),
            html.Button(word("set.password.change", lang), type="submit", className="vd-button"),
            html.P(className="vd-form-said", role="status"),
        ],
        className="vd-form",
        action="/settings",
        **{"data-password": "1", "data-done": word("set.password.done", lang), "data-down": word("login.down", lang)},
    )
    return parts.card("set.account", "person-circle", [parts.facts(facts, lang), form], scope, span=12)


def _users(users: Sequence[User], scope: Scope) -> html.Section:
    lang = scope.lang
    rows = []
    for user in users:
        state = word("set.active" if user.active else "set.disabled", lang)
        rows.append(
            parts.row(
                user.username,
                [", ".join(user.roles), user.email],
                state,
                "good" if user.active else "stale",
                [parts.button(*(("set.disable", "user-off") if user.active else ("set.enable", "user-on")), user.username, lang)],
            )
        )
    roles = [(name, name) for name in ROLES]
    add = parts.form(
        "user-add",
        "set.user.add",
        [
            ("login.user", parts.text("user-add", "username")),
            ("login.password", parts.text("user-add", "password", "password")),
            ("set.role", parts.select("user-add", "role", roles, "viewer")),
            ("set.email", parts.text("user-add", "email", "email")),
        ],
        lang,
    )
    change = parts.form(
        "user-change",
        "set.user.change",
        [
            ("login.user", parts.select("user-change", "username", [(user.username, user.username) for user in users], "")),
            ("set.role", parts.select("user-change", "role", [("", word("set.unchanged", lang)), *roles], "")),
            ("set.password.new", parts.text("user-change", "password", "password")),
        ],
        lang,
    )
    return parts.card("set.users", "people", [*rows, add, change], scope)


def _keys(found: Sequence[Key], now: int, scope: Scope) -> html.Section:
    lang = scope.lang
    rows = []
    for key in found:
        good = key.is_good(now)
        state = "set.active" if good else "set.revoked" if key.revoked is not None else "set.expired"
        facts = [
            ", ".join(key.scopes),
            ", ".join(key.devices) or word("set.key.all", lang),
            word("set.by", lang, who=key.owner),
            word("set.until", lang, when=parts.day(key.expires, scope) if key.expires else word("set.never", lang)),
            word("set.used", lang, when=parts.moment(key.last_used, scope) if key.last_used else word("set.unused", lang)),
        ]
        rows.append(
            parts.row(
                key.name,
                facts,
                word(state, lang),
                "good" if good else "stale",
                [parts.button("set.revoke", "key-off", key.id, lang)] if good else [],
            )
        )
    kinds = [(name, word(f"set.key.{name}", lang)) for name in KEY_SCOPES]
    days = [(one, word("set.never", lang) if not one else word("set.days", lang, n=one)) for one in DAYS]
    form = parts.form(
        "key-add",
        "set.key.add",
        [
            ("set.name", parts.text("key-add", "name")),
            ("set.key.may", parts.select("key-add", "kind", kinds, "device")),
            ("set.key.devices", parts.text("key-add", "devices", placeholder="bess01, rack*")),
            ("set.ends", parts.select("key-add", "days", days, "365")),
        ],
        lang,
    )
    return parts.card("set.keys", "key", [*(rows or [parts.none(lang)]), form], scope)


def _links(found: Sequence[Link], pages: Sequence[Page], store: Store, scope: Scope) -> html.Section:
    lang, now = scope.lang, store.clock()
    titles = {page.path: word(page.title, lang) for page in pages}
    rows = []
    for link in found:
        good = link.is_good(now)
        state = "set.active" if good else "set.revoked" if link.revoked is not None else "set.expired"
        shown = [titles.get(path, path) for path in link.pages] + list(link.panels)
        facts = [", ".join(shown), word("set.by", lang, who=link.owner), word("set.until", lang, when=parts.day(link.expires, scope))]
        rows.append(
            parts.row(
                link.name,
                facts,
                word(state, lang),
                "good" if good else "stale",
                [parts.button("set.revoke", "link-off", link.id, lang)] if good else [],
            )
        )
    for screen in screens(store):
        facts = [screen.who, screen.page, f"{screen.width}×{screen.height}", parts.moment(screen.seen, scope)]
        rows.append(parts.row(screen.name or screen.id, facts, word("set.screen", lang), "", []))
    options = [{"label": text, "value": path} for path, text in titles.items()]
    choose = dbc.Checklist(id=parts.field("link-add", "pages"), options=options, value=[], inline=True)
    form = parts.form(
        "link-add",
        "set.link.add",
        [
            ("set.name", parts.text("link-add", "name")),
            ("set.ends", parts.select("link-add", "days", [(one, word("set.days", lang, n=one)) for one in LINK_DAYS], "90")),
            ("set.link.pages", choose),
        ],
        lang,
    )
    return parts.card("set.links", "display", [*(rows or [parts.none(lang)]), form], scope)


def _audit(rows: Sequence[tuple[int, str, str, str]], scope: Scope) -> html.Section:
    lines = [parts.row(who or "—", [parts.moment(at, scope), what], action, "", []) for at, who, action, what in rows]
    return parts.card("set.audit", "journal-text", [html.Div(lines or parts.none(scope.lang), className="vd-set-long")], scope)
