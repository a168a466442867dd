"""Declare an operation once: path, parameters, body, answers. Validation, errors, both doors and OpenAPI follow from the declaration.

An operation's function takes plain Python values and knows no web framework. An ingest operation has two stages, `decode`
(bytes → blocks) and `answer` (outcomes → answer), so that the same declaration stands on the Flask door and natively on the event loop.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.errors import BadRequest, FieldError, Unsupported, invalid, too_large
from api.gauges import Gauges
from api.kinds import Kinds
from api.limits import Limiter
from datastore.ports import Outcome
from datastore.store import Store
from plant import timeline
from plant.errors import Forbidden, Unauthorized
from plant.model import Block, Window
from services.access import Identity, anonymous
from services.config import Config

VERSION = "0.1.0"
SERVICE = "Voltdeck"

PUBLIC = "public"
"""The permission of what anyone may call in every mode."""


Authorize = Callable[[Mapping[str, str], Mapping[str, str], str, str], Identity]
"""(headers with lower-case names, cookies, permission, method) → who is calling. Raises Unauthorized, Forbidden."""


@dataclass(slots=True)
class Context:
    """What operations work with: the store, the settings, the clock [epoch ms], the gauges, the limiter, what devices are
    known, the guard and all operations that are declared."""

    store: Store
    config: Config
    clock: Callable[[], int]
    gauges: Gauges
    limiter: Limiter
    kinds: Kinds
    authorize: Authorize
    operations: "tuple[Declared, ...]"


def open_context(store: Store, config: Config, clock: Callable[[], int], operations: "Iterable[Declared]") -> Context:
    """The context of one server, in which every caller is the anonymous one of AUTH_MODE until a guard is put in."""
    nobody = anonymous(config.auth_mode)

    def unguarded(headers: Mapping[str, str], cookies: Mapping[str, str], need: str, method: str) -> Identity:
        allow(nobody, need)
        return nobody

    limiter = Limiter({"api": config.rate_limit, "ingest": config.rate_limit_ingest}, clock)
    return Context(store, config, clock, Gauges(store.intake, clock), limiter, Kinds(store.records, clock), unguarded, tuple(operations))


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a JSON value, or bytes as they are with their media type."""

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
    """Decoded readings on their way in. `rejected` holds rows that stay outside: `{index, field, reason}`; `dry_run` = keep nothing."""

    blocks: list[Block]
    rows: int
    rejected: list[dict[str, Any]] = field(default_factory=list)
    dry_run: bool = False


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What every operation says of itself.

    `path` holds parameters in braces; fields of `params` that stand in the path are path parameters, the others query parameters.
    `reply` is the type of the good answer's body, `example` one such body, `errors` the statuses it can fail with beside the
    general ones. `access` is the permission of `services.access` it needs, or PUBLIC. `quota` names its rate limit, empty for none.
    `native` operations are answered elsewhere (the event loop, a hook) and only documented here.
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

    @property
    def name(self) -> str:
        """Unique: method and path."""
        return f"{self.method} {self.path}"

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        """Names of the path parameters."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def flask_rule(self) -> str:
        """The path as Flask writes it."""
        return self.path.replace("{", "<").replace("}", ">")

    def read(self, path: Mapping[str, str], query: Iterable[tuple[str, str]]) -> Any:
        """Checked parameters. Raises Invalid naming every bad one."""
        if self.params is None:
            return None
        values = {**dict(query), **path}
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
    A body that is `optional` may be left out: then it is `body()`."""

    call: Callable[..., Any]
    body: Any = None
    body_example: Any = None
    body_media: str = "application/json"
    optional: bool = False

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.body)

    def read_body(self, payload: bytes) -> Any:
        """The checked body. Raises Invalid naming every bad field."""
        if self.optional and not payload.strip():
            return self.body()
        try:
            return self._adapter.validate_json(payload)
        except ValidationError as error:
            raise invalid([field_error(e, "body") for e in error.errors(include_url=False)]) from None


@dataclass(frozen=True, kw_only=True)
class Ingest(Declared):
    """Readings come in: `decode(context, params, body, media)` → Batch, `answer(batch, outcomes)` → Answer.

    `body_schema` is the JSON schema of the body per media type, `body_examples` one body per media type.
    """

    decode: Callable[[Context, Any, bytes, str], Batch]
    answer: Callable[[Batch, Sequence[Outcome]], Answer]
    body_schema: Mapping[str, Any] = field(default_factory=dict)
    body_examples: Mapping[str, Any] = field(default_factory=dict)
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
        media = media_type(headers.get("content-type", ""), tuple(self.body_schema))
        batch = self.decode(context, params, unpacked(body, headers.get("content-encoding", ""), context.config.max_body_mb << 20), media)
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
    inflate = zlib.decompressobj(wbits)
    try:
        plain = inflate.decompress(body, limit + 1)
    except zlib.error:
        raise BadRequest("The body is not what its Content-Encoding says") from None
    if len(plain) > limit:
        raise too_large(limit)
    if not inflate.eof:
        raise BadRequest("The compressed body is cut short")
    return plain


def field_error(error: Any, place: str) -> FieldError:
    """pydantic's account of one error in our terms; raw bytes of a broken body are not repeated."""
    received = None if error["type"] in ("json_invalid", "missing") else error.get("input")
    return FieldError((place, *error["loc"]), error["type"], error["msg"], received)


_DAY = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
INSTANT_PATTERN = rf"^({_DAY}([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{{1,9}})?)?(Z|[+-](0\d|1[0-3]):[0-5]\d)?)?|\d{{1,13}})$"
INSTANT_SCHEMA = {
    "type": "string",
    "pattern": INSTANT_PATTERN,
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
