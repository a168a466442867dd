"""S2's telemetry message, as it comes by HTTP or MQTT: either the flat form `{device_id, timestamp, measurements {…}, alarms, warnings}`
or the MQTT one with `device_info`, `measurements {pack, cells}`, `status` and `alarms {flags, details}`. Decoding is pure.

Powers are watts out there and kilowatts in here. `power` is measured, not V·I, and is never held against them. Measurements that this
kind of device has no place for are named in `ignored`; wrong ones refuse the message.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from api import exact
from api.contract import ADDRESSABLE
from api.errors import FieldError, invalid
from datastore.backends.record_limits import is_text
from datastore.vetting import LARGEST, LONGEST_VECTOR, id_fault
from plant.analysis.ladder import from_pulsebms
from plant.metrics import MODES, Metric, metrics_of
from plant.model import Block, Kind, Value
from plant.timeline import parse, plausible
from services.device_reports import Report, Said
from services.pack_metrics import CELLS, Measured, measured, primary

MOST_ALARMS = 100
MOST_DETAILS, LONGEST_DETAIL = 16, 128
LONGEST_CODE, LONGEST_TEXT = 100, 1000
_PERCENT = frozenset({"soc", "soh"})
_MODE_OF = {name.lower(): code for code, name in MODES.items()} | {"idle": 1, "maintenance_mode": 5, "error": 4, "offline": 0}
_SEVERITY_IN_NAME = (
    ("critical", "critical"),
    ("protection", "critical"),
    ("fault", "critical"),
    ("emergency", "critical"),
    ("info", "info"),
)

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, decoded: readings as `block` of one row, the rest as `report`; `ignored` names what has no place here."""

    block: Block
    report: Report
    ignored: tuple[str, ...] = ()
    sequence_number: int | None = None
    last_command_id: str = ""

    @property
    def device_id(self) -> str:
        return self.report.device_id


@dataclass(slots=True)
class _Reader:
    """Takes a message apart and gathers what is wrong with it."""

    faults: list[FieldError] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def fault(self, place: Place, kind: str, message: str, received: Any = None) -> None:
        self.faults.append(FieldError(("body", *place), kind, message, received))

    def mapping(self, raw: Mapping[str, Any], name: str, place: Place = ()) -> Mapping[str, Any]:
        """The object called `name`; empty when it is not there."""
        value = raw.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault((*place, name), "object_type", "Input should be an object", value)
            return {}
        self.once(value, (*place, name))
        return value

    def once(self, value: Mapping[str, Any], place: Place) -> None:
        """A key stands once in an object."""
        if isinstance(value, exact.Repeated):
            self.fault((*place, value.key), "repeated_key", "This key stands twice in one object", value.key)

    def text(self, raw: Mapping[str, Any], name: str, place: Place = (), most: int = 128) -> str:
        """The text called `name`; empty when it is not there."""
        value = raw.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > most or not value.isprintable():
            self.fault((*place, name), "string_type", f"Input should be a printable string of at most {most} characters", value)
            return ""
        return value

    def number(self, value: Any, place: Place, low: float = -LARGEST, high: float = LARGEST) -> float | None:
        """A finite number within `low` … `high`; None when it is none."""
        try:
            return exact.number(value, ("body", *place), low, high)
        except exact.Fault as fault:
            self.faults.append(fault.error)
        return None

    def vector(self, value: Any, place: Place) -> list[float | None] | None:
        """Numbers and nulls."""
        if not isinstance(value, list) or not 0 < len(value) <= LONGEST_VECTOR:
            self.fault(place, "list_type", f"Input should be an array of 1 to {LONGEST_VECTOR} numbers", value)
            return None
        return [
            None if one is None else self.number(float(one) if isinstance(one, bool) else one, (*place, i)) for i, one in enumerate(value)
        ]


def parsed(body: bytes) -> Any:
    """The JSON value of `body`; what the fast reader refuses, or passes over (a key that stands twice), is read again to name what is
    wrong. Raises Invalid when it is no JSON."""
    try:
        value = orjson.loads(body)
        if orjson.dumps(value).count(b'"') == body.count(b'"'):
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    return exact.load(body)


