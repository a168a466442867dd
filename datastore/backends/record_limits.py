"""What every store of the records can give back as it was. What one of them could not is refused by all of them. (MariaDB knows no
-0.0: it comes back as 0.0, which equals it.)"""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from datastore.ports import DOCUMENTS, DRAWERS
from plant.errors import Invalid

LENGTHS: Mapping[str, int] = {
    "device_id": 128,
    "kind": 32,
    "name": 255,
    "site_id": 128,
    "parent": 128,
    "status": 32,
    "code": 128,
    "severity": 32,
    "metric": 128,
    "acknowledged_by": 255,
    "mode": 64,
    "quote_code": 128,
    "username": 255,
    "password_hash": 512,
    "email": 320,
    "token_id": 255,
    "who": 255,
    "action": 128,
    "shelved_by": 255,
    "drawer": 32,
    "id": 128,
    "subject": 255,
    "state": 32,
}
"""Field → most characters. Fields that are not named here may be long."""
MOST = 2**63 - 1
"""The largest whole number."""
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")


def check(row: Mapping[str, Any]) -> None:
    """Raises Invalid naming the first field that cannot be kept: a text too long for its field or not expressible in UTF-8 without
    NUL, a whole number beyond 64 bits, a float that is none. Other values are not looked at."""
    for name, value in row.items():
        if isinstance(value, str):
            _check_text(name, value)
        elif isinstance(value, float) and not isfinite(value):
            raise Invalid(f"{name} cannot be kept: {value} is not a number")
        elif isinstance(value, int) and not is_countable(value):
            raise Invalid(f"{name} cannot be kept: the number is beyond 64 bits")


def _check_text(name: str, text: str) -> None:
    if len(text) > LENGTHS.get(name, len(text)):
        raise Invalid(f"{name} cannot be kept: it is longer than {LENGTHS[name]} characters")
    if not is_text(text):
        raise Invalid(f"{name} cannot be kept: it contains NUL or half a surrogate pair")


def is_text(text: str) -> bool:
    """Whether this is text for all databases.

    >>> [is_text(text) for text in ("電🔋", "\\0", "\\ud83d")]
    [True, False, False]
    """
    return _UNKEEPABLE.search(text) is None


def is_countable(number: int) -> bool:
    """Whether this is a number for all databases."""
    return -MOST <= number <= MOST


def bound(instant: int) -> int:
    """The instant, or the nearest one a database can compare with."""
    return max(-MOST, min(instant, MOST))


def to_json(value: Any, what: str) -> str:
    """The JSON text of a value. Raises Invalid naming `what` when JSON has no form for it."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        text.encode()  # half a surrogate pair has no form that every reader takes
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"{what} cannot be kept as JSON: {error}") from None


def legible(name: str, text: str) -> str:
    """The text as it can be kept, cut and cleaned where it must be, for a log that would rather have part of it than none.

    >>> legible("action", "a\\0" + 200 * "b")[:3], len(legible("action", 200 * "b"))
    ('a�b', 128)
    """
    cleaned = _UNKEEPABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    most = LENGTHS.get(name, len(cleaned))
    return cleaned if len(cleaned) <= most else cleaned[: most - 1] + "…"


def check_collection(collection: str) -> None:
    """Raises Invalid for a collection that is none of `DOCUMENTS`."""
    if collection not in DOCUMENTS:
        raise Invalid(f"there is no collection {collection!r} of documents, only {', '.join(DOCUMENTS)}")


def check_drawer(drawer: str) -> None:
    """Raises Invalid for a drawer that is none of `DRAWERS`."""
    if drawer not in DRAWERS:
        raise Invalid(f"there is no drawer {drawer!r}, only {', '.join(DRAWERS)}")
