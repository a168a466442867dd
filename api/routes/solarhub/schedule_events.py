"""Awards in: added, changed and removed one by one or as a table (native, with the fields of S1 `/schedule`)."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError, WithJsonSchema
from typing_extensions import TypedDict

from api.contract import INSTANT_PATTERN, Answer, Context, Operation, field_error
from api.errors import BadRequest, FieldError, invalid
from api.routes.solarhub.schedule_rows import EVENT_EXAMPLE, EventRow, row
from datastore.backends.record_limits import is_text
from plant import rules
from plant.model import HOUR, ScheduleEvent
from plant.timeline import moment, parse
from services import awards
from services.access import Identity

EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000
"""Awards lie in the years 2000 to 2099 [epoch ms]."""
MOST = 10_000
"""Awards in one request: more than a year of hours."""


def _text(value: str) -> str:
    if not is_text(value):
        raise ValueError("contains NUL or half a surrogate pair")
    return value


def _mode(value: str) -> str:
    mode = value.strip().lower()
    if mode not in rules.modes():
        raise ValueError(f"no mode; known: {', '.join(rules.modes())}")
    return mode


Text = Annotated[str, AfterValidator(_text)]
Power = Annotated[FiniteFloat, Field(ge=0, le=100_000)]
Price = Annotated[FiniteFloat, Field(ge=0, le=1e9)]
_MOMENT = {
    "anyOf": [
        {"type": "string", "pattern": INSTANT_PATTERN.replace("(19|20)", "(20)", 1).replace(r"|\d{1,13}", "", 1)},
        {"type": "integer", "minimum": EARLIEST // 1000, "maximum": LATEST // 1000 - 1},
        {"type": "null"},
    ],
    "description": "ISO 8601 (blank or `T`; without a zone it is the site's time), or epoch seconds",
    "examples": ["2024-01-01T14:00:00"],
}


def _instant(value: Any) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("not a timestamp")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("not a timestamp: expected ISO 8601 text or an epoch number")
    return str(value)


Moment = Annotated[str | None, BeforeValidator(_instant), WithJsonSchema(_MOMENT)]


class EventBody(BaseModel):
    """One award, offer or test. `time_start`, or `time_date` with `time_number` (1…24, the hour that ends then), says when it begins;
    without `time_end` it lasts an hour. Powers in MW, prices per MW and hour. `index` is given by the server."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Annotated[str, AfterValidator(_mode), Field(json_schema_extra={"enum": list(rules.modes())})]
    time_number: int | None = Field(None, ge=1, le=24)
    time_start: Moment = None
    time_end: Moment = None
    time_date: Moment = None
    is_get: bool = True
    interrupt: bool = False
    quote_capacity: Power | None = Field(None, description="the awarded power when not given")
    power: Power = 0.0
    price: Price = 0.0
    quote_price: Price | None = Field(None, description="the cleared price when not given")
    quote_code: Text = Field("", max_length=128)
    title: Text = Field("", max_length=500)
    description: Text = Field("", max_length=5000)
    transfer: FiniteFloat = Field(0.0, ge=-100_000, le=100_000, description="scheduled transfer power of E-dReg [MW], discharge positive")
    simulated: bool | None = Field(None, description="as shown by GET; what is sent here is never simulated")
    source: str | None = Field(None, max_length=200, description="as shown by GET; not read")
    index: int | None = Field(None, description="as shown by GET; not read")

    def event(self, zone: ZoneInfo, loc: tuple[str | int, ...]) -> ScheduleEvent:
        """The award this says. Raises Invalid naming the field that makes no sense."""
        start = self._start(zone, loc)
        end = _read(self.time_end, zone, (*loc, "time_end")) if self.time_end else start + HOUR
        if end <= start:
            raise invalid([FieldError((*loc, "time_end"), "window_reversed", "must be later than time_start", self.time_end)])
        if end - start > awards.LONGEST:
            raise invalid([FieldError((*loc, "time_end"), "too_long", "an award is at most a day long", self.time_end)])
        self._check_hour(start, zone, loc)
        capacity = self.power if self.quote_capacity is None else self.quote_capacity
        offered = self.price if self.quote_price is None else self.quote_price
        return ScheduleEvent(
            self.mode, start, end, self.is_get, self.interrupt, capacity, self.power, self.price, offered, self.quote_code, self.title,
            self.description, self.transfer,
        )  # fmt: skip

    def _start(self, zone: ZoneInfo, loc: tuple[str | int, ...]) -> int:
        if self.time_start:
            return _read(self.time_start, zone, (*loc, "time_start"))
        if not self.time_date or self.time_number is None:
            raise invalid([FieldError((*loc, "time_start"), "missing", "give time_start, or time_date and time_number")])
        return _read(self.time_date, zone, (*loc, "time_date")) + (self.time_number - 1) * HOUR

    def _check_hour(self, start: int, zone: ZoneInfo, loc: tuple[str | int, ...]) -> None:
        hour = moment(start, zone).hour + 1
        if self.time_number is not None and self.time_number != hour:
            said = f"does not fit time_start: that is hour {hour} of the site's day"
            raise invalid([FieldError((*loc, "time_number"), "value_error", said, self.time_number)])
        if self.time_date and moment(_read(self.time_date, zone, (*loc, "time_date")), zone).date() != moment(start, zone).date():
            raise invalid([FieldError((*loc, "time_date"), "value_error", "is not the day of time_start", self.time_date)])


