"""API keys: secrets for machines. Each does a part of what its creator may do, for some devices or all, until it expires or is revoked.

A key is `vd_<id>_<secret>`; kept is the SHA-256 of the whole. A slow hash would protect nothing here: the secret has 256 random bits.
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

from datastore.ports import Entry, Records
from datastore.store import Store
from plant.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from plant.model import MINUTE
from services.access import PERMISSIONS, ROLES, Identity, covered

DRAWER = "api_keys"
PREFIX = "vd_"
ACTIVE, REVOKED = "active", "revoked"
GRANTABLE = frozenset(PERMISSIONS) - {"self"}
"""What a key may be given: an account of their own only people have."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,62}[A-Za-z0-9]\Z|[A-Za-z0-9]\Z")
DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+~-]{0,126}\*?\Z|[A-Za-z0-9]\*?\Z|\*\Z")
MOST_DEVICES = 200
TRUST_S = 1.0
"""How long a process believes what it read of the keys: a revoked key is refused everywhere after this."""
USED_EVERY_MS = 5 * MINUTE
"""How often the use of a key is written down."""
_FORM = re.compile(r"vd_([0-9a-f]{12})_([A-Za-z0-9_-]{43})\Z")


@dataclass(frozen=True, slots=True)
class Key:
    """One key without its secret. `scopes` are permissions, `devices` ids and prefixes (`bess*`; empty = all), times epoch ms."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    devices: tuple[str, ...]
    site_id: str
    created: int
    expires: int | None
    last_used: int | None
    revoked: int | None
    digest: str

    def is_good(self, now: int) -> bool:
        """Whether it may still be used."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def is_key(text: str) -> bool:
    """Whether this claims to be one of our keys."""
    return text.startswith(PREFIX)


def issue(
    store: Store,
    who: Identity,
    site_id: str,
    *,
    name: str,
    scopes: Sequence[str] = (),
    role: str = "",
    devices: Sequence[str] = (),
    expires: int | None = None,
) -> tuple[Key, str]:
    """A new key and its secret, which is told only now. What it may do is named by `scopes`, or is all of `role`. Raises Invalid for what
    makes no sense, Forbidden for more than its creator may do, Conflict when a key of this name is in use."""
    now = store.clock()
    granted = _scopes(scopes, role)
    wanted = _devices(devices)
    if not NAME.match(name):
        raise _bad("name", "must have 1 to 64 letters, digits, blanks or . _ -, a letter or digit first and last", name)
    if expires is not None and expires <= now:
        raise _bad("expires", "must lie in the future", expires)
    if beyond := sorted(granted - who.permissions):
        raise Forbidden(f"A key cannot do more than its creator; you may not: {', '.join(beyond)}", beyond=beyond)
    if who.devices is not None and (not wanted or not all(_within(device, who.devices) for device in wanted)):
        raise Forbidden("A key cannot speak for more devices than its creator", devices=list(who.devices))
    if any(key.name == name and key.is_good(now) for key in every(store.records)):
        raise Conflict(f"A key named '{name}' is in use; revoke it first or choose another name", name=name)
    number = secrets.token_hex(6)
    secret = f"{PREFIX}{number}_{secrets.token_urlsafe(32)}"
    ordered = tuple(permission for permission in PERMISSIONS if permission in granted)
    key = Key(number, name, who.username, ordered, wanted, site_id, now, expires, None, None, _digest(secret))
    store.records.put_entry(_entry(key, 0))
    to = f"for {', '.join(wanted)}" if wanted else "for all devices"
    store.records.audit(now, who.username, "key issued", f"{name} ({number}) with {', '.join(ordered)} {to}")
    return key, secret


def revoke(store: Store, key_id: str, who: str) -> Key:
    """Never accept this key again; revoking it twice is no fault. Raises NotFound."""
    while True:
        entry = store.records.entry(DRAWER, key_id)
        if entry is None:
            raise NotFound(f"There is no key '{key_id[:40]}'", id=key_id[:40])
        key = _key(entry)
        if key.revoked is not None:
            return key
        gone = replace(key, revoked=store.clock())
        try:
            store.records.put_entry(_entry(gone, entry.version))
        except Conflict:
            continue  # its last use was written down meanwhile
        store.records.audit(store.clock(), who, "key revoked", f"{key.name} ({key.id})")
        return gone


def every(records: Records) -> list[Key]:
    """All keys, newest first, revoked ones too."""
    return [_key(entry) for entry in records.entries(DRAWER, limit=10_000)]


