"""Devices by their numbers: `bess03-rack07` is rack 7 of unit 3, and `/bess/3` and `?unit=3` say so too."""

import re
from collections.abc import Sequence

LARGEST = 999
"""A larger number at the end of an id is a serial number, not a place in the plant."""

_NUMBER = re.compile(r"(\d+)(?!.*\d)", re.ASCII)
_RACK = re.compile(r"(?i)(.+?)[-_./]rack[-_]?\d+\Z")


def number(device_id: str) -> int | None:
    """The last number in an id; None when it has none.

    >>> number("bess03-rack07"), number("bess03"), number("north")
    (7, 3, None)
    """
    found = _NUMBER.search(device_id)
    return int(found.group(1)) if found and len(found.group(1)) <= 18 else None


def numbered(ids: Sequence[str]) -> dict[int, str]:
    """Ids by number, ascending: the number they end in where it is within 1…999 and nobody before has it; the others take the numbers
    that are left, in their order.

    >>> numbered(["bess02", "bess01", "north", "ZHPESS232A230002"])
    {1: 'bess01', 2: 'bess02', 3: 'north', 4: 'ZHPESS232A230002'}
    """
    found: dict[int, str] = {}
    others = []
    for one in ids:
        own = number(one)
        if own is not None and 1 <= own <= LARGEST and own not in found:
            found[own] = one
        else:
            others.append(one)
    free = 0
    for one in others:
        free = next(n for n in range(free + 1, len(ids) + LARGEST + 1) if n not in found)
        found[free] = one
    return dict(sorted(found.items()))


def unit_of(rack_id: str, parent: str | None) -> str | None:
    """The id of the unit a rack stands in: its parent, else what its own id begins with; None when neither says.

    >>> unit_of("bess03-rack07", None), unit_of("north-7", "bess02"), unit_of("seven", None)
    ('bess03', 'bess02', None)
    """
    found = _RACK.match(rack_id)
    return parent or (found.group(1) if found else None)