def _read(text: str, zone: ZoneInfo, loc: tuple[str | int, ...]) -> int:
    try:
        at = parse(text, zone)
    except ValueError as error:
        raise invalid([FieldError(loc, "timestamp", str(error), text)]) from None
    if not EARLIEST <= at < LATEST:
        raise invalid([FieldError(loc, "timestamp", "must lie in the years 2000 to 2099", text)])
    if at % 1000:
        raise invalid([FieldError(loc, "timestamp", "awards begin and end with a second", text)])
    return at


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_ONE = EventBody.model_json_schema()
Bodies = Annotated[
    list[EventBody],
    Field(min_length=1, max_length=MOST),
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "minItems": 1, "maxItems": MOST, "items": _ONE}]}),
]


class EventIndex(BaseModel):
    """Which award."""

    index: int = Field(ge=1, le=2**63 - 1)


class EventsAnswer(TypedDict):
    status: str
    events: list[EventRow]
    total_count: int


class EventAnswer(TypedDict):
    status: str
    event: EventRow


def add(context: Context, _: None, body: list[EventBody], who: Identity) -> Answer:
    """Keep awards, all or none."""
    return _added(context, [one.event(context.store.zone, ("body", place)) for place, one in enumerate(body)], who)


def change(context: Context, params: EventIndex, body: EventBody, who: Identity) -> EventAnswer:
    """Replace one award."""
    given = body.event(context.store.zone, ("body",))
    try:
        kept = awards.change(context.store, params.index, given, who.username)
    except awards.Clash as clash:
        raise invalid([FieldError(("body", "time_start"), "overlap", clash.message, body.time_start)]) from None
    return {"status": "success", "event": row(context.store, kept)}


def remove(context: Context, params: EventIndex, who: Identity) -> EventAnswer:
    """Forget one award."""
    return {"status": "success", "event": row(context.store, awards.remove(context.store, params.index, who.username))}


def bring(context: Context, _: None, body: str, who: Identity) -> Answer:
    """Keep the awards of a table, all or none."""
    given = []
    for line, fields in _lines(body):
        try:
            one = EventBody.model_validate(fields, strict=False)
        except ValidationError as error:
            raise invalid([_at_line(field_error(e, "body"), line) for e in error.errors(include_url=False)]) from None
        given.append(one.event(context.store.zone, ("body", line)))
    return _added(context, given, who)


def _at_line(error: FieldError, line: int) -> FieldError:
    return FieldError((error.loc[0], line, *error.loc[1:]), error.kind, error.message, error.received)


