"""What a reading must look like before it is kept: pure checks, made at C speed where nothing is odd.

A block is first surveyed column by column; only when the survey cannot vouch for every row are the rows looked at one by
one, and then each refusal names its row, its field and its reason.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from plant.errors import MetricNotFound
from plant.metrics import KINDS, Metric, metric
from plant.model import Block

HEAD = 4
"""Row columns before the values: device id, at, received, quality."""
LONGEST_ID = 128
LONGEST_VECTOR = 10_000
RESERVED_IDS = frozenset({"coordinator", "fleet", "system", "devices", "store", "register", "alert"})
"""Ids that are path segments of the interfaces and therefore name no device."""
SIGNED = frozenset({"current", "power", "pack_current"})
"""Metrics whose sign a device may count the other way round (`Device.sign`)."""
_INT64 = 2**63
LARGEST = math.nextafter(float(_INT64), 0.0)
"""No quantity of a plant is larger, and every driver can bind it; beyond is refused like infinity."""
_OWN = (float, int)
_NONE: frozenset[str] = frozenset()
_PLANS_KEPT = 4096

Row = tuple[Any, ...]
Ids = Mapping[str, AbstractSet[str]]
"""Kind → device ids."""
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Rejected:
    """Row `index` (counted over all blocks of the call, in order) cannot be kept: `field` is at fault, `reason` is a sentence."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the catalogue says about one (kind, metrics); positions count from the first value. Bounds are finite, so that
    one comparison tells both an infinite and an impossible value."""

    width: int
    metrics: tuple[Metric, ...]
    scalars: tuple[int, ...]
    vectors: tuple[int, ...]
    signed: tuple[int, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    low: np.ndarray[Any, np.dtype[np.float64]]
    high: np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Survey:
    """A block whose every row may be kept: its device ids, the extremes of its times, and which rows hold impossible values
    (None = no row)."""

    ids: AbstractSet[str]
    first: int
    last: int
    received_first: int
    received_last: int
    impossible: Mask | None


class Unsound(Exception):
    """What is looked at cannot be kept: `field` is at fault, `reason` is a sentence."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field, self.reason = field, reason


_plans: dict[tuple[str, tuple[str, ...]], Plan] = {}


def plan_of(kind: str, metrics: tuple[str, ...]) -> Plan:
    """The plan of blocks of this shape. Raises Unsound(field, reason) when the catalogue has no such kind or metric."""
    found = _plans.get((kind, metrics))
    if found is None:
        found = _make_plan(kind, metrics)
        if len(_plans) >= _PLANS_KEPT:
            _plans.clear()
        _plans[kind, metrics] = found
    return found


def check(blocks: Sequence[Block], known: Ids | None = None, gone: Ids | None = None) -> tuple[list[Block], list[Rejected]]:
    """The rows that can be kept, as blocks in the order given (a block without good rows is dropped), and why the rest cannot.

    `known` is the devices that exist (None lets any well-formed id in), `gone` those that were deleted. Only form is judged:
    impossible values and clocks are kept and flagged by the intake.
    """
    good: list[Block] = []
    rejected: list[Rejected] = []
    start = 0
    for block in blocks:
        kept, refused = check_block(block, start, known, gone)
        if kept.rows:
            good.append(kept)
        rejected += refused
        start += len(block.rows)
    return good, rejected


def check_block(block: Block, start: int = 0, known: Ids | None = None, gone: Ids | None = None) -> tuple[Block, list[Rejected]]:
    """One block without its bad rows (the block itself when there are none); `start` is the index of its first row."""
    try:
        plan = plan_of(block.kind, block.metrics)
    except Unsound as fault:
        return Block(block.kind, block.metrics, []), [Rejected(start + at, fault.field, fault.reason) for at in range(len(block.rows))]
    seen = survey(block, plan)
    if seen is not None and all(device_fault(device, block.kind, known, gone) is None for device in seen.ids):
        return block, []
    return _sift(block, plan, start, known, gone)


def device_fault(device: Any, kind: str, known: Ids | None, gone: Ids | None) -> str | None:
    """Why no reading can be kept for this device; None when it can."""
    if known is None or device not in known.get(kind, _NONE):
        fault = id_fault(device)
        if fault:
            return fault
        if known is not None:
            return f"no {kind} device '{device}' is registered"
    if gone and device in gone.get(kind, _NONE):
        return f"{kind} device '{device}' was deleted"
    return None


def survey(block: Block, plan: Plan) -> Survey | None:
    """The facts about a block whose rows are all well formed; None when that cannot be said quickly."""
    rows = block.rows
    try:
        if len(rows) == 1:
            return _survey_row(rows[0], plan)
        return _survey_rows(rows, plan) if rows else None
    except (TypeError, ValueError, OverflowError, struct.error):
        return None


