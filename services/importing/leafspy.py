"""LeafSpy trip logs (CSV) of a Nissan Leaf: one line every few seconds with 96 cell voltages.

Units, each checked against the 2020 Leaf of TripViewer's example log:

* SOC is percent × 10 000, AHr is Ah × 10 000, cell pairs are mV; a negative cell is one that is being balanced.
* Pack Amps: discharge positive. They are positive whenever Motor Pwr is (correlation 0.90) and negative while it regenerates.
* Speed and Elv follow the app's distance unit. A Leaf's wheels turn 8.19 times slower than its motor, so RPM / Speed is 106 to 112
  per mph and 66 to 70 per km/h: the example has 109, so it is miles (and its odometer, always km, agrees within 3 %). Feet are
  confirmed by the energy balance: a unit climbed costs 5.3 kJ, which is m·g for 1.7 t in feet and would be 0.5 t in metres.
* Ambient follows the app's temperature unit. The car's sensor has steps of 0.5 °C, so 77.9 can only be °F.
* Motor Temp is the raw byte of the CAN bus, °C + 40 (the inverter temperatures, which this car does not report, stand at 40 = 0 °C).
* `epoch time` is the time; Date/Time is local without a zone and is not used. `none` is a missing sensor.
"""

from collections.abc import Sequence
from statistics import median

from plant import timeline
from plant.model import Device, Kind, Reading, Value
from services.importing.formats import BadCell, BadFile, Columns, Format, Opened, Source, missing, spoken

CELLS = tuple(f"CP{number}" for number in range(1, 97))
TEMPERATURES = tuple(f"Pack T{number} C" for number in range(1, 5))
NONE = ("none",)
MILE, FOOT = 1.609344, 0.3048
RPM_PER_SPEED = 88.0  # between 70 (km/h) and 106 (mph)

SCALARS: tuple[tuple[str, str, float, float], ...] = (
    ("soc", "SOC", 1e-4, 0.0),
    ("soh", "SOH", 1.0, 0.0),
    ("capacity_ah", "AHr", 1e-4, 0.0),
    ("conductance", "Hx", 1.0, 0.0),
    ("pack_voltage", "Pack Volts", 1.0, 0.0),
    ("pack_current", "Pack Amps", 1.0, 0.0),
    ("cell_max_voltage", "Max CP mV", 1e-3, 0.0),
    ("cell_min_voltage", "Min CP mV", 1e-3, 0.0),
    ("cell_avg_voltage", "Avg CP mV", 1e-3, 0.0),
    ("cell_voltage_diff", "CP mV Diff", 1e-3, 0.0),
    ("odo_km", "Odo(km)", 1.0, 0.0),
    ("motor_power", "Motor Pwr(w)", 1e-3, 0.0),
    ("motor_temp", "Motor Temp", 1.0, -40.0),
    ("motor_torque", "Torque Nm", 1.0, 0.0),
    ("motor_speed", "RPM", 1.0, 0.0),
    ("aux_battery_voltage", "12v Bat Volts", 1.0, 0.0),
    ("aux_battery_current", "12v Bat Amps", 1.0, 0.0),
)
"""Metric, column, factor, offset into the catalogue's unit."""


def recognises(header: Sequence[str]) -> bool:
    """LeafSpy's header has gids and cell pairs."""
    names = {name.strip() for name in header}
    return {"Gids", "CP1", "Pack Volts"} <= names


def imperial(columns: Columns, sample: Sequence[Sequence[str]]) -> bool:
    """Whether Speed is mph and Elv feet, from the ratio of motor to road speed; without a moving car, whether Ambient is °F."""
    ratios = []
    for cells in sample:
        try:
            rpm, speed = columns.number(cells, "RPM"), columns.number(cells, "Speed")
        except (BadCell, IndexError):
            continue
        if rpm and speed and speed >= 20:
            ratios.append(abs(rpm) / speed)
    return median(ratios) > RPM_PER_SPEED if ratios else fahrenheit(columns, sample)


