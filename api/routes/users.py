"""Users and the audit log, for administrators; one's own password, for everybody."""

from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from typing_extensions import TypedDict

from api.auth import ACCESS_COOKIE, REFRESH_COOKIE, guard_of, start_session
from api.contract import Answer, Context, Operation
from api.routes.auth import JsonOperation
from plant.errors import NotFound
from plant.model import User
from plant.timeline import iso
from services.access import ROLES, Identity
from services.accounts import add_user, change_user

CURSOR = r"^\d{1,15}\.\d{1,6}$"


class NewUser(BaseModel):
    """Who may log in from now on."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(min_length=1, max_length=80, examples=["ann"])
    password: str = Field(min_length=1, max_length=1024, examples=["correct horse battery"])
    roles: list[str] = Field(["viewer"], min_length=1, max_length=len(ROLES), examples=[["operator"]], description=", ".join(ROLES))
    email: str = Field("", max_length=320)


class UserChange(BaseModel):
    """What becomes different; what is left out stays. A new password ends the user's sessions."""

    model_config = ConfigDict(extra="forbid")

    password: str | None = Field(None, min_length=1, max_length=1024)
    roles: list[str] | None = Field(None, min_length=1, max_length=len(ROLES), description=", ".join(ROLES))
    active: StrictBool | None = None
    email: str | None = Field(None, max_length=320)


class OwnPassword(BaseModel):
    """The old password and the new one."""

    model_config = ConfigDict(extra="forbid")

    old_password: str = Field(min_length=1, max_length=1024)
    new_password: str = Field(min_length=1, max_length=1024)


class UserParams(BaseModel):
    """Which user."""

    username: str = Field(max_length=120, examples=["ann"])


class AuditParams(BaseModel):
    """Which part of the log; `cursor` is `next` of the page before."""

    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, pattern=CURSOR)


class AccountBody(TypedDict):
    id: int | None
    username: str
    email: str
    roles: list[str]
    active: bool
    created: str | None


class UsersBody(TypedDict):
    users: list[AccountBody]


class FreshTokens(TypedDict):
    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class AuditRow(TypedDict):
    at: str
    who: str
    action: str
    what: str


class AuditBody(TypedDict):
    entries: list[AuditRow]
    next: str | None


def users(context: Context, _params: None) -> UsersBody:
    """All users, by name."""
    return {"users": [_account(user) for user in context.store.records.users()]}


def user(context: Context, params: UserParams) -> AccountBody:
    """One user."""
    found = context.store.records.user(params.username)
    if found is None:
        raise NotFound(f"User '{params.username}' not found")
    return _account(found)


def add(context: Context, _params: None, body: NewUser, who: Identity) -> Answer:
    """A new user."""
    return Answer(_account(add_user(context.store, body.username, body.password, body.roles, body.email, who.username)), 201)


def change(context: Context, params: UserParams, body: UserChange, who: Identity) -> AccountBody:
    """The user as it is now."""
    given = body.model_dump(exclude_none=True)
    return _account(change_user(context.store, params.username, **given, who=who.username))


def shut_out(context: Context, params: UserParams, who: Identity) -> AccountBody:
    """The user, who may no longer log in. What they did stays on record, so nobody is deleted."""
    return _account(change_user(context.store, params.username, active=False, who=who.username))


def own_password(context: Context, _params: None, body: OwnPassword, who: Identity) -> FreshTokens:
    """Fresh tokens: those given for the old password have ended."""
    guard, request = guard_of(flask.current_app), flask.request
    changed = guard.accounts.change_password(who.username, body.old_password, body.new_password, request.remote_addr or "unknown")
    tokens = guard.issue(changed)
    has_session = REFRESH_COOKIE in request.cookies or ACCESS_COOKIE in request.cookies

    @flask.after_this_request
    def give(response: flask.Response) -> flask.Response:
        response.headers["Cache-Control"] = "no-store"
        if has_session:
            start_session(response, tokens)
        return response

    return {name: tokens[name] for name in FreshTokens.__annotations__}  # type: ignore[return-value]


def audit(context: Context, params: AuditParams) -> AuditBody:
    """Who did what, newest first."""
    until, skip = (None, 0) if params.cursor is None else map(int, params.cursor.split("."))
    rows = context.store.records.audit_log(skip + params.limit + 1, until)[skip:]
    shown = rows[: params.limit]
    last = shown[-1][0] if shown else 0
    same = sum(row[0] == last for row in shown) + (skip if last == until else 0)
    return {
        "entries": [{"at": iso(at), "who": who, "action": action, "what": what} for at, who, action, what in shown],
        "next": f"{last}.{same}" if len(rows) > params.limit else None,
    }


def _account(kept: User) -> AccountBody:
    return {
        "id": kept.id,
        "username": kept.username,
        "email": kept.email,
        "roles": list(kept.roles),
        "active": kept.active,
        "created": None if kept.confirmed_at is None else iso(kept.confirmed_at),
    }


_ANN: dict[str, Any] = {
    "id": 2,
    "username": "ann",
    "email": "ann@example.com",
    "roles": ["operator"],
    "active": True,
    "created": "2026-01-24T12:10:00Z",
}
_JWT = "eyJhbGciOiJIUzI1NiIs..."

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/users", tag="access", summary="All users", call=users, access="users", reply=UsersBody,
        example={"users": [_ANN]},
    ),
    JsonOperation(
        method="POST", path="/api/v1/users", tag="access", summary="Add a user", call=add, access="users", asks_who=True,
        body=NewUser,
        body_example={"username": "ann", "password": "correct horse battery", "roles": ["operator"], "email": "ann@example.com"},
        reply=AccountBody, status=201, example=_ANN, errors=(409, 413, 415, 422),
    ),
    Operation(
        method="GET", path="/api/v1/users/{username}", tag="access", summary="One user", call=user, access="users", params=UserParams,
        reply=AccountBody, example=_ANN, errors=(404, 422),
    ),
    JsonOperation(
        method="PUT", path="/api/v1/users/{username}", tag="access", summary="Change roles, password, e-mail, or let in and shut out",
        call=change, access="users", asks_who=True, params=UserParams, body=UserChange,
        body_example={"roles": ["operator"], "active": True},
        reply=AccountBody, example=_ANN, errors=(404, 409, 413, 415, 422),
    ),
    Operation(
        method="DELETE", path="/api/v1/users/{username}", tag="access", summary="Shut a user out",
        description="The user stays on record, inactive; keys they issued stop working.",
        call=shut_out, access="users", asks_who=True, params=UserParams, reply=AccountBody, example=_ANN | {"active": False},
        errors=(404, 409, 422),
    ),
    JsonOperation(
        method="PUT", path="/api/v1/auth/password", tag="auth", summary="One's own new password", call=own_password, access="self",
        asks_who=True, body=OwnPassword, body_example={"old_password": "correct horse", "new_password": "battery staple"},
        reply=FreshTokens, example={"access_token": _JWT, "refresh_token": _JWT, "token_type": "bearer", "expires_in": 1800},
        errors=(413, 415, 422),
    ),
    Operation(
        method="GET", path="/api/v1/audit", tag="access", summary="Who did what, newest first", call=audit, access="audit",
        params=AuditParams, reply=AuditBody, errors=(422,),
        example={"entries": [{"at": "2026-01-24T12:10:00Z", "who": "ann", "action": "login", "what": "from 127.0.0.1"}], "next": None},
    ),
)  # fmt: skip
