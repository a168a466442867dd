"""Influx line protocol: `measurement,tag=value field=1.5,other=2i 1769256300000000000`.

Syntax: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. As in Influx' own parser a comma, blank or equals sign
behind a backslash belongs to the name; a backslash before anything else stands for itself.
"""

import re
from collections.abc import Iterator, Mapping
from math import isfinite

from api.foreign.points import Broken, Point, Said
from plant.timeline import EARLIEST, LATEST

NANOSECONDS: Mapping[str, int] = {
    "ns": 1, "n": 1, "us": 1_000, "u": 1_000, "µ": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
}  # fmt: skip
"""Precision of timestamps → its unit [ns]; v2 knows ns, us, ms, s, v1 the others too."""

_BOOLEANS = dict.fromkeys(("t", "T", "true", "True", "TRUE"), True) | dict.fromkeys(("f", "F", "false", "False", "FALSE"), False)
_NUMBER_TEXT = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
"""There is one way only in which it matches a text: a row of these must not be tried in many."""
_NUMBER = re.compile(_NUMBER_TEXT, re.ASCII)
_MOST_SHAPES = 16
"""Patterns of fields made for one body."""
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)
_BLANK = re.compile(r"(?<!\\) +")
_COMMA = re.compile(r"(?<!\\),")
_EQUALS = re.compile(r"(?<!\\)=")
_FIELD = re.compile(r'((?:[^\\,= ]|\\.)+)=("(?:[^"\\]|\\.)*"|[^, ]+)', re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TEXT = re.compile(r'(?<!\\)="(?:[^"\\]|\\.)*"', re.DOTALL)
_OPENING = re.compile(r'(?<!\\)="')
_CLOSING = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL)
_IN_NAME = re.compile(r"\\([,= ])")
_IN_MEASUREMENT = re.compile(r"\\([, ])")
_IN_STRING = re.compile(r'\\(["\\])')


class _Unreadable(Exception):
    """Why this line cannot be read."""


class _Shapes:
    """Fields of the kind of line that comes most: once two lines in a row name the same fields, and all are plain numbers, the following
    ones are read in one match instead of many small steps."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], re.Pattern[str]] = {}
        self._names: tuple[str, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    def read(self, text: str) -> dict[str, Said] | None:
        """The fields, if they are those of the line before and plain; None when somebody has to look closer."""
        match = self._pattern.fullmatch(text) if self._pattern is not None else None
        if match is None:
            return None
        numbers = list(map(float, match.groups()))
        return dict(zip(self._names, numbers, strict=True)) if isfinite(sum(numbers)) else None

    def learn(self, fields: Mapping[str, Said]) -> None:
        """Remember what the line named."""
        names = tuple(fields)
        again, self._names = names == self._names, names
        self._pattern = self._known.get(names)
        if self._pattern is None and again and len(self._known) < _MOST_SHAPES and all(type(said) is float for said in fields.values()):
            self._pattern = re.compile(",".join(f"{re.escape(name)}=({_NUMBER_TEXT})" for name in names), re.ASCII)
            self._known[names] = self._pattern


def parse(body: bytes, unit: int) -> tuple[list[Point], list[Broken]]:
    """The points of a body, in order, and the lines that are none. `unit` is that of the timestamps [ns]."""
    try:
        text, whole = body.decode("utf-8"), True
    except UnicodeDecodeError:
        text, whole = body.decode("utf-8", "surrogateescape"), False
    points: list[Point] = []
    broken: list[Broken] = []
    heads: dict[str, tuple[str, dict[str, str]]] = {}
    shapes = _Shapes()
    for index, line in _lines(text):
        try:
            if not whole:
                _check_text(line)
            points.append(_point(index, line, unit, heads, shapes))
        except _Unreadable as fault:
            broken.append(Broken(index, str(fault)))
    return points, broken


def _check_text(line: str) -> None:
    if not line.isascii() and any("\ud800" <= character <= "\udfff" for character in line):
        raise _Unreadable("the line is not UTF-8")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are neither empty nor comments, numbered from 0; a text in quotes may go on over several."""
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        first, line = index, lines[index]
        index += 1
        if '"' in line and line.lstrip(" ")[:1] != "#" and (gap := _BLANK.search(line)) and _opens(line[gap.end() :]):
            after = _end_of_text(lines, index)
            if after is not None:  # a text that never ends costs only the line that began it
                line, index = "\n".join(lines[first:after]), after
        line = line.strip(" \r\t")
        if line and line[0] != "#":
            yield first, line


def _opens(fields: str) -> bool:
    """Whether a text is still open at the end; a quote that does not stand behind an equals sign is a letter of a name."""
    return _OPENING.search(_TEXT.sub("", fields)) is not None


