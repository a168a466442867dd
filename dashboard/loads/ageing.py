"""How the batteries age, measured from their own history: health, resistance, and the charge counted beside the one reported."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.figures.lines import Line, Plot
from dashboard.figures.sheet import Sheet, rows_of
from dashboard.loads.fleet import Fleet, fleet
from dashboard.loads.ledger import asked
from dashboard.loads.units import unit_name, units
from dashboard.page import Scope, Table
from dashboard.words import word
from dashboard.words_state import because
from datastore.store import Store
from plant.analysis import capacity, coulomb, resistance, warranty
from plant.analysis import fleet as of_fleet
from plant.analysis.battery_day import BatteryDay
from plant.analysis.rest import anchors, rests
from plant.model import DAY, MINUTE, QUARTER, Device, Kind, Window
from plant.quantity import number
from plant.timeline import moment
from services import battery_days

KINDS = (Kind.BESS, Kind.PACK, Kind.RACK)
LOOK_BACK = 90 * DAY
"""How far back [ms] from the end of the window measurements count."""
SWINGS_TOLD = 6
"""Of each battery, on the card that explains its health."""
FINEST, FINE = DAY, 8 * DAY
"""Windows counted by the minute up to the first, by five minutes up to the second; longer ones by the quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Book:
    """One battery with its days, by number."""

    number: int
    device: Device
    days: list[BatteryDay]


def books(store: Store, plant: Fleet, scope: Scope, back: int = LOOK_BACK) -> list[Book]:
    """The batteries the scope asks for with their kept days from `back` [ms] before the window's end to there; without any, none."""
    window = asked(store, scope)
    if window is None:
        return []
    span = Window(window.end - back, window.end)
    found = [(n, device) for n, device in units(plant).items() if scope.unit in (None, n)]
    return [Book(n, device, kept) for n, device in found if (kept := battery_days.days(store, device.device_id, span))]


def health_table(store: Store, scope: Scope) -> Table:
    """Columns, one row per battery: `soc`, `soe`, `soh` [%, as told now], `by_capacity` and `by_energy` [%] measured with `sure` (half the
    95 % interval of the first), `swings` they are made of, `efc`, `milliohm` [mΩ at 25 °C, newest day], `trend` [% in 30 days], `apart`
    [mV] and `warmer` [K] at rest, `why`: what told the charge, or why there is none. No rows where no day has been worked out."""
    plant = fleet(store, KINDS)
    told = books(store, plant, scope)
    if not told:
        return Table({})
    lang, rows = scope.lang, []
    made_of: dict[str, list[tuple[str, float | None, str]]] = {name: [] for name in ("soe", "by_capacity", "by_energy", "efc")}
    for book in told:
        plate = battery_days.plate_of(book.device)
        name = unit_name(book.number, lang)
        made_of["soe"].append(("E_nom", plate.energy_kwh, name))
        made_of["by_energy"].append(("E_nom", plate.energy_kwh, name))
        made_of["efc"].append(("C_nom", plate.capacity_ah, name))
        made_of["by_capacity"] += [("C_nom", plate.capacity_ah, name), *_swings(book, name, store)]
        found = capacity.health([swing for day in book.days for swing in day.swings], plate.capacity_ah, plate.energy_kwh)
        ohms = [(day.start / DAY, day.resistance.warm) for day in book.days if day.resistance]
        rise = resistance.trend([at for at, _ in ohms], [ohm for _, ohm in ohms])
        soc, soh = plant.said(book.device, "soc"), plant.said(book.device, "soh")
        content = of_fleet.Battery(soc.value if soc else None, plate.energy_kwh, soh.value if soh else None)
        left = of_fleet.available([content]).value
        rest = [day for day in book.days if day.apart is not None]
        rows.append(
            {
                "name": unit_name(book.number, lang),
                "soc": soc.value if soc else None,
                "soe": capacity.state_of_energy(left, plate.energy_kwh).value,
                "soh": soh.value if soh else None,
                "by_capacity": found.by_capacity.value,
                "sure": found.capacity_sure,
                "by_energy": found.by_energy.value,
                "swings": found.swings,
                "efc": warranty.full_cycles(book.days, plate.capacity_ah, plate.energy_kwh).value,
                "milliohm": 1000.0 * ohms[-1][1] if ohms else None,
                "trend": rise.value,
                "apart": 1000.0 * (rest[-1].apart or 0.0) if rest else None,
                "warmer": next((day.warmer for day in reversed(book.days) if day.warmer is not None), None),
                "why": because(found.by_capacity.reason or found.by, lang),
            }
        )
    heads = (
        ("name", None), ("soc", 1), ("soe", 1), ("soh", 2), ("by_capacity", 1), ("sure", 1), ("by_energy", 1), ("swings", 0), ("efc", 1),
        ("milliohm", 2), ("trend", 1), ("apart", 0), ("warmer", 1), ("why", None),
    )  # fmt: skip
    spec = Sheet(
        tuple((name, word(f"state.{name}", lang), digits) for name, digits in heads),
        tuple(str(book.number) for book in told),
        links={(str(book.number), "name"): scope.link("/bess", unit=book.number) for book in told},
    )
    newest = max(day.end for book in told for day in book.days)
    more = {"sheet": spec, "told": made_of}
    return Table(rows_of(rows, [name for name, _ in heads]), newest, plant.is_simulated([b.device for b in told]), more)


