"""The mapping file: which column of which table is which metric of which device. TOML, checked when it is read.

`docs/solarhub.md` explains the file, `mapping.toml` beside this module is the shipped one. Whatever is wrong is one line that names
the file, the place in it and the key.
"""

import itertools
import re
import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datastore.backends.solarhub.clocks import FORMS, Clock
from datastore.backends.solarhub.installation import Installation
from plant.errors import MetricNotFound
from plant.metrics import KINDS, metric

MOST_ELEMENTS = 1000
MOST_DEVICES = 10_000


class MappingError(ValueError):
    """The mapping file makes no sense; the message is one line with file, place and key."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one metric stands: `names` are columns (names of a narrow table, fields of a hash), one for a scalar, one an element
    for a vector. A number read becomes `number * scale + offset`. `codes` turns texts into numbers, `binary` reads a word of 0 and 1."""

    metric: str
    names: tuple[str, ...]
    is_vector: bool = False
    scale: float = 1.0
    offset: float = 0.0
    codes: Mapping[str, float] = field(default_factory=dict)
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """The device a table or a hash speaks of. `counted`: the number of such devices comes from a setting, so it exists without rows too."""

    device_id: str
    kind: str
    name: str
    parent: str | None
    interval_s: float
    counted: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One device's rows in one table: those in which every column of `keys` has its value. `narrow` are the columns that hold the name
    and the number of one metric a row; without it a row holds all metrics."""

    thing: Thing
    server: str
    setting: str
    database: str
    name: str
    clock: Clock
    keys: tuple[tuple[str, str], ...]
    places: tuple[Place, ...]
    narrow: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Hash:
    """One device's newest values in Redis: a hash, or a JSON object kept as a string."""

    thing: Thing
    server: str
    number: int
    key: str
    form: str
    clock: Clock
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Awards:
    """The table of schedule events: field of the document → column."""

    server: str
    setting: str
    database: str
    name: str
    form: str
    zone: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a mapping file says, with all its patterns written out for one installation."""

    tables: tuple[Table, ...]
    hashes: tuple[Hash, ...]
    awards: Awards | None


AWARD_FIELDS = (
    "index", "mode", "time_start", "time_end", "is_get", "interrupt", "quote_capacity", "power", "price",
    "quote_price", "quote_code", "title", "description",
)  # fmt: skip
AWARD_NEEDS = ("mode", "time_start", "time_end")

_THING = {"device", "kind", "name", "parent", "interval_s"}
_KEYS = {
    "table": _THING | {"host", "database", "table", "time", "key", "metrics", "narrow"},
    "redis": _THING | {"host", "db", "key", "form", "time", "metrics"},
    "schedule": {"host", "database", "table", "form", "zone", "columns"},
}
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_SPEC = re.compile(r"(0?[1-9])?d?\Z")
_PLACE = {"scale", "offset", "sign", "codes", "binary"}


def read(path: Path, installation: Installation) -> Layout:
    """The mapping for this installation. Raises MappingError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: {error}".replace("\n", " ")) from None
    return _Reader(path, installation).mapping(document)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where in the file we are, for messages."""

    path: Path
    where: str = ""

    def __truediv__(self, key: str) -> "_Spot":
        return _Spot(self.path, f"{self.where}.{key}" if self.where else key)

    def wrong(self, what: str) -> MappingError:
        return MappingError(f"{self.path}: {self.where}: {what}")


class _Reader:
    def __init__(self, path: Path, installation: Installation) -> None:
        self._root = _Spot(path)
        self._installation = installation
        self._zone = installation.zone
        self._numbers: dict[str, range] = {}
        self._counted: set[str] = set()

    def mapping(self, document: Mapping[str, Any]) -> Layout:
        _only(self._root, document, {"zone", "numbers", "table", "redis", "schedule"})
        if "zone" in document:
            self._zone = _zone(self._root / "zone", document["zone"], self._zone)
        self._read_numbers(document.get("numbers", {}))
        tables = [table for spot, entry in self._entries(document, "table") for table in self._tables(spot, entry)]
        hashes = [found for spot, entry in self._entries(document, "redis") for found in self._hashes(spot, entry)]
        if not tables:
            raise (self._root / "table").wrong("there is none, so nothing would be read")
        awards = self._awards(self._root / "schedule", document["schedule"]) if "schedule" in document else None
        self._refuse_doubles(tables)
        return Layout(tuple(tables), tuple(hashes), awards)

    def _entries(self, document: Mapping[str, Any], name: str) -> Iterator[tuple[_Spot, Mapping[str, Any]]]:
        entries = document.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise (self._root / name).wrong(f"must be written as [[{name}]]")
        for number, entry in enumerate(entries, 1):
            spot = self._root / f"{name} {number} ({entry.get('table', entry.get('key', '?'))})"
            _only(spot, entry, _KEYS[name])
            yield spot, entry

    def _read_numbers(self, numbers: Any) -> None:
        spot = self._root / "numbers"
        for name, entry in _table(spot, numbers).items():
            here = spot / name
            if not _NAME.match(name) or name in ("site", "bess_type", "pcs_type"):
                raise here.wrong("is no name for a number: lower-case letters, digits and _, and not one of those that are there")
            entry = _table(here, entry)
            _only(here, entry, {"setting", "most"})
            most, setting = entry.get("most"), _text(here / "setting", entry.get("setting", ""))
            if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= MOST_DEVICES:
                raise (here / "most").wrong(f"must be a whole number within 1…{MOST_DEVICES}")
            count = self._installation.numbers.get(setting)
            if count is not None:
                self._counted.add(name)
            self._numbers[name] = range(1, 1 + (most if count is None else count))

    # -- tables -----------------------------------------------------------------------------------------------------

    def _tables(self, spot: _Spot, entry: Mapping[str, Any]) -> Iterator[Table]:
        server = self._host(spot, entry)
        keys = {name: _text(spot / "key" / name, value) for name, value in _table(spot / "key", entry.get("key", {})).items()}
        narrow = self._narrow(spot / "narrow", entry.get("narrow"))
        clock = self._clock(spot / "time", entry.get("time"), "column")
        database, name = _needed(spot, entry, "database"), _needed(spot, entry, "table")
        for values in self._each(spot, [database, name, _needed(spot, entry, "device"), *keys.values()]):
            setting = _fill(spot / "database", database, values)
            if setting not in self._installation.databases:
                raise (spot / "database").wrong(f"{setting} is none of the settings DB_NAME_ESS … DB_NAME_BESS12")
            thing = self._thing(spot, entry, values)
            table = Table(
                thing, server, setting, self._installation.databases[setting], _fill(spot / "table", name, values), clock,
                tuple((column, _fill(spot / "key" / column, value, values)) for column, value in keys.items()),
                self._places(spot / "metrics", entry.get("metrics"), thing.kind, values, "column"), narrow,
            )  # fmt: skip
            if server in self._installation.servers:
                yield table

    def _narrow(self, spot: _Spot, entry: Any) -> tuple[str, str] | None:
        if entry is None:
            return None
        _only(spot, _table(spot, entry), {"name", "value"})
        return _needed(spot, entry, "name"), _needed(spot, entry, "value")

    def _hashes(self, spot: _Spot, entry: Mapping[str, Any]) -> Iterator[Hash]:
        server, key, form = self._host(spot, entry), _needed(spot, entry, "key"), entry.get("form", "hash")
        if form not in ("hash", "json"):
            raise (spot / "form").wrong(f"{form!r} is neither hash nor json")
        number = entry.get("db", 0)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1024:
            raise (spot / "db").wrong("is not the number of a Redis database")
        clock = self._clock(spot / "time", entry.get("time"), "field")
        for values in self._each(spot, [key, _needed(spot, entry, "device")]):
            thing = self._thing(spot, entry, values)
            places = self._places(spot / "metrics", entry.get("metrics"), thing.kind, values, "field")
            found = Hash(thing, server, number, _fill(spot / "key", key, values), form, clock, places)
            if server in self._installation.caches:
                yield found

    def _awards(self, spot: _Spot, entry: Any) -> Awards | None:
        _only(spot, _table(spot, entry), _KEYS["schedule"])
        setting = _needed(spot, entry, "database")
        if setting not in self._installation.databases:
            raise (spot / "database").wrong(f"{setting} is none of the settings DB_NAME_ESS … DB_NAME_BESS12")
        columns = {name: _text(spot / "columns" / name, column) for name, column in _table(spot / "columns", entry.get("columns")).items()}
        _only(spot / "columns", columns, set(AWARD_FIELDS))
        for name in AWARD_NEEDS:
            if name not in columns:
                raise (spot / "columns").wrong(f"{name} is missing")
        form, zone = self._form(spot, entry.get("form", "datetime")), _zone(spot / "zone", entry.get("zone", ""), self._zone)
        server, name = self._host(spot, entry), _needed(spot, entry, "table")
        if server not in self._installation.servers:
            return None
        return Awards(server, setting, self._installation.databases[setting], name, form, zone if form == "datetime" else "UTC", columns)

    # -- parts ------------------------------------------------------------------------------------------------------

    def _host(self, spot: _Spot, entry: Mapping[str, Any]) -> str:
        host = str(entry.get("host", "main"))
        if host not in ("main", "gtr"):
            raise (spot / "host").wrong(f"{host!r} is neither main nor gtr")
        return host

    def _each(self, spot: _Spot, patterns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """All combinations of the numbers that the patterns name, with the words that are always there."""
        named = list(dict.fromkeys(name for pattern in patterns for name in _fields(spot, pattern)))
        fixed = self._words()
        for name in named:
            if name not in self._numbers and name not in fixed:
                raise spot.wrong(f"{{{name}}} is none of {', '.join(sorted({*self._numbers, *fixed}))}")
        free = [name for name in named if name in self._numbers]
        for combination in itertools.product(*(self._numbers[name] for name in free)):
            yield {**fixed, **dict(zip(free, combination, strict=True))}

    def _words(self) -> dict[str, str]:
        types = self._installation.types
        return {"site": self._installation.site_id, "bess_type": types.get("BESS_TYPE", "BESS"), "pcs_type": types.get("PCS_TYPE", "PCS")}

    def _thing(self, spot: _Spot, entry: Mapping[str, Any], values: Mapping[str, Any]) -> Thing:
        kind = _needed(spot, entry, "kind")
        if kind not in KINDS:
            raise (spot / "kind").wrong(f"{kind!r} is none of {', '.join(KINDS)}")
        interval = entry.get("interval_s", 1.0)
        if not isinstance(interval, int | float) or isinstance(interval, bool) or not 0 < interval <= 86400:
            raise (spot / "interval_s").wrong("must be seconds within 0…86400")
        parent = entry.get("parent")
        return Thing(
            _fill(spot / "device", _needed(spot, entry, "device"), values),
            kind,
            _fill(spot / "name", _text(spot / "name", entry.get("name", "")), values),
            None if parent is None else _fill(spot / "parent", _text(spot / "parent", parent), values),
            float(interval),
            all(name in self._counted for name in values if name in self._numbers),
        )

    def _clock(self, spot: _Spot, entry: Any, word: str) -> Clock:
        entry = _table(spot, entry)
        _only(spot, entry, {word, "form", "zone"})
        form = self._form(spot, entry.get("form"))
        zone = _zone(spot / "zone", entry.get("zone", ""), self._zone)
        return Clock(_needed(spot, entry, word), form, zone if form == "datetime" else "UTC")

    def _form(self, spot: _Spot, form: Any) -> str:
        if form not in FORMS:
            raise (spot / "form").wrong("is missing" if form is None else f"{form!r} is none of {', '.join(FORMS)}")
        return str(form)

    def _places(self, spot: _Spot, entries: Any, kind: str, values: Mapping[str, Any], word: str) -> tuple[Place, ...]:
        entries = _table(spot, entries)
        if not entries:
            raise spot.wrong("there is none")
        return tuple(self._place(spot / name, name, entry, kind, values, word) for name, entry in entries.items())

    def _place(self, spot: _Spot, name: str, entry: Any, kind: str, values: Mapping[str, Any], word: str) -> Place:
        try:
            is_vector = metric(name, kind).is_vector
        except MetricNotFound:
            raise spot.wrong(f"a {kind} has no metric of this name in the catalogue") from None
        entry = {word: entry} if isinstance(entry, str) else _table(spot, entry)
        pattern = _needed(spot, entry, word)
        ranges = {key: _range(spot / key, bounds) for key, bounds in entry.items() if key not in {word, *_PLACE}}
        if is_vector != bool(ranges):
            wanted = "a vector needs the range of its elements, such as m = [1, 21]" if is_vector else "a scalar has no range"
            raise spot.wrong(f"{wanted}; unknown here: {', '.join(ranges)}" if ranges else wanted)
        scale, offset = _number(spot / "scale", entry.get("scale", 1)), _number(spot / "offset", entry.get("offset", 0))
        sign = entry.get("sign", 1)
        if sign not in (1, -1):
            raise (spot / "sign").wrong("must be 1 or -1")
        if not scale:
            raise (spot / "scale").wrong("must not be 0")
        texts = _table(spot / "codes", entry.get("codes", {}))
        codes = {text: _number(spot / "codes" / text, code) for text, code in texts.items()}
        binary = entry.get("binary", False)
        if not isinstance(binary, bool) or (binary and codes):
            raise (spot / "binary").wrong("must be true or false, and not together with codes")
        names = tuple(_elements(spot / word, pattern, {**values}, ranges))
        return Place(name, names, is_vector, scale * sign, offset * sign, codes, binary)

    def _refuse_doubles(self, tables: Iterable[Table]) -> None:
        seen: dict[tuple[str, str, str], Table] = {}
        for table in tables:
            thing = table.thing
            for place in table.places:
                other = seen.setdefault((thing.device_id, thing.kind, place.metric), table)
                if other is not table:
                    both = f"{other.setting} {other.name} and {table.setting} {table.name}"
                    raise (self._root / f"{thing.device_id} ({thing.kind})" / place.metric).wrong(f"is in two places, {both}")


def _only(spot: _Spot, entry: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in entry:
        if key not in set(known):
            raise (spot / key).wrong(f"is unknown here, known are {', '.join(sorted(known))}")


def _table(spot: _Spot, entry: Any) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise spot.wrong("is missing" if entry is None else "must be a table of keys and values")
    return entry


def _text(spot: _Spot, value: Any) -> str:
    if not isinstance(value, str):
        raise spot.wrong("must be a text")
    return value


def _needed(spot: _Spot, entry: Mapping[str, Any], key: str) -> str:
    value = _text(spot / key, entry.get(key, ""))
    if not value:
        raise (spot / key).wrong("is missing")
    return value


def _number(spot: _Spot, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -1e12 < value < 1e12:
        raise spot.wrong("must be a number")
    return float(value)


def _range(spot: _Spot, bounds: Any) -> range:
    fits = isinstance(bounds, list) and len(bounds) == 2 and all(isinstance(n, int) and not isinstance(n, bool) for n in bounds)
    if not fits or not 0 <= bounds[0] <= bounds[1] < MOST_ELEMENTS:
        raise spot.wrong("must be the first and the last number of the elements, such as [1, 21]")
    return range(bounds[0], bounds[1] + 1)


def _zone(spot: _Spot, name: Any, default: str) -> str:
    try:
        return ZoneInfo(_text(spot, name)).key if name else default
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise spot.wrong(f"{name!r} is not an IANA time zone such as Asia/Taipei") from None


def _fields(spot: _Spot, pattern: str) -> list[str]:
    """The names in braces of a pattern such as `rack{rack:02d}`."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError as error:
        raise spot.wrong(f"the pattern {pattern!r} is broken: {error}") from None
    for _, name, spec, conversion in parts:
        if name is not None and (not _NAME.match(name) or not _SPEC.match(spec or "") or conversion):
            raise spot.wrong(f"the pattern {pattern!r} is broken: {{{name}}} must be a name, or a name and digits such as {{n:02d}}")
    return [name for _, name, _, _ in parts if name is not None]


def _fill(spot: _Spot, pattern: str, values: Mapping[str, Any]) -> str:
    for name in _fields(spot, pattern):
        if name not in values:
            raise spot.wrong(f"{{{name}}} in {pattern!r} is none of {', '.join(sorted(values))}")
    try:
        return pattern.format(**values)
    except ValueError:
        raise spot.wrong(f"the pattern {pattern!r} formats a word as a number") from None


def _elements(spot: _Spot, pattern: str, values: Mapping[str, Any], ranges: Mapping[str, range]) -> Iterator[str]:
    """The names a pattern stands for: one for a scalar; for a vector one an element, the last number in the pattern counting fastest."""
    free = [name for name in dict.fromkeys(_fields(spot, pattern)) if name in ranges]
    for name in ranges:
        if name not in free:
            raise (spot / name).wrong(f"is unknown here: {pattern!r} does not name it")
    combinations = list(itertools.product(*(ranges[name] for name in free)))
    if len(combinations) > MOST_ELEMENTS:
        raise spot.wrong(f"{len(combinations)} elements are more than {MOST_ELEMENTS}")
    for combination in combinations:
        yield _fill(spot, pattern, {**values, **dict(zip(free, combination, strict=True))})
