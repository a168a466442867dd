"""S3's messages of battery monitors and predictors: kept whole, and their numbers as readings of the pack they name as `source`.

Current and voltage are taken as they are sent; `Device.sign` says when a device counts charging as positive. A clock that is none
(seconds since start, years away, or a float32, which near 1.6e9 steps by 128 s) gives way to the time of receipt: the message then
carries that in `timestamp`, what the device said in `device_clock`, and `ts_quality: "received"`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from datastore.backends.record_limits import to_json
from datastore.intake import Intake
from datastore.store import Store
from datastore.vetting import LARGEST
from plant.errors import DeviceNotFound, Invalid
from plant.metrics import CATALOGUE
from plant.model import SECOND, Block, Device, Quality
from plant.timeline import parse, plausible

KIND = "pack"
METRICS: Mapping[str, str] = {
    "pack_voltage": "voltage",
    "pack_current": "current",
    "cell_temp": "temperature",
    "capacity_remaining": "capacity_remaining",
    "cycle_count": "cycle_count",
    "age_months": "age_months",
    "health_score": "health_score",
    "remaining_life_hours": "remaining_life_hours",
    "remaining_cycles": "remaining_cycles",
    "degradation_rate": "degradation_rate",
    "soc": "soc",
    "soh": "soh",
}
"""Number of a message → the metric its readings are of; other numbers stay in the message only."""
FLOAT32_STEP = 128 * SECOND
"""How far apart neighbouring float32 numbers are between 2^30 and 2^31, where epoch seconds of 2004…2038 lie [ms]."""
MOST_SOURCES = 10_000


@dataclass(frozen=True, slots=True)
class Form:
    """One sort of message: the collection it is kept in, what people call it, the numbers it must have, and who sends it unless it says."""

    collection: str
    title: str
    numbers: tuple[str, ...]
    source: str


MONITOR, PREDICTOR = "battery_monitor", "battery_ai_predictor"
DATA = Form("battery_data", "Battery data", ("pack_voltage", "pack_current", "cell_temp"), MONITOR)
PERFORMANCE = Form(
    "battery_performance",
    "Battery performance",
    ("pack_voltage", "pack_current", "cell_temp", "capacity_remaining", "cycle_count", "age_months", "health_score"),
    PREDICTOR,
)
PREDICTION = Form("battery_predictions", "Battery prediction", ("remaining_life_hours", "remaining_cycles", "degradation_rate"), PREDICTOR)


def form_of(body: Mapping[str, Any]) -> Form:
    """Performance or prediction, by the numbers a predictor's message has."""
    return PREDICTION if any(name in body for name in PREDICTION.numbers) else PERFORMANCE


@dataclass(frozen=True, slots=True)
class Message:
    """A message in order: the document to keep, and the reading made of it (one row)."""

    form: Form
    document: Mapping[str, Any]
    block: Block
    received: int

    @property
    def source(self) -> str:
        """The device it speaks for."""
        return str(self.block.rows[0][0])


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a message: its id, None while it waits in the spool; whether its readings wait there."""

    id: str | None
    spooled: bool


@dataclass(slots=True)
class _Heard:
    """What a source said last: its time, what it said with it, when that was kept. `fine` = its clock tells more than float32 can."""

    newest: int = 0
    said: int = 0
    told: tuple[Any, ...] = ()
    at: int = 0
    fine: bool = False


class SourceClocks:
    """Times for messages whose own clock is of no use. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._heard: dict[str, _Heard] = {}

    def received(self, source: str, at: int) -> int:
        """The time of receipt, later than any this source was given before [epoch ms]."""
        with self._lock:
            heard = self._of(source)
            heard.newest = max(at, heard.newest + 1)
            return heard.newest

    def settle(self, form: Form, source: str, said: int, told: tuple[Any, ...], received: int) -> int | None:
        """The time at which a message that says the plausible time `said` is to be kept, when that clock is a float32; None when it
        can be believed. The same message again gets the time it had."""
        with self._lock:
            heard = self._of(f"{source}\n{form.collection}")  # one predictor sends both sorts with one stamp
            again = heard.said == said and heard.told == told
            steps = heard.said == said and heard.told != told and bool(heard.told)
            heard.fine = heard.fine or said % FLOAT32_STEP != 0
            if said % FLOAT32_STEP or heard.fine or not (steps or heard.at or abs(received - said) <= FLOAT32_STEP):
                heard.said, heard.told, heard.at = said, told, 0
                return None
            if not (again and heard.at):
                heard.newest = heard.at = max(received, heard.newest + 1)
            heard.said, heard.told = said, told
            return heard.at

    def _of(self, source: str) -> _Heard:
        found = self._heard.get(source)
        if found is None:
            if len(self._heard) >= MOST_SOURCES:
                self._heard.clear()
            found = self._heard[source] = _Heard()
        return found


_clocks: "WeakKeyDictionary[Intake, SourceClocks]" = WeakKeyDictionary()


def clocks_of(store: Store) -> SourceClocks:
    """The clocks of the sources that send to this store through this process."""
    return _clocks.setdefault(store.intake, SourceClocks())


