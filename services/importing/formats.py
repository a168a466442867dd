"""What a file format is: how its header looks, and how one line becomes readings. Pure: no files, no store."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from plant.model import Device, Reading, Value


class BadCell(ValueError):
    """A cell that cannot be read: `column` as the file names it, and why."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class BadFile(ValueError):
    """The file as a whole does not fit the format; one sentence."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the importer knows of a file besides its lines: name without suffix, the device id and zone asked for, the devices that
    exist (id → kinds), the header and the first lines (cells) to learn units from."""

    stem: str
    zone: ZoneInfo
    device: str | None = None
    kinds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    header: Sequence[str] = ()
    sample: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """The cells of a line by column name; the first of equal names counts."""

    places: Mapping[str, int]

    @classmethod
    def of(cls, header: Sequence[str]) -> "Columns":
        """The places of the names in a header, blanks around them ignored."""
        places: dict[str, int] = {}
        for place, name in enumerate(header):
            places.setdefault(name.strip(), place)
        return cls(places)

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def text(self, cells: Sequence[str], name: str) -> str:
        """The cell without blanks around it. Raises BadCell when it is empty."""
        text = cells[self.places[name]].strip()
        if not text:
            raise BadCell(name, "is empty")
        return text

    def number(self, cells: Sequence[str], name: str, silent: Sequence[str] = ()) -> float | None:
        """The number in a cell; None when the file has no such column, the cell is empty or says one of `silent`. Raises BadCell."""
        place = self.places.get(name)
        if place is None:
            return None
        text = cells[place].strip()
        if not text or text in silent:
            return None
        try:
            value = float(text)
        except ValueError:
            raise BadCell(name, f"'{text[:40]}' is not a number") from None
        if not math.isfinite(value):
            raise BadCell(name, f"'{text[:40]}' is not a finite number")
        return value


Decode = Callable[[Sequence[str]], list[Reading]]
"""Cells of one line → its readings (`received` 0). Raises BadCell; a line is kept whole or not at all."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that fits: `decode` for its lines, `describe` for the device behind a (device id, kind) it yields."""

    decode: Decode
    describe: Callable[[str, str], Device]


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file. `open` raises BadFile naming what is missing."""

    name: str
    title: str
    recognises: Callable[[Sequence[str]], bool]
    open: Callable[[Source], Opened]
    zone: str = "UTC"


def spoken(values: Mapping[str, Value | None]) -> dict[str, Value]:
    """The values without the silent ones; a vector of which every element is silent is silent."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and (isinstance(value, float) or any(element is not None for element in value))
    }


def missing(header: Sequence[str], needed: Sequence[str]) -> None:
    """Raises BadFile when a needed column is not in the header."""
    names = {name.strip() for name in header}
    absent = [name for name in needed if name not in names]
    if absent:
        raise BadFile(f"the header lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}")
