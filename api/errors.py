"""Every error a caller can meet: its code, its status, what to do about it, and the one body both error dialects can read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plant.errors import Invalid, NotFound, PlantError
from plant.timeline import iso


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the page of error codes."""

    code: str
    status: int
    meaning: str
    advice: str


FAULTS: Mapping[str, Fault] = {
    fault.code: fault
    for fault in (
        Fault(
            "BAD_REQUEST",
            400,
            "The request cannot be understood or asks for nothing.",
            "Read the message; compare with the examples under /docs.",
        ),
        Fault("EMPTY_BATCH", 400, "The batch holds no readings.", "Send at least one reading."),
        Fault(
            "SAFETY_VIOLATION",
            400,
            "The device's limits or its state forbid this command; `details.violations` says why.",
            "Ask for less, or read the device's limits at /api/v1/devices/{device_id}/safety.",
        ),
        Fault(
            "PARTIAL_WRITE",
            400,
            "Some lines of a foreign format cannot be kept, the others are; `details.rejected` names them.",
            "Correct the lines named; sending the others again changes nothing.",
        ),
        Fault("INVALID_WINDOW", 400, "The window ends before it starts.", "Let to_ts be later than from_ts."),
        Fault("UNAUTHORIZED", 401, "There is no valid token or key.", "Log in at /api/v1/auth/login and send `Authorization: Bearer …`."),
        Fault("LINK_ENDED", 401, "The kiosk link has expired, was revoked or is not of this site.", "Ask an administrator for another."),
        Fault("FORBIDDEN", 403, "The caller's role does not allow this.", "Ask an administrator for the role."),
        Fault("NOT_FOUND", 404, "Nothing is at this path or under this name.", "See /docs for every path."),
        Fault(
            "DEVICE_NOT_FOUND",
            404,
            "No device answers to this id.",
            "List the devices, or let devices register themselves (AUTO_REGISTER=1).",
        ),
        Fault("COMMAND_NOT_FOUND", 404, "No command of this device has this id.", "List them with GET /api/v1/commands/{device_id}."),
        Fault("METRIC_NOT_FOUND", 404, "The catalogue has no such metric for this kind of device.", "See /api/v1/metrics/catalogue."),
        Fault("NO_DATA", 404, "The device is known, but has not sent anything yet.", "Send a reading first."),
        Fault("METHOD_NOT_ALLOWED", 405, "The path exists, but not with this method.", "The Allow header lists the methods."),
        Fault(
            "NOT_ACCEPTABLE", 406, "The answer does not exist in the form asked for.", "Ask for one of the formats the documentation names."
        ),
        Fault("REQUEST_TIMEOUT", 408, "The body did not arrive in time.", "Send it faster, or in smaller parts."),
        Fault("CONFLICT", 409, "It exists already, or its state does not allow this.", "Read it first, then decide."),
        Fault("BODY_TOO_LARGE", 413, "The request body is larger than MAX_BODY_MB, after unpacking.", "Send smaller batches."),
        Fault(
            "UNSUPPORTED_MEDIA_TYPE",
            415,
            "The body is of a type or encoding this operation does not read.",
            "Send `Content-Type: application/json`, plain or gzip.",
        ),
        Fault(
            "VALIDATION_ERROR",
            422,
            "The input makes no sense; `details.field_errors` names index, field and value.",
            "Correct the fields named.",
        ),
        Fault("LOCKED", 423, "The device is locked or in maintenance.", "Wait, or end the maintenance."),
        Fault(
            "RATE_LIMITED",
            429,
            "Too many requests in one minute.",
            "Wait as long as Retry-After says; send batches instead of single readings.",
        ),
        Fault("INTERNAL_ERROR", 500, "The server failed; the log holds the reason under the trace id.", "Report it with the trace id."),
        Fault("UNAVAILABLE", 503, "A part the answer needs does not answer now.", "Try again after Retry-After seconds."),
    )
}
"""Code → its row. Codes that are not here take the row of their exception's class."""

_BY_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_ERROR",
    423: "LOCKED",
    429: "RATE_LIMITED",
    503: "UNAVAILABLE",
}

Headers = list[tuple[str, str]]

_PULSEBMS = re.compile(
    r"/api/v1/(devices|telemetry|commands|fleet|twin|simulate|coordinate)(/|\Z)|/(devices|telemetry|fleet|simulate|coordinate)(/|\Z)"
)
_NATIVE = re.compile(r"/api/v1/devices/[^/]+/latest\Z")
_INFLUX = re.compile(r"(/api/v2)?/write\Z")
_INFLUX_CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    413: "request too large",
    429: "too many requests",
    500: "internal error",
    503: "unavailable",
}


def invalid_status(path: str) -> int:
    """The status of invalid input: 400 on the paths of S2 and of Influx, 422 elsewhere."""
    return 400 if _INFLUX.match(path) or (_PULSEBMS.match(path) and not _NATIVE.match(path)) else 422