def _survey_row(row: Row, plan: Plan) -> Survey | None:
    if len(row) != plan.width:
        return None
    device, at, received, quality, *values = row
    if type(at) is not int or type(received) is not int or not isinstance(quality, int) or type(device) is not str:
        return None
    if not -_INT64 <= at < _INT64 or not 0 <= received < _INT64 or not -_INT64 <= quality < _INT64:
        return None
    impossible = False
    silent = True
    for place, value in enumerate(values):
        if value is None:
            continue
        silent = False
        low, high = plan.lows[place], plan.highs[place]
        if type(value) is float or type(value) is int:
            if plan.metrics[place].is_vector:
                return None
            if not low <= value <= high:
                if not -LARGEST <= value <= LARGEST:
                    return None
                impossible = True
        elif not plan.metrics[place].is_vector:
            return None
        else:
            odd = _vector_impossible(value, low, high)
            if odd is None:
                return None
            impossible = impossible or odd
    if silent:
        return None
    return Survey({device}, at, at, received, received, np.array([True]) if impossible else None)


def _survey_rows(rows: list[Row], plan: Plan) -> Survey | None:
    columns = tuple(zip(*rows, strict=True))
    if len(columns) != plan.width or not all(map(_plain, columns[1:HEAD])):
        return None
    ids = set(columns[0])
    # struct is the fastest way from objects to an array, and as strict as wanted: None and text are errors
    at, received, _quality = (np.frombuffer(struct.pack(f"{len(rows)}q", *column), dtype=np.int64) for column in columns[1:HEAD])
    if not all(type(device) is str for device in ids):
        return None
    received_first = int(received.min())
    if received_first < 0:
        return None
    values = columns[HEAD:]
    impossible: Mask | None = None
    if plan.scalars:
        facts = _scalars_impossible([values[place] for place in plan.scalars] if plan.vectors else values, plan, silence=bool(plan.vectors))
        if facts is None:
            return None
        impossible = np.broadcast_to(facts, len(rows)) if facts.any() else None
    for place in plan.vectors:
        odd = [value is not None and _vector_impossible(value, plan.lows[place], plan.highs[place]) for value in values[place]]
        if None in odd:
            return None
        if True in odd:
            mask: Mask = np.array(odd, dtype=np.bool_)
            impossible = mask if impossible is None else np.bitwise_or(impossible, mask)
    if plan.vectors and any(all(value is None for value in row[HEAD:]) for row in rows):
        return None
    return Survey(ids, int(at.min()), int(at.max()), received_first, int(received.max()), impossible)


def _scalars_impossible(columns: Sequence[tuple[Any, ...]], plan: Plan, silence: bool) -> Mask | None:
    """Which rows hold a number outside its range; None when a value is no number (or, without `silence`, a row says nothing)."""
    try:
        packed = b"".join([struct.pack(f"{len(column)}d", *column) for column in columns])
    except struct.error:
        return _with_silence(columns, plan, silence)
    if not all(map(_plain, columns)):
        return None
    matrix = np.frombuffer(packed, dtype=np.float64).reshape(len(columns), -1)
    fine: Mask = (matrix >= plan.low) & (matrix <= plan.high)
    if fine.all():
        return np.zeros(1, dtype=np.bool_)
    if not (np.abs(matrix) <= LARGEST).all():
        return None
    return np.logical_not(fine.all(axis=0))


def _plain(column: Sequence[Any]) -> bool:
    """Whether all are Python's own numbers: a foreign one (which a driver may take for a blob) makes the sum foreign too."""
    return type(sum(column)) in _OWN


def _with_silence(columns: Sequence[tuple[Any, ...]], plan: Plan, silence: bool) -> Mask | None:
    kinds = set(map(type, chain.from_iterable(columns)))
    if not kinds <= {float, int, bool, type(None)}:
        return None
    matrix = np.array(columns, dtype=np.float64)
    silent = np.isnan(matrix)
    if int(silent.sum()) != sum(column.count(None) for column in columns) or (not silence and silent.all(axis=0).any()):
        return None
    known = np.where(silent, 0.0, matrix)
    if not (np.abs(known) <= LARGEST).all():
        return None
    fine: Mask = silent | ((matrix >= plan.low) & (matrix <= plan.high))
    return np.logical_not(fine.all(axis=0))


def _vector_impossible(value: Any, low: float, high: float) -> bool | None:
    """Whether a vector holds an impossible element; None when it is no flat list of finite numbers and Nones."""
    if type(value) is not list and type(value) is not tuple:
        return None
    if not 0 < len(value) <= LONGEST_VECTOR:
        return None
    try:
        total = sum(value)
    except TypeError:
        if None not in value:
            return None
        return _sparse_impossible(value, low, high)
    if type(total) not in _OWN or not math.isfinite(total):
        return None
    least, most = min(value), max(value)
    if least < -LARGEST or most > LARGEST:
        return None
    return not (low <= least and most <= high)


def _sparse_impossible(value: Sequence[Any], low: float, high: float) -> bool | None:
    speaking = [element for element in value if element is not None]
    return _vector_impossible(speaking, low, high) if speaking else False


