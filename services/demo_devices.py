"""The demo plant's devices and awards, as the records keep them. Everything is marked simulated."""

from datastore.ports import Records
from plant.model import Device, Kind, ScheduleEvent, Window
from plant.simulation import Design
from plant.simulation.design import CAPACITY_AH, CELL_NOMINAL, LINE_VOLTAGE, PCS_KW
from plant.simulation.dispatch import events
from plant.simulation.instruments import METER_PHASE_V
from plant.simulation.pv import PEAK, RATED, STRINGS, TRACKERS
from services.config import Config

WORDS = {"battery_warning": ["cell voltages far apart", "warmer than the other batteries of its rack", "cell temperature high"]}
WORDS |= {"battery_alarm": WORDS["battery_warning"]}
"""What the bits of the racks' words mean, lowest first."""
METERS = (("meter01", "Connection point"), ("meter02", "PV feeder"), ("meter-aux", "Auxiliary feeder"))


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
        found.append(make(unit, Kind.BESS, f"BESS {u + 1:02d}", site, bank, chemistry="LFP", racks=design.racks, pcs=ids["pcs"][u]))
        pcs = {"power_kw": PCS_KW, "voltage_v": LINE_VOLTAGE}
        found.append(make(ids["pcs"][u], Kind.PCS, f"PCS {u + 1:02d}", site, pcs, bess=unit))
    for k, rack in enumerate(ids["rack"]):
        u, r = divmod(k, design.racks)
        rating = {"capacity_kwh": rack_kwh, "capacity_ah": rack_ah, "power_kw": rack_kw, "voltage_v": rack_v}
        parts: dict[str, object] = {"words": WORDS, "modules": design.modules, "cells_per_module": design.cells_per_module}
        parts |= {"cells": design.cells, "sensors": design.sensors}
        found.append(make(rack, Kind.RACK, f"BESS {u + 1:02d} rack {r + 1:02d}", ids["bess"][u], rating, chemistry="LFP", **parts))
    for i, inverter in enumerate(ids["inverter"]):
        rating = {"power_kw": RATED, "peak_power_kw": PEAK}
        found.append(make(inverter, Kind.INVERTER, f"Inverter {i + 1:02d}", site, rating, mppt=TRACKERS, strings=STRINGS))
    for (meter, name), volts in zip(METERS, METER_PHASE_V, strict=True):
        found.append(make(meter, Kind.METER, name, site, {"voltage_v": volts * 3**0.5}))
    found.append(make("weather01", Kind.WEATHER, "Weather station", site, {}))
    return found


def award(records: Records, design: Design, window: Window) -> list[ScheduleEvent]:
    """Put the awards of `window` that are not there yet into the records. Returns the new ones."""
    there = {event.time_start for event in records.events(window) if event.simulated}
    missing = [event for event in events(window, design.seed, design.zone) if event.time_start not in there]
    return records.put_events(missing) if missing else []