def _end_of_text(lines: list[str], index: int) -> int | None:
    """The line behind the one in which the text that is open before `index` ends, and none begins that goes on."""
    while index < len(lines):
        closing = _CLOSING.match(lines[index])
        index += 1
        if closing is not None and not _opens(lines[index - 1][closing.end() :]):
            return index
    return None


def _point(index: int, line: str, unit: int, heads: dict[str, tuple[str, dict[str, str]]], shapes: _Shapes) -> Point:
    if "\\" in line or '"' in line or "  " in line:
        head, fields, stamp = _careful(line)
    else:
        parts = line.split(" ")
        if not 2 <= len(parts) <= 3:
            raise _Unreadable("a line is names, fields and at most one timestamp, parted by blanks")
        head, stamp = parts[0], parts[2] if len(parts) == 3 else ""
        known_shape = shapes.read(parts[1])
        if known_shape is None:
            fields = _plain_fields(parts[1])
            shapes.learn(fields)
        else:
            fields = known_shape
    known = heads.get(head)
    if known is None:  # the same devices speak again and again
        known = heads[head] = _head(head)
    return Point(index, known[0], known[1], fields, _instant(stamp, unit) if stamp else None)


def _plain_fields(text: str) -> dict[str, Said]:
    fields: dict[str, Said] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise _Unreadable(f"'{part[:40]}' is not a field: name=value")
        fields[name] = _value(value)
    return fields


def _careful(line: str) -> tuple[str, dict[str, Said], str]:
    """Head, fields and timestamp of a line with escapes, texts or several blanks."""
    gap = _BLANK.search(line)
    if gap is None:
        raise _Unreadable("the line has no fields")
    fields: dict[str, Said] = {}
    place = gap.end()
    while True:
        match = _FIELD.match(line, place)
        if match is None:
            raise _Unreadable(f"'{line[place : place + 40]}' does not begin with a field: name=value")
        name, value = match[1], match[2]
        fields[_IN_NAME.sub(r"\1", name)] = _value(value)
        place = match.end()
        if line[place : place + 1] != ",":
            break
        place += 1
    rest = line[place:]
    if rest and rest[0] != " ":
        raise _Unreadable(f"'{rest[:40]}' stands behind a value")
    return line[: gap.start()], fields, rest.strip(" ")


def _head(head: str) -> tuple[str, dict[str, str]]:
    """Measurement and tags."""
    measurement, *parts = _COMMA.split(head)
    if not measurement:
        raise _Unreadable("the line has no measurement")
    tags: dict[str, str] = {}
    for part in parts:
        pair = _EQUALS.split(part)
        if len(pair) != 2 or not pair[0] or not pair[1]:
            raise _Unreadable(f"'{part[:40]}' is not a tag: name=value")
        tags[_IN_NAME.sub(r"\1", pair[0])] = _IN_NAME.sub(r"\1", pair[1])
    if len(tags) != len(parts):
        raise _Unreadable("a tag stands twice in the line")
    return _IN_MEASUREMENT.sub(r"\1", measurement), tags


def _value(text: str) -> Said:
    if not text:
        raise _Unreadable("a field has no value")
    if text[0] == '"':
        if _STRING.fullmatch(text) is None:
            raise _Unreadable("a text does not end")
        return _IN_STRING.sub(r"\1", text[1:-1])
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[-1] in "iu":
        return _integer(text)
    if _NUMBER.fullmatch(text) is None:
        raise _Unreadable(f"'{text[:40]}' is no value: a number, a whole number with i or u, true, false or \"text\"")
    number = float(text)
    if number - number != 0:
        raise _Unreadable(f"'{text[:40]}' is not a finite number")
    return number


def _integer(text: str) -> int:
    """`-5i` within 64 bits with a sign, `5u` within 64 bits without."""
    low, high = (-(2**63), 2**63) if text[-1] == "i" else (0, 2**64)
    if _WHOLE.fullmatch(text[:-1]) is None or not low <= int(text[:-1]) < high:
        raise _Unreadable(f"'{text[:40]}' is not a whole number of 64 bits")
    return int(text[:-1])


def _instant(stamp: str, unit: int) -> int:
    if _WHOLE.fullmatch(stamp) is None or not -(2**63) <= int(stamp) < 2**63:
        raise _Unreadable(f"'{stamp[:40]}' is not a timestamp: a whole number of 64 bits")
    at = int(stamp) * unit // 1_000_000
    if not EARLIEST <= at <= LATEST:
        raise _Unreadable(f"the timestamp {stamp} is outside the years 1 to 9999; which precision is it in?")
    return at
