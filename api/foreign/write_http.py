"""collectd's write_http JSON: https://collectd.org/wiki/index.php/JSON. A value list becomes a point whose measurement is the plugin."""

from collections.abc import Mapping, Sequence
from typing import Any

from api import exact
from api.foreign.points import Broken, Point, Said


def parse(entries: Sequence[Any]) -> tuple[list[Point], list[Broken]]:
    """The points of an array of value lists. A field is named after the type instance, else after the type, with `.name` behind where
    its value is not called `value`. The tags are host, plugin, plugin_instance, type, type_instance."""
    points: list[Point] = []
    broken: list[Broken] = []
    for index, entry in enumerate(entries):
        try:
            points.append(_point(index, entry))
        except _Unreadable as fault:
            broken.append(Broken(index, str(fault)))
    return points, broken


class _Unreadable(Exception):
    """Why this is no value list."""


_TEXTS = ("host", "plugin", "plugin_instance", "type", "type_instance")


def _point(index: int, entry: Any) -> Point:
    if not isinstance(entry, dict) or isinstance(entry, exact.Repeated):
        raise _Unreadable("a value list is an object without repeated keys")
    tags: dict[str, str] = {}
    for name in _TEXTS:
        said = entry.get(name, "")
        if not isinstance(said, str):
            raise _Unreadable(f"{name} is text")
        if said:
            tags[name] = said
    if "host" not in tags or "plugin" not in tags or "type" not in tags:
        raise _Unreadable("a value list has host, plugin and type")
    return Point(index, tags["plugin"], tags, _fields(entry, tags), _instant(entry))


def _fields(entry: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Said]:
    values = entry.get("values")
    if not isinstance(values, list) or not values:
        raise _Unreadable("values is an array with at least one number")
    names = entry.get("dsnames", ["value"] if len(values) == 1 else [str(place) for place in range(len(values))])
    if not isinstance(names, list) or len(names) != len(values) or not all(isinstance(name, str) for name in names):
        raise _Unreadable("dsnames is an array of texts, one for each value")
    stem = tags.get("type_instance", tags["type"])
    fields: dict[str, Said] = {}
    for name, value in zip(names, values, strict=True):
        if value is None:
            continue  # collectd says null, or NaN, for a value it does not know
        if isinstance(value, float) and value != value:
            continue
        try:
            fields[stem if name == "value" else f"{stem}.{name}"] = exact.number(value, ("values", name))
        except exact.Fault as fault:
            raise _Unreadable(f"values: {fault.error.message}") from None
    return fields


def _instant(entry: Mapping[str, Any]) -> int | None:
    """collectd's epoch seconds, with fractions [epoch ms]."""
    time = entry.get("time")
    if time is None:
        return None
    try:
        seconds = exact.number(time, ("time",), -62_135_596_800, 253_402_300_799)
    except exact.Fault as fault:
        raise _Unreadable(f"time: {fault.error.message}") from None
    return round(seconds * 1000)