def decode(message: Any, received: int, kinds: Callable[[str], Sequence[str]], device_id: str | None = None) -> Message:
    """The readings and the report of one JSON `message` (as `parsed` reads it: that finds repeated keys), received at `received`
    [epoch ms]; `kinds` tells as what an id is registered (nothing: it is a pack), `device_id` is the id its path or topic gave.
    Raises Invalid naming every fault."""
    if not isinstance(message, dict):
        raise invalid([FieldError(("body",), "model_type", "Input should be an object", message)])
    reader = _Reader()
    reader.once(message, ())
    about = reader.mapping(message, "device_info")
    who = _device_id(reader, message, about, device_id)
    at = _timestamp(reader, message)
    kind = primary(tuple(kinds(who)) or (Kind.PACK,)) if who else Kind.PACK
    values = _values(reader, message, kind)
    alarms = _alarms(reader, message)
    site = reader.text(about, "site_id", ("device_info",)) or reader.text(message, "site_id")
    if site and ADDRESSABLE.match(site) is None:
        reader.fault(("device_info", "site_id"), "string_pattern_mismatch", "a site id has none of / \\ ? # % , and is not . or ..", site)
    firmware = reader.text(about, "firmware_version", ("device_info",))
    status = reader.mapping(message, "status")
    command = reader.text(status, "last_command_id", ("status",))
    if not reader.faults and not values:
        reader.fault(("measurements",), "missing", "A message needs at least one measurement that this kind of device has")
    if reader.faults:
        raise invalid(reader.faults)
    astray = not plausible(at, received)
    number = message.get("sequence_number")
    return Message(
        Block(kind, tuple(values), [(who, at, received, 0, *values.values())]),
        Report(who, kind, received if astray else at, alarms, site, firmware, astray),
        tuple(reader.ignored),
        number if isinstance(number, int) and not isinstance(number, bool) else None,
        command,
    )


def _device_id(reader: _Reader, message: Mapping[str, Any], about: Mapping[str, Any], given: str | None) -> str:
    """The one id that path, body and `device_info` agree on."""
    said = [(("device_id",), message.get("device_id")), (("device_info", "device_id"), about.get("device_id"))]
    found = [(place, value) for place, value in said if value is not None]
    if given is None and not found:
        reader.fault(("device_id",), "missing", "Field required")
        return ""
    who: Any = given if given is not None else found[0][1]
    for place, value in found:
        if value != who:
            reader.fault(place, "mismatch", f"must be the same device everywhere in this request ('{str(who)[:128]}')", value)
    place = found[0][0] if found else ("device_id",)
    fault = id_fault(who) or (None if ADDRESSABLE.match(who) else "a device id has none of / \\ ? # % , and is not . or ..")
    if fault:
        reader.fault(place, "string_pattern_mismatch", fault, who)
        return ""
    return str(who)


def _timestamp(reader: _Reader, message: Mapping[str, Any]) -> int:
    if message.get("timestamp") is None:
        reader.fault(("timestamp",), "missing", "Field required")
        return 0
    try:
        return parse(message["timestamp"])
    except ValueError as error:
        reader.fault(("timestamp",), "timestamp", str(error), message["timestamp"])
    return 0


def _values(reader: _Reader, message: Mapping[str, Any], kind: str) -> dict[str, Value]:
    """Metric → value in the catalogue's unit."""
    body = reader.mapping(message, "measurements")
    place: Place = ("measurements",)
    pack, pack_place = (reader.mapping(body, "pack", place), (*place, "pack")) if "pack" in body else (body, place)
    if not body and not reader.faults:
        reader.fault(place, "missing", "Field required")
    named, own = measured(kind), {metric.name: metric for metric in metrics_of(kind)}
    values: dict[str, Value] = {}
    for name, value in pack.items():
        if value is None or (name == "cells" and pack is body):
            continue
        found = named.get(name) or (Measured(name, name) if name in own else None)
        if found is None:
            reader.ignored.append(name[:LONGEST_CODE])
        elif own[found.metric].is_vector:
            _vector(reader, found.metric, value, (*pack_place, name), own, values)
        else:
            low, high = (0.0, 100.0) if name in _PERCENT else (-LARGEST, LARGEST)
            number = reader.number(value, (*pack_place, name), low, high)
            if number is not None:
                values[found.metric] = found.stored(number)
    cells = reader.mapping(body, "cells", place)
    for name, metric in CELLS.items():
        if cells.get(name) is not None:
            _vector(reader, metric, cells[name], (*place, "cells", name), own, values)
    _status(reader, message.get("status"), own, values)
    return values


def _vector(reader: _Reader, metric: str, said: Any, place: Place, own: Mapping[str, Metric], values: dict[str, Value]) -> None:
    if metric not in own:
        reader.ignored.append(metric)
    elif (vector := reader.vector(said, place)) is not None:
        values[metric] = vector


