"""Messages kept whole: their fields stand at the top of the MongoDB document under their own names, beside `_id` and `received_at`.

Names that MongoDB refuses or that are ours are written as URLs write them (`$ref` → `%24ref`, `a.b` → `a%2Eb`, `%` → `%25`), and a
value that BSON has no form for (a whole number beyond 64 bits, nesting beyond what a server takes) as `{"%json": "its text"}`: no
name that was encoded looks like that.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from bson import DatetimeMS

from datastore.backends.mongo_link import Document
from datastore.backends.record_limits import MOST

_OURS = {"_id": "%5Fid", "received_at": "%72eceived_at"}
_EMPTY = "%"
_TEXT = "%json"
_DEEPEST = 80


def stored(document: Mapping[str, Any], received: int) -> Document:
    """The MongoDB document of a message of JSON values; `received` is epoch ms."""
    fields = {_OURS.get(name) or _encoded(name): _value(value, 1) for name, value in document.items()}
    return fields | {"received_at": DatetimeMS(received)}


def came(row: Mapping[str, Any]) -> Document:
    """The message of a MongoDB document."""
    return {_decoded(name): _back(value) for name, value in row.items() if name not in _OURS}


def _encoded(name: str) -> str:
    safe = name.replace("%", "%25").replace(".", "%2E").replace("\0", "%00")
    return f"%24{safe[1:]}" if safe.startswith("$") else safe or _EMPTY


def _decoded(name: str) -> str:
    return "" if name == _EMPTY else unquote(name)


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list) and depth == _DEEPEST or isinstance(value, int) and not -MOST <= value <= MOST:
        return {_TEXT: json.dumps(value)}
    if isinstance(value, dict):
        return {_encoded(name): _value(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_value(each, depth + 1) for each in value]
    return value


def _back(value: Any) -> Any:
    if isinstance(value, dict):
        return json.loads(value[_TEXT]) if _TEXT in value else {_decoded(name): _back(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_back(each) for each in value]
    # the driver's own kind of whole number
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