class Keys:
    """Judges the keys that come with requests. What was read is believed for `TRUST_S`; while the store does not answer, what was read
    last. Thread-safe."""

    def __init__(self, store: Store, site_id: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._site_id, self._monotonic = store, site_id, monotonic
        self._lock = threading.Lock()
        self._read_at = -TRUST_S
        self._version: int | None = None
        self._keys: Mapping[str, Key] = {}
        self._owners: dict[str, tuple[float, frozenset[str] | None]] = {}
        self._noted: dict[str, int] = {}

    def identity(self, secret: str, spooling: bool = False) -> Identity:
        """Whose key this is, with no more rights than its creator has now. `spooling` = readings are taken even while the store is silent,
        on the strength of what it said last. Raises Unauthorized; Unavailable when the store does not answer."""
        match = _FORM.match(secret)
        key = self._find(match[1], spooling) if match else None
        if key is None or not hmac.compare_digest(key.digest, _digest(secret)):
            raise Unauthorized("The key is not valid")
        if key.site_id != self._site_id:
            raise Unauthorized(f"The key belongs to another site than '{self._site_id}'")
        if not key.is_good(self._store.clock()):
            raise Unauthorized("The key was revoked" if key.revoked is not None else "The key has expired")
        allowed = self._owner(key.owner, spooling)
        if allowed is None:
            raise Unauthorized("The key's creator was shut out")
        self._note(key)
        return Identity(f"key:{key.name}", (), scopes=frozenset(key.scopes) & allowed, devices=key.devices or None)

    def _find(self, key_id: str, spooling: bool) -> Key | None:
        """A key that is not known yet is looked for at once: who was just given one uses it."""
        found = self._kept(spooling, TRUST_S).get(key_id)
        return found or self._kept(spooling, 0.0).get(key_id)

    def _kept(self, spooling: bool, trust_s: float) -> Mapping[str, Key]:
        now = self._monotonic()
        if now - self._read_at < trust_s:
            return self._keys
        with self._lock:
            if now - self._read_at >= trust_s:
                try:
                    self._refresh(spooling)
                except Unavailable:
                    if not spooling or self._version is None:
                        raise
                self._read_at = self._monotonic()
        return self._keys

    def _refresh(self, spooling: bool) -> None:
        self._unless_silent(spooling)
        records = self._store.records
        version = records.entries_version(DRAWER)
        if version != self._version:
            self._keys = {key.id: key for key in every(records)}
            self._version = version  # read before the keys: at worst they are read once more

    def _owner(self, name: str, spooling: bool) -> frozenset[str] | None:
        """What the creator may do now; None = nothing any more."""
        now = self._monotonic()
        kept = self._owners.get(name)
        if kept is not None and now - kept[0] < TRUST_S:
            return kept[1]
        try:
            self._unless_silent(spooling)
            allowed = self._permissions(name)
        except Unavailable:
            if not spooling or kept is None:
                raise
            allowed = kept[1]
        self._owners[name] = (now, allowed)
        return allowed

    def _permissions(self, name: str) -> frozenset[str] | None:
        if name.startswith("key:"):  # a key that may issue keys: both hang on the same person in the end
            maker = next((key for key in self._keys.values() if f"key:{key.name}" == name and key.is_good(self._store.clock())), None)
            above = None if maker is None else self._permissions(maker.owner)
            return None if maker is None or above is None else above & frozenset(maker.scopes)
        user = self._store.records.user(name)
        return Identity(user.username, user.roles).permissions if user is not None and user.active else None

    def _unless_silent(self, spooling: bool) -> None:
        """A store that is known to be silent is not asked again by every packet: a frozen server answers after seconds."""
        if spooling and (cause := self._store.intake.backlog.cause):
            raise Unavailable(cause)

    def _note(self, key: Key) -> None:
        """Write down that it was used, now and then; of two processes one is enough, and a silent store is no reason to refuse."""
        now = self._store.clock()
        if now - max(key.last_used or 0, self._noted.get(key.id, 0)) < USED_EVERY_MS or self._store.intake.backlog.cause:
            return
        self._noted[key.id] = now
        try:
            entry = self._store.records.entry(DRAWER, key.id)
            if entry is not None:
                self._store.records.put_entry(_entry(replace(_key(entry), last_used=now), entry.version))
        except (Conflict, Unavailable):
            return


def _scopes(scopes: Sequence[str], role: str) -> frozenset[str]:
    if role and role not in ROLES:
        raise _bad("role", f"must be one of {', '.join(ROLES)}", role)
    unknown = [scope for scope in scopes if scope not in GRANTABLE]
    if unknown:
        raise _bad("scopes", f"may name {', '.join(sorted(GRANTABLE))}", unknown[0])
    granted = frozenset(scopes) | (ROLES[role].permissions & GRANTABLE if role else frozenset())
    if not granted:
        raise _bad("scopes", "or a role must say what the key may do", None)
    return granted


def _devices(devices: Sequence[str]) -> tuple[str, ...]:
    if len(devices) > MOST_DEVICES:
        raise _bad("devices", f"may name at most {MOST_DEVICES}; use prefixes such as bess*", None)
    for device in devices:
        if not DEVICE.match(device):
            raise _bad("devices", "are ids, or prefixes that end with *", device)
    return tuple(dict.fromkeys(devices))


def _within(device: str, names: Sequence[str]) -> bool:
    """Whether all that `device` (an id or a prefix) speaks of is spoken of by `names`."""
    if device.endswith("*"):
        return any(name.endswith("*") and device.startswith(name[:-1]) for name in names)
    return covered(device, names)


def _bad(field: str, must: str, received: Any) -> Invalid:
    return Invalid(f"{field} {must}", field_errors=[{"field": field, "message": must, "received_value": received}])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _entry(key: Key, version: int) -> Entry:
    body = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(key).items() if name not in ("id",)}
    return Entry(DRAWER, key.id, key.owner, ACTIVE if key.revoked is None else REVOKED, key.created, body, version)


def _key(entry: Entry) -> Key:
    lists = {name: tuple(entry.body[name]) for name in ("scopes", "devices")}
    return Key(id=entry.id, **{**entry.body, **lists})
