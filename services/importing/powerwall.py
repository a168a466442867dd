"""Daily energies of a home with solar and a battery, as the Powerwall app exports them: kWh per day, times with offsets.

A line is stamped with the local start of its day, 00:00, or 01:00 in most lines before 2024 (an artefact of the export), with the offset
of the season. The reading is kept at the instant the file gives: in the home's own zone that is the day meant.
"""

from collections.abc import Sequence

from plant import timeline
from plant.model import DAY, SECOND, Device, Kind, Reading
from services.importing.formats import BadCell, Columns, Format, Opened, Source, missing, spoken

TIME = "Date time"
ENERGIES = {
    "home_energy": "Home (kWh)",
    "battery_energy": "From Powerwall (kWh)",
    "solar_energy": "Solar Energy (kWh)",
    "grid_import_energy": "From Grid (kWh)",
    "grid_export_energy": "To Grid (kWh)",
}
"""Metric → column; both in kWh."""


def recognises(header: Sequence[str]) -> bool:
    """The Powerwall column gives it away."""
    names = {name.strip() for name in header}
    return {TIME, ENERGIES["battery_energy"]} <= names


def open_file(source: Source) -> Opened:
    """The device is --device, else the name of the file."""
    missing(source.header, (TIME, *ENERGIES.values()))
    columns = Columns.of(source.header)
    device_id = source.device or source.stem

    def decode(cells: Sequence[str]) -> list[Reading]:
        text = columns.text(cells, TIME)
        try:
            at = timeline.parse(text, source.zone)
        except ValueError as error:
            raise BadCell(TIME, str(error)) from None
        values = {metric: columns.number(cells, column) for metric, column in ENERGIES.items()}
        return [Reading(device_id, Kind.HOME, at, spoken(values))]

    return Opened(decode, _describe)


def _describe(device_id: str, kind: str) -> Device:
    attribution = "craigahobbs/solar, MIT licence" if device_id == "powerwall_home_daily" else ""
    return Device(
        device_id,
        kind,
        "Home with Powerwall",
        interval_s=DAY / SECOND,
        info={"source": "Powerwall app export, daily", "format": FORMAT.name, "attribution": attribution},
    )


FORMAT = Format("powerwall", "Powerwall daily energies of a home", recognises, open_file, zone="America/Los_Angeles")
