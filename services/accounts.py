"""Users: who exists, whether a password is right, how often one may guess. Tokens are the door's business (`api.auth`)."""

import argparse
import getpass
import re
import secrets
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from datastore.ports import Records
from datastore.store import Store
from plant.errors import Conflict, Forbidden, Invalid, NotFound, PlantError, TooMany, Unauthorized
from plant.model import MINUTE, User
from services.access import ROLES
from services.config import Config

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,79}\Z")
SHORTEST, LONGEST = 8, 256
WRONG = "Incorrect username or password"
EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,255}\Z")
_FIRST_START = "first-start"
"""Revoked like a token by whoever makes the first user: of several processes the store lets one be the first."""

# OWASP's second argon2id profile (19 MiB, two passes): argon2-cffi's default takes 64 MiB a login, which would break the memory bar.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_HASHING = threading.BoundedSemaphore(2)  # at most two hashes at once, so a burst of logins costs 38 MiB and two cores at worst
_NOBODY = User("", "", active=False)


def hash_password(password: str) -> str:
    """The argon2id hash of a password. Raises Invalid when it is shorter than 8 or longer than 256 characters."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            f"A password has {SHORTEST} to {LONGEST} characters",
            field_errors=[{"field": "password", "message": f"must have {SHORTEST} to {LONGEST} characters", "received_value": None}],
        )
    return _hash(password)


def _hash(password: str) -> str:
    with _HASHING:
        return _HASHER.hash(_bytes(password))


def _verify(password_hash: str, password: str) -> bool:
    try:
        with _HASHING:
            return _HASHER.verify(password_hash, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # JSON may carry lone surrogates; they are just a wrong password


class LoginThrottle(Protocol):
    """How often one may guess."""

    def attempt(self, username: str, address: str) -> None:
        """Count an attempt as failed until `forgive` says otherwise. Raises TooMany with the seconds to wait."""

    def forgive(self, username: str, address: str) -> None:
        """The password was right: this pair starts from nothing, and the attempt does not count against the wider limits."""


def too_many_logins(wait_ms: float) -> TooMany:
    """The refusal of an attempt that makes sense again in `wait_ms`."""
    seconds = max(1, int(-(-wait_ms // 1000)))
    return TooMany(f"Too many failed logins; try again in {seconds} s", retry_after=seconds)


@dataclass(slots=True)
class Throttle:
    """Counts failed attempts in a sliding window: at most `per_pair` of one user from one address, `per_address` of any users
    from one address, `per_user` of one user from anywhere. In memory of one process; bounded."""

    clock: Callable[[], int]
    window_ms: int = 5 * MINUTE
    per_pair: int = 5
    per_address: int = 30
    per_user: int = 50
    most_keys: int = 10_000
    _failures: dict[tuple[str, str], deque[int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def attempt(self, username: str, address: str) -> None:
        """Count an attempt as failed until `forgive` says otherwise. Raises TooMany with the seconds to wait."""
        now = self.clock()
        with self._lock:
            self._forget(now)
            limits = self.limits(username, address)
            waits = [
                self._failures[key][-limit] + self.window_ms - now
                for key, limit in limits.items()
                if len(self._failures.get(key, ())) >= limit
            ]
            if waits:
                raise too_many_logins(max(waits))
            for key in limits:
                self._failures.setdefault(key, deque()).append(now)

    def forgive(self, username: str, address: str) -> None:
        """The password was right: this pair starts from nothing, and the attempt does not count against the wider limits."""
        with self._lock:
            for key in self.limits(username, address):
                failures = self._failures.get(key)
                if failures:
                    failures.pop()
            self._failures.pop((username, address), None)

    def limits(self, username: str, address: str) -> dict[tuple[str, str], int]:
        """What an attempt is counted under → the failures allowed there."""
        return {(username, address): self.per_pair, ("", address): self.per_address, (username, ""): self.per_user}

    def _forget(self, now: int) -> None:
        before = now - self.window_ms
        for key in list(self._failures):
            failures = self._failures[key]
            while failures and failures[0] <= before:
                failures.popleft()
            if not failures:
                del self._failures[key]
        while len(self._failures) > self.most_keys:  # under attack from very many addresses: forget the oldest first
            del self._failures[next(iter(self._failures))]


class Accounts:
    """Logins over the records of one store."""

    def __init__(self, records: Records, clock: Callable[[], int], throttle: LoginThrottle | None = None) -> None:
        self.records = records
        self.clock = clock
        self.throttle = throttle or Throttle(clock)
        self._decoy = ""

    def login(self, username: str, password: str, address: str) -> User:
        """The user behind a right password. Raises Unauthorized for a wrong one or an unknown user (after the same work),
        Forbidden for an inactive user, TooMany after too many failures."""
        name = username if NAME.match(username) else ""
        self.throttle.attempt(name, address)
        user = (self.records.user(name) if name else None) or _NOBODY
        right = len(password) <= LONGEST and _verify(user.password_hash or self._decoy_hash(), password)
        if not right or user is _NOBODY:
            # an unknown name is not written down: people type passwords into the wrong field
            self.audit(user.username or "(unknown)", "login failed", f"from {address}")
            raise Unauthorized(WRONG)
        self.throttle.forgive(name, address)
        if not user.active:
            self.audit(user.username, "login refused", f"inactive user, from {address}")
            raise Forbidden("Inactive user")
        if _HASHER.check_needs_rehash(user.password_hash):
            user = self.records.put_user(replace(user, password_hash=_hash(password)))
        self.audit(user.username, "login", f"from {address}")
        return user

    def change_password(self, username: str, old: str, new: str, address: str) -> User:
        """One's own new password, for the old one, which is guessed no more often here than at the login. Ends every session of the user.
        Raises Forbidden for a wrong old one, Invalid for a bad new one, TooMany after too many failures."""
        self.throttle.attempt(username, address)
        user = self.records.user(username) or _NOBODY
        if user is _NOBODY or len(old) > LONGEST or not _verify(user.password_hash or self._decoy_hash(), old):
            self.audit(username, "password change failed", f"from {address}")
            raise Forbidden("The old password is wrong")
        self.throttle.forgive(username, address)
        kept = self.records.put_user(replace(user, password_hash=hash_password(new)))
        self.audit(username, "password changed", f"from {address}")
        return kept

    def audit(self, who: str, action: str, what: str) -> None:
        """Write one line of the audit log, stamped now."""
        self.records.audit(self.clock(), who, action, what)

    def _decoy_hash(self) -> str:
        if not self._decoy:  # made with the parameters of real hashes, so that an unknown user takes as long as a known one
            self._decoy = _hash(secrets.token_hex(16))
        return self._decoy


def ensure_admin(store: Store, config: Config) -> str | None:
    """Create `admin` in a store where nobody administers. Returns the password to print once when it was made up here, else None."""
    if any("admin" in user.roles or user.username == "admin" for user in store.records.users()):
        return None
    if not store.records.revoke(_FIRST_START, store.clock() + MINUTE):
        return None  # another process that started at the same time does it, and shows the password
    password = config.admin_password or secrets.token_urlsafe(12)
    store.records.put_user(User("admin", _hash(password), ("admin",), confirmed_at=store.clock()))
    store.records.audit(store.clock(), "system", "user added", "admin with role admin (first start)")
    return None if config.admin_password else password


def add_user(store: Store, username: str, password: str, roles: Sequence[str], email: str = "", who: str = "command line") -> User:
    """Add a user. Raises Conflict when the name is taken, Invalid for a bad name, password or role."""
    if not NAME.match(username):
        raise _bad("username", "must have 1 to 80 letters, digits or . _ @ + -, beginning with a letter or digit", username)
    alike = username.casefold()  # `Admin` beside `admin` would be taken for the other
    if any(user.username.casefold() == alike for user in store.records.users()):
        raise Conflict(f"User '{username}' exists already")
    made = User(username, hash_password(password), _roles(roles), _email(email), confirmed_at=store.clock())
    if not store.records.revoke(f"user-name:{alike}", store.clock() + MINUTE):
        raise Conflict(f"User '{username}' is being added by somebody else")  # of whatever process: the store lets one of them through
    user = store.records.put_user(made)
    store.records.audit(store.clock(), who, "user added", f"{username} with {', '.join(user.roles)}")
    return user


def change_user(
    store: Store,
    username: str,
    *,
    password: str | None = None,
    roles: Sequence[str] | None = None,
    active: bool | None = None,
    email: str | None = None,
    who: str = "command line",
) -> User:
    """Change what is given. A new password ends every session of the user. Raises NotFound, Invalid, and Conflict when nobody
    would be left who may administer."""
    user = store.records.user(username)
    if user is None:
        raise NotFound(f"User '{username}' not found")
    changed = replace(
        user,
        password_hash=user.password_hash if password is None else hash_password(password),
        roles=user.roles if roles is None else _roles(roles),
        active=user.active if active is None else active,
        email=user.email if email is None else _email(email),
    )
    if _administers(user) and not _administers(changed) and sum(map(_administers, store.records.users())) == 1:
        raise Conflict(f"'{username}' is the last active admin")
    kept = store.records.put_user(changed)
    if _administers(user) and not any(map(_administers, store.records.users())):  # another process took the other one's rights at once
        store.records.put_user(user)
        raise Conflict(f"'{username}' is the last active admin")
    said = [
        text
        for text, given in (
            ("password", password),
            (f"roles {', '.join(kept.roles)}", roles),
            ("active" if kept.active else "disabled", active),
            ("email", email),
        )
        if given is not None
    ]
    store.records.audit(store.clock(), who, "user changed", f"{username}: {', '.join(said)}")
    return kept


def _bad(field: str, must: str, received: str) -> Invalid:
    return Invalid(f"{field} {must}", field_errors=[{"field": field, "message": must, "received_value": received}])


def _email(email: str) -> str:
    if email and not EMAIL.match(email):
        raise _bad("email", "is not an e-mail address", email)
    return email


def _administers(user: User) -> bool:
    return user.active and "admin" in user.roles


def _roles(roles: Sequence[str]) -> tuple[str, ...]:
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Invalid(f"{', '.join(unknown) or 'nothing'} is not a role; roles are {', '.join(ROLES)}")
    return tuple(dict.fromkeys(roles))


def run_user_command(store: Store, argv: Sequence[str]) -> int:
    """`python app.py user …`: add, password, list, disable, enable, roles. Prints to stdout, errors to stderr; returns the exit code."""
    parsed = _parser().parse_args(list(argv))
    try:
        print(_VERBS[parsed.verb](store, parsed))
    except PlantError as error:
        print(f"user {parsed.verb}: {error.message}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py user", description="Add, change and list users.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("add", "add a user"),
        ("password", "set a new password"),
        ("disable", "shut a user out"),
        ("enable", "let a user in again"),
        ("roles", "replace a user's roles"),
    ):
        sub = verbs.add_parser(verb, help=text)
        sub.add_argument("username")
        if verb in ("add", "password"):
            sub.add_argument("--random", action="store_true", help="make up a password and print it once (else: asked, or a line of stdin)")
        if verb == "add":
            sub.add_argument("--role", action="append", help=f"one of {', '.join(ROLES)}; may be given several times (default viewer)")
            sub.add_argument("--email", default="")
        if verb == "roles":
            sub.add_argument("roles", nargs="+", metavar="role", help=", ".join(ROLES))
    verbs.add_parser("list", help="list users")
    return parser


def _add(store: Store, parsed: argparse.Namespace) -> str:
    password = _asked_password(parsed.random)
    user = add_user(store, parsed.username, password, parsed.role or ["viewer"], parsed.email)
    return f"added {user.username} ({', '.join(user.roles)})" + (f", password: {password}" if parsed.random else "")


def _password(store: Store, parsed: argparse.Namespace) -> str:
    password = _asked_password(parsed.random)
    change_user(store, parsed.username, password=password)
    return f"new password set for {parsed.username}" + (f": {password}" if parsed.random else "")


def _list(store: Store, _parsed: argparse.Namespace) -> str:
    rows = [f"{user.username:<24} {'active' if user.active else 'disabled':<9} {', '.join(user.roles)}" for user in store.records.users()]
    return "\n".join(rows) or "no users"


def _disable(store: Store, parsed: argparse.Namespace) -> str:
    return f"disabled {change_user(store, parsed.username, active=False).username}"


def _enable(store: Store, parsed: argparse.Namespace) -> str:
    return f"enabled {change_user(store, parsed.username, active=True).username}"


def _set_roles(store: Store, parsed: argparse.Namespace) -> str:
    user = change_user(store, parsed.username, roles=parsed.roles)
    return f"{user.username}: {', '.join(user.roles)}"


_VERBS: dict[str, Callable[[Store, argparse.Namespace], str]] = {
    "add": _add,
    "password": _password,
    "list": _list,
    "disable": _disable,
    "enable": _enable,
    "roles": _set_roles,
}


def _asked_password(made_up: bool) -> str:
    """A random password, or one typed twice at a terminal, or one line of stdin (never an argument: those show in `ps`)."""
    if made_up:
        return secrets.token_urlsafe(12)
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise Invalid("The two passwords differ")
    return first
