"""S1's five calls around a login. Machines keep the tokens of the answer; browsers ask for a `session` and get cookies besides."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import parse_qs

import flask
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import TypedDict

from api.auth import CSRF_HEADER, REFRESH_COOKIE, bearer_of, current, drop_session, guard_of, start_session
from api.contract import PUBLIC, Context, Operation
from api.errors import FieldError, invalid
from plant.errors import Invalid, Unauthorized
from services.access import ROLES

FORM = "application/x-www-form-urlencoded"


class Login(BaseModel):
    """Who wants in. `session` asks for cookies besides the tokens."""

    username: str = Field(min_length=1, examples=["admin"])
    password: str = Field(min_length=1, examples=["secret"])
    session: bool = False


class Refresh(BaseModel):
    """The refresh token; it may also come as bearer or in its cookie."""

    refresh_token: str | None = None


class TokenBody(TypedDict):
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    status: str


class RoleBody(TypedDict):
    id: int
    name: str
    description: str


class UserBody(TypedDict):
    id: int | None
    username: str
    email: str
    active: bool
    confirmed_at: str | None
    roles: list[RoleBody]
    status: str


class GoodbyeBody(TypedDict):
    message: str
    status: str


@dataclass(frozen=True, kw_only=True)
class FormOperation(Operation):
    """An operation whose body is a form, as OAuth2's password flow sends it."""

    body_media: str = FORM

    def read_body(self, payload: bytes) -> Any:
        """The checked fields. Raises Invalid."""
        try:
            fields = parse_qs(payload.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=20)
            return Login.model_validate({name: values[-1] for name, values in fields.items()})
        except ValidationError as error:
            raise _without_secrets(error) from None
        except ValueError:
            raise Invalid("The form is not UTF-8 text or has too many fields") from None


@dataclass(frozen=True, kw_only=True)
class JsonOperation(Operation):
    """An operation with a JSON body; what it refuses is not repeated: it may be a password."""

    def read_body(self, payload: bytes) -> Any:
        """The checked body. Raises Invalid."""
        if self.optional and not payload.strip():
            return self.body()
        try:
            return self.body.model_validate_json(payload)
        except ValidationError as error:
            raise _without_secrets(error) from None


def _without_secrets(error: ValidationError) -> Invalid:
    return invalid([FieldError(("body", *fault["loc"]), fault["type"], fault["msg"]) for fault in error.errors(include_url=False)])


def login(context: Context, _params: None, body: Login) -> TokenBody:
    """Tokens for a right name and password."""
    guard = guard_of(flask.current_app)
    user = guard.accounts.login(body.username, body.password, flask.request.remote_addr or "unknown")
    tokens = guard.issue(user)
    if body.session:
        _set_cookies(tokens)
    return _answer(tokens)


def refresh(context: Context, _params: None, body: Refresh) -> TokenBody:
    """New tokens for a refresh token, which is used up."""
    guard, request = guard_of(flask.current_app), flask.request
    sent = body.refresh_token or bearer_of(request.headers)
    if sent:
        return _answer(guard.rotate(sent))
    cookie = request.cookies.get(REFRESH_COOKIE)
    if not cookie:
        raise Unauthorized("There is no refresh token")
    tokens = guard.rotate(cookie, request.headers.get(CSRF_HEADER, ""))
    _set_cookies(tokens)
    return _answer(tokens)


def me(context: Context, _params: None) -> UserBody:
    """The caller's account."""
    user = context.store.records.user(current().username)
    if user is None:
        raise Unauthorized("Could not validate credentials")
    roles = [ROLES[name] for name in user.roles if name in ROLES]
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "active": user.active,
        "confirmed_at": None if user.confirmed_at is None else _as_s1(user.confirmed_at, context.store.zone),
        "roles": [{"id": role.number, "name": role.name, "description": role.description} for role in roles],
        "status": "success",
    }


def _as_s1(at: int, zone: tzinfo) -> str:
    """S1 writes instants to the second, without a zone, in the site's time."""
    return datetime.fromtimestamp(at // 1000, zone).replace(tzinfo=None).isoformat()


def logout(context: Context, _params: None, body: Refresh) -> GoodbyeBody:
    """Revoke the tokens of this request and take the cookies back."""
    guard, request = guard_of(flask.current_app), flask.request
    guard.end_session(request.headers, request.cookies, body.refresh_token or "")
    guard.accounts.audit(current().username, "logout", f"from {request.remote_addr or 'unknown'}")

    @flask.after_this_request
    def take_back(response: flask.Response) -> flask.Response:
        drop_session(response)
        return response

    return {"message": "Successfully logged out", "status": "success"}


def _set_cookies(tokens: dict[str, Any]) -> None:
    @flask.after_this_request
    def give(response: flask.Response) -> flask.Response:
        start_session(response, tokens)
        return response


def _answer(tokens: dict[str, Any]) -> TokenBody:
    @flask.after_this_request
    def keep_out_of_caches(response: flask.Response) -> flask.Response:
        response.headers["Cache-Control"] = "no-store"  # RFC 6749 §5.1
        return response

    return {
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "token_type": tokens["token_type"],
        "expires_in": tokens["expires_in"],
        "status": "success",
    }


_JWT = "eyJhbGciOiJIUzI1NiIs..."
_TOKENS = {"access_token": _JWT, "refresh_token": _JWT, "token_type": "bearer", "expires_in": 1800, "status": "success"}
_LOGIN = {"username": "admin", "password": "secret"}
_LOGIN_ERRORS = (401, 403, 415, 422, 429)
_USER = {
    "id": 1,
    "username": "admin",
    "email": "admin@example.com",
    "active": True,
    "confirmed_at": "2024-01-01T00:00:00",
    "roles": [{"id": 1, "name": "admin", "description": "Administrator"}],
    "status": "success",
}

OPERATIONS = (
    FormOperation(
        method="POST",
        path="/api/v1/auth/login",
        tag="auth",
        summary="Log in with a form",
        call=login,
        access=PUBLIC,
        body=Login,
        body_example=_LOGIN,
        reply=TokenBody,
        example=_TOKENS,
        errors=_LOGIN_ERRORS,
    ),
    JsonOperation(
        method="POST",
        path="/api/v1/auth/login/json",
        tag="auth",
        summary="Log in with JSON",
        call=login,
        access=PUBLIC,
        body=Login,
        body_example=_LOGIN,
        reply=TokenBody,
        example=_TOKENS,
        errors=_LOGIN_ERRORS,
    ),
    JsonOperation(
        method="POST",
        path="/api/v1/auth/refresh",
        tag="auth",
        summary="New tokens for a refresh token",
        call=refresh,
        access=PUBLIC,
        body=Refresh,
        optional=True,
        body_example={"refresh_token": _JWT},
        reply=TokenBody,
        example=_TOKENS,
        errors=(401, 403, 415, 422),
    ),
    Operation(
        method="GET",
        path="/api/v1/auth/me",
        tag="auth",
        summary="The account of the caller",
        call=me,
        access="self",
        reply=UserBody,
        example=_USER,
        errors=(401, 403),
    ),
    JsonOperation(
        method="POST",
        path="/api/v1/auth/logout",
        tag="auth",
        summary="Revoke the tokens of this session",
        call=logout,
        access="self",
        body=Refresh,
        optional=True,
        reply=GoodbyeBody,
        example={"message": "Successfully logged out", "status": "success"},
        errors=(401, 403, 415, 422),
    ),
)
