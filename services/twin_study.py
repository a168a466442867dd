"""Twins of all batteries, worked out in the job process and kept by device: parameters found in the day's most telling readings, the
state by a filter, what the differences say of its health, and what is left of its life. Pages and doors read what was kept.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import numpy as np

from datastore.ports import Entry, Latest, Numbers, Records
from datastore.store import Store
from plant import numbering
from plant.analysis import ageing
from plant.analysis.ageing import Duty
from plant.analysis.battery_day import BatteryDay
from plant.analysis.charge_filter import Filtered, track
from plant.analysis.chemistry import Numbers as Column
from plant.analysis.circuit import heat, lagging, slow_voltage, terminal_voltage
from plant.analysis.twin import History, Judged, Known, Nameplate, Twin, capacity_in, noise_of, speaking, stretches, twin_of
from plant.analysis.twin_health import Daily, indicators, is_found
from plant.model import DAY, Device, Kind, Window
from plant.timeline import day_start
from services import battery_days
from services.fleet_devices import number
from services.pack_metrics import measured
from services.studies import Tell, drop_result, keep_result, result, results
from services.twin_readings import SPAN, Told, told
from services.twins import BATTERIES, STUDY, VERSION, known_of, plate_of, read_circuit, subject, written_circuit

TOGETHER = 12
"""Batteries whose readings are held at once."""
POINTS = 288
"""Points of the course that is kept for a chart."""
MOST_DAYS = 400
DUTY_DAYS = 30
COURSE = ("at", "voltage", "modelled", "temperature", "warmth", "soc", "estimated", "low", "high")
"""Columns of the course: `modelled` [V] and `warmth` [°C] are the circuit's, `estimated` [%] the filter's, within `low` and `high`."""


def study(store: Store, now: int, tell: Tell) -> None:
    """Twins of the batteries that said something since the last time. Runs in the job process."""
    devices = [device for device in store.records.devices() if device.kind in BATTERIES]
    newest = store.telemetry.latest([(device.device_id, device.kind) for device in devices])
    duties = _duties(store, devices, now)
    done = 0
    for group in _groups(devices):
        speaking_now: list[tuple[Device, Latest, Mapping[str, Any] | None]] = []
        for device in group:
            said = newest.get((device.device_id, device.kind))
            before = result(store.records, STUDY, subject(device))
            body = before.body if before is not None and before.body.get("v") == VERSION else None
            if said is not None and said.at >= now - SPAN and (body is None or body.get("newest") != said.at):
                speaking_now.append((device, said, before.body if before is not None else None))
        heard = told(store, [device for device, _, _ in speaking_now], now) if speaking_now else {}
        for device, said, kept_of in speaking_now:
            tell(done / len(devices))
            done += 1
            found = examined(store, device, said, heard[device.device_id], now, duties.get(device.device_id), kept_of)
            keep_result(store.records, STUDY, subject(device), now, found)
    there = {subject(device) for device in devices}
    for old in results(store.records, STUDY):
        if old.subject not in there:
            drop_result(store.records, STUDY, old.subject)


def _groups(devices: Sequence[Device]) -> list[list[Device]]:
    """Batteries whose readings are read together: the racks of a unit, a dozen at most of any other kind."""
    families: dict[tuple[str, str], list[Device]] = {}
    for device in devices:
        families.setdefault((str(device.kind), (device.parent or "") if device.kind == Kind.RACK else ""), []).append(device)
    return [family[first : first + TOGETHER] for family in families.values() for first in range(0, len(family), TOGETHER)]


def kept_twin(records: Records, device: Device) -> Entry | None:
    """What the study last found of a battery; None when it has not looked yet, or looked in another way. Raises Unavailable."""
    entry = result(records, STUDY, subject(device))
    return entry if entry is not None and entry.body.get("v") == VERSION else None


def read_twin(body: Mapping[str, Any]) -> Twin:
    """The twin that was kept."""
    known = read_circuit(body["circuit"])
    judged = {name: None if one is None else Judged(**one) for name, one in body["judged"].items()}
    return Twin(
        None if known is None else known.circuit,
        {} if known is None else dict(known.found),
        body["why"],
        judged["voltage"],
        judged["temperature"],
        judged["soc"],
        body["surroundings"],
        body["capacity"],
        body["judged_from"],
        body["trained"],
    )


def examined(
    store: Store, device: Device, said: Latest, heard: Told, now: int, duty: Duty | None, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What is found of one battery in what was `heard` of it, as JSON. Raises Unavailable."""
    window, plate, known = Window(now - SPAN, now + 1), plate_of(device), known_of(store.records, device)
    if (
        before is not None
        and before.get("v") == VERSION
        and before.get("telling") == heard.mark
        and before.get("plate") == _written_plate(plate)
    ):
        own, trained = known if before["own"] else None, int(before["trained"])  # nothing more telling has come
    else:
        found = twin_of(heard.telling, plate, known)
        own = Known(found.circuit, found.found) if found.circuit is not None and is_found(found) and not found.why else None
        trained = int(heard.telling.at.size)
    whole = speaking(heard.day)
    parts, newest = stretches(whole), heard.newest
    twin = twin_of(newest, plate, own or known, fit=own is None)
    twin = replace(twin, capacity=capacity_in(whole))
    filtered = _filtered(twin, parts[-1]) if parts else None
    days = _days(before, twin, own, day_start(now, store.zone))
    reported = float(newest.soc[-1]) if newest.at.size else None
    soh, soh_source = _health(device, said, twin)
    left, why_not = ageing.life(plate.chemistry, duty, soh, _age(device, now))
    return {
        "v": VERSION,
        "newest": said.at,
        "window": [window.start, window.end],
        "readings": int(whole.at.size),
        "trained": trained,
        "telling": heard.mark,
        "plate": _written_plate(plate),
        "own": own is not None,
        "judged_from": twin.judged_from,
        "why": twin.why,
        "circuit": written_circuit(twin),
        "capacity": _short(twin.capacity),
        "surroundings": _short(twin.surroundings),
        "judged": {name: _short(None if one is None else asdict(one)) for name, one in _judged(twin)},
        "filter": _state(filtered, reported),
        "health": [_short(asdict(one)) for one in indicators(twin, filtered, reported, days)],
        "days": [_short(asdict(one)) for one in days],
        "life": None if left is None else _short({**asdict(left), "soh": soh, "soh_source": soh_source}),
        "no_life": why_not,
        "duty": None if duty is None else _short({"soc": duty.soc, "depth": duty.depth, "rate": duty.rate, "cycles": duty.cycles}),
        "course": _course(twin, parts[-1], filtered) if parts else {},
    }


