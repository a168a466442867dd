"""Units and racks by their numbers: `bess03-rack07` is rack 7 of unit 3, and `/bess?unit=3&rack=7` says so too."""

import re
from collections.abc import Sequence

from dashboard.loads.fleet import Fleet, batteries
from dashboard.page import Scope
from dashboard.words import word
from plant.model import Device, Kind

_NUMBER = re.compile(r"(\d+)(?!.*\d)")


def number(device_id: str) -> int | None:
    """The last number in an id; None when it has none.

    >>> number("bess03-rack07"), number("bess03"), number("north")
    (7, 3, None)
    """
    found = _NUMBER.search(device_id)
    return int(found.group(1)) if found else None


def numbered(devices: Sequence[Device]) -> dict[int, Device]:
    """Devices by number: that in their id where all have a different one, else their place in the list."""
    numbers = [number(device.device_id) for device in devices]
    if None in numbers or len(set(numbers)) < len(numbers):
        return dict(enumerate(devices, start=1))
    return {n: device for n, device in zip(numbers, devices, strict=True) if n is not None}


def units(plant: Fleet) -> dict[int, Device]:
    """BESS units by number."""
    return dict(sorted(numbered(batteries(plant)).items()))


def racks(plant: Fleet, unit: Device) -> dict[int, Device]:
    """Racks of a unit by number."""
    return dict(sorted(numbered([rack for rack in plant.of(Kind.RACK) if rack.parent == unit.device_id]).items()))


def chosen_unit(plant: Fleet, scope: Scope) -> tuple[int, Device] | None:
    """The unit the scope asks for, the first when it asks for none; None when that one does not exist."""
    found = units(plant)
    wanted = scope.unit if scope.unit is not None else next(iter(found), None)
    return (wanted, found[wanted]) if wanted in found and wanted is not None else None


def chosen_rack(plant: Fleet, scope: Scope) -> tuple[int, int, Device] | None:
    """(unit number, rack number, rack) the scope asks for, the first rack when it names none; None when there is no such rack."""
    unit = chosen_unit(plant, scope)
    if unit is None:
        return None
    found = racks(plant, unit[1])
    wanted = scope.rack if scope.rack is not None else next(iter(found), None)
    return (unit[0], wanted, found[wanted]) if wanted in found and wanted is not None else None


def unit_name(unit: int, lang: str) -> str:
    """`BESS 3`."""
    return word("name.unit", lang, n=unit)


def rack_name(rack: int, lang: str) -> str:
    """`Rack 07`, as in S1's table."""
    return word("name.rack", lang, n=f"{rack:02d}")
