"""How a foreign number becomes a metric's: SQL that makes texts numbers without inventing any, and scale and offset afterwards."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from datastore.backends.solarhub.connections import quoted
from datastore.backends.solarhub.mapping import Place
from datastore.ports import Numbers
from plant.model import Value

_TEXT = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
_A_NUMBER = "^ *[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)? *$"
_BITS = "^[01]{1,64}$"


def expression(place: Place, column: str, kind: str) -> str:
    """SQL: the number in a column of MySQL type `kind` (information_schema's DATA_TYPE), NULL where there is none.

    A bare column stays bare: MIN and MAX of a FLOAT then come back as they were written.
    """
    name = quoted(column)
    if place.codes:
        # the texts travel as hexadecimal digits, so nothing in them can be read as SQL
        cases = " ".join(f"WHEN _utf8mb4 X'{text.encode().hex()}' THEN {code!r}" for text, code in place.codes.items())
        # a text of another character set is widened: what is compared may be 正常
        return f"(CASE {f'CONVERT({name} USING utf8mb4)' if kind in _TEXT else name} {cases} END)"
    if kind in _TEXT and place.binary:
        return f"(CASE WHEN {name} REGEXP '{_BITS}' THEN CONV({name}, 2, 10) + 0 END)"
    if kind in _TEXT:  # MySQL would read 'n/a' as 0
        return f"(CASE WHEN {name} REGEXP '{_A_NUMBER}' THEN {name} + 0e0 END)"
    return f"({name} + 0)" if kind == "bit" else name


def number(place: Place, text: Any) -> float | None:
    """The number a field of Redis holds (a text, or a JSON value), before scale and offset; None where there is none.

    >>> number(Place("mode", ("mode",), codes={"Standby": 1.0}), "Standby")
    1.0
    >>> number(Place("soc", ("soc",)), "n/a") is None
    True
    """
    if text is None or isinstance(text, bool):
        return None
    if place.codes:
        return place.codes.get(str(text))
    try:
        found = float(int(str(text), 2) if place.binary else float(text))
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def scaled(place: Place, values: Numbers) -> Numbers:
    """Scale and offset; of a scale like 0.001 the division by 1000, so that 3312 mV is exactly 3.312 V."""
    divisor = round(1 / place.scale)
    if abs(place.scale) < 1 and divisor and 1 / divisor == place.scale:
        values = values / divisor
    elif place.scale != 1:
        values = values * place.scale
    return values + place.offset if place.offset else values


def told(place: Place, found: Sequence[float | None]) -> Value | None:
    """One reading of a metric, scaled; None when it is silent."""
    if all(one is None for one in found):
        return None
    values = scaled(place, np.array(found, dtype=np.float64))
    if not place.is_vector:
        return float(values[0])
    return [None if math.isnan(one) else one for one in values.tolist()]
