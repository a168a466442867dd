"""Alarms: what asks for attention, and what people did about it."""

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from api.alert_message import details_of
from api.contract import Answer, Context, Instant, Operation
from api.contract import window as window_of
from api.cursors import cursor_of, place_of
from plant.model import MINUTE, Alarm, Window
from plant.timeline import EARLIEST, LATEST, iso
from services import alarm_actions as actions
from services.access import Identity

State = Literal["active", "acknowledged", "shelved", "cleared"]
Severity = Literal["info", "warning", "alarm", "protection"]
LONGEST_MIN = actions.LONGEST_SHELF // MINUTE


class AlarmsParams(BaseModel):
    """Which alarms; without `state` those that are active or acknowledged and not shelved."""

    state: State | None = None
    severity: Severity | None = None
    device: str | None = None
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    limit: int = Field(1000, ge=1, le=10_000)
    cursor: str | None = Field(None, max_length=40, description="`next` of the page before")


class AlarmParams(BaseModel):
    """One alarm, as lists (`17`) or alert frames (`alert_17`) name it."""

    alarm_id: str = Field(examples=["17"])


class Seen(BaseModel):
    """What goes into the record beside the acknowledgement."""

    comment: str = Field("", max_length=actions.LONGEST_TEXT)


class Shelf(BaseModel):
    """For how long it is put aside, at most seven days: `minutes` or `until`; 0 minutes takes it back."""

    minutes: float | None = Field(None, ge=0, le=LONGEST_MIN, strict=True)
    until: Instant | None = None
    reason: str = Field("", max_length=actions.LONGEST_TEXT)

    @model_validator(mode="after")
    def _one(self) -> "Shelf":
        if (self.minutes is None) == (self.until is None):
            raise ValueError("give minutes or until")
        return self


class Remark(BaseModel):
    """What to write about it."""

    text: str = Field(min_length=1, max_length=actions.LONGEST_TEXT, pattern=r"\S")


class AlarmBody(TypedDict):
    id: int | None
    device_id: str
    kind: str
    code: str
    severity: str
    state: str
    message: str
    metric: str
    value: float | None
    limit: float | None
    raised: str
    cleared: str | None
    acknowledged: str | None
    acknowledged_by: str
    shelved_until: str | None
    shelved_by: str
    simulated: bool
    details: dict[str, Any]


class AlarmsBody(TypedDict):
    alarms: list[AlarmBody]
    next: str | None


class CommentBody(TypedDict):
    id: str
    alarm_id: int
    author: str
    timestamp: str
    text: str


class StoryBody(TypedDict):
    alarm: AlarmBody
    comments: list[CommentBody]


def alarms(context: Context, params: AlarmsParams) -> AlarmsBody:
    """Alarms, newest first, in pages."""
    span: Window | None = None
    if params.from_ is not None or params.to is not None:
        span = window_of(EARLIEST if params.from_ is None else params.from_, LATEST if params.to is None else params.to, ("from", "to"))
    wanted = actions.Wanted(params.state, params.severity, params.device, span)
    after = None if params.cursor is None else place_of(params.cursor, int)
    now = context.clock()
    found, more = actions.listed(context.store.records, wanted, now, params.limit, after)
    return {"alarms": [alarm_body(alarm, now) for alarm in found], "next": None if more is None else cursor_of(more)}


def alarm_body(alarm: Alarm, now: int) -> AlarmBody:
    """The native form of an alarm as it stands at `now` [epoch ms]."""
    return {
        "id": alarm.id,
        "device_id": alarm.device_id,
        "kind": alarm.kind,
        "code": alarm.code,
        "severity": alarm.severity,
        "state": actions.state_of(alarm, now),
        "message": alarm.message,
        "metric": alarm.metric,
        "value": alarm.value,
        "limit": alarm.limit,
        "raised": iso(alarm.raised),
        "cleared": None if alarm.cleared is None else iso(alarm.cleared),
        "acknowledged": None if alarm.acknowledged is None else iso(alarm.acknowledged),
        "acknowledged_by": alarm.acknowledged_by,
        "shelved_until": None if alarm.shelved_until is None else iso(alarm.shelved_until),
        "shelved_by": alarm.shelved_by,
        "simulated": alarm.simulated,
        "details": details_of(alarm),
    }


def _comment_body(comment: actions.Comment) -> CommentBody:
    return {
        "id": comment.id, "alarm_id": comment.alarm_id, "author": comment.author, "timestamp": iso(comment.at), "text": comment.text,
    }  # fmt: skip


