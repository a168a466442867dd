"""What a battery unit said, as S0 shows it: BMS readings, PCS readings, or both merged, on one time base and in pages.

The time base is the densest metric of the window asked for; every other metric stands for an instant with its newest sample not older
than the tolerance (`plant.alignment`). A page is found by counting rollups, so a page deep in an archive costs what the first one does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datastore.ports import Columns, Extent, Instants, Latest, Numbers, Records, Series, Telemetry
from plant.alignment import carried
from plant.errors import DeviceNotFound
from plant.model import DAY, HOUR, Device, Window

BMS_FIELDS = (
    "soc",
    "soh",
    "voltage",
    "current",
    "cell_avg_voltage",
    "cell_avg_temp",
    "cell_max_voltage",
    "cell_min_voltage",
    "cell_voltage_diff",
    "cell_temp_diff",
)
"""The fields of S0's BMSReading, in the document's order; each is a metric of the catalogue."""
PCS_FIELDS = (
    "apparent_power",
    "dc_current",
    "dc_voltage",
    "ac_current_a",
    "ac_current_b",
    "ac_current_c",
    "ac_voltage_ab",
    "ac_voltage_bc",
    "ac_voltage_ca",
    "temp_environment",
    "temp_ambient",
    "temp_igbt",
)
"""Those of its PCSReading."""

BMS_KINDS = ("bess", "pack", "rack")
PCS_KINDS = ("pcs",)
LISTED = frozenset({"bess", "pack", "pcs"})
"""Kinds that lists show; racks are parts of a listed battery and answer under their own ids."""
FIELDS: Mapping[str, tuple[str, ...]] = {
    "bms": BMS_FIELDS,
    "pcs": PCS_FIELDS,
    "bess": tuple(f"bms_{name}" for name in BMS_FIELDS) + tuple(f"pcs_{name}" for name in PCS_FIELDS),
}
"""Family of paths → the fields of its readings."""

_NUMBERED = re.compile(r"bess(\d+)\Z")


@dataclass(frozen=True, slots=True)
class Side:
    """One device of a unit; a reading shows its `metrics` as `prefix` + name."""

    device_id: str
    kind: str
    metrics: tuple[str, ...]
    prefix: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """As stores name it."""
        return self.device_id, self.kind


@dataclass(frozen=True, slots=True)
class Unit:
    """What answers to an id in one family of paths: one side, or in `bess` the battery and the converter that belongs to it. In `pcs` a
    battery that is none itself is answered by its converter."""

    device_id: str
    family: str
    sides: tuple[Side, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of its readings; those of a side it does not have are silent."""
        return FIELDS[self.family]


def unit(records: Records, family: str, device_id: str) -> Unit:
    """The unit of this id in the family bms, pcs or bess. Raises DeviceNotFound."""
    return _unit({(d.device_id, d.kind): d for d in records.devices()}, family, device_id)


def units(records: Records, family: str) -> list[Unit]:
    """All units of a family, by id; racks are left to the battery they belong to."""
    known = {(d.device_id, d.kind): d for d in records.devices()}
    kinds = [kind for kind in (PCS_KINDS if family == "pcs" else BMS_KINDS) if kind in LISTED]
    return [_unit(known, family, device_id) for device_id in sorted({d for d, kind in known if kind in kinds})]


def _unit(known: Mapping[tuple[str, str], Device], family: str, device_id: str) -> Unit:
    prefixes = ("bms_", "pcs_") if family == "bess" else ("", "")
    main = _first(known, device_id, PCS_KINDS if family == "pcs" else BMS_KINDS)
    if main is None and family == "pcs":  # S0's clients ask both families for one id
        battery = _first(known, device_id, BMS_KINDS)
        main = battery and _converter(known, battery)
    if main is None:
        raise DeviceNotFound(device_id)
    if family == "pcs":
        return Unit(device_id, family, (Side(main.device_id, main.kind, PCS_FIELDS),))
    sides = [Side(device_id, main.kind, BMS_FIELDS, prefixes[0])]
    converter = _converter(known, main) if family == "bess" else None
    if converter is not None:
        sides.append(Side(converter.device_id, converter.kind, PCS_FIELDS, prefixes[1]))
    return Unit(device_id, family, tuple(sides))


def _first(known: Mapping[tuple[str, str], Device], device_id: str, kinds: tuple[str, ...]) -> Device | None:
    return next((found for kind in kinds if (found := known.get((device_id, kind)))), None)


def _converter(known: Mapping[tuple[str, str], Device], battery: Device) -> Device | None:
    """The PCS side of a battery: itself where it is both, else the one its record names, else the one of its number."""
    numbered = _NUMBERED.match(battery.device_id)
    for name in (battery.device_id, str(battery.info.get("pcs", "")), f"pcs{numbered[1]}" if numbered else ""):
        found = _first(known, name, PCS_KINDS) if name else None
        if found is not None:
            return found
    return None


@dataclass(frozen=True, slots=True)
class Page:
    """Readings on their time base: `at` int64 [n] ascending [epoch ms], `values` field → float64 [n], NaN for silent."""

    at: Instants
    values: Mapping[str, Numbers]

    def rows(self, fields: tuple[str, ...]) -> Iterator[tuple[int, dict[str, float]]]:
        """(instant, field → value or NaN) for each reading, fields in the order given."""
        columns = [self.values[name].tolist() for name in fields]
        for place, at in enumerate(self.at.tolist()):
            yield at, {name: column[place] for name, column in zip(fields, columns, strict=True)}


