"""Declare an operation once: path, parameters, body, answers. Validation, errors, both doors and OpenAPI follow from the declaration.

An operation's function takes plain Python values and knows no web framework. An ingest operation has two stages, `decode`
(bytes → blocks) and `answer` (outcomes → answer), so that the same declaration stands on the Flask door and natively on the event loop.
"""

import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Protocol

import orjson
from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.errors import BadRequest, FieldError, Unsupported, invalid, too_large
from api.gauges import ForeignFigures, Gauges, StoreFigures
from api.kinds import Kinds
from api.limits import Limiter, open_limiter
from datastore.backends.redis import RedisLive
from datastore.backends.redis_link import RedisLink
from datastore.ports import Outcome
from datastore.store import Store
from plant import timeline
from plant.errors import Forbidden, Unauthorized
from plant.model import Block, Window
from services import VERSION as VERSION
from services.access import Identity, anonymous, covered
from services.config import Config
from services.device_reports import Reports
from services.foreign import Foreign, load

SERVICE = "Voltdeck"

PUBLIC = "public"
"""The permission of what anyone may call in every mode."""


_PARTS = re.compile(r"{\w+}|[^{]+")


class Authorize(Protocol):
    """Who is calling, if they may."""

    def __call__(self, headers: Mapping[str, str], cookies: Mapping[str, str], need: str, method: str, address: str = "", /) -> Identity:
        """`headers` have lower-case names, `need` is a permission, `address` is where bad keys are counted. Raises Unauthorized, Forbidden,
        TooMany."""



@dataclass(slots=True)
class Context:
    """What operations work with: the store, the settings, the clock [epoch ms], the gauges, the limiter, what devices are
    known, the guard, all operations that are declared, what devices report of themselves, the Redis that processes share, if there is
    one, and what the fields of foreign senders mean."""

    store: Store
    config: Config
    clock: Callable[[], int]
    gauges: Gauges
    limiter: Limiter
    kinds: Kinds
    authorize: Authorize
    operations: "tuple[Declared, ...]"
    reports: Reports
    redis: RedisLink | None = None
    foreign: Foreign = field(default_factory=Foreign)


