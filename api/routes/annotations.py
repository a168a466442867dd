"""Notes on stretches of time."""

from dataclasses import replace

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from api.contract import Answer, Context, Instant, Operation
from api.contract import window as window_of
from api.cursors import cursor_of, place_of
from plant.errors import Forbidden
from plant.model import Annotation, Window
from plant.timeline import EARLIEST, LATEST, iso
from services import annotations as notes
from services.access import Identity


class NotesParams(BaseModel):
    """Which notes: those that touch the window (`from` inclusive, `to` exclusive), of this device or of the whole plant, with all of
    these tags."""

    device: str | None = None
    tag: list[str] = Field([], max_length=notes.MOST_TAGS)
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    limit: int = Field(1000, ge=1, le=10_000)
    cursor: str | None = Field(None, max_length=60, description="`next` of the page before")


class NoteParams(BaseModel):
    """One note."""

    annotation_id: str = Field(examples=["5f2c8c1b9a3d4e60"])


class Note(BaseModel):
    """A note; without `to` it marks one instant, without `device` it is about the whole plant."""

    text: str = Field(min_length=1, max_length=notes.LONGEST_TEXT, pattern=r"\S")
    from_: Instant = Field(alias="from")
    to: Instant | None = None
    device: str = Field("", max_length=128)
    metric: str = Field("", max_length=128)
    tags: list[str] = Field([], max_length=notes.MOST_TAGS)

    @model_validator(mode="after")
    def _forward(self) -> "Note":
        if self.to is not None and self.to < self.from_:
            raise ValueError("to must not be earlier than from")
        return self


class NoteChange(Note):
    """A note as it shall be; `version` is the one it was read with."""

    version: int = Field(ge=1, lt=2**31)


_Ends = TypedDict("_Ends", {"from": str, "to": str})


class NoteBody(_Ends):
    id: str
    device: str
    metric: str
    text: str
    author: str
    tags: list[str]
    created: str
    version: int


class NotesBody(TypedDict):
    annotations: list[NoteBody]
    next: str | None


def _body(note: Annotation) -> NoteBody:
    return {
        "id": note.id,
        "from": iso(note.start),
        "to": iso(note.end),
        "device": note.device_id,
        "metric": note.metric,
        "text": note.text,
        "author": note.author,
        "tags": list(note.tags),
        "created": iso(note.created),
        "version": note.version,
    }


def listed(context: Context, params: NotesParams) -> NotesBody:
    """Newest first, in pages."""
    span: Window | None = None
    if params.from_ is not None or params.to is not None:
        span = window_of(EARLIEST if params.from_ is None else params.from_, LATEST if params.to is None else params.to, ("from", "to"))
    after = None if params.cursor is None else place_of(params.cursor, str)
    found, more = notes.listed(context.store.records, span, params.device, params.tag, params.limit, after)
    return {"annotations": [_body(note) for note in found], "next": None if more is None else cursor_of(more)}


def add(context: Context, params: None, body: Note, who: Identity) -> Answer:
    """Raises DeviceNotFound, MetricNotFound, Invalid."""
    return Answer(_body(notes.add(context.store, _given(body, who.username))), 201)


def _given(body: Note, author: str) -> Annotation:
    end = body.from_ if body.to is None else body.to
    return Annotation(body.from_, end, body.text, author, body.device, body.metric, tuple(body.tags))


def change(context: Context, params: NoteParams, body: NoteChange, who: Identity) -> NoteBody:
    """Raises NotFound, Conflict, Forbidden for another's note unless the caller looks after alarms, and what `add` raises."""
    note = notes.find(context.store.records, params.annotation_id)
    if not notes.may_change(who, note):
        raise Forbidden("Only its author, or an operator, changes a note", annotation_id=note.id)
    given = replace(_given(body, note.author), id=note.id, version=body.version)
    return _body(notes.edit(context.store, given, who.username))


def one(context: Context, params: NoteParams) -> NoteBody:
    """Raises NotFound."""
    return _body(notes.find(context.store.records, params.annotation_id))


def remove(context: Context, params: NoteParams, who: Identity) -> Answer:
    """Raises NotFound; Forbidden for another's note, unless the caller looks after alarms."""
    note = notes.find(context.store.records, params.annotation_id)
    if not notes.may_change(who, note):
        raise Forbidden("Only its author, or an operator, removes a note", annotation_id=note.id)
    notes.remove(context.store, note.id, who.username)
    return Answer(b"", 204)


_EXAMPLE = {
    "id": "5f2c8c1b9a3d4e60",
    "from": "2026-01-24T08:00:00Z",
    "to": "2026-01-24T10:30:00Z",
    "device": "bess01",
    "metric": "cell_max_temp",
    "text": "Cooling unit serviced",
    "author": "analyst",
    "tags": ["maintenance"],
    "created": "2026-01-24T10:35:00Z",
    "version": 1,
}
_GIVEN = {
    "from": "2026-01-24T08:00:00Z",
    "to": "2026-01-24T10:30:00Z",
    "device": "bess01",
    "metric": "cell_max_temp",
    "text": "Cooling unit serviced",
    "tags": ["maintenance"],
}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/annotations",
        tag="annotations",
        summary="Notes on stretches of time, newest first",
        call=listed,
        params=NotesParams,
        reply=NotesBody,
        errors=(422,),
        example={"annotations": [_EXAMPLE], "next": None},
        description="Bounds of a note are inclusive. `next` is the `cursor` of the following page.",
    ),
    Operation(
        method="POST",
        path="/api/v1/annotations",
        tag="annotations",
        summary="Write a note",
        call=add,
        body=Note,
        status=201,
        asks_who=True,
        access="annotate",
        reply=NoteBody,
        errors=(404, 413, 415, 422),
        example=_EXAMPLE,
        body_example=_GIVEN,
    ),
    Operation(
        method="GET",
        path="/api/v1/annotations/{annotation_id}",
        tag="annotations",
        summary="One note",
        call=one,
        params=NoteParams,
        reply=NoteBody,
        errors=(404,),
        example=_EXAMPLE,
    ),
    Operation(
        method="PUT",
        path="/api/v1/annotations/{annotation_id}",
        tag="annotations",
        summary="Change a note",
        call=change,
        params=NoteParams,
        body=NoteChange,
        asks_who=True,
        access="annotate",
        reply=NoteBody,
        errors=(404, 409, 413, 415, 422),
        example=_EXAMPLE | {"text": "Cooling unit serviced, fan 2 replaced", "version": 2},
        body_example=_GIVEN | {"text": "Cooling unit serviced, fan 2 replaced", "version": 1},
        description="Its author may, and who looks after alarms; 409 when it was changed since it was read with this `version`. What is "
        "left out is empty afterwards; author and time of writing stay.",
    ),
    Operation(
        method="DELETE",
        path="/api/v1/annotations/{annotation_id}",
        tag="annotations",
        summary="Remove a note",
        call=remove,
        params=NoteParams,
        status=204,
        media=(),
        asks_who=True,
        access="annotate",
        errors=(404,),
        description="Its author may, and who looks after alarms.",
    ),
)
