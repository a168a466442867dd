"""What went into the batteries, came out, stayed inside and was lost over a window, day by day of the site: the books behind the
energy panels of the analysis page, kept for a minute so that all of them are written once."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.loads.fleet import batteries, capacity, fleet
from dashboard.page import Scope
from datastore.ports import Columns, Latest, Series
from datastore.store import Store
from plant.analysis import fleet as of_fleet
from plant.analysis.efficiency import round_trip
from plant.analysis.outcome import Figure, missing
from plant.model import DAY, MINUTE, QUARTER, SECOND, Device, Kind, Window
from plant.timeline import day_start
from services import energy_days
from services.energy_days import DayEnergy

KEPT_MS = MINUTE
LEAST_DAYS = 7
"""Days shown by the day at least: a day alone says nothing about the others."""
LONGEST = 366 * DAY
"""The books of a year are written in a second or two; longer ones would be for a job."""
LEAST_OBSERVED = 0.98
"""Share of the time between two states of charge in which the power must be observed: what flows unseen would count as lost."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stretch of time. Energies in kWh: `charged` in, `discharged` out, `stored` more at the end than at the start, `aux` taken by the
    auxiliaries; None = not told. `coverage` is the observed share of the stretch, 0…1. `storage` and `system` are round-trip
    efficiencies [%] without and with the auxiliaries, or why there is none."""

    window: Window
    charged: float | None
    discharged: float | None
    stored: float | None
    aux: float | None
    coverage: float
    storage: Figure
    system: Figure

    @property
    def loss(self) -> float | None:
        """What went in, did not come out and is not stored [kWh]."""
        if self.charged is None or self.discharged is None or self.stored is None:
            return None
        return self.charged - self.discharged - self.stored


@dataclass(frozen=True, slots=True)
class Ledger:
    """The `whole` window and its `days`; `nominal` energy of all units [kWh] and what of it their health leaves (`usable`), None when a
    nameplate is missing. `energies` are the days as the energy service gives them, with their quarters; `units` those that store it, `side`
    where their power is measured ("AC", "DC")."""

    whole: Row
    days: tuple[Row, ...]
    energies: tuple[DayEnergy, ...]
    nominal: float | None
    usable: float | None
    simulated: bool
    units: tuple[Device, ...] = ()
    side: str = "AC"


def asked(store: Store, scope: Scope) -> Window | None:
    """The scope's window in whole minutes, up to now, of longer ones the last `LONGEST`; None when all of it lies ahead."""
    now = store.clock()
    window = scope.span(now)
    start, end = window.start // MINUTE * MINUTE, min(window.end, now) // MINUTE * MINUTE
    return Window(max(start, end - LONGEST), end) if end > start else None


def is_cut(store: Store, scope: Scope) -> bool:
    """Whether the window is longer than what is looked at."""
    window = scope.span(store.clock())
    return min(window.end, store.clock()) - window.start > LONGEST + MINUTE


