"""The demo plant's devices and awards, as the records keep them. Everything is marked simulated."""

from datastore.ports import Records
from plant.model import Device, Kind, ScheduleEvent, Window
from plant.simulation import Design
from plant.simulation.design import CAPACITY_AH, CELL_NOMINAL, LINE_VOLTAGE, PCS_KW
from plant.simulation.dispatch import events
from plant.simulation.instruments import METER_PHASE_V
from plant.simulation.pv import ALPHA, BETA, PEAK, RATED, STRINGS, TRACKERS
from plant.simulation.sun import TILT
from services.config import Config

_BITS = [
    {"en": "cell voltages far apart", "zh": "電芯壓差過大", "es": "tensiones de celda muy dispersas"},
    {
        "en": "warmer than the other batteries of its rack",
        "zh": "較同架其他電池溫度高",
        "es": "más caliente que las demás baterías del rack",
    },
    {"en": "cell temperature high", "zh": "電芯溫度偏高", "es": "temperatura de celda alta"},
]
_FUNCTIONS = {
    "67": {
        "en": "state of charge far from the other racks",
        "zh": "電量與其他電池架差異過大",
        "es": "carga muy distinta de los demás racks",
    },
    "69": {"en": "temperature spread high", "zh": "溫差過大", "es": "dispersión de temperatura alta"},
}
WARRANTY = {
    "source": "demo, not a contract",
    "limits": [
        {"of": "efc", "most": 6000},
        {"of": "throughput_mwh", "most": 16000},
        {"of": "c_rate", "most": 0.6},
        {"of": "temperature_hours", "above": 35, "most": 300, "per": "year"},
        {"of": "soc_hours", "below": 10, "most": 400, "per": "year"},
        {"of": "rest_hours", "above": 90, "most": 1000, "per": "year"},
    ],
}
"""Limits of the demo plant's units, so that its warranty ledger has something to show."""
WORDS = {"battery_warning": _BITS, "battery_alarm": _BITS, "bams_status": _FUNCTIONS}
"""What the words of the racks mean (`plant.wording`)."""
_RUNNING = [
    {"en": "ready", "zh": "就緒", "es": "listo"},
    {"en": "gates on", "zh": "閘極導通", "es": "disparo activo"},
    {"en": "charging", "zh": "充電中", "es": "cargando"},
    {"en": "discharging", "zh": "放電中", "es": "descargando"},
]
_GRID = [
    {"en": "grid within limits", "zh": "電網正常", "es": "red dentro de límites"},
    {"en": "frequency far off", "zh": "頻率偏離過大", "es": "frecuencia muy desviada"},
]
_HOT = [{"en": "IGBT temperature high", "zh": "IGBT 溫度偏高", "es": "temperatura del IGBT alta"}]
PCS_WORDS = {"inverter_status": _RUNNING, "grid_status": _GRID, "warning_status": _HOT}
"""What the words of the converters mean."""
METERS = (("meter01", "Connection point"), ("meter02", "PV feeder"), ("meter-aux", "Auxiliary feeder"))

MODULES_SAY = {"temperature_coefficient": ALPHA + BETA, "losses": 0.015, "efficiency": 0.987}
"""What a data sheet and a design report tell of the arrays: power with temperature [1/K], share lost to the spread of the modules,
efficiency of the inverter."""


def design_of(config: Config) -> Design:
    """The demo plant at the site of this configuration."""
    return Design(zone=config.site_tz, latitude=config.site_latitude, longitude=config.site_longitude)


def names(design: Design, site_id: str) -> dict[str, list[str]]:
    """Device ids per kind, in the order of the simulation's tables."""
    units = range(1, design.units + 1)
    return {
        "site": [site_id],
        "bess": [f"bess{u:02d}" for u in units],
        "rack": [f"bess{u:02d}-rack{r:02d}" for u in units for r in range(1, design.racks + 1)],
        "pcs": [f"pcs{u:02d}" for u in units],
        "inverter": [f"inverter{i:02d}" for i in range(1, design.inverters + 1)],
        "meter": [name for name, _ in METERS],
        "weather": ["weather01"],
    }


def devices(design: Design, config: Config) -> list[Device]:
    """All devices of the demo plant with parents and nameplates."""
    site, ids = config.site_id, names(design, config.site_id)
    rack_ah, rack_kwh, rack_v = CAPACITY_AH, design.rack_kwh, CELL_NOMINAL * design.cells
    rack_kw = PCS_KW / design.racks
    plant = {"capacity_kwh": rack_kwh * design.count, "power_kw": PCS_KW * design.units, "pv_power_kw": PEAK * design.inverters}

    def make(device_id: str, kind: Kind, name: str, parent: str | None, rating: dict[str, float], **info: object) -> Device:
        rounded = {key: round(value, 3) for key, value in rating.items()}
        # the history of most devices is by the minute; the site's by the second
        interval = 1.0 if kind == Kind.SITE else 60.0
        return Device(device_id, kind, name, site, parent, interval, simulated=True, rating=rounded, info=info)

    found = [make(site, Kind.SITE, config.site_name, None, plant)]
    for u, unit in enumerate(ids["bess"]):
        bank = {"capacity_kwh": rack_kwh * design.racks, "capacity_ah": rack_ah * design.racks, "power_kw": PCS_KW, "voltage_v": rack_v}
        of_unit: dict[str, object] = {"chemistry": "LFP", "racks": design.racks, "pcs": ids["pcs"][u], "warranty": WARRANTY}
        found.append(make(unit, Kind.BESS, f"BESS {u + 1:02d}", site, bank, **of_unit))
        pcs = {"power_kw": PCS_KW, "voltage_v": LINE_VOLTAGE}
        found.append(make(ids["pcs"][u], Kind.PCS, f"PCS {u + 1:02d}", site, pcs, bess=unit, words=PCS_WORDS))
    for k, rack in enumerate(ids["rack"]):
        u, r = divmod(k, design.racks)
        rating = {"capacity_kwh": rack_kwh, "capacity_ah": rack_ah, "power_kw": rack_kw, "voltage_v": rack_v}
        parts: dict[str, object] = {"words": WORDS, "modules": design.modules, "cells_per_module": design.cells_per_module}
        parts |= {"cells": design.cells, "sensors": design.sensors}
        found.append(make(rack, Kind.RACK, f"BESS {u + 1:02d} rack {r + 1:02d}", ids["bess"][u], rating, chemistry="LFP", **parts))
    for i, inverter in enumerate(ids["inverter"]):
        rating = {"power_kw": RATED, "peak_power_kw": PEAK}
        facing = 180.0 if design.latitude >= 0 else 0.0
        array: dict[str, object] = {"mppt": TRACKERS, "strings": STRINGS, "tilt": TILT, "azimuth": facing, **MODULES_SAY}
        found.append(make(inverter, Kind.INVERTER, f"Inverter {i + 1:02d}", site, rating, **array))
    for (meter, name), volts in zip(METERS, METER_PHASE_V, strict=True):
        found.append(make(meter, Kind.METER, name, site, {"voltage_v": volts * 3**0.5}))
    found.append(make("weather01", Kind.WEATHER, "Weather station", site, {}))
    return found


def award(records: Records, design: Design, window: Window) -> list[ScheduleEvent]:
    """Put the awards of `window` into the records, but for hours in which there is one already. Returns the new ones."""
    there = records.events(window)
    missing = [
        event
        for event in events(window, design.seed, design.zone)
        if not any(other.time_start < event.time_end and other.time_end > event.time_start for other in there)
    ]
    return records.put_events(missing) if missing else []