def _status(reader: _Reader, status: Any, own: Mapping[str, Metric], values: dict[str, Value]) -> None:
    """The working state and the quality of the line, where this kind of device has a place for them."""
    if not isinstance(status, dict):
        return
    state = reader.text(status, "operational_state", ("status",)).lower()
    if state and "mode" in own:
        if state in _MODE_OF:
            values["mode"] = float(_MODE_OF[state])
        else:
            reader.ignored.append("operational_state")
    quality = status.get("communication_quality")
    if quality is not None and "communication_quality" in own:
        number = reader.number(quality, ("status", "communication_quality"))
        if number is not None:
            values["communication_quality"] = number


def _alarms(reader: _Reader, message: Mapping[str, Any]) -> tuple[Said, ...]:
    """What the message raises: one alarm per code."""
    said = message.get("alarms")
    found: list[Said] = []
    if isinstance(said, dict):
        found += _flags(reader, said)
    else:
        found += _list(reader, said, "alarms", "critical")
    found += _list(reader, message.get("warnings"), "warnings", "warning")
    if len(found) > MOST_ALARMS:
        reader.fault(("alarms",), "too_long", f"A message carries at most {MOST_ALARMS} alarms", len(found))
    return tuple({one.code: one for one in reversed(found)}.values())[::-1]


def _flags(reader: _Reader, said: Mapping[str, Any]) -> list[Said]:
    """The MQTT form: where there are as many details as flags, the first detail explains the first flag, and so on."""
    flags = _list(reader, said.get("flags"), "alarms", "", "flags")
    details = _list(reader, said.get("details"), "alarms", "warning", "details")
    if not flags or len(flags) != len(details):
        return flags + details
    return [_explained(flag, detail) for flag, detail in zip(flags, details, strict=True)]


def _explained(flag: Said, detail: Said) -> Said:
    text = detail.message if detail.code in (flag.code, detail.message) else f"{detail.code}: {detail.message}"
    return Said(flag.code, detail.severity, text, detail.value, detail.limit, detail.details)


def _list(reader: _Reader, said: Any, name: str, severity: str, below: str = "") -> list[Said]:
    """Alarms as texts or objects; `severity` is S2's where they do not say, empty: their name tells."""
    place: Place = (name, below) if below else (name,)
    if said is None:
        return []
    if not isinstance(said, list) or len(said) > 10 * MOST_ALARMS:
        reader.fault(place, "list_type", "Input should be an array of alarms", said)
        return []
    return [one for index, raw in enumerate(said) if (one := _one(reader, raw, (*place, index), severity)) is not None]


def _one(reader: _Reader, raw: Any, place: Place, severity: str) -> Said | None:
    if isinstance(raw, str):
        raw = {"code": raw}
    if not isinstance(raw, dict):
        reader.fault(place, "string_type", "Input should be an alarm: its code, or an object with `code`", raw)
        return None
    reader.once(raw, place)
    code = reader.text(raw, "code", place, LONGEST_CODE).strip() or reader.text(raw, "flag", place, LONGEST_CODE).strip()
    if not code:
        if not reader.faults:
            reader.fault((*place, "code"), "missing", "Field required")
        return None
    told = reader.text(raw, "severity", place).lower() or severity or _by_name(code)
    try:
        ours = from_pulsebms(told)
    except ValueError as error:
        reader.fault((*place, "severity"), "enum", str(error), told)
        return None
    value, limit = _figures(raw.get("data"))
    return Said(code, ours, reader.text(raw, "message", place, LONGEST_TEXT) or code, value, limit, _details(raw.get("data")))


def _details(figures: Any) -> str | None:
    """What `data` says, as a JSON text: its numbers, short texts and truth values, at most `MOST_DETAILS`; None where that is nothing."""
    if not isinstance(figures, dict):
        return None
    kept = {name: value for name, value in figures.items() if _is_kept(name) and _is_kept(value)}
    return orjson.dumps(dict(list(kept.items())[:MOST_DETAILS])).decode() if kept else None


def _is_kept(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= LONGEST_DETAIL and is_text(value)
    return isinstance(value, bool) or (isinstance(value, (int, float)) and abs(value) <= LARGEST)


def _by_name(code: str) -> str:
    return next((severity for part, severity in _SEVERITY_IN_NAME if part in code.lower()), "warning")


def _figures(figures: Any) -> tuple[float | None, float | None]:
    """What was measured and against what, where `data` says so: its `threshold` (or `limit`), and its one other quantity."""
    if not isinstance(figures, dict):
        return None, None
    numbers = {
        name: float(v) for name, v in figures.items() if isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) <= LARGEST
    }
    limit = numbers.pop("threshold", numbers.pop("limit", None))
    rest = [value for name, value in numbers.items() if not name.endswith(("number", "index", "id", "count"))]
    return (rest[0] if len(rest) == 1 else None), limit