class BadRequest(PlantError):
    """The request as a whole makes no sense (400 in every dialect)."""

    code = "BAD_REQUEST"


class PartialWrite(PlantError):
    """Some lines of a batch cannot be kept."""

    code = "PARTIAL_WRITE"


class TooLarge(PlantError):
    """The body is larger than this server reads."""

    code = "BODY_TOO_LARGE"


class TooSlow(PlantError):
    """The body did not arrive in time."""

    code = "REQUEST_TIMEOUT"


class Unsupported(PlantError):
    """The body is of a type this operation does not read."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class Refused(PlantError):
    """A request that HTTP itself forbids."""

    code = "BAD_REQUEST"


class PathNotFound(NotFound):
    """Nothing is at this path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"Nothing is at {shown(path)}; /docs lists every path", path=shown(path))


class MethodRefused(PlantError):
    """The path exists, but not with this method."""

    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, path: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method[:20]} is not allowed here; allowed: {', '.join(allowed)}", path=shown(path), allowed=list(allowed))


def too_large(limit: int) -> TooLarge:
    """The refusal of a body of more than `limit` bytes."""
    return TooLarge(f"The body is larger than {limit >> 20} MiB", limit_bytes=limit)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with the input: where (`loc`, outermost first), what kind, in words, and what was received."""

    loc: tuple[str | int, ...]
    kind: str
    message: str
    received: Any = None

    @property
    def field(self) -> str:
        """The place as S2 writes it: `3.soc`, without `body` or `query`."""
        return clean(".".join(str(part) for part in self.loc[1:]) or str(self.loc[0]))


def clean(text: str) -> str:
    """`text` without the halves of surrogate pairs, which JSON may carry in and UTF-8 cannot carry out."""
    return text.encode("utf-8", "replace").decode("utf-8")


SHOWN_ERRORS = 100
"""At most this many field errors travel in one answer; the message tells how many there are."""


def invalid(errors: Sequence[FieldError]) -> Invalid:
    """The exception that says what is wrong with the input."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Invalid(clean(f"{first.field}: {first.message}{more}"), errors=list(errors[:SHOWN_ERRORS]))


def status_of(error: PlantError, path: str = "") -> int:
    """The HTTP status of a fact about the plant, by its code, else by its class."""
    for code in (error.code, *(getattr(base, "code", "") for base in type(error).__mro__)):
        fault = FAULTS.get(code)
        if fault:
            return invalid_status(path) if fault.status == 422 else fault.status
    return 400


def code_of_status(status: int) -> str:
    """The code for an error known only by its HTTP status."""
    return _BY_STATUS.get(status, "INTERNAL_ERROR" if status >= 500 else "BAD_REQUEST")


def shown(value: Any) -> Any:
    """`value` as an error may repeat it: JSON values only, long ones cut, never bytes, NaN as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**53) <= value <= 2**53 else f"{str(value)[:40] if abs(value) < 10**60 else 'a huge integer'}"
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, str):
        text = clean(value)
        return text if len(text) <= 120 else text[:117] + "…"
    if isinstance(value, bytes):
        return None
    if isinstance(value, (list, tuple)):
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    return str(value)[:120]


def body(error: PlantError, status: int, trace_id: str, at: int, path: str = "") -> dict[str, Any]:
    """The one error body. `detail` is the S1 list with 422 and a sentence otherwise; `error` is the S2 envelope. On Influx' paths its
    own `code` and `message` stand beside them."""
    details = dict(error.details)
    errors: list[FieldError] = details.pop("errors", [])
    if errors:
        details["field_errors"] = [{"field": e.field, "message": clean(e.message), "received_value": shown(e.received)} for e in errors]
    elif isinstance(error, Invalid):
        details.setdefault("field_errors", [])
    detail: Any = error.message
    if status == 422:
        detail = [
            {"type": e.kind, "loc": [shown(part) for part in e.loc], "msg": clean(e.message), "input": shown(e.received)} for e in errors
        ] or [{"type": "value_error", "loc": ["body"], "msg": error.message, "input": None}]
    limit = {"rate_limit": details["rate_limit"]} if "rate_limit" in details else {}  # S2's clients look for it at the top
    influx = {"code": _INFLUX_CODES.get(status, "invalid"), "message": error.message} if _INFLUX.match(path) else {}
    return {
        "detail": detail,
        **limit,
        **influx,
        "error": {
            "code": error.code,
            "message": error.message,
            "details": details,
            "timestamp": iso(at - at % 1000),
            "trace_id": trace_id,
            "documentation_url": f"/docs/errors#{error.code.lower().replace('_', '-')}",
        },
    }


def headers(error: PlantError, status: int) -> Headers:
    """The headers an error carries beside its body."""
    if status == 401:
        return [("WWW-Authenticate", "Bearer")]
    if status == 405:
        return [("Allow", ", ".join(error.details["allowed"]))]
    if status in (429, 503):
        return [("Retry-After", str(error.details.get("retry_after", 5)))]
    return []
