"""The slow, exact reading of a JSON body: used only when the fast decoder refuses, to name what is wrong and where."""

import json
from typing import Any

from api.errors import FieldError, invalid


class Repeated(dict[str, Any]):
    """An object in which a key came twice; `key` is the first such."""

    key: str = ""


def load(body: bytes) -> Any:
    """The JSON value of `body`, `NaN` and the infinities included as floats (so that whoever checks can name their place), objects
    with a repeated key as `Repeated`. Raises Invalid when it is no JSON at all."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid(
            [FieldError(("body", error.start), "utf8_invalid", f"The body is not UTF-8: byte {error.start} makes no sense")]
        ) from None
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise invalid(
            [FieldError(("body", error.pos), "json_invalid", f"JSON decode error at character {error.pos}: {error.msg}")]
        ) from None
    except RecursionError:
        raise invalid([FieldError(("body",), "json_too_deep", "The JSON is nested too deeply")]) from None
    except ValueError:
        raise invalid([FieldError(("body",), "json_invalid", "The JSON holds a number of too many digits")]) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    seen: set[str] = set()
    repeated = Repeated(plain)
    for key, _ in pairs:
        if key in seen:
            repeated.key = key
            break
        seen.add(key)
    return repeated


def number(value: Any, loc: tuple[str | int, ...], low: float | None = None, high: float | None = None) -> float:
    """A finite number within `low`…`high`. Raises Fault."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Fault(loc, "float_type", "Input should be a valid number", value)
    try:
        plain = float(value)
    except OverflowError:
        raise Fault(loc, "finite_number", "Input should be a finite number", value) from None
    if plain - plain != 0:
        raise Fault(loc, "finite_number", "Input should be a finite number", value)
    if low is not None and plain < low:
        raise Fault(loc, "greater_than_equal", f"Input should be greater than or equal to {low:g}", value)
    if high is not None and plain > high:
        raise Fault(loc, "less_than_equal", f"Input should be less than or equal to {high:g}", value)
    return plain


class Fault(Exception):
    """One field is wrong."""

    def __init__(self, loc: tuple[str | int, ...], kind: str, message: str, received: Any = None) -> None:
        super().__init__(message)
        self.error = FieldError(loc, kind, message, received)
