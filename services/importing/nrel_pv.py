"""PVFleet files as pvanalytics ships them (NREL RSF II): one inverter and the weather beside it in one line, local time without a zone.

The columns are named `<what>__<sensor number>`. `inv2_…` is inverter 2. `ac_power_kw_1137` is the AC power of the whole system of
which inverter 2 is one part (2.4 times inverter 2 at noon), measured by another meter: it is not inverter 2's and becomes a meter device.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from plant.model import Device, Kind, Reading, Value
from services.importing.formats import BadCell, BadFile, Columns, Format, Opened, Source, spoken

_SENSOR = re.compile(r"_+\d{3,}\Z")
_TIME = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})(?::(\d{2}))?\Z", re.ASCII)
QUARTER_S = 900.0

PARTS: Mapping[str, tuple[str, str, float]] = {
    "ac_power_kw": (Kind.METER, "active_power", 1.0),
    "inv2_ac_power_w": (Kind.INVERTER, "total_active_power", 1000.0),
    "inv2_dc_power": (Kind.INVERTER, "dc_power", 1000.0),
    "inv2_dc_current": (Kind.INVERTER, "dc_current", 1.0),
    "inv2_dc_voltage": (Kind.INVERTER, "dc_voltage", 1.0),
    "inv2_temp": (Kind.INVERTER, "internal_temperature", 1.0),
    "ambient_temp": (Kind.WEATHER, "ambient_temp", 1.0),
    "module_temp": (Kind.WEATHER, "module_temp", 1.0),
    "poa_irradiance": (Kind.WEATHER, "poa_irradiance", 1.0),
    "poa_irradiance_refcell": (Kind.WEATHER, "poa_irradiance_refcell", 1.0),
    "refcell_temp": (Kind.WEATHER, "refcell_temp", 1.0),
    "wind_speed": (Kind.WEATHER, "wind_speed", 1.0),
}
"""Column without its sensor number → whose it is, the metric, and what to divide by to get the catalogue's unit (W → kW)."""


def quantity(column: str) -> str:
    """A column's name without its sensor number.

    >>> quantity("inv2_ac_power_w__1047"), quantity("ac_power_kw_1137")
    ('inv2_ac_power_w', 'ac_power_kw')
    """
    return _SENSOR.sub("", column.strip())


def recognises(header: Sequence[str]) -> bool:
    """A nameless or `measured_on` time column and an inverter's columns with sensor numbers."""
    return header[0].strip() in ("", "measured_on") and any(quantity(name) == "inv2_ac_power_w" for name in header[1:])


def open_file(source: Source) -> Opened:
    """The inverter is --device, else `nrel-rsf2-inv2` for NREL's file and the name of the file for others; the meter and the weather
    station are named after it."""
    known = [(place, name, *PARTS[quantity(name)]) for place, name in enumerate(source.header) if place and quantity(name) in PARTS]
    if not known:
        raise BadFile("no column of this file is a PVFleet quantity such as inv2_ac_power_w__1047")
    columns = Columns.of(source.header)
    ids = _ids(source)

    def decode(cells: Sequence[str]) -> list[Reading]:
        at = _instant(cells[0].strip(), source)
        found: dict[str, dict[str, Value | None]] = {}
        for _, name, kind, metric, divisor in known:
            value = columns.number(cells, name.strip())
            found.setdefault(kind, {})[metric] = None if value is None else value / divisor
        return [Reading(ids[kind], kind, at, said) for kind, values in found.items() if (said := spoken(values))]

    return Opened(decode, lambda device_id, kind: _describe(device_id, kind, ids, source))


def _ids(source: Source) -> dict[str, str]:
    if source.device is None and source.stem.lower() == "nrel_rsf_ii":
        return {Kind.INVERTER: "nrel-rsf2-inv2", Kind.METER: "nrel-rsf2-meter", Kind.WEATHER: "nrel-rsf2-weather"}
    inverter = source.device or source.stem
    return {Kind.INVERTER: inverter, Kind.METER: f"{inverter}-meter", Kind.WEATHER: f"{inverter}-weather"}


def _instant(text: str, source: Source) -> int:
    """Month first, as NREL writes; local time of `source.zone`, the first of the two where clocks go back."""
    match = _TIME.match(text)
    if match is None:
        raise BadCell("time", f"'{text[:40]}' is not a time such as 1/2/2022 13:45")
    month, day, year, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return round(datetime(year, month, day, hour, minute, second, tzinfo=source.zone).timestamp() * 1000)
    except ValueError as error:
        raise BadCell("time", f"'{text[:40]}': {error}") from None


_NAMES = {Kind.INVERTER: "NREL RSF II inverter 2", Kind.METER: "NREL RSF II system AC meter", Kind.WEATHER: "NREL RSF II weather"}


def _describe(device_id: str, kind: str, ids: Mapping[str, str], source: Source) -> Device:
    nrel = source.stem.lower() == "nrel_rsf_ii"
    name = _NAMES[Kind(kind)] if nrel else device_id
    return Device(
        device_id,
        kind,
        name,
        interval_s=QUARTER_S,
        info={
            "source": "NREL PVFleet, from pvanalytics" if nrel else source.stem,
            "format": FORMAT.name,
            "zone": source.zone.key,
            "attribution": "pvanalytics, MIT licence" if nrel else "",
        },
    )


FORMAT = Format("nrel_pv", "NREL PVFleet inverter and weather", recognises, open_file, zone="US/Mountain")
