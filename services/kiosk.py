"""Kiosk links: read-only addresses for wall screens and foreign pages, each for some pages or panels, until a day, and revocable.

A link's token is signed with a key that serves nothing else; what it shows is kept in the drawer, so that it can be taken back.
"""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import jwt

from datastore.ports import Entry
from datastore.store import Store
from plant.errors import Conflict, Invalid, NotFound, Unauthorized, Unavailable
from plant.model import DAY
from services.access import ROLES, Identity

DRAWER, SCREENS = "kiosk_links", "screens"
ACTIVE, REVOKED = "active", "revoked"
PURPOSE = "voltdeck kiosk link"
ALGORITHM = "HS256"
HEADER, COOKIE = "X-Kiosk-Link", "kiosk_link"
PROTOCOL = "kiosk."
"""A browser cannot send headers with a WebSocket: the token comes as one of the subprotocols, behind this."""
ENDED = "LINK_ENDED"
"""Error code of a link that shows nothing any more."""
LONGEST = 366 * DAY
USUAL = 90 * DAY
"""How long a link lives that does not say [ms]."""
TRUST_S = 1.0
"""How long a process believes what it read: a revoked link shows nothing anywhere after this."""
SHELL_PANELS = frozenset({"shell"})
"""What every screen shows around its panels: the pill that says how old they are."""
NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}\Z")
SCREEN = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
MOST = 100
MOST_SCREENS = 500
FORGOTTEN_AFTER = 30 * DAY
"""Screens that were silent for so long are forgotten [ms]."""