def open_context(
    store: Store, config: Config, clock: Callable[[], int], operations: "Iterable[Declared]", redis: RedisLink | None = None
) -> Context:
    """The context of one server, in which every caller is the anonymous one of AUTH_MODE until a guard is put in."""
    nobody = anonymous(config.auth_mode)

    def unguarded(headers: Mapping[str, str], cookies: Mapping[str, str], need: str, method: str, address: str = "", /) -> Identity:
        allow(nobody, need)
        return nobody

    limiter = open_limiter({"api": config.rate_limit, "ingest": config.rate_limit_ingest}, clock, redis)
    gauges, kinds = Gauges(store.intake, clock), Kinds(store.records, clock)
    gauges.also("voltdeck_spool_messages", "Whole messages that wait in their spool", lambda: store.messages.waiting)
    if redis is not None:
        gauges.also("voltdeck_redis_up", "1 while Redis answers, as far as anybody noticed", lambda: not redis.fault)
    live = store.live
    if isinstance(live, RedisLive):
        gauges.also("voltdeck_live_dropped", "Live messages that never reached other processes: Redis was too slow", lambda: live.dropped)
    foreign = Foreign(load(config.foreign_mapping))
    gauges.registry.register(StoreFigures(store))
    gauges.registry.register(ForeignFigures(foreign))
    live.subscribe("readings", gauges.hear)
    return Context(store, config, clock, gauges, limiter, kinds, unguarded, tuple(operations), Reports(store, clock), redis, foreign)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a JSON value, or bytes as they are with their media type, or the Path of a file, which is sent piece by piece."""

    content: Any
    status: int = 200
    media: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()

    @property
    def payload(self) -> bytes:
        """The bytes of the body."""
        if isinstance(self.content, bytes):
            return self.content
        return orjson.dumps(self.content, option=orjson.OPT_SERIALIZE_NUMPY)


@dataclass(frozen=True, slots=True)
class Batch:
    """Decoded readings on their way in. `rejected` holds rows that stay outside: `{index, field, reason}`; `dry_run` = keep nothing.
    `afterwards` is what else is to be done once the readings are in the store, before the answer; it may wait for the store."""

    blocks: list[Block]
    rows: int
    rejected: list[dict[str, Any]] = field(default_factory=list)
    dry_run: bool = False
    afterwards: Callable[[], object] | None = None

    def is_followed(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether there is something left to do: not while the readings wait in the spool."""
        return self.afterwards is not None and not self.dry_run and not any(outcome.spooled for outcome in outcomes)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What every operation says of itself.

    `path` holds parameters in braces; fields of `params` that stand in the path are path parameters, the others query parameters.
    `reply` is the type of the good answer's body, `example` one such body, `errors` the statuses it can fail with beside the
    general ones. `access` is the permission of `services.access` it needs, or PUBLIC. `quota` names its rate limit, empty for none.
    `native` operations are answered elsewhere (the event loop, a hook) and only documented here. `spooled` is the type of the answer
    202 while the store does not answer and what came waits in the spool, `spooled_example` one such body.
    """

    method: str
    path: str
    summary: str
    tag: str
    params: type[BaseModel] | None = None
    reply: Any = None
    status: int = 200
    media: tuple[str, ...] = ("application/json",)
    example: Any = None
    errors: tuple[int, ...] = ()
    access: str = "read"
    quota: str = "api"
    description: str = ""
    native: bool = False
    spooled: Any = None
    spooled_example: Any = None

    @property
    def name(self) -> str:
        """Unique: method and path."""
        return f"{self.method} {self.path}"

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        """Names of the path parameters."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @cached_property
    def matcher(self) -> re.Pattern[str]:
        """Matches paths of this shape; one group per path parameter. A part never holds a slash, as in Flask."""
        return re.compile("".join(f"(?P<{part[1:-1]}>[^/]+)" if part[0] == "{" else re.escape(part) for part in _PARTS.findall(self.path)))

    @property
    def flask_rule(self) -> str:
        """The path as Flask writes it."""
        return self.path.replace("{", "<").replace("}", ">")

    @cached_property
    def _lists(self) -> frozenset[str]:
        """Query parameters that may be given several times, or as one text with commas."""
        fields = self.params.model_fields.items() if self.params else ()
        return frozenset(f.alias or name for name, f in fields if f.annotation is not None and "list[" in str(f.annotation))

    def read(self, path: Mapping[str, str], query: Iterable[tuple[str, str]]) -> Any:
        """Checked parameters. Raises Invalid naming every bad one."""
        if self.params is None:
            return None
        values: dict[str, Any] = {**dict(pairs := list(query)), **path}
        for name in self._lists & values.keys():
            values[name] = [part for key, value in pairs if key == name for part in value.split(",") if part]
        try:
            return self.params.model_validate(values)
        except ValidationError as error:
            raise invalid(
                [
                    field_error(e, "path" if e["loc"][:1] and e["loc"][0] in self.path_names else "query")
                    for e in error.errors(include_url=False)
                ]
            ) from None


@dataclass(frozen=True, kw_only=True)
class Operation(Declared):
    """One call: `call(context, params)` or, where `body` is a type, `call(context, params, body)` returns an Answer or a JSON value.
    A body that is `optional` may be left out: then it is `body()`. Where it `asks_who`, the call also gets `who=` the caller's Identity.
    A `hot` one is asked for so often that the event loop answers it, too, past Flask: a GET without a body.
    A `tagged` read carries an ETag, and 304 answers whoever has that answer already (If-None-Match).
    One that `judges_rows` names its devices in the body, and checks itself that `who` may speak for them.
    """

    call: Callable[..., Any]
    body: Any = None
    body_example: Any = None
    body_media: str = "application/json"
    optional: bool = False
    asks_who: bool = False
    hot: bool = False
    tagged: bool = False
    judges_rows: bool = False

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.body)

    def read_body(self, payload: bytes) -> Any:
        """The checked body. Raises Invalid naming every bad field."""
        if self.optional and not payload:
            return self.body()
        try:
            return self._adapter.validate_json(payload)
        except ValidationError as error:
            raise invalid([field_error(e, "body") for e in error.errors(include_url=False)]) from None