def _written_plate(plate: Nameplate) -> list[Any]:
    return [plate.chemistry and plate.chemistry.name, plate.capacity, plate.cells, plate.energy, plate.voltage]


def _judged(twin: Twin) -> list[tuple[str, Any]]:
    return [("voltage", twin.voltage), ("temperature", twin.temperature), ("soc", twin.soc)]


def _filtered(twin: Twin, part: History) -> Filtered | None:
    circuit = twin.circuit
    if circuit is None or part.at.size < 2:
        return None
    return track(
        circuit,
        part.at.astype(np.float64),
        part.voltage,
        part.current,
        part.temperature,
        float(part.soc[0]),
        noise_of(circuit, part),
        capacity=twin.capacity,
        surroundings=twin.surroundings,
        is_own="ocv" in twin.found,
    )


def _state(filtered: Filtered | None, reported: float | None) -> dict[str, Any] | None:
    """Where the filter ended; `nis` and `memory` tell whether it can be believed."""
    if filtered is None or not filtered.soc.size:
        return None
    said = {
        "soc": filtered.soc[-1], "soc_sd": filtered.sd[-1], "soc_reported": reported, "slow_voltage": filtered.slow[-1],
        "ocv_offset": filtered.off[-1], "temperature": filtered.temperature[-1], "nis": filtered.nis, "memory": filtered.memory,
        "steps": int(filtered.soc.size), "from": int(filtered.at[0]), "at": int(filtered.at[-1]),
    }  # fmt: skip
    return {name: _short(value) for name, value in said.items()}


def _days(before: Mapping[str, Any] | None, twin: Twin, found: Known | None, today: int) -> list[Daily]:
    """The figures of the days so far with today's, which is written anew until the day is over."""
    names = {one.name for one in fields(Daily)}
    told = [Daily(**{name: day.get(name) for name in names}) for day in (before or {}).get("days", [])]
    error = found.found["r0_ohm"].error if found is not None else None
    resistance = None if found is None else found.circuit.r0 + found.circuit.r1
    if resistance is None and told and told[-1].day == today:
        resistance, error = told[-1].resistance, told[-1].error  # found earlier this day
    cells = twin.circuit.cells if twin.circuit is not None else 1
    volts = None if twin.voltage is None else 1000.0 * twin.voltage.bias / cells
    warm = None if twin.temperature is None else twin.temperature.bias
    return [*(one for one in told if one.day < today), Daily(today, resistance, error, volts, warm)][-MOST_DAYS:]


def _health(device: Device, said: Latest, twin: Twin) -> tuple[float | None, str]:
    """Capacity left [%]: as reported, else as found in its history over the nameplate's; and which."""
    told = measured(device.kind)
    value = number(said, told["soh"].metric) if "soh" in told else None
    if value is not None:
        return min(value, 100.0), "reading"
    rated = device.rating.get("capacity_ah")
    if twin.capacity is not None and rated:
        return min(100.0 * twin.capacity / rated, 100.0), "history"
    return None, ""


