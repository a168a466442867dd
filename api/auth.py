"""The one guard in front of everything: who is calling, and may they? Tokens are JSON Web Tokens by flask-jwt-extended, as bearer
for machines, as cookies with a double-submit CSRF token for browsers; devices have keys (`services.keys`), wall screens links
(`services.kiosk`). What needs which permission is data, not code."""

import base64
import binascii
import hashlib
import hmac
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

from api.contract import PUBLIC, keep_to_devices
from api.wsgi import wants_page
from datastore.store import Store
from plant.errors import Forbidden, Unauthorized, Unavailable
from plant.model import User
from services import kiosk
from services.access import Identity, anonymous
from services.accounts import Accounts, LoginThrottle
from services.config import Config
from services.keys import Keys, is_key

ACCESS_COOKIE, REFRESH_COOKIE = "access_token_cookie", "refresh_token_cookie"
CSRF_COOKIE, CSRF_HEADER = "csrf_access_token", "X-CSRF-TOKEN"
KEY_HEADER = "X-API-Key"
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
    Rule("/kiosk", PUBLIC),  # judges links itself, and says when one has ended
    Rule("/kiosk/", PUBLIC),
    Rule("/assets/", PUBLIC),
    Rule("/_dash-component-suites/", PUBLIC),  # the scripts of Dash itself: the login page may use them, they know nothing
    Rule("/_favicon.ico", PUBLIC),
    Rule("/favicon.ico", PUBLIC),
    Rule("/api/v1/auth/login", PUBLIC),
    Rule("/api/v1/auth/login/", PUBLIC),
    Rule("/api/v1/auth/refresh", PUBLIC),  # checks its own, longer-lived token
    Rule("/_dash-update-component", "panels"),  # POST by nature; what each callback needs beyond, it asks itself
    Rule("/_dash-layout", "panels"),
    Rule("/_dash-dependencies", "panels"),
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

    def __init__(self, app: flask.Flask, store: Store, config: Config, throttle: LoginThrottle | None = None) -> None:
        self.app = app
        self.site_id = config.site_id
        self.keys = Keys(store, config.site_id)
        self.kiosk = kiosk.Kiosk(store, config.site_id, config.secret_key, lambda: app.extensions.get("pages", {}))
        self.store = store
        self.accounts = Accounts(store.records, store.clock, throttle)
        self.anonymous = anonymous(config.auth_mode)
        self.access_seconds = config.access_minutes * 60
        self._senders: dict[str, tuple[int, Identity]] = {}

    def authorize(self, headers: Headers, cookies: Mapping[str, str], need: str, method: str = "GET", address: str = "") -> Identity:
        """Who is calling, if they may. `headers` may be spelled in any case; `cookies` name → value; `method` decides whether a
        cookie needs its CSRF token; `address` is where bad keys are counted. Raises Unauthorized without or with a bad token, Forbidden
        when the role does not allow it, TooMany for one bad key after the other."""
        if need == PUBLIC:
            return self.anonymous  # not even a bad token shuts these doors
        if (key := key_of(headers)) is not None:
            caller = self._holder(key, need == "ingest", address)
        elif need == "ingest" and (bearer := bearer_of(headers)) is not None:
            caller = self._sender(bearer)
        else:
            caller = self.identify(headers, cookies, method)
        if caller.may(need):
            return caller
        if not caller.known:
            raise Unauthorized("Not authenticated")
        raise Forbidden(f"This needs the permission '{need}', which {caller.username} does not have", permission=need)

    def _holder(self, key: str, spooling: bool, address: str) -> Identity:
        """Whose key this is. Bad ones are counted, good ones are not asked to wait for them: among the devices behind one address
        there may be one with an old key."""
        try:
            return self.keys.identity(key, spooling)
        except Unauthorized:
            self.accounts.throttle.attempt(KEY_HEADER, address)
            raise

    def _sender(self, bearer: str) -> Identity:
        """Whose token this is; while the store does not answer, whose it was when it last did: readings are spooled then, and their
        senders must not be turned away. A token that was never seen, or has expired, is not taken."""
        claims = self._claims(bearer, "access")
        try:
            caller = self._identity(self._unrevoked(claims))
        except Unavailable:
            if claims["jti"] not in self._senders:
                raise
            return self._senders[claims["jti"]][1]
        except (Unauthorized, Forbidden):
            self._senders.pop(claims["jti"], None)
            raise
        if claims["jti"] not in self._senders:  # with each new one, those that have expired go
            now = self.store.clock() // 1000
            self._senders = {jti: kept for jti, kept in self._senders.items() if kept[0] > now}
        self._senders[claims["jti"]] = (int(claims["exp"]), caller)
        return caller

    def identify(self, headers: Headers, cookies: Mapping[str, str], method: str = "GET") -> Identity:
        """Who is calling. A bad bearer token, key or kiosk link raises Unauthorized; a bad or expired cookie, or one without its CSRF
        token on a write, counts as no token at all."""
        key = key_of(headers)
        if key is not None:
            return self.keys.identity(key)
        bearer = bearer_of(headers)
        if bearer is not None:
            return self._identity(self.read(bearer, "access"))
        link = link_of(headers)
        if link is not None:
            return self.kiosk.identity(link)
        caller = self._by_cookie(headers, cookies, method)
        return caller if caller.known or kiosk.COOKIE not in cookies else self._by_link_cookie(cookies[kiosk.COOKIE])

    def _by_link_cookie(self, token: str) -> Identity:
        """It shows panels and writes nothing, so it needs no CSRF token; one that has ended counts as none."""
        try:
            return self.kiosk.identity(token)
        except Unauthorized:
            return self.anonymous

    def _by_cookie(self, headers: Headers, cookies: Mapping[str, str], method: str) -> Identity:
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
        return self._unrevoked(self._claims(token, kind))

    def _unrevoked(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.store.records.revoked(claims["jti"]):
            raise Unauthorized("The token was revoked")
        return claims

    def _claims(self, token: str, kind: str) -> Mapping[str, Any]:
        """What a token says that we signed and that is still good by its own account."""
        try:
            with self.app.app_context():
                claims: Mapping[str, Any] = decode_token(token)
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired") from None
        except (jwt.PyJWTError, JWTExtendedException, ValueError, TypeError):
            raise Unauthorized("Could not validate credentials") from None
        if claims.get("type") != kind or not isinstance(claims.get("jti"), str) or not isinstance(claims.get("exp"), int):
            raise Unauthorized(f"This is not a token for {'access' if kind == 'access' else 'refreshing'}")
        if claims.get("site") != self.site_id:  # sites may share a secret, not their users
            raise Unauthorized("The token belongs to another site")
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
            claims = {"stamp": _stamp(user), "site": self.site_id}
            access = create_access_token(user.username, additional_claims=claims)
            refresh = create_refresh_token(user.username, additional_claims=claims)
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": self.access_seconds}

    def rotate(self, refresh_token: str, csrf: str | None = None) -> dict[str, Any]:
        """A new pair for a refresh token, which is used up by it. `csrf` is what came beside a token from a cookie, None for a token
        that was sent on purpose. Raises Unauthorized, Forbidden."""
        claims = self.read(refresh_token, "refresh")
        if csrf is not None and not _same(csrf, claims.get("csrf")):
            raise Unauthorized("The CSRF token is missing or wrong")
        user = self.user(claims)
        if not self.revoke(claims):  # two requests with one token, of whatever process: the store lets one of them through
            raise Unauthorized("The token was revoked")
        return self.issue(user)

    def revoke(self, claims: Mapping[str, Any]) -> bool:
        """Never accept this token again. Whether it was acceptable until now."""
        return self.store.records.revoke(claims["jti"], int(claims["exp"]) * 1000)

    def end_session(self, headers: Headers, cookies: Mapping[str, str], refresh_token: str = "") -> None:
        """Revoke every token that came with this request; those that are no longer valid need no revoking."""
        for token, kind in (
            (bearer_of(headers), "access"),
            (cookies.get(ACCESS_COOKIE), "access"),
            (cookies.get(REFRESH_COOKIE), "refresh"),
            (refresh_token, "refresh"),
        ):
            if token:
                try:
                    self.revoke(self.read(token, kind))
                except Unauthorized:
                    continue


def install(app: flask.Flask, store: Store, config: Config, throttle: LoginThrottle | None = None) -> Guard:
    """Put the guard before every request of this Flask app, Dash's own routes included, and set flask-jwt-extended up. `throttle`
    counts failed logins, in this process alone when none is given."""
    secure = config.app_env in ("production", "staging")
    app.config.update(
        JWT_SECRET_KEY=config.jwt_secret_key,
        JWT_ALGORITHM=config.jwt_algorithm,
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
    guard = Guard(app, store, config, throttle)
    app.extensions["guard"] = guard

    @app.before_request
    def check() -> flask.typing.ResponseReturnValue | None:
        request = flask.request
        need = permission_for(request.path, request.method, _declared(app, request.endpoint))
        try:
            address = request.remote_addr or "unknown"
            flask.g.identity = guard.authorize(_with_link(request), request.cookies, need, request.method, address)
            _keep_to_devices(app, flask.g.identity, need, request)
        except Unauthorized as refused:
            if request.method == "GET" and _wants_page(request):
                if refused.code == kiosk.ENDED:  # a screen on a wall has nobody to log in
                    return flask.redirect("/kiosk?ended=1", 303)
                if "kiosk" in request.args:
                    return flask.redirect(f"/kiosk?next={quote(_here(request), safe='')}", 303)
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


def _with_link(request: flask.Request) -> Headers:
    """The request's headers; a page opened by a kiosk link carries the link in its address instead, and so do the pictures on a page
    without scripts."""
    link = request.args.get("link", "")
    is_picture = request.path.startswith("/panels/") and request.path.endswith(".png")
    if not link or request.method != "GET" or not (is_picture or _wants_page(request)):
        return request.headers
    return {name.lower(): value for name, value in request.headers.items()} | {kiosk.HEADER.lower(): link}


def _keep_to_devices(app: flask.Flask, caller: Identity, need: str, request: flask.Request) -> None:
    if not getattr(app.view_functions.get(request.endpoint or ""), "judges_rows", False):
        keep_to_devices(caller, need, [*(request.view_args or {}).items(), *request.args.items(multi=True)])


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


def key_of(headers: Headers) -> str | None:
    """The API key: as `X-API-Key`, as bearer, as InfluxDB clients send it (`Token …`), or as name or password of Basic; None when there
    is none. What is no key of ours is not judged: it may be for a proxy on the way."""
    scheme, _, given = (_header(headers, "Authorization") or "").partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        given = _basic(given)
    elif scheme.lower() not in ("bearer", "token"):
        given = ""
    for text in (given, (_header(headers, KEY_HEADER) or "").strip()):
        if is_key(text):
            return text
    return None


def _basic(encoded: str) -> str:
    """The half of name and password that is a key."""
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password if is_key(password) else name


def link_of(headers: Headers) -> str | None:
    """The token of a kiosk link: in its header, or among the subprotocols of a WebSocket; None when there is none."""
    given = _header(headers, kiosk.HEADER)
    if given:
        return given.strip()
    offered = (_header(headers, "Sec-WebSocket-Protocol") or "").split(",")
    return next((text.strip().removeprefix(kiosk.PROTOCOL) for text in offered if text.strip().startswith(kiosk.PROTOCOL)), None)


def _same(given: object, wanted: object) -> bool:
    if not isinstance(given, str) or not isinstance(wanted, str):
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _stamp(user: User) -> str:
    """Ties tokens to the password they were given for: a new password ends old sessions."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]