def whole_days(store: Store, scope: Scope) -> Window | None:
    """The days of the site that the window touches, up to now; at least `LEAST_DAYS` of them when the window follows the clock."""
    window = asked(store, scope)
    if window is None:
        return None
    first = window.start if scope.is_fixed else min(window.start, window.end - (LEAST_DAYS - 1) * DAY)
    now = store.clock() // MINUTE * MINUTE
    last = day_start(window.end - 1, store.zone)
    return Window(day_start(first, store.zone), min(now, day_start(last + DAY + DAY // 12, store.zone)))


EXACT = 62 * DAY
"""Of windows up to this long the charge at an instant is read between the readings around it (a tenth of a millisecond a unit); of longer
ones it is the last told in the quarter of an hour before, up to one interval old."""
_kept: dict[Any, tuple[int, object, Ledger | None]] = {}
_gate = threading.Lock()


def ledger(store: Store, window: Window | None) -> Ledger | None:
    """The books of a window, at most `KEPT_MS` old; None when nobody told anything in it. Raises Unavailable."""
    if window is None:
        return None
    now, key = store.clock(), (id(store.telemetry), window)
    with _gate:
        known = _kept.get(key)
        if known is None or known[1] is not store.telemetry or not 0 <= now - known[0] < KEPT_MS:
            for old in [one for one, (at, *_) in _kept.items() if not 0 <= now - at < KEPT_MS]:
                del _kept[old]
            known = _kept[key] = (now, store.telemetry, _write(store, window, now))
    return known[2]


def _write(store: Store, window: Window, now: int) -> Ledger | None:
    energies = energy_days.by_day(store, window, now)
    if all(day.used.reason for day in energies):
        return None
    plant = fleet(store, (Kind.BESS, Kind.PACK, Kind.SITE))
    units = batteries(plant)
    rated = [kwh for device in units if (kwh := capacity(device))]
    nominal = sum(rated) if units and len(rated) == len(units) else None
    health = of_fleet.soh([of_fleet.Battery(None, capacity(s.device), s.value) for s in plant.all(units, "soh")]).value
    usable = None if nominal is None else nominal * (100.0 if health is None else health) / 100.0
    charge = Charge(store, units, window)
    told = energy_days.batteries(store)
    tellers, side = len(told), energy_days.side(told)
    days = tuple(_row(day.window, [day], tellers, charge, usable, side) for day in energies)
    whole = _row(window, energies, tellers, charge, usable, side)
    simulated = plant.is_simulated([*units, *plant.of(Kind.SITE)])
    return Ledger(whole, days, tuple(energies), nominal, usable, simulated, tuple(units), side)


def _row(window: Window, days: Sequence[DayEnergy], tellers: int, charge: "Charge", usable: float | None, side: str) -> Row:
    told = [day.used for day in days if not day.used.reason]
    charged, discharged = _sum([one.charged for one in told]), _sum([one.discharged for one in told])
    aux = _sum([day.aux for day in days if day.used.observed_s > 0])
    observed = sum(one.observed_s for one in told)
    ends = charge.ends(window)
    stored, trip, system = None, missing("the state of charge is not known"), missing("the state of charge is not known")
    if usable is None:
        trip = system = missing("the capacity is not known")
    elif ends is not None and observed < LEAST_OBSERVED * ends.seconds * tellers:
        trip = system = missing("the power was not observed throughout")
    elif ends is not None:
        stored = (ends.last - ends.first) / 100.0 * usable
        trip = round_trip(charged, discharged, usable, soc_start=ends.first, soc_end=ends.last, side=side)
        system = missing("the auxiliaries are not metered")
        if aux is not None:
            system = round_trip(charged, discharged, usable, soc_start=ends.first, soc_end=ends.last, auxiliary=aux, side=side)
    covered = min(1.0, observed / (window.length / SECOND * tellers)) if tellers else 0.0
    return Row(window, charged, discharged, stored, aux, covered, trip, system)


def _sum(values: Sequence[float | None]) -> float | None:
    """All together; None when one is not told, or there is none."""
    told = [value for value in values if value is not None]
    return sum(told) if told and len(told) == len(values) else None


@dataclass(frozen=True, slots=True)
class Ends:
    """State of charge [%] at both ends of a stretch that lasts `seconds`."""

    first: float
    last: float
    seconds: float


class Charge:
    """The energy-weighted state of charge of all units over a window: known where each of them speaks. Weights are E·SOH (DOMAIN §1),
    the health as it was told last."""

    def __init__(self, store: Store, units: Sequence[Device], window: Window) -> None:
        self._store = store
        self._keys = [(device.device_id, device.kind) for device in units]
        newest = store.telemetry.latest(self._keys) if units else {}
        self._weights = [(capacity(device) or 1.0) * _health(newest.get(key)) for device, key in zip(units, self._keys, strict=True)]
        span = Window(window.start - QUARTER, window.end + QUARTER)
        found = store.telemetry.series(self._keys, ["soc"], span, resolution=QUARTER) if units else {}
        self._quarters = [found.get((*key, "soc")) for key in self._keys]
        self._is_exact = window.length <= EXACT
        self._lines: dict[int, list[float | None]] = {}

    def ends(self, window: Window) -> Ends | None:
        """From the window's start or, when the units were silent then, the first quarter in which all speak, likewise to its end: where
        nobody speaks no energy is counted either. None when they never spoke together."""
        heard = self._together(window)
        first, last = self._at(window.start), self._at(window.end)
        start, end = window.start, window.end
        if first is None and heard.size:
            start = int(heard[0])
            first = self._at(start)
        if last is None and heard.size:
            end = int(heard[-1]) + QUARTER
            last = self._at(end)
        return None if first is None or last is None or end <= start else Ends(first, last, (end - start) / SECOND)

    def at_quarters(self, at: NDArray[np.int64], exact: Sequence[int] = ()) -> NDArray[np.float64]:
        """At the starts `at` of quarters of an hour [n] and at the end of the last: [n + 1], the last said in the quarter before; NaN where
        a unit says nothing. At the places `exact` it is that of the instant itself (of windows up to `EXACT`)."""
        bounds = np.append(at, at[-1] + QUARTER)
        sums, weights = np.zeros(bounds.size), sum(self._weights)
        for one, weight in zip(self._quarters, self._weights, strict=True):
            said = np.full(bounds.size, np.nan)
            if one is not None and one.at.size:
                place = np.minimum(np.searchsorted(one.at, bounds - QUARTER), one.at.size - 1)
                said = np.where(one.at[place] == bounds - QUARTER, one.last[place], np.nan)
            sums += weight * said
        charge = sums / weights if weights > 0 else np.full(bounds.size, np.nan)
        for edge in exact:
            lines = self._on_lines(int(bounds[edge]))
            if weights > 0 and None not in lines:
                charge[edge] = sum(w * (value or 0.0) for w, value in zip(self._weights, lines, strict=True)) / weights
        return charge

    def _on_lines(self, at: int) -> list[float | None]:
        """What lies at an instant on the straight line between the readings around it, by unit; None for one that says nothing on both
        sides of it within a quarter of an hour, and in long windows."""
        if not self._is_exact:
            return [None] * len(self._keys)
        if at not in self._lines:
            around = Window(at - QUARTER, at + QUARTER)
            self._lines[at] = [_on_line(self._store.telemetry.columns(*key, ["soc"], around), at) for key in self._keys]
        return self._lines[at]

    def _together(self, window: Window) -> NDArray[np.int64]:
        """Starts of the quarters that lie in the window and in which all units speak."""
        common: NDArray[np.int64] | None = None
        for one in self._quarters:
            told = np.empty(0, np.int64) if one is None else one.at[np.isfinite(one.mean)]
            common = told if common is None else np.intersect1d(common, told)
        found = np.empty(0, np.int64) if common is None else common
        return found[(found >= window.start) & (found + QUARTER <= window.end)]

    def _at(self, at: int) -> float | None:
        """At an instant [epoch ms]: between the readings around it, else the last of the quarter that ends then, else what was said in the
        nearest minute of the quarters around it. None where a unit says nothing."""
        lines = self._on_lines(at)
        said = [_ending(one, at) if line is None else line for one, line in zip(self._quarters, lines, strict=True)]
        if None in said:
            around = Window(at - QUARTER, at + QUARTER)
            near = self._store.telemetry.series(self._keys, ["soc"], around, resolution=MINUTE)
            said = [_nearest(near.get((*key, "soc")), at) for key in self._keys]
        batteries = [of_fleet.Battery(value, weight) for value, weight in zip(said, self._weights, strict=True)]
        return None if None in said else of_fleet.soc(batteries).value


def _health(said: Latest | None) -> float:
    """The health a unit told last, as a fraction; 1 for one that told none, or nonsense."""
    value = said.values.get("soh") if said else None
    return value / 100.0 if isinstance(value, int | float) and 0 < value <= 100 else 1.0


def _on_line(told: Columns, at: int) -> float | None:
    """The charge at `at` on the line between the readings on both its sides; None where one side is silent."""
    heard = np.isfinite(told.values["soc"])
    when, soc = told.at[heard], told.values["soc"][heard]
    return float(np.interp(at, when, soc)) if when.size and when[0] <= at <= when[-1] else None


def _ending(one: Series | None, at: int) -> float | None:
    """The last value of the quarter that ends at `at`."""
    place = int(np.searchsorted(one.at, at - QUARTER)) if one is not None else 0
    if one is None or at % QUARTER or place >= one.at.size or one.at[place] != at - QUARTER or not np.isfinite(one.last[place]):
        return None
    return float(one.last[place])


def _nearest(one: Series | None, at: int) -> float | None:
    """What was said in the minute nearest to `at`: its last value when it is over then, its mean when it begins then."""
    heard = np.flatnonzero(np.isfinite(one.mean)) if one is not None else np.empty(0, np.int64)
    if one is None or not heard.size:
        return None
    away = np.where(one.at[heard] < at, at - one.at[heard] - MINUTE, one.at[heard] - at)
    place = int(heard[np.argmin(away)])
    return float(one.last[place] if one.at[place] < at else one.mean[place])