def fahrenheit(columns: Columns, sample: Sequence[Sequence[str]]) -> bool:
    """Whether Ambient is °F: a value hotter than air ever was, or one that is no multiple of the sensor's 0.5 °C."""
    for cells in sample:
        try:
            value = columns.number(cells, "Ambient", NONE)
        except (BadCell, IndexError):
            continue
        if value is not None and (value > 60 or abs(value * 2 - round(value * 2)) > 0.01):
            return True
    return False


def open_file(source: Source) -> Opened:
    """Needs `epoch time` and the pack's columns; the device is --device, else the VIN of each line."""
    columns = Columns.of(source.header)
    missing(source.header, ("epoch time", "SOC", "Pack Volts", "Pack Amps"))
    if source.device is None and "VIN" not in columns:
        raise BadFile("the header lacks the column VIN; name the car with --device")
    in_miles, in_fahrenheit = imperial(columns, source.sample), fahrenheit(columns, source.sample)

    def decode(cells: Sequence[str]) -> list[Reading]:
        vin = source.device or columns.text(cells, "VIN")
        values: dict[str, Value | None] = {}
        for metric, column, factor, offset in SCALARS:
            raw = columns.number(cells, column, NONE)
            values[metric] = None if raw is None else _scaled(raw, factor) + offset
        values |= _road(columns, cells, in_miles)
        ambient = columns.number(cells, "Ambient", NONE)
        values["ambient_temp"] = round((ambient - 32) / 1.8, 2) if ambient is not None and in_fahrenheit else ambient
        values |= _cells(columns, cells)
        values |= _temperatures(columns, cells)
        return [Reading(vin, Kind.VEHICLE, _instant(columns, cells), spoken(values))]

    return Opened(decode, _describe)


def _scaled(raw: float, factor: float) -> float:
    """869720 × 10⁻⁴ → 86.972, not 86.97200000000001: the factors are powers of ten, so dividing is exact to the last digit."""
    return raw if factor == 1.0 else raw / round(1 / factor)


def _instant(columns: Columns, cells: Sequence[str]) -> int:
    try:
        return timeline.parse(columns.text(cells, "epoch time"))
    except BadCell:
        raise
    except ValueError as error:
        raise BadCell("epoch time", str(error)) from None


def _road(columns: Columns, cells: Sequence[str], in_miles: bool) -> dict[str, Value | None]:
    speed, height = columns.number(cells, "Speed", NONE), columns.number(cells, "Elv", NONE)
    if not in_miles:
        return {"speed": speed, "elevation": height}
    return {
        "speed": None if speed is None else round(speed * MILE, 3),
        "elevation": None if height is None else round(height * FOOT, 3),
    }


def _cells(columns: Columns, cells: Sequence[str]) -> dict[str, Value | None]:
    raw = [columns.number(cells, name, NONE) for name in CELLS]
    return {
        "cell_voltages": [None if value is None else abs(value) / 1000 for value in raw],
        "balancing_status": [None if value is None else float(value < 0) for value in raw],
    }


def _temperatures(columns: Columns, cells: Sequence[str]) -> dict[str, Value | None]:
    every = [columns.number(cells, name, NONE) for name in TEMPERATURES]
    known = [value for value in every if value is not None]
    if not known:
        return {}
    return {
        "cell_temperatures": every,
        "max_temp": max(known),
        "min_temp": min(known),
        "cell_avg_temp": round(sum(known) / len(known), 3),
        "cell_temp_diff": round(max(known) - min(known), 3),
    }


def _describe(device_id: str, kind: str) -> Device:
    return Device(
        device_id,
        kind,
        f"Nissan Leaf {device_id[-6:]}",
        interval_s=5.0,
        info={
            "source": "LeafSpy log",
            "format": FORMAT.name,
            "chemistry": "NMC",
            "attribution": "TripViewer examples/Log.csv by ericthobbs, MIT licence" if device_id == "1N4AZ1CP3LC123456" else "",
        },
    )


FORMAT = Format("leafspy", "LeafSpy trip log (electric car)", recognises, open_file)
