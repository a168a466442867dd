"""Units and racks by their numbers: `bess03-rack07` is rack 7 of unit 3, and `/bess?unit=3&rack=7` says so too."""

from collections.abc import Sequence

from dashboard.loads.fleet import Fleet, batteries
from dashboard.page import Scope
from dashboard.words import word
from plant import numbering
from plant.model import Device, Kind


def numbered(devices: Sequence[Device]) -> dict[int, Device]:
    """Devices by number, as `plant.numbering` gives them."""
    found = {device.device_id: device for device in devices}
    return {n: found[device_id] for n, device_id in numbering.numbered(list(found)).items()}


def units(plant: Fleet) -> dict[int, Device]:
    """BESS units by number."""
    return numbered(batteries(plant))


def racks(plant: Fleet, unit: Device) -> dict[int, Device]:
    """Racks of a unit by number."""
    return numbered([rack for rack in plant.of(Kind.RACK) if numbering.unit_of(rack.device_id, rack.parent) == unit.device_id])


def holders(plant: Fleet) -> dict[int, Device]:
    """Whatever has racks or cells, by number: the units, and packs that stand beside BESS after them."""
    banks = {device.device_id for device in plant.of(Kind.BESS)}
    return numbered([*plant.of(Kind.BESS), *(pack for pack in plant.of(Kind.PACK) if pack.device_id not in banks)])


def chosen_unit(plant: Fleet, scope: Scope) -> tuple[int, Device] | None:
    """The unit or pack the scope asks for, the first when it asks for none; None when that one does not exist."""
    found = holders(plant)
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


def unit_label(unit: int, device: Device, lang: str) -> str:
    """`BESS 3`; a pack by its own name."""
    return unit_name(unit, lang) if device.kind == Kind.BESS else device.name or device.device_id


def rack_name(rack: int, lang: str) -> str:
    """`Rack 07`, as in S1's table."""
    return word("name.rack", lang, n=f"{rack:02d}")