def _swings(book: Book, name: str, store: Store) -> list[tuple[str, float | None, str]]:
    """The newest swings a health is made of: charge that flowed [A·h] and what it spans [%]."""
    told = sorted((swing for day in book.days for swing in day.swings), key=lambda swing: -swing.at)[:SWINGS_TOLD]
    when = [f"{name} · {moment(swing.at, store.zone):%m-%d %H:%M}" for swing in told]
    flowed: list[tuple[str, float | None, str]] = [("ΔQ", abs(swing.ah), who) for swing, who in zip(told, when, strict=True)]
    return [*flowed, *(("ΔSOC", abs(swing.depth), who) for swing, who in zip(told, when, strict=True))]


def resistance_table(store: Store, scope: Scope) -> Table:
    """Columns: `at` (noon of each day), and per battery its number: resistance at 25 °C [mΩ], with the quartiles `<n> low`, `<n> high`
    while one alone is shown. NaN on days without enough steps."""
    plant = fleet(store, KINDS)
    told = [book for book in books(store, plant, scope) if any(day.resistance for day in book.days)]
    if not told:
        return Table({})
    starts = sorted({day.start for book in told for day in book.days})
    columns: dict[str, Any] = {"at": np.array(starts, np.float64) + DAY / 2}
    lines = []
    for book in told:
        by_start = {day.start: day.resistance for day in book.days}
        name = str(book.number)
        parts = ((name, "warm"), (f"{name} low", "low"), (f"{name} high", "high"))[: 3 if len(told) == 1 else 1]
        for column, part in parts:
            values = [getattr(found, part) if (found := by_start.get(start)) else np.nan for start in starts]
            columns[column] = 1000.0 * np.array(values, np.float64)
        low, high = (f"{name} low", f"{name} high") if len(told) == 1 else ("", "")
        lines.append(Line(name, unit_name(book.number, scope.lang), "mΩ", 2, low=low, high=high))
    plot = Plot(tuple(lines), starts[0], starts[-1] + DAY)
    newest = max(day.end for book in told for day in book.days)
    return Table(columns, newest, plant.is_simulated([b.device for b in told]), {"plot": plot})


def count_table(store: Store, scope: Scope) -> Table:
    """Columns: `at`, `reported`, `counted` and, where rests at a telling voltage are among them, `corrected` state of charge [%] of the
    scope's unit, the first when it names none."""
    window, plant = asked(store, scope), fleet(store, KINDS)
    found = units(plant)
    device = found.get(scope.unit if scope.unit is not None else next(iter(found), 0))
    plate = battery_days.plate_of(device) if device else None
    if window is None or device is None or plate is None or not plate.capacity_ah:
        return Table({})
    width = MINUTE if window.length <= FINEST else 5 * MINUTE if window.length <= FINE else QUARTER
    key = (device.device_id, device.kind)
    series = store.telemetry.series([key], ["soc", "current", "cell_avg_voltage"], window, resolution=width)
    current, soc, volts = (series.get((*key, name)) for name in ("current", "soc", "cell_avg_voltage"))
    if current is None or soc is None or not np.isfinite(current.mean).any() or not np.isfinite(soc.mean).any():
        return Table({})
    middle = current.at.astype(np.float64) + width / 2
    reported = _on(current.at, soc)
    interval = width / 1000.0
    told = anchors(_on(current.at, volts), rests(middle, current.mean, plate.capacity_ah, interval), plate.chemistry)
    counted = coulomb.count(middle, current.mean, reported, plate.capacity_ah, interval, told)
    lang = scope.lang
    columns: dict[str, Any] = {"at": current.at, "reported": reported, "counted": counted.plain}
    lines = [
        Line("reported", word("state.reported", lang), "%", 1, "soc", width=width),
        Line("counted", word("state.counted", lang), "%", 1, "target", dash="dot", width=width),
    ]
    if told:
        columns["corrected"] = counted.corrected
        lines.append(Line("corrected", word("state.corrected", lang), "%", 1, "good", width=width))
    drift = counted.drift
    remark = (
        word("state.uncorrected", lang, why=because(drift.reason, lang))
        if drift.value is None
        else word("state.drift", lang, n=number(drift.value, 2))
    )
    plot = Plot(tuple(lines), window.start, window.end, remark=f"{device.name or device.device_id}: {remark}")
    newest = int(current.at[np.isfinite(current.mean)][-1]) + width
    return Table(columns, min(newest, window.end), plant.is_simulated([device]), {"plot": plot, "devices": (device.device_id,)})


def _on(at: Any, series: Any) -> Any:
    """Means of a series on the time base `at`; NaN where it has none."""
    found = np.full(len(at), np.nan)
    if series is not None and len(series.at):
        place = np.minimum(np.searchsorted(at, series.at), len(at) - 1)
        same = at[place] == series.at
        found[place[same]] = series.mean[same]
    return found
