"""API keys for devices and other machines."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from api.contract import Answer, Context, Instant, Operation
from plant.timeline import iso
from services import keys
from services.access import ROLES, Identity
from services.keys import GRANTABLE, Key


class NewKey(BaseModel):
    """What the key may do: the permissions in `scopes`, or all of `role`; for which devices (ids, or prefixes such as `bess*`; none named =
    all); until when (left out = until it is revoked)."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64, examples=["gateway-1"])
    scopes: list[str] = Field([], max_length=len(GRANTABLE), description=", ".join(sorted(GRANTABLE)), examples=[["ingest"]])
    role: str = Field("", description=", ".join(ROLES))
    devices: list[str] = Field([], max_length=keys.MOST_DEVICES, examples=[["bess01", "rack*"]])
    expires: Instant | None = None


class KeyParams(BaseModel):
    """Which key."""

    id: str = Field(max_length=40, examples=["3f9a0c11d2e4"])


class KeyBody(TypedDict):
    id: str
    name: str
    owner: str
    scopes: list[str]
    devices: list[str]
    site_id: str
    state: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None


class FreshKey(KeyBody):
    key: str


class KeysBody(TypedDict):
    keys: list[KeyBody]


def listed(context: Context, _params: None) -> KeysBody:
    """All keys, newest first; never their secrets."""
    now = context.clock()
    return {"keys": [_body(key, now) for key in keys.every(context.store.records)]}


def issue(context: Context, _params: None, body: NewKey, who: Identity) -> Answer:
    """The key with its secret, which is shown only now."""
    key, secret = keys.issue(
        context.store,
        who,
        context.config.site_id,
        name=body.name,
        scopes=body.scopes,
        role=body.role,
        devices=body.devices,
        expires=body.expires,
    )
    return Answer({**_body(key, context.clock()), "key": secret}, 201, headers=[("Cache-Control", "no-store")])


def revoke(context: Context, params: KeyParams, who: Identity) -> KeyBody:
    """The key, which is never accepted again."""
    return _body(keys.revoke(context.store, params.id, who.username), context.clock())


def _body(key: Key, now: int) -> KeyBody:
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "scopes": list(key.scopes),
        "devices": list(key.devices),
        "site_id": key.site_id,
        "state": "revoked" if key.revoked is not None else "active" if key.is_good(now) else "expired",
        "created": iso(key.created),
        "expires": _when(key.expires),
        "last_used": _when(key.last_used),
        "revoked": _when(key.revoked),
    }


def _when(at: int | None) -> str | None:
    return None if at is None else iso(at)


_KEY: dict[str, Any] = {
    "id": "3f9a0c11d2e4",
    "name": "gateway-1",
    "owner": "admin",
    "scopes": ["ingest"],
    "devices": ["bess01", "rack*"],
    "site_id": "site",
    "state": "active",
    "created": "2026-01-24T12:10:00Z",
    "expires": None,
    "last_used": None,
    "revoked": None,
}

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/keys", tag="access", summary="All API keys, without their secrets", call=listed, access="keys",
        reply=KeysBody, example={"keys": [_KEY]},
    ),
    Operation(
        method="POST", path="/api/v1/keys", tag="access", summary="Issue an API key; its secret is shown only now", call=issue,
        access="keys", asks_who=True, body=NewKey, body_example={"name": "gateway-1", "scopes": ["ingest"], "devices": ["bess01", "rack*"]},
        reply=FreshKey, status=201, example={**_KEY, "key": "vd_3f9a0c11d2e4_…"}, errors=(409, 413, 415, 422),
        description="Send it as `Authorization: Bearer vd_…`, as `X-API-Key: vd_…`, as InfluxDB clients do (`Authorization: Token vd_…`), "
        "or as the password of Basic. A key never does more than its creator may do.",
    ),
    Operation(
        method="DELETE", path="/api/v1/keys/{id}", tag="access", summary="Revoke an API key", call=revoke, access="keys", asks_who=True,
        params=KeyParams, reply=KeyBody, example=_KEY | {"state": "revoked", "revoked": "2026-01-25T08:00:00Z"}, errors=(404, 422),
    ),
)  # fmt: skip