def _age(device: Device, now: int) -> float | None:
    """Days since the date `commissioned` of the device's record (ISO); None where it says none."""
    with suppress(ValueError):
        told = datetime.fromisoformat(str(device.info.get("commissioned", "")))
        begun = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
        days = now / DAY - begun.timestamp() / 86_400.0
        return days if days > 0 else None
    return None


def _duties(store: Store, devices: Sequence[Device], now: int) -> dict[str, Duty]:
    """Battery → how it was used in the last days; a rack shares its unit's."""
    window = Window(now - DUTY_DAYS * DAY, now)
    found: dict[str, Duty] = {}
    for battery in battery_days.batteries(store):
        days = battery_days.days(store, battery.device.device_id, window)
        duty = duty_of(days, battery.plate.capacity_ah, battery.plate.energy_kwh)
        if duty is not None:
            found[battery.device.device_id] = duty
    for device in devices:
        unit = numbering.unit_of(device.device_id, device.parent) if device.kind == Kind.RACK else None
        if unit in found and device.device_id not in found:
            found[device.device_id] = found[unit]
    return found


def duty_of(days: Sequence[BatteryDay], capacity_ah: float | None, energy_kwh: float | None) -> Duty | None:
    """The duty of days that were observed for an hour at least; None without any. Depth is the widest daily range of charge, on the mean;
    the rate is that of the hours in which it did not rest."""
    temperatures: dict[int, float] = {}
    charges: dict[int, float] = {}
    cycles = working = observed = 0.0
    depths: list[float] = []
    for day in days:
        if day.observed_s < 3600.0 or not day.charges:
            continue
        for whole, part in ((temperatures, day.temperatures), (charges, day.charges)):
            for key, hours in part.items():
                whole[key] = whole.get(key, 0.0) + hours
        depths.append(min(max(day.charges) - min(day.charges) + 1.0, 100.0))
        if capacity_ah and day.ah_out is not None and day.ah_in is not None:
            cycles += (abs(day.ah_out) + abs(day.ah_in)) / (2.0 * capacity_ah)
        elif energy_kwh and day.kwh_out is not None and day.kwh_in is not None:
            cycles += (abs(day.kwh_out) + abs(day.kwh_in)) / (2.0 * energy_kwh)
        hours = day.observed_s / 3600.0
        observed += hours
        working += max(hours - day.rest_h, 0.0)
    total = sum(charges.values())
    if not depths or total <= 0 or observed <= 0:
        return None
    soc = sum((key + 0.5) * hours for key, hours in charges.items()) / total
    rate = 2.0 * cycles / working if working > 0 else 0.0
    return Duty(temperatures, soc, sum(depths) / len(depths), rate, 24.0 * cycles / observed, len(depths))


def _course(twin: Twin, part: History, filtered: Filtered | None) -> dict[str, list[float | None]]:
    """COURSE over the newest stretch, `POINTS` at most; the modelled temperature begins with the measured one and runs on by itself."""
    circuit = twin.circuit
    if circuit is None:
        return {}
    slow = slow_voltage(circuit, part.current, part.temperature, part.seconds)
    volts = terminal_voltage(circuit, part.soc, part.current, part.temperature, slow)
    warm = _run_of_warmth(twin, part, heat(circuit, part.current, part.temperature, slow))
    every = max(1, -(-part.at.size // POINTS))
    rows = np.arange(part.at.size - 1, -1, -every)[::-1]
    columns: dict[str, Column] = {
        "at": part.at[rows].astype(np.float64), "voltage": part.voltage[rows], "modelled": volts[rows],
        "temperature": part.temperature[rows], "warmth": warm[rows], "soc": part.soc[rows],
    }  # fmt: skip
    if filtered is not None and filtered.at.size:
        place = np.clip(np.searchsorted(filtered.at, columns["at"], side="right") - 1, 0, filtered.at.size - 1)
        soc, sd = filtered.soc[place], filtered.sd[place]
        columns |= {"estimated": soc, "low": np.maximum(soc - 2 * sd, 0.0), "high": np.minimum(soc + 2 * sd, 100.0)}
    return {name: [_short(value) for value in column.tolist()] for name, column in columns.items()}


def _run_of_warmth(twin: Twin, part: History, warming: Numbers) -> Numbers:
    circuit, around = twin.circuit, twin.surroundings
    out = np.full(part.at.size, np.nan)
    known = np.flatnonzero(np.isfinite(part.temperature))
    if circuit is None or around is None or not known.size:
        return out
    first = int(known[0])
    begun, seconds = float(part.temperature[first]), part.seconds[first:].copy()
    seconds[0] = 0.0
    settled = around + circuit.thermal_resistance * warming[first:]
    out[first:] = begun + lagging(settled - begun, seconds, np.array([circuit.cooling]))[:, 0]
    return out


def _short(value: Any) -> Any:
    """Numbers of seven digits as JSON takes them: no NaN, no numpy."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, (int, np.integer)):
        return int(value)
    return round(float(value), 3) if abs(value) >= 1e6 else float(f"{value:.7g}") if isfinite(value) else None
