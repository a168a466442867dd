"""Kiosk links, and the screens that show what they point at."""

from typing import Any

import flask
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from api.auth import guard_of
from api.contract import Answer, Context, Instant, Operation
from plant.timeline import iso
from services import kiosk
from services.access import Identity
from services.build import BUILD
from services.kiosk import Link, Screen


class NewLink(BaseModel):
    """What the link shows: the pages at these paths, single panels by id, or both; until when (left out = 90 days)."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80, examples=["Control room"])
    pages: list[str] = Field([], max_length=kiosk.MOST, examples=[["/", "/bess"]])
    panels: list[str] = Field([], max_length=kiosk.MOST, examples=[["overview-flow"]])
    expires: Instant | None = None


class LinkParams(BaseModel):
    """Which link."""

    id: str = Field(max_length=40, examples=["8c1d0e4f7a2b"])


class Beat(BaseModel):
    """A screen says that it is there, what it shows and how large it is [px]."""

    model_config = ConfigDict(extra="forbid")

    screen: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", examples=["wall-1"])
    name: str = Field("", max_length=80)
    page: str = Field("", max_length=200, examples=["/bess"])
    width: int = Field(0, ge=0, le=100_000, strict=True)
    height: int = Field(0, ge=0, le=100_000, strict=True)
    build: str = Field("", max_length=40, pattern=r"^[0-9A-Za-z.+-]*$", description="The build the screen was loaded from")
    age: int | None = Field(None, ge=0, le=10**13, strict=True, description="How old the newest data on it is [ms]")
    fps: float | None = Field(None, ge=0, le=1000, strict=True, description="Frames it draws a second")
    memory: float | None = Field(None, ge=0, le=10**6, strict=True, description="Memory its scripts hold [MB]")


class KioskLinkBody(TypedDict):
    id: str
    name: str
    owner: str
    pages: list[str]
    panels: list[str]
    site_id: str
    state: str
    created: str
    expires: str
    revoked: str | None


class FreshLink(KioskLinkBody):
    token: str
    path: str


class LinksBody(TypedDict):
    links: list[KioskLinkBody]


class ScreenBody(TypedDict):
    screen: str
    who: str
    name: str
    page: str
    width: int
    height: int
    seen: str
    build: str
    age: int | None
    fps: float | None
    memory: float | None


class BeatBody(ScreenBody):
    server_build: str


class ScreensBody(TypedDict):
    screens: list[ScreenBody]


def listed(context: Context, _params: None) -> LinksBody:
    """All links, newest first; never their tokens."""
    now = context.clock()
    return {"links": [_body(link, now) for link in guard_of(flask.current_app).kiosk.every()]}


def issue(context: Context, _params: None, body: NewLink, who: Identity) -> Answer:
    """The link with its token, which is shown only now."""
    links = guard_of(flask.current_app).kiosk
    link, token = links.issue(who.username, name=body.name, pages=body.pages, panels=body.panels, expires=body.expires)
    content = {**_body(link, context.clock()), "token": token, "path": f"/kiosk/{token}"}
    return Answer(content, 201, headers=[("Cache-Control", "no-store")])


def revoke(context: Context, params: LinkParams, who: Identity) -> KioskLinkBody:
    """The link, which shows nothing any more."""
    return _body(guard_of(flask.current_app).kiosk.revoke(params.id, who.username), context.clock())


def beat(context: Context, _params: None, body: Beat, who: Identity) -> BeatBody:
    """What was written down, and the build of the server: a screen of another one loads itself again."""
    state = {"build": body.build, "age": body.age, "fps": body.fps, "memory": body.memory}
    heard = kiosk.heard(context.store, who.username, body.screen, body.name, body.page, body.width, body.height, **state)
    return {**_screen(heard), "server_build": BUILD}


def screens(context: Context, _params: None) -> ScreensBody:
    """Screens that reported in the last 30 days, the latest first."""
    return {"screens": [_screen(screen) for screen in kiosk.screens(context.store)]}


def _body(link: Link, now: int) -> KioskLinkBody:
    return {
        "id": link.id,
        "name": link.name,
        "owner": link.owner,
        "pages": list(link.pages),
        "panels": list(link.panels),
        "site_id": link.site_id,
        "state": "revoked" if link.revoked is not None else "active" if link.is_good(now) else "expired",
        "created": iso(link.created),
        "expires": iso(link.expires),
        "revoked": None if link.revoked is None else iso(link.revoked),
    }


def _screen(screen: Screen) -> ScreenBody:
    return {
        "screen": screen.id,
        "who": screen.who,
        "name": screen.name,
        "page": screen.page,
        "width": screen.width,
        "height": screen.height,
        "seen": iso(screen.seen),
        "build": screen.build,
        "age": screen.age,
        "fps": screen.fps,
        "memory": screen.memory,
    }


_LINK: dict[str, Any] = {
    "id": "8c1d0e4f7a2b",
    "name": "Control room",
    "owner": "admin",
    "pages": ["/", "/bess"],
    "panels": [],
    "site_id": "site",
    "state": "active",
    "created": "2026-01-24T12:10:00Z",
    "expires": "2026-04-24T12:10:00Z",
    "revoked": None,
}
_SCREEN: dict[str, Any] = {
    "screen": "wall-1",
    "who": "kiosk:Control room",
    "name": "",
    "page": "/bess",
    "width": 1920,
    "height": 1080,
    "seen": "2026-01-24T12:10:00Z",
    "build": "0.1.0+1f0c2b7a9d",
    "age": 1200,
    "fps": 60.0,
    "memory": 48.5,
}
_JWT = "eyJhbGciOiJIUzI1NiIs..."

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/kiosk-links", tag="access", summary="All kiosk links, without their tokens", call=listed,
        access="links", reply=LinksBody, example={"links": [_LINK]},
    ),
    Operation(
        method="POST", path="/api/v1/kiosk-links", tag="access", summary="Issue a kiosk link; its token is shown only now", call=issue,
        access="links", asks_who=True, body=NewLink, body_example={"name": "Control room", "pages": ["/", "/bess"]},
        reply=FreshLink, status=201, example={**_LINK, "token": _JWT, "path": f"/kiosk/{_JWT}"}, errors=(413, 415, 422),
        description="Open `path` on the screen, or show it in a frame of a page in EMBED_ORIGINS. It shows the panels of its pages and "
        "nothing else, without a login, until it expires or is revoked.",
    ),
    Operation(
        method="DELETE", path="/api/v1/kiosk-links/{id}", tag="access", summary="Revoke a kiosk link", call=revoke, access="links",
        asks_who=True, params=LinkParams, reply=KioskLinkBody, example=_LINK | {"state": "revoked", "revoked": "2026-01-25T08:00:00Z"},
        errors=(404, 422),
    ),
    Operation(
        method="POST", path="/api/v1/screens/heartbeat", tag="access", summary="A screen says that it is there", call=beat,
        access="panels", asks_who=True, body=Beat, body_example={"screen": "wall-1", "page": "/bess", "width": 1920, "height": 1080},
        reply=BeatBody, example=_SCREEN | {"server_build": "0.1.0+1f0c2b7a9d"}, errors=(409, 413, 415, 422),
    ),
    Operation(
        method="GET", path="/api/v1/screens", tag="access", summary="Screens that reported in the last 30 days", call=screens,
        access="links", reply=ScreensBody, example={"screens": [_SCREEN]},
    ),
)  # fmt: skip