Pages = Mapping[str, Sequence[str]]
"""Path of each page of the dashboard → ids of its panels."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link. `pages` are paths, `panels` ids of panels shown beside those of the pages; times epoch ms."""

    id: str
    name: str
    owner: str
    pages: tuple[str, ...]
    panels: tuple[str, ...]
    site_id: str
    created: int
    expires: int
    revoked: int | None

    def is_good(self, now: int) -> bool:
        """Whether it still shows something."""
        return self.revoked is None and now < self.expires


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen that reports: its own id, who it is (`kiosk:…` or a user), what it shows, how large it is [px], when it spoke last; the
    build it was loaded from, how old the newest data on it is [ms], frames it draws a second, memory its scripts hold [MB] (None = not
    told)."""

    id: str
    who: str
    name: str
    page: str
    width: int
    height: int
    seen: int
    build: str = ""
    age: int | None = None
    fps: float | None = None
    memory: float | None = None


class Kiosk:
    """Issues, revokes and judges the links of one site. Thread-safe."""

    def __init__(
        self, store: Store, site_id: str, secret: str, pages: Callable[[], Pages], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`secret` is the server's SECRET_KEY; `pages` answers what pages there are."""
        self._store, self._site_id, self._pages, self._monotonic = store, site_id, pages, monotonic
        self._key = hmac.new(secret.encode(), PURPOSE.encode(), hashlib.sha256).hexdigest()
        self._lock = threading.Lock()
        self._read_at = -TRUST_S
        self._version: int | None = None
        self._links: Mapping[str, Link] = {}

    def issue(
        self, who: str, *, name: str, pages: Sequence[str] = (), panels: Sequence[str] = (), expires: int | None = None
    ) -> tuple[Link, str]:
        """A new link and its token. Raises Invalid for pages and panels that do not exist, or an end that makes no sense."""
        now = self._store.clock()
        until = now + USUAL if expires is None else expires
        known = self._pages()
        known_panels = {panel for ids in known.values() for panel in ids}
        if not NAME.match(name):
            raise _bad("name", "must have 1 to 80 printable characters", name)
        if not pages and not panels:
            raise _bad("pages", "or panels must say what the link shows", None)
        for field, given, there in (("pages", pages, known.keys()), ("panels", panels, known_panels)):
            if len(given) > MOST:
                raise _bad(field, f"may name at most {MOST}", None)
            if strangers := [one for one in given if one not in there]:
                raise _bad(field, f"must be of: {', '.join(sorted(there))}", strangers[0])
        if not now < until <= now + LONGEST:
            raise _bad("expires", "must lie in the future, at most a year from now", until)
        link = Link(
            secrets.token_hex(6), name, who, tuple(dict.fromkeys(pages)), tuple(dict.fromkeys(panels)), self._site_id, now, until, None
        )
        self._store.records.put_entry(_entry(link, 0))
        self._store.records.audit(now, who, "kiosk link issued", f"{name} ({link.id}) for {', '.join((*link.pages, *link.panels))}")
        return link, self._token(link)

    def revoke(self, link_id: str, who: str) -> Link:
        """Show nothing under this link from now on; revoking it twice is no fault. Raises NotFound."""
        while True:
            entry = self._store.records.entry(DRAWER, link_id)
            if entry is None:
                raise NotFound(f"There is no kiosk link '{link_id[:40]}'", id=link_id[:40])
            link = _link(entry)
            if link.revoked is not None:
                return link
            gone = replace(link, revoked=self._store.clock())
            try:
                self._store.records.put_entry(_entry(gone, entry.version))
            except Conflict:
                continue
            self._store.records.audit(self._store.clock(), who, "kiosk link revoked", f"{link.name} ({link.id})")
            return gone

    def every(self) -> list[Link]:
        """All links, newest first, revoked and expired ones too."""
        return [_link(entry) for entry in self._store.records.entries(DRAWER, limit=10_000)]

    def link(self, token: str) -> Link:
        """The link of this token. Raises Unauthorized unless it is ours, of this site, not expired, not revoked; Unavailable when the store
        never answered."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM], audience=PURPOSE, options={"verify_exp": False})
        except jwt.PyJWTError:
            raise Unauthorized("The link is not valid", ENDED) from None
        number = str(claims.get("sub"))
        link = self._kept(TRUST_S).get(number) or self._kept(0.0).get(number)  # who was just given one uses it
        if link is None or link.site_id != self._site_id or claims.get("site") != self._site_id:
            raise Unauthorized("The link is not one of this site", ENDED)
        if not link.is_good(self._store.clock()):  # by the store's clock, for the link's own end may be moved nearer
            raise Unauthorized("The link was revoked" if link.revoked is not None else "The link has expired", ENDED)
        return link

    def identity(self, token: str) -> Identity:
        """Who comes with this token: role kiosk, with the link's pages and panels and no others. Raises as `link`."""
        link = self.link(token)
        known = self._pages()
        panels = {panel for page in link.pages for panel in known.get(page, ())}
        holders = {page for page, ids in known.items() if not set(link.panels).isdisjoint(ids)}
        return Identity(
            f"kiosk:{link.name}",
            ("kiosk",),
            scopes=ROLES["kiosk"].permissions - {"self"},
            pages=frozenset(holders.union(link.pages)),
            panels=SHELL_PANELS.union(panels, link.panels),
        )

    def landing(self, link: Link) -> str:
        """The path of the first page the link shows: one it names, else its only panel alone, else the page that holds its first panel."""
        if not link.pages and len(link.panels) == 1:
            return f"/embed/{link.panels[0]}"
        holders = (page for page, ids in self._pages().items() if link.panels and link.panels[0] in ids)
        return link.pages[0] if link.pages else next(holders, "/")

    def _token(self, link: Link) -> str:
        claims = {"sub": link.id, "aud": PURPOSE, "site": link.site_id, "exp": link.expires // 1000}
        return jwt.encode(claims, self._key, ALGORITHM)

    def _kept(self, trust_s: float) -> Mapping[str, Link]:
        now = self._monotonic()
        if now - self._read_at < trust_s:
            return self._links
        with self._lock:
            if now - self._read_at >= trust_s:
                try:
                    version = self._store.records.entries_version(DRAWER)
                    if version != self._version:
                        self._links = {link.id: link for link in self.every()}
                        self._version = version
                except Unavailable:
                    if self._version is None:  # a screen goes on saying that the store is silent; it shows nothing else anyway
                        raise
                self._read_at = self._monotonic()
        return self._links


def heard(store: Store, who: str, screen_id: str, name: str, page: str, width: int, height: int, **state: Any) -> Screen:
    """Write down that a screen is alive; `state` are the last fields of `Screen`. Raises Invalid for an id that is none, Conflict when
    very many report already."""
    if not SCREEN.match(screen_id):
        raise _bad("screen", "must have 1 to 64 letters, digits or . _ : -", screen_id)
    screen = Screen(screen_id, who, name, page, width, height, store.clock(), **state)
    body = {field: value for field, value in asdict(screen).items() if field not in ("id", "who", "seen")}
    for _ in range(5):
        known = store.records.entry(SCREENS, screen_id)
        if known is None and len(store.records.entries(SCREENS, limit=MOST_SCREENS)) >= MOST_SCREENS:
            raise Conflict(f"{MOST_SCREENS} screens report already; those silent for 30 days are forgotten")
        try:
            store.records.put_entry(Entry(SCREENS, screen_id, who, "alive", screen.seen, body, known.version if known else 0))
            break
        except Conflict:  # the same screen, heard by another process at once
            continue
    return screen


def screens(store: Store) -> list[Screen]:
    """Screens heard of lately, the latest first; those silent for long are forgotten."""
    store.records.forget_entries(SCREENS, store.clock() - FORGOTTEN_AFTER)
    return [Screen(entry.id, entry.subject, **entry.body, seen=entry.at) for entry in store.records.entries(SCREENS)]


def _bad(field: str, must: str, received: Any) -> Invalid:
    return Invalid(f"{field} {must}", field_errors=[{"field": field, "message": must, "received_value": received}])


def _entry(link: Link, version: int) -> Entry:
    body = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(link).items() if name != "id"}
    return Entry(DRAWER, link.id, link.owner, ACTIVE if link.revoked is None else REVOKED, link.created, body, version)


def _link(entry: Entry) -> Link:
    lists = {name: tuple(entry.body[name]) for name in ("pages", "panels")}
    return Link(id=entry.id, **{**entry.body, **lists})
