"""What somebody wants a device to do, and whether it makes sense at all."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plant.analysis import command_safety, commands
from plant.analysis.commands import EMERGENCY
from plant.errors import Invalid

LONGEST = 16_384
"""Characters of a command's parameters, or of what a device answers, as JSON."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants a device to do; `source` is who."""

    device_id: str
    type: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: int = 30
    priority: str = "normal"
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def check_json(name: str, value: Any) -> None:
    """Raises Invalid unless `value` is a JSON value that every store and every reader can keep, of at most LONGEST characters."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        raise fault(name, "must hold numbers and text only, no NaN, no infinity", None) from None
    if len(text) > LONGEST:
        raise fault(name, f"must not exceed {LONGEST} characters of JSON", None)
    if not _keepable(value):
        raise fault(name, "must not hold NUL or whole numbers beyond 2^53", None)


def _keepable(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_keepable(key) and _keepable(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_keepable, value))
    if isinstance(value, str):
        return "\0" not in value
    return not isinstance(value, (int, float)) or (math.isfinite(value) and (isinstance(value, float) or abs(value) <= 2**53))


def check(order: Order) -> None:
    """Raises Invalid for an order that makes no sense, whatever the device."""
    if order.type not in commands.TYPES:
        raise fault("command_type", f"must be one of {', '.join(commands.TYPES)}", order.type)
    if order.priority not in commands.PRIORITIES:
        raise fault("priority", f"must be one of {', '.join(commands.PRIORITIES)}", order.priority)
    if not 1 <= order.timeout_s <= 300:
        raise fault("timeout_seconds", "must be within 1 and 300", order.timeout_s)
    check_json("parameters", order.parameters)
    check_json("metadata", order.metadata)
    if order.type != EMERGENCY:
        for name, reason in command_safety.malformed(order.parameters).items():
            raise fault(f"parameters.{name}", reason, order.parameters[name])


def fault(field_name: str, message: str, received: Any) -> Invalid:
    """What is wrong with one field, as every door tells it."""
    return Invalid(f"{field_name}: {message}", field_errors=[{"field": field_name, "message": message, "received_value": _shown(received)}])


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int)) else str(value)[:120]