@dataclass(frozen=True, kw_only=True)
class Waiting(Declared):
    """A call whose answer may be long in coming: `await call(context, params, who)` → Answer, on the event loop alone, so that those who
    wait hold no thread."""

    call: Callable[[Context, Any, Identity], Awaitable[Answer]]
    native: bool = True


@dataclass(frozen=True, kw_only=True)
class Ingest(Declared):
    """Readings come in: `decode(context, params, body, media)` → Batch, `answer(batch, outcomes)` → Answer.

    `body_schema` is the JSON schema of the body per media type, `body_examples` one body per media type; `also_media` are types that
    senders name though they mean the first of these; `empty_is_good` where a body of nothing is no fault.
    """

    decode: Callable[[Context, Any, bytes, str], Batch]
    answer: Callable[[Batch, Sequence[Outcome]], Answer]
    body_schema: Mapping[str, Any] = field(default_factory=dict)
    body_examples: Mapping[str, Any] = field(default_factory=dict)
    also_media: tuple[str, ...] = ()
    empty_is_good: bool = False
    access: str = "ingest"
    quota: str = "ingest"

    def admit(
        self,
        context: Context,
        headers: Mapping[str, str],
        query: Iterable[tuple[str, str]],
        body: bytes,
        path: Mapping[str, str],
        who: Identity,
    ) -> Batch:
        """First stage, the same for both doors. `headers` have lower-case names. Raises PlantError."""
        params = self.read(path, query)
        media = media_type(headers.get("content-type", ""), (*self.body_schema, *self.also_media))
        batch = self.decode(context, params, unpacked(body, headers.get("content-encoding", ""), context.config.max_body_mb << 20), media)
        if batch.rejected:
            context.gauges.refused.labels(self.path).inc(len(batch.rejected))
        if who.known:
            speak_for(who, batch.blocks)
        return batch


def allow(who: Identity, permission: str) -> None:
    """Raises Unauthorized for a stranger, Forbidden for somebody whose role does not reach."""
    if permission == PUBLIC or who.may(permission):
        return
    if who.known:
        raise Forbidden(f"Your role does not allow this: it needs the permission '{permission}'", permission=permission)
    raise Unauthorized("A valid token or key is needed for this")


def speak_for(who: Identity, blocks: Iterable[Block]) -> None:
    """Raises Forbidden when a device sends readings of another device."""
    for block in blocks:
        for device_id in {row[0] for row in block.rows}:
            if not who.may_send_for(device_id):
                raise Forbidden(f"'{who.username}' may not send readings of '{device_id}'", device_id=device_id)


NAMES_DEVICE = ("device_id", "vin", "device")
"""Path and query parameters that say which device a request is about."""


def keep_to_devices(who: Identity, need: str, given: Iterable[tuple[str, Any]]) -> None:
    """For callers that speak for some devices only (a key; a device that reports and answers): `given` are the request's path and query
    parameters. Raises Forbidden unless they name at least one device and only theirs."""
    limits = who.limited_to if need in ("ingest", "respond") else who.devices
    if limits is None or need in (PUBLIC, "self"):
        return
    named = [part for name, value in given if name in NAMES_DEVICE for part in str(value).split(",") if part]
    if not named:
        raise Forbidden(f"'{who.username}' speaks for some devices only: name one of them", devices=sorted(limits))
    for device_id in named:
        if not covered(device_id, limits):
            raise Forbidden(f"'{who.username}' may not speak for '{device_id[:120]}'", device_id=device_id[:120])


