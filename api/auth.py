"""The one guard in front of everything: who is calling, and may they? Tokens are JSON Web Tokens by flask-jwt-extended, as bearer
for machines, as cookies with a double-submit CSRF token for browsers. What needs which permission is data, not code."""

import hashlib
import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote

import flask
import jwt
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
)
from flask_jwt_extended.exceptions import JWTExtendedException

from api.contract import PUBLIC
from api.wsgi import wants_page
from datastore.store import Store
from plant.errors import Forbidden, Unauthorized
from plant.model import User
from services.access import Identity, anonymous
from services.accounts import Accounts
from services.config import Config

ACCESS_COOKIE, REFRESH_COOKIE = "access_token_cookie", "refresh_token_cookie"
CSRF_COOKIE, CSRF_HEADER = "csrf_access_token", "X-CSRF-TOKEN"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Headers(Protocol):
    """Request headers: a mapping will do, werkzeug's and an ASGI dict with lower-case names too."""

    def get(self, key: str, /) -> str | None:
        """The value of a header, None when absent."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Paths equal to `path`, or below it when it ends with `/`, need `permission` for `methods` (empty = all)."""

    path: str
    permission: str
    methods: frozenset[str] = frozenset()

    def covers(self, path: str, method: str) -> bool:
        below = self.path.endswith("/") and path.startswith(self.path)
        return (below or path == self.path) and (not self.methods or method in self.methods)


RULES: tuple[Rule, ...] = (
    Rule("/health", PUBLIC),
    Rule("/health/", PUBLIC),
    Rule("/api/health", PUBLIC),
    Rule("/login", PUBLIC),
    Rule("/assets/", PUBLIC),
    Rule("/_dash-component-suites/", PUBLIC),  # the scripts of Dash itself: the login page may use them, they know nothing
    Rule("/_favicon.ico", PUBLIC),
    Rule("/favicon.ico", PUBLIC),
    Rule("/api/v1/auth/login", PUBLIC),
    Rule("/api/v1/auth/login/", PUBLIC),
    Rule("/api/v1/auth/refresh", PUBLIC),  # checks its own, longer-lived token
    Rule("/_dash-update-component", "read"),  # POST by nature, but it only draws
    Rule("/_reload-hash", "read"),
)
"""What is not an operation with a permission of its own; the first that covers a request decides."""


def permission_for(path: str, method: str, declared: str | None) -> str:
    """The permission this request needs: a rule above, else what its operation declares, else `read` for reading and `settings`
    (an admin's) for a write nobody declared: forgetting to declare shuts a door, never opens one."""
    if method == "OPTIONS":
        return PUBLIC  # CORS preflights carry no credentials
    for rule in RULES:
        if rule.covers(path, method):
            return rule.permission
    if declared is not None:
        return declared
    return "read" if method in SAFE else "settings"


class Guard:
    """Judges callers. Made by `install`; native ASGI routes call `authorize` with their own headers and cookies."""

    def __init__(self, app: flask.Flask, store: Store, config: Config) -> None:
        self.app = app
        self.store = store
        self.accounts = Accounts(store.records, store.clock)
        self.anonymous = anonymous(config.auth_mode)
        self.access_seconds = config.access_minutes * 60
        self._rotating = threading.Lock()

    def authorize(self, headers: Headers, cookies: Mapping[str, str], need: str, method: str = "GET") -> Identity:
        """Who is calling, if they may. `headers` may be spelled in any case; `cookies` name → value; `method` decides whether a
        cookie needs its CSRF token. Raises Unauthorized without or with a bad token, Forbidden when the role does not allow it."""
        if need == PUBLIC:
            return self.anonymous  # not even a bad token shuts these doors
        caller = self.identify(headers, cookies, method)
        if caller.may(need):
            return caller
        if not caller.known:
            raise Unauthorized("Not authenticated")
        raise Forbidden(f"This needs the permission '{need}', which {caller.username} does not have", permission=need)

    def identify(self, headers: Headers, cookies: Mapping[str, str], method: str = "GET") -> Identity:
        """Who is calling. A bad bearer token raises Unauthorized; a bad or expired cookie, or one without its CSRF token on a
        write, counts as no token at all."""
        bearer = bearer_of(headers)
        if bearer is not None:
            return self._identity(self.read(bearer, "access"))
        try:
            cookie = cookies.get(ACCESS_COOKIE)
            claims = self.read(cookie, "access") if cookie else {}
            if not claims or (method not in SAFE and not _same(_header(headers, CSRF_HEADER), claims.get("csrf"))):
                return self.anonymous
            return self._identity(claims)
        except Unauthorized:
            return self.anonymous

    def read(self, token: str, kind: str) -> Mapping[str, Any]:
        """The claims of a valid token of this kind (access or refresh). Raises Unauthorized."""
        try:
            with self.app.app_context():
                claims: Mapping[str, Any] = decode_token(token)
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired") from None
        except (jwt.PyJWTError, JWTExtendedException, ValueError, TypeError):
            raise Unauthorized("Could not validate credentials") from None
        if claims.get("type") != kind or not isinstance(claims.get("jti"), str):
            raise Unauthorized(f"This is not a token for {'access' if kind == 'access' else 'refreshing'}")
        if self.store.records.revoked(claims["jti"]):
            raise Unauthorized("The token was revoked")
        return claims

    def user(self, claims: Mapping[str, Any]) -> User:
        """The user these claims speak of, as the records know them now. Raises Unauthorized when they are gone or have another
        password since, Forbidden when they were shut out."""
        user = self.store.records.user(claims["sub"])
        if user is None or not _same(claims.get("stamp"), _stamp(user)):
            raise Unauthorized("Could not validate credentials")
        if not user.active:
            raise Forbidden("Inactive user")
        return user

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        user = self.user(claims)
        return Identity(user.username, user.roles, self.anonymous.granted)

    def issue(self, user: User) -> dict[str, Any]:
        """A pair of tokens in the shape of S1's login answer; `expires_in` in seconds."""
        with self.app.app_context():
            claims = {"stamp": _stamp(user)}
            access = create_access_token(user.username, additional_claims=claims)
            refresh = create_refresh_token(user.username, additional_claims=claims)
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": self.access_seconds}

    def rotate(self, refresh_token: str, csrf: str | None = None) -> dict[str, Any]:
        """A new pair for a refresh token, which is used up by it. `csrf` is what came beside a token from a cookie, None for a token
        that was sent on purpose. Raises Unauthorized, Forbidden."""
        with self._rotating:  # two requests with one token: the second finds it revoked
            claims = self.read(refresh_token, "refresh")
            if csrf is not None and not _same(csrf, claims.get("csrf")):
                raise Unauthorized("The CSRF token is missing or wrong")
            user = self.user(claims)
            self.revoke(claims)
        return self.issue(user)

    def revoke(self, claims: Mapping[str, Any]) -> None:
        """Never accept this token again."""
        self.store.records.revoke(claims["jti"], int(claims["exp"]) * 1000)

    def end_session(self, headers: Headers, cookies: Mapping[str, str], refresh_token: str = "") -> None:
        """Revoke every token that came with this request; those that are no longer valid need no revoking."""
        for token, kind in ((bearer_of(headers), "access"), (cookies.get(ACCESS_COOKIE), "access"),
                            (cookies.get(REFRESH_COOKIE), "refresh"), (refresh_token, "refresh")):
            if token:
                try:
                    self.revoke(self.read(token, kind))
                except Unauthorized:
                    continue