def story(context: Context, params: AlarmParams) -> StoryBody:
    """One alarm with what was written about it. Raises NotFound."""
    alarm = actions.find(context.store.records, number := actions.number_of(params.alarm_id))
    said = actions.comments(context.store, number)
    return {"alarm": alarm_body(alarm, context.clock()), "comments": [_comment_body(comment) for comment in said]}


def acknowledge(context: Context, params: AlarmParams, body: Seen, who: Identity) -> AlarmBody:
    """Raises NotFound, Conflict."""
    alarm = actions.acknowledge(context.store, actions.number_of(params.alarm_id), who.username, body.comment)
    return alarm_body(alarm, context.clock())


def shelve(context: Context, params: AlarmParams, body: Shelf, who: Identity) -> AlarmBody:
    """Raises NotFound, Conflict, Invalid for a time that is past or too far away."""
    number = actions.number_of(params.alarm_id)
    if body.minutes == 0:
        return alarm_body(actions.unshelve(context.store, number, who.username), context.clock())
    until = body.until if body.until is not None else context.store.clock() + round((body.minutes or 0) * MINUTE)
    return alarm_body(actions.shelve(context.store, number, who.username, until, body.reason), context.clock())


def comment(context: Context, params: AlarmParams, body: Remark, who: Identity) -> Answer:
    """Raises NotFound."""
    return Answer(_comment_body(actions.comment(context.store, actions.number_of(params.alarm_id), who.username, body.text)), 201)


_EXAMPLE = {
    "id": 17,
    "device_id": "bess01-rack03",
    "kind": "rack",
    "code": "CELL_MAX_TEMP_HIGH",
    "severity": "warning",
    "state": "acknowledged",
    "message": "BESS 01 Rack 03: cell maximum temperature 41.2 °C is above 40 °C",
    "metric": "cell_max_temp",
    "value": 41.2,
    "limit": 40.0,
    "raised": "2026-01-24T12:05:00Z",
    "cleared": None,
    "acknowledged": "2026-01-24T12:07:30Z",
    "acknowledged_by": "operator",
    "shelved_until": None,
    "shelved_by": "",
    "simulated": False,
    "details": {},
}
_COMMENT = {"id": "5f2c8c1b9a3d4e60", "alarm_id": 17, "author": "operator", "timestamp": "2026-01-24T12:08:00Z", "text": "Fan 2 is noisy"}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/alarms",
        tag="alarms",
        summary="Alarms, newest first",
        call=alarms,
        params=AlarmsParams,
        reply=AlarmsBody,
        errors=(422,),
        example={"alarms": [_EXAMPLE], "next": None},
        description="Shelved alarms are in `state=shelved` only, until their time is up. `next`: the `cursor` of the following page.",
    ),
    Operation(
        method="GET",
        path="/api/v1/alarms/{alarm_id}",
        tag="alarms",
        summary="One alarm with its comments",
        call=story,
        params=AlarmParams,
        reply=StoryBody,
        errors=(404,),
        example={"alarm": _EXAMPLE, "comments": [_COMMENT]},
    ),
    Operation(
        method="POST",
        path="/api/v1/alarms/{alarm_id}/ack",
        tag="alarms",
        summary="Acknowledge an alarm",
        call=acknowledge,
        params=AlarmParams,
        body=Seen,
        optional=True,
        asks_who=True,
        access="alarms",
        reply=AlarmBody,
        errors=(404, 409, 413, 415, 422),
        example=_EXAMPLE,
        body_example={"comment": "On my way"},
        description="409 once the alarm is cleared; acknowledging it again changes nothing.",
    ),
    Operation(
        method="POST",
        path="/api/v1/alarms/{alarm_id}/shelve",
        tag="alarms",
        summary="Put an alarm aside for a while",
        call=shelve,
        params=AlarmParams,
        body=Shelf,
        asks_who=True,
        access="alarms",
        reply=AlarmBody,
        errors=(404, 409, 413, 415, 422),
        example=_EXAMPLE | {"shelved_until": "2026-01-24T14:05:00Z", "shelved_by": "operator", "state": "shelved"},
        body_example={"minutes": 120, "reason": "Maintenance of the cooling unit"},
        description="At most seven days. It goes on being judged meanwhile and may clear; `minutes: 0` takes it back.",
    ),
    Operation(
        method="POST",
        path="/api/v1/alarms/{alarm_id}/comment",
        tag="alarms",
        summary="Write something about an alarm",
        call=comment,
        params=AlarmParams,
        body=Remark,
        status=201,
        asks_who=True,
        access="annotate",
        reply=CommentBody,
        errors=(404, 413, 415, 422),
        example=_COMMENT,
        body_example={"text": "Fan 2 is noisy"},
    ),
)