def _sift(block: Block, plan: Plan, start: int, known: Ids | None, gone: Ids | None) -> tuple[Block, list[Rejected]]:
    """Row by row: the good rows with plain Python values, and the fault of every other."""
    good: list[Row] = []
    rejected: list[Rejected] = []
    for position, row in enumerate(block.rows):
        try:
            good.append(_plain_row(row, plan, block.kind, known, gone))
        except Unsound as fault:
            rejected.append(Rejected(start + position, fault.field, fault.reason))
    return Block(block.kind, block.metrics, good), rejected


def _plain_row(row: Any, plan: Plan, kind: str, known: Ids | None, gone: Ids | None) -> Row:
    if not isinstance(row, (tuple, list)) or len(row) != plan.width:
        raise Unsound("values", f"a row has {plan.width} columns: device id, at, received, quality and {plan.width - HEAD} values")
    device, at, received, quality, *values = row
    fault = device_fault(device, kind, known, gone)
    if fault:
        raise Unsound("device_id", fault)
    instants = [_instant(at, "timestamp"), _instant(received, "received"), _instant(quality, "quality")]
    if instants[1] < 0:
        raise Unsound("received", "the time of receipt lies before 1970")
    plain = [_plain_value(value, column) for value, column in zip(values, plan.metrics, strict=True)]
    if all(value is None for value in plain):
        raise Unsound("values", "the reading says nothing: every value is empty")
    return (device, *instants, *plain)


def id_fault(device: Any) -> str | None:
    """Why this cannot be a device's id; None when it can."""
    if not isinstance(device, str):
        return "a device id is text"
    if not 0 < len(device) <= LONGEST_ID:
        return f"a device id has 1 to {LONGEST_ID} characters"
    if not device.isprintable() or device != device.strip():
        return "a device id has only printable characters and no blanks around it"
    if device in RESERVED_IDS:
        return f"'{device}' is reserved and names no device"
    return None


def _instant(value: Any, field: str) -> int:
    if not isinstance(value, (int, np.integer)):
        raise Unsound(field, f"{_shown(value)} is not a whole number")
    if not -_INT64 <= int(value) < _INT64:
        raise Unsound(field, f"{_shown(value)} does not fit 64 bits")
    return int(value)


def _plain_value(value: Any, column: Metric) -> Any:
    if value is None:
        return None
    if not column.is_vector:
        return _number(value, column.name)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise Unsound(column.name, f"{_shown(value)} is not a list: {column.name} is a vector")
    if not 0 < len(value) <= LONGEST_VECTOR:
        raise Unsound(column.name, f"a vector has 1 to {LONGEST_VECTOR} elements, not {len(value)}")
    return [None if element is None else _number(element, f"{column.name}[{at}]") for at, element in enumerate(value)]


def _number(value: Any, field: str) -> float:
    if not isinstance(value, (int, float, np.integer, np.floating, np.bool_)):
        raise Unsound(field, f"{_shown(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        raise Unsound(field, f"{_shown(value)} is out of range") from None
    if not math.isfinite(number):
        raise Unsound(field, f"{number} is not a finite number")
    if abs(number) > LARGEST:
        raise Unsound(field, f"{_shown(value)} is out of range")
    return number


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits has no repr
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "…"


def _make_plan(kind: str, metrics: tuple[str, ...]) -> Plan:
    if kind not in KINDS:
        raise Unsound("kind", f"'{kind}' is not a kind of device: {', '.join(KINDS)}")
    if not metrics:
        raise Unsound("values", "the reading names no metric")
    found: list[Metric] = []
    for name in metrics:
        try:
            found.append(metric(name, kind))
        except MetricNotFound as fault:
            raise Unsound(name, f"{fault.message} for kind '{kind}'") from None
    if len(set(metrics)) != len(metrics):
        raise Unsound("values", "a metric is named twice")
    bounds = [_bounds(column) for column in found]
    scalars = tuple(at for at, column in enumerate(found) if not column.is_vector)
    return Plan(
        width=HEAD + len(metrics),
        metrics=tuple(found),
        scalars=scalars,
        vectors=tuple(at for at, column in enumerate(found) if column.is_vector),
        signed=tuple(at for at, column in enumerate(found) if column.name in SIGNED),
        lows=tuple(low for low, _ in bounds),
        highs=tuple(high for _, high in bounds),
        low=np.array([[bounds[at][0]] for at in scalars]),
        high=np.array([[bounds[at][1]] for at in scalars]),
    )


def _bounds(column: Metric) -> tuple[float, float]:
    """The physically possible range; words and codes are bounded by their width and states."""
    low, high = column.valid
    if column.width:
        low, high = 0, 2**column.width - 1
    elif column.states:
        low, high = min(column.states), max(column.states)
    return (-LARGEST if low is None else float(low), LARGEST if high is None else float(high))
