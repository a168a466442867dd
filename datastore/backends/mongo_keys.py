"""Device and instant in one integer, so that one index, that of `_id`, finds, orders and tells apart the documents of a collection.

A reading, a minute and a chunk: `device << 43 | ts`, sorted by device, then time. Devices are 1 … 2²⁰−1, times epoch ms from 1970 to
2⁴³−1 ms (September 2248); together 63 bits, a positive BSON int64.
A day of hours: `device << 33 | metric << 17 | day`, days counted since 1970, metrics below 2¹⁶.
"""

from typing import Any

from plant.errors import Invalid
from plant.model import DAY

_TS_BITS = 43
LATEST = (1 << _TS_BITS) - 1
"""The last instant that has a key: 2248-09-26."""
MOST_DEVICES = (1 << 20) - 1
MOST_METRICS = (1 << 16) - 1
PER_DEVICE = 1 << _TS_BITS
_METRIC_BITS, _DAY_BITS = 16, 17

Query = dict[str, Any]


def check_instant(ts: int) -> None:
    """Raises Invalid for an instant without a key."""
    if not 0 <= ts <= LATEST:
        raise Invalid(f"MongoDB keeps instants from 1970 to September 2248, {ts} ms is none of them")


def check_device(device: int) -> None:
    """Raises Invalid for a device number beyond the key."""
    if not 0 < device <= MOST_DEVICES:
        raise Invalid(f"MongoDB keeps readings of at most {MOST_DEVICES} devices, number {device} is one too many")


def instant_key(device: int, ts: int) -> int:
    """The `_id` of what stands at this instant. Raises Invalid beyond the bounds."""
    check_instant(ts)
    return device << _TS_BITS | ts


def device_of(key: int) -> int:
    """The device of an instant key."""
    return key >> _TS_BITS


def ts_of(key: int) -> int:
    """The instant of an instant key."""
    return key & LATEST


def instants(device: int, start: int = 0, end: int = PER_DEVICE) -> Query:
    """The condition start ≤ ts < end on the instant keys of a device; any bounds will do."""
    low, high = max(start, 0), min(end, PER_DEVICE)
    first = device << _TS_BITS
    return {"_id": {"$gte": first + low, "$lt": first + max(low, high)}}


def day_key(device: int, metric: int, day: int) -> int:
    """The `_id` of the hours of one metric on the UTC day that starts at `day`."""
    check_instant(day)
    return (device << _METRIC_BITS | metric) << _DAY_BITS | day // DAY


def metric_and_day(key: int) -> tuple[int, int]:
    """(metric, start of the day) of a day key."""
    return key >> _DAY_BITS & MOST_METRICS, (key & (1 << _DAY_BITS) - 1) * DAY


def days(device: int, metric: int, start: int, end: int) -> Query:
    """The condition start ≤ day < end on the day keys of one metric; any bounds will do."""
    first = (device << _METRIC_BITS | metric) << _DAY_BITS
    low, high = (-(-min(max(ts, 0), PER_DEVICE) // DAY) for ts in (start, end))
    return {"_id": {"$gte": first + low, "$lt": first + max(low, high)}}


def days_of(device: int) -> Query:
    """The condition that picks all day keys of a device."""
    bits = _METRIC_BITS + _DAY_BITS
    return {"_id": {"$gte": device << bits, "$lt": (device + 1) << bits}}