class UnitReadings:
    """The readings of one unit. `tolerance` [ms] is how old a sample may be that still stands for an instant."""

    def __init__(self, telemetry: Telemetry, of: Unit, tolerance: int) -> None:
        self._telemetry = telemetry
        self.unit = of
        self._tolerance = tolerance

    def counts(self) -> dict[str, int]:
        """Readings kept per field, those that have some, in the order of fields."""
        rows: dict[str, int] = {}
        for side, extent in self._extents():
            rows |= {side.prefix + name: extent.rows[name] for name in side.metrics if extent.rows.get(name)}
        return rows

    def extent(self) -> Window | None:
        """From the first to just after the last instant; None when nothing is kept."""
        return _span(self._extents())

    def _extents(self) -> list[tuple[Side, Extent]]:
        found = [(side, self._telemetry.extent(*side.key)) for side in self.unit.sides]
        return [(side, extent) for side, extent in found if extent is not None]

    def page(self, skip: int, limit: int, window: Window | None = None) -> Page:
        """At most `limit` readings behind the first `skip` of the window (None: of everything), ascending."""
        if window is None:
            extents = self._extents()
            window, base = _span(extents), _densest(extents)
        else:
            base = self.base(window)
        place = self._place(*base, window, skip) if window is not None and base is not None else None
        if window is None or base is None or place is None:
            return self._on(np.empty(0, np.int64))
        start, left = place
        return self._on(self._instants(*base, Window(start, window.end), left + limit)[left:])

    def after(self, window: Window, limit: int, base: tuple[Side, str]) -> Page:
        """The first `limit` readings of the window on the time base `base`."""
        return self._on(self._instants(*base, window, limit))

    def base(self, window: Window) -> tuple[Side, str] | None:
        """Side and metric with the most samples in the window, the first of equals; None when all are silent."""
        best: tuple[Side, str] | None = None
        most = 0.0
        for side in self.unit.sides:
            found = self._telemetry.series([side.key], side.metrics, window, resolution=DAY)
            for name in side.metrics:
                count = float(found[(*side.key, name)].n.sum()) if (*side.key, name) in found else 0.0
                if count > most:
                    best, most = (side, name), count
        return best

    def newest(self, known: Mapping[tuple[str, str], Latest]) -> tuple[int, dict[str, Any]] | None:
        """The newest instant of the unit among the newest values `known`, and what its fields say there; None when it never spoke."""
        there = [(side, known[side.key]) for side in self.unit.sides if side.key in known]
        spoken = [(side, one, [name for name in side.metrics if name in one.times]) for side, one in there]
        at = max((one.times[name] for _, one, names in spoken for name in names), default=None)
        if at is None:
            return None
        values: dict[str, Any] = dict.fromkeys(self.unit.fields)
        for side, one, names in spoken:
            values |= {side.prefix + name: one.values[name] for name in names if at - one.times[name] <= self._tolerance}
        return at, values

    def _instants(self, side: Side, metric: str, window: Window, limit: int) -> Instants:
        return self._telemetry.columns(*side.key, [metric], window, limit=limit).at

    def _place(self, side: Side, metric: str, window: Window, skip: int) -> tuple[int, int] | None:
        """Where to begin to read, and how many samples from there on are still to be skipped; None behind the last one."""
        if not skip:  # a source without rollups of its own would have to count
            return window.start, 0
        for width in (DAY, HOUR):
            found = self._series(side, metric, window, width)
            passed = np.cumsum(found.n)
            place = int(np.searchsorted(passed, skip, side="right"))
            if place == len(passed):
                return None
            skip -= int(passed[place - 1]) if place else 0
            start = int(found.at[place])
            window = Window(max(start, window.start), min(start + width, window.end))
        return window.start, skip

    def _series(self, side: Side, metric: str, window: Window, width: int) -> Series:
        return self._telemetry.series([side.key], [metric], window, resolution=width)[(*side.key, metric)]

    def _on(self, at: Instants) -> Page:
        """What every field says at these instants; a day of samples is in memory at a time."""
        values = {name: np.full(len(at), np.nan) for name in self.unit.fields}
        cuts = [0, *(np.flatnonzero(np.diff(at // DAY)) + 1).tolist(), len(at)]
        for low, high in zip(cuts, cuts[1:], strict=False):
            if low < high:
                some = at[low:high]
                around = Window(int(some[0]) - self._tolerance, int(some[-1]) + 1)
                for side in self.unit.sides:
                    found = self._telemetry.columns(*side.key, side.metrics, around)
                    for name in side.metrics:
                        values[side.prefix + name][low:high] = self._carried(some, found, name)
        return Page(at, values)

    def _carried(self, base: Instants, found: Columns, name: str) -> Numbers:
        told = ~np.isnan(found.values[name])
        return carried(base, found.at[told], found.values[name][told], self._tolerance)


def _span(extents: Sequence[tuple[Side, Extent]]) -> Window | None:
    if not extents:
        return None
    return Window(min(extent.first for _, extent in extents), max(extent.last for _, extent in extents) + 1)


def _densest(extents: Sequence[tuple[Side, Extent]]) -> tuple[Side, str] | None:
    """Side and metric with the most samples of all that is kept, the first of equals; None when all are silent."""
    counts = [(side, name, extent.rows.get(name, 0)) for side, extent in extents for name in side.metrics]
    side, name, most = max(counts, key=lambda one: one[2], default=(None, "", 0))
    return (side, name) if side is not None and most else None