def media_type(content_type: str, known: Sequence[str]) -> str:
    """The media type of a body out of `known`, the first one when the sender did not say. Raises Unsupported."""
    if not content_type:
        return known[0]
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind not in known:
        raise Unsupported(f"Content-Type '{kind[:80]}' is not read here; send {' or '.join(known)}", accepted=list(known))
    if (
        parameters
        and (charset := re.search(r"charset=\"?([\w-]+)", parameters, re.IGNORECASE))
        and charset[1].lower() not in ("utf-8", "utf8", "us-ascii")
    ):
        raise Unsupported(f"Charset '{charset[1][:40]}' is not read here; send UTF-8", accepted=list(known))
    return kind


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its content encoding (gzip, deflate or none), at most `limit` bytes. Raises TooLarge, Unsupported, BadRequest."""
    if len(body) > limit:
        raise too_large(limit)
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            wbits = 31
        case "deflate":
            wbits = 15
        case other:
            raise Unsupported(
                f"Content-Encoding '{other[:40]}' is not read here; send gzip or none", accepted=["gzip", "deflate", "identity"]
            )
    plain = bytearray()
    while True:  # a gzip file may consist of several (RFC 1952 §2.2)
        inflate = zlib.decompressobj(wbits)
        try:
            plain += inflate.decompress(body, limit + 1 - len(plain))
        except zlib.error:
            raise BadRequest("The body is not what its Content-Encoding says") from None
        if len(plain) > limit:
            raise too_large(limit)
        if not inflate.eof:
            raise BadRequest("The compressed body is cut short")
        body = inflate.unused_data
        if not body:
            return bytes(plain)


def field_error(error: Any, place: str) -> FieldError:
    """pydantic's account of one error in our terms; raw bytes of a broken body are not repeated."""
    received = None if error["type"] in ("json_invalid", "missing") else error.get("input")
    return FieldError((place, *error["loc"]), error["type"], error["msg"], received)


_DAY = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
INSTANT_PATTERN = rf"^({_DAY}([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{{1,9}})?)?(Z|[+-](0\d|1[0-3]):[0-5]\d)?)?|\d{{1,13}})$"
INSTANT_SCHEMA = {
    "type": ["string", "number"],
    "pattern": INSTANT_PATTERN.replace(r"|\d{1,13}", r"|\d{1,13}(\.\d{1,9})?"),
    "minimum": timeline.EARLIEST,
    "maximum": timeline.LATEST,
    "description": "ISO 8601 (blank or `T`; without a zone it is UTC), or epoch seconds or milliseconds",
    "examples": ["2026-01-24T11:59:00Z"],
}


def _instant(value: Any) -> int:
    try:
        return timeline.parse(value)
    except ValueError as error:
        raise PydanticCustomError("timestamp", "{reason}", {"reason": str(error)}) from None


Instant = Annotated[int, BeforeValidator(_instant), WithJsonSchema(INSTANT_SCHEMA)]
"""A query parameter that names an instant; epoch ms inside."""


def window(start: int, end: int, names: tuple[str, str]) -> Window:
    """The window from `start` inclusive to `end` exclusive [epoch ms]. Raises Invalid naming the second of `names` when it is reversed."""
    if end <= start:
        raise invalid([FieldError(("query", names[1]), "window_reversed", f"must be later than {names[0]}", timeline.iso(end))])
    return Window(start, end)


ADDRESSABLE = re.compile(r"(?!\.\.?\Z)[^/\\?#%,]*\Z")
"""Ids that a URL can hold as one part of its path or of a list: without the characters that mean something there, not `.` or `..`."""


def check_unique(operations: Iterable[Declared]) -> None:
    """Raises ValueError when two operations claim one method and path."""
    seen: dict[str, Declared] = {}
    for operation in operations:
        shape = operation.method + " " + re.sub(r"{\w+}", "{}", operation.path)
        if shape in seen:
            raise ValueError(f"two operations claim {operation.name}: '{operation.summary}' and '{seen[shape].summary}'")
        seen[shape] = operation