def read(form: Form, body: Mapping[str, Any], received: int, clocks: SourceClocks) -> Message:
    """The message of a JSON object that came at `received` [epoch ms]. Raises Invalid."""
    source = body.get("source") or form.source
    if not isinstance(source, str):
        raise _wrong("source", "a source is text", source)
    _check_whole(body)
    numbers = {METRICS[name]: _number(name, body[name]) for name in METRICS if body.get(name) is not None}
    if not numbers:
        raise _wrong("values", f"the message has none of {', '.join(METRICS)}", None)
    document = dict(body) | {"source": source}
    stamp = body.get("timestamp")
    if not stamp:
        arrived = clocks.received(source, received)
        return _message(form, document | {"timestamp": arrived / SECOND}, source, arrived, numbers, received)
    try:
        said = parse(stamp)
    except ValueError as error:
        raise _wrong("timestamp", str(error), stamp) from None
    if not plausible(said, received):
        # the intake gives it the time of receipt, and knows the same packet when it comes again
        return _message(form, _restamped(document, stamp, received), source, said, numbers, received)
    at = clocks.settle(form, source, said, tuple(numbers.items()), received)
    if at is None:
        return _message(form, document, source, said, numbers, received)
    numbers["device_clock"] = said / SECOND
    return _message(form, _restamped(document, stamp, at), source, at, numbers, received, Quality.CLOCK)


def by_arrival(form: Form, numbers: Mapping[str, float], source: str, clock: float, received: int, clocks: SourceClocks) -> Message:
    """The message of a record without names, whose clock [s] only tells how the device counts. `numbers` as in METRICS. Raises Invalid."""
    values = {METRICS[name]: _number(name, value) for name, value in numbers.items()} | {"device_clock": clock}
    arrived = clocks.received(source, received)
    document = _restamped({**numbers, "source": source}, clock, arrived)
    return _message(form, document, source, arrived, values, received, Quality.CLOCK)


def keep(store: Store, messages: Sequence[Message]) -> list[Kept]:
    """Keep readings and messages durably, in their order. Raises Invalid, DeviceNotFound, Unavailable; what was kept before that stays."""
    outcomes = store.intake.accept([message.block for message in messages])
    kept = []
    for message, outcome in zip(messages, outcomes, strict=True):
        kept.append(Kept(store.messages.keep(message.form.collection, message.document, message.received), bool(outcome.spooled)))
    return kept


def newest(store: Store, form: Form) -> Mapping[str, Any] | None:
    """The message of this sort that came last; None when there is none."""
    return next(iter(store.records.documents(form.collection, 0, 1)), None)


def history(store: Store, form: Form, since: int, limit: int) -> list[Mapping[str, Any]]:
    """At most `limit` messages received at or after `since` [epoch ms], newest first."""
    return store.records.documents(form.collection, since, limit)


def specifications(store: Store, device_id: str) -> dict[str, Any] | None:
    """The nameplate of a pack as it is registered; None when nobody wrote one."""
    try:
        device: Device = store.records.device(device_id, KIND)
    except DeviceNotFound:
        return None
    told = {**device.rating, **({"chemistry": device.info["chemistry"]} if device.info.get("chemistry") else {})}
    return {"device_id": device_id, "name": device.name, **told} if told else None


def thresholds() -> dict[str, dict[str, Any]]:
    """Number of a message → unit, and the limits of the catalogue outside which it needs attention (`low`, `high`) or is urgent."""
    found = {}
    for name, metric in METRICS.items():
        about = CATALOGUE[metric]
        limits = dict(zip(("low", "high", "alarm_low", "alarm_high"), (*about.normal, *about.alarm), strict=True))
        if any(limit is not None for limit in limits.values()):
            found[name] = {"unit": about.unit, **limits}
    return found


def _message(
    form: Form, document: Mapping[str, Any], source: str, at: int, numbers: Mapping[str, float], received: int, quality: int = 0
) -> Message:
    row = (source, at, received, int(quality), *numbers.values())
    return Message(form, document, Block(KIND, tuple(numbers), [row]), received)


def _restamped(document: Mapping[str, Any], clock: Any, at: int) -> dict[str, Any]:
    return {**document, "timestamp": at / SECOND, "device_clock": clock, "ts_quality": "received"}


def _check_whole(body: Mapping[str, Any]) -> None:
    """Before anything is kept: what could be kept but not be told again (whole numbers beyond 64 bits, nesting without end), or not be
    kept by every store, is refused."""
    to_json(dict(body), "the message")
    try:
        orjson.dumps([[body]])  # as deep as it is ever told
    except TypeError as error:
        raise Invalid(f"the message cannot be kept as JSON: {error}") from None


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -LARGEST <= value <= LARGEST:
        raise _wrong(name, "not a finite number", value)
    return float(value)


def _wrong(field: str, reason: str, value: Any) -> Invalid:
    return Invalid(f"{field}: {reason}", field_errors=[{"field": field, "message": reason, "received_value": str(value)[:80]}])