def _lines(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Line number and what stands there, by field; what is blank is not there."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        if strange := [name for name in names if name not in EventBody.model_fields]:
            raise invalid([FieldError(("body", 1), "header", f"no field of an award: {', '.join(map(repr, strange))[:200]}")])
        if len(set(names)) < len(names) or "mode" not in names:
            raise invalid([FieldError(("body", 1), "header", "the first line names each field once, `mode` among them")])
        reader.fieldnames = names
        found: list[tuple[int, Mapping[str, Any]]] = []
        for told in reader:
            if None in told or None in told.values():
                raise invalid([FieldError(("body", reader.line_num), "columns", "has more or fewer columns than the header")])
            found.append((reader.line_num, {name: value.strip() for name, value in told.items() if value.strip()}))
            if len(found) > MOST:
                raise invalid([FieldError(("body", reader.line_num), "too_many", f"at most {MOST} awards at once")])
    except csv.Error as error:
        raise BadRequest(f"This is no CSV: {error}, line {reader.line_num}") from None
    if not found:
        raise invalid([FieldError(("body",), "missing", "there is no award below the header")])
    return found


def _added(context: Context, given: Sequence[ScheduleEvent], who: Identity) -> Answer:
    try:
        kept = awards.add(context.store, given, who.username)
    except awards.Clash as clash:
        raise invalid([FieldError(("body", clash.place, "time_start"), "overlap", clash.message)]) from None
    rows = [row(context.store, event) for event in kept]
    return Answer({"status": "success", "events": rows, "total_count": len(rows)}, 201)


@dataclass(frozen=True, kw_only=True)
class TextOperation(Operation):
    """An operation whose body is a text."""

    def read_body(self, payload: bytes) -> str:
        """The text. Raises BadRequest when it is not UTF-8."""
        try:
            return payload.decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest("The body is not UTF-8") from None


_ANSWER_EXAMPLE = {"status": "success", "events": [EVENT_EXAMPLE], "total_count": 1}
CSV_EXAMPLE = "mode,time_start,power,price,quote_code\ndreg,2024-01-01 14:00:00,4.5,850,QC001\ndreg,2024-01-01 15:00:00,4.5,850,QC001\n"
_DESCRIPTION = (
    "Two awards that are won and not interrupted may not overlap, nor may two entries of one mode and quote code. "
    "Known modes and the rules they are settled by: plant/rules."
)

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/schedule/events",
        tag="schedule",
        summary="Add awards, all or none",
        call=add,
        body=Bodies,
        body_example=EVENT_EXAMPLE,
        reply=EventsAnswer,
        status=201,
        example=_ANSWER_EXAMPLE,
        errors=(400, 413, 415, 422),
        access="schedule",
        asks_who=True,
        description=_DESCRIPTION,
    ),
    TextOperation(
        method="POST",
        path="/api/v1/schedule/events/import",
        tag="schedule",
        summary="Add awards from a table (CSV), all or none",
        call=bring,
        body=str,
        body_media="text/csv",
        body_example=CSV_EXAMPLE,
        reply=EventsAnswer,
        status=201,
        example=_ANSWER_EXAMPLE,
        errors=(400, 413, 415, 422),
        access="schedule",
        asks_who=True,
        description="The first line names fields of an award (as in `POST /schedule/events`); blank means not given. " + _DESCRIPTION,
    ),
    Operation(
        method="PUT",
        path="/api/v1/schedule/events/{index}",
        tag="schedule",
        summary="Replace an award",
        call=change,
        params=EventIndex,
        body=EventBody,
        body_example=EVENT_EXAMPLE,
        reply=EventAnswer,
        example={"status": "success", "event": EVENT_EXAMPLE},
        errors=(400, 404, 413, 415, 422),
        access="schedule",
        asks_who=True,
        description=_DESCRIPTION,
    ),
    Operation(
        method="DELETE",
        path="/api/v1/schedule/events/{index}",
        tag="schedule",
        summary="Remove an award",
        call=remove,
        params=EventIndex,
        reply=EventAnswer,
        example={"status": "success", "event": EVENT_EXAMPLE},
        errors=(404, 422),
        access="schedule",
        asks_who=True,
    ),
)