def install(app: flask.Flask, store: Store, config: Config) -> Guard:
    """Put the guard before every request of this Flask app, Dash's own routes included, and set flask-jwt-extended up."""
    secure = config.app_env in ("production", "staging")
    app.config.update(
        JWT_SECRET_KEY=config.jwt_secret_key,
        JWT_ALGORITHM="HS256",
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=config.access_minutes),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=config.refresh_days),
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_CSRF_IN_COOKIES=True,
        JWT_COOKIE_CSRF_PROTECT=True,
        JWT_COOKIE_SECURE=secure,
        JWT_COOKIE_SAMESITE="Lax",
        JWT_SESSION_COOKIE=False,
        JWT_REFRESH_COOKIE_PATH="/api/v1/auth",
    )
    manager = JWTManager(app)
    manager.token_in_blocklist_loader(lambda _header, claims: store.records.revoked(claims["jti"]))
    guard = Guard(app, store, config)
    app.extensions["guard"] = guard

    @app.before_request
    def check() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        need = permission_for(request.path, request.method, _declared(app, request.endpoint))
        try:
            flask.g.identity = guard.authorize(request.headers, request.cookies, need, request.method)
        except Unauthorized:
            if request.method == "GET" and _wants_page(request):
                return flask.redirect(f"/login?next={quote(_here(request), safe='')}", 303)
            raise
        return None

    return guard


def guard_of(app: flask.Flask) -> Guard:
    """The guard installed on this app."""
    guard: Guard = app.extensions["guard"]
    return guard


def current() -> Identity:
    """Who is behind the Flask request being answered."""
    identity: Identity = flask.g.identity
    return identity


def start_session(response: flask.Response, tokens: Mapping[str, Any]) -> None:
    """Give the browser its cookies: both tokens HttpOnly, the CSRF tokens readable by scripts."""
    set_access_cookies(response, tokens["access_token"])
    set_refresh_cookies(response, tokens["refresh_token"])


def drop_session(response: flask.Response) -> None:
    """Take the cookies back."""
    unset_jwt_cookies(response)


def _declared(app: flask.Flask, endpoint: str | None) -> str | None:
    """What the operation behind this endpoint declares; None = it is not an operation (Dash, static files)."""
    view = app.view_functions.get(endpoint or "")
    return getattr(view, "permission", None)


def _wants_page(request: flask.Request) -> bool:
    return wants_page(request.headers.get("Accept", "")) and not request.path.startswith(("/api/", "/bms/", "/pcs/", "/bess/", "/_"))


def _here(request: flask.Request) -> str:
    query = request.query_string.decode("latin-1")
    return f"{request.path}?{query}" if query else request.path


def _header(headers: Headers, name: str) -> str | None:
    return headers.get(name) or headers.get(name.lower())


def bearer_of(headers: Headers) -> str | None:
    """The bearer token; None when there is none. Other schemes are not ours to judge."""
    scheme, _, token = (_header(headers, "Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _same(given: object, wanted: object) -> bool:
    if not isinstance(given, str) or not isinstance(wanted, str):
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _stamp(user: User) -> str:
    """Ties tokens to the password they were given for: a new password ends old sessions."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]
