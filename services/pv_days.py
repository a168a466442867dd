"""One small record an inverter and day: what the sun offered, what came of it, and where the rest went; and the day's curves under a clear
sky and as expected. Kept by a study in the job process (pvlib), made again when readings of its day have come since; pages and doors read
them.

Expected power needs light measured in the plane of the modules (or the global horizontal one, then put on the plane); the clear sky needs a
place. What a record cannot say is None, and `reason` says why.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datastore.ports import Entry
from datastore.store import Store
from plant.analysis import pv, pv_losses
from plant.analysis.soiling import Soiling, soiling
from plant.errors import Conflict
from plant.model import DAY, HOUR, MINUTE, QUARTER, Device, Kind, Window
from plant.timeline import day_start, day_starts
from services.pv_arrays import LIGHT, array_of, described, peak_of, station
from services.studies import Tell, keep_result, result

Numbers = NDArray[np.float64]

DRAWER = "pv_days"
VERSION = 2
"""Of the way in which records are made: those of another are made again."""
STUDY, SOILED = "pv_days", "soiling"
WIDTHS = (5 * MINUTE, QUARTER, HOUR)
"""Buckets of a day: the narrowest in which both sides speak each time."""
HELD = QUARTER
"""How long [ms] string currents, told more seldom, stand for the buckets after them."""
MOST = 4_000
SOILING_DAYS = 120
"""Days the hint at dirt looks back."""
_POWER, _STRINGS = "total_active_power", "string_currents"
_WEATHER = (*LIGHT, "ghi", "ambient_temp", "module_temp", "wind_speed")


@dataclass(frozen=True, slots=True)
class PvDay:
    """Day of the site from `start` to `end` [epoch ms]; a running one up to now. Energies kWh, insolation kWh/m², hours h, ratios %.

    `energy` is all AC energy told, in `hours`; `specific` per peak power [kWh/kWp]. `insolation` and `common` energy are of the
    `lit_hours` in which light was told too: `ratio` is their performance ratio, `corrected` that for cells of 25 °C. `potential`, the
    kinds of loss and `other` add up to `potential − common` (see `pv_losses`). `clear_energy` is what a clear sky had given in the told
    hours, `cleanness` see `pv_losses.cleanness`. `source` names what told the light, `assumed` what of the array is a default."""

    start: int
    end: int
    energy: float | None = None
    hours: float = 0.0
    specific: float | None = None
    insolation: float | None = None
    common: float | None = None
    lit_hours: float = 0.0
    ratio: float | None = None
    corrected: float | None = None
    potential: float | None = None
    clipping: float | None = None
    curtailment: float | None = None
    outage: float | None = None
    mismatch: float | None = None
    other: float | None = None
    held_hours: float = 0.0
    out_hours: float = 0.0
    clear_energy: float | None = None
    cleanness: float | None = None
    source: str = ""
    has_strings: bool = False
    assumed: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Curves:
    """AC power of a day in buckets that begin at `at` [epoch ms, n] and last `width` [ms]: under a `clear` sky, and as `expected` from the
    measured light [kW, n; NaN = not known]."""

    at: NDArray[np.int64] = field(default_factory=lambda: np.array([], np.int64))
    width: int = WIDTHS[0]
    clear: Numbers = field(default_factory=lambda: np.array([]))
    expected: Numbers = field(default_factory=lambda: np.array([]))


@dataclass(frozen=True, slots=True)
class _Told:
    """What inverter and weather said in the buckets of a day; NaN = silent."""

    at: NDArray[np.int64]
    width: int
    power: Numbers
    light: Numbers | None
    source: str
    air: Numbers
    wind: Numbers
    module: Numbers
    weak: Numbers | None


def study(store: Store, now: int, tell: Tell) -> None:
    """Makes the records that are missing or no longer hold, the newest days first, then the hint at dirt. Runs in the job process."""
    inverters = [device for device in store.records.devices() if device.kind == Kind.INVERTER]
    stations = [device for device in store.records.devices() if device.kind == Kind.WEATHER]
    for turn, device in enumerate(inverters):
        weather = station(stations, device)
        array = array_of(store, device, weather)
        signs = _signs(store, device, weather, array, now)
        kept = {entry.at: entry for entry in store.records.entries(DRAWER, device.device_id, ["day"], limit=MOST)}
        changed = False
        for place, (start, sign) in enumerate(sorted(signs.items(), reverse=True)):
            tell((turn + place / len(signs)) / len(inverters))
            entry = kept.get(start)
            if entry is not None and entry.body.get("sign") == sign:
                continue
            day, curves = made(store, device, weather, array, start, min(day_start(start + DAY + 2 * HOUR, store.zone), now))
            _keep(store, f"{device.device_id}@{start}", device.device_id, "day", start, {"sign": sign, **written(day)})
            _keep(store, f"{device.device_id}@{start}/curves", device.device_id, "curves", start, _drawn(curves))
            changed = True
        if changed:
            found = soiled(store, device, now)
            keep_result(store.records, SOILED, device.device_id, now, asdict(found))


def days(store: Store, device_id: str, window: Window) -> list[PvDay]:
    """The kept days of an inverter that begin in the window, ascending. Raises Unavailable."""
    entries = store.records.entries(DRAWER, device_id, ["day"], window, limit=MOST)
    return [read(entry.body) for entry in reversed(entries) if entry.body.get("v") == VERSION]


def curves(store: Store, device_id: str, window: Window) -> Curves:
    """The kept curves of the days that touch the window, in the widest of their buckets; empty where nothing is kept. Raises
    Unavailable."""
    span = Window(window.start - DAY - HOUR, window.end)
    bodies = [entry.body for entry in reversed(store.records.entries(DRAWER, device_id, ["curves"], span, limit=MOST))]
    bodies = [body for body in bodies if body.get("v") == VERSION]
    if not bodies:
        return Curves()
    width = max(int(body["width"]) for body in bodies)
    parts = [_widened(body, width) for body in bodies]
    at, clear, expected = (np.concatenate([part[place] for part in parts]) for place in range(3))
    inside = (at + width > window.start) & (at < window.end)
    return Curves(at[inside], width, clear[inside], expected[inside])


def dirt(store: Store, device_id: str) -> Soiling | None:
    """The kept hint at dirt; None when the study has not run. Raises Unavailable."""
    entry = result(store.records, SOILED, device_id)
    if entry is None:
        return None
    body = {name.name: entry.body[name.name] for name in fields(Soiling) if name.name in entry.body}
    return Soiling(**{**body, "starts": tuple(body.get("starts", ()))})


def soiled(store: Store, device: Device, now: int) -> Soiling:
    """The hint at dirt from the kept days; day numbers are days since the epoch."""
    found = days(store, device.device_id, Window(now - SOILING_DAYS * DAY, now))
    return soiling([day_number(day.start) for day in found], [np.nan if day.cleanness is None else day.cleanness for day in found])


def day_number(start: int) -> float:
    """A day as `Soiling` counts them.

    >>> day_number(86_400_000 * 3 - 28_800_000)
    3.0
    """
    return float(round(start / DAY))


def lost_to_dirt(day: PvDay, hint: Soiling | None) -> float | None:
    """What of `other` of a day the hint at dirt explains [kWh]; None when there is no hint."""
    share = hint.lost(day_number(day.start)) if hint else None
    if share is None or day.potential is None or day.clipping is None or day.curtailment is None or day.outage is None:
        return None
    return share * max(day.potential - day.clipping - day.curtailment - day.outage, 0.0)


def made(store: Store, device: Device, weather: Device | None, array: pv.Array | None, start: int, end: int) -> tuple[PvDay, Curves]:
    """The record and the curves of the day that begins at `start`, from its readings up to `end` [epoch ms]. Loads pvlib."""
    from plant.analysis import pv_model

    told = _told(store, device, weather, array, start, end)
    peak = peak_of(device)
    share = np.clip(end - told.at, 0, told.width) / told.width  # of each bucket that has passed
    length = share * told.width / HOUR
    spoken = np.isfinite(told.power)
    day = PvDay(start, end, source=told.source, has_strings=told.weak is not None, assumed=array.assumed if array else ())
    said_of: dict[str, Any] = {"reason": _reason(peak, array, told)}
    if spoken.any():
        energy = float((np.nan_to_num(told.power) * length).sum())
        said_of |= {"energy": energy, "hours": float(length[spoken].sum()), "specific": energy / peak if peak else None}
    if peak is None:
        return _with(day, said_of), Curves(told.at, told.width, _silent(told.at), _silent(told.at))
    model = array or _without_place(device, peak)
    middle = told.at + told.width // 2
    sky = None if array is None else pv_model.clear_sky(middle, array)
    clear = clear_dc = _silent(told.at)
    if array is not None and sky is not None:
        clear_dc = pv_model.power(sky.poa, pv_model.cell_temperature(sky.poa, told.air, told.wind), array)
        clear = np.minimum(clear_dc, array.rated or np.inf)
        said_of["clear_energy"] = float((clear * length)[spoken].sum()) if spoken.any() else None
    expected = _silent(told.at)
    split, basis = None, clear_dc
    if told.light is not None:
        cell = pv_model.cell_temperature(told.light, told.air, told.wind, told.module)
        basis = pv_model.power(told.light, cell, model)
        expected = np.minimum(basis, model.rated or np.inf)
        both = spoken & np.isfinite(told.light) & (share >= 1.0)
        split = pv_losses.losses(np.where(both, told.power, np.nan), basis, model.rated, peak, told.width, told.weak)
        said_of |= _ratios(told, length, both, cell, peak, model)
        if split is not None:
            said_of |= {name: getattr(split, name) for name in ("potential", "clipping", "curtailment", "outage", "mismatch", "other")}
            said_of |= {"held_hours": float(length[split.is_held].sum()), "out_hours": float(length[split.is_out].sum())}
    if sky is not None:
        said_of["cleanness"] = _cleanness(told, sky.poa, basis, model, split)
    return _with(day, said_of), Curves(told.at, told.width, clear, expected)


def _ratios(told: _Told, length: Numbers, both: Any, cell: Numbers, peak: float, array: pv.Array) -> dict[str, Any]:
    from plant.analysis import pv_model

    if told.light is None or not both.any():
        return {}
    lit = np.maximum(told.light, 0.0)
    energy = float((told.power * length)[both].sum())
    insolation = float((lit * length)[both].sum()) / 1000.0
    standard = float((pv_model.standard_light(lit, cell, array.coefficient) * length)[both].sum()) / 1000.0
    return {
        "common": energy, "insolation": insolation, "lit_hours": float(length[both].sum()),
        "ratio": pv.performance_ratio(energy, insolation, peak).value, "corrected": pv.performance_ratio(energy, standard, peak).value,
    }  # fmt: skip


def _cleanness(told: _Told, clear_light: Numbers, basis: Numbers, array: pv.Array, split: pv_losses.Losses | None) -> float | None:
    """By the measured light where there is some; else a day whose power itself follows a clear sky tells."""
    if split is not None and told.light is not None:
        calm = pv_losses.clear_buckets(told.light, clear_light, told.width)
        return pv_losses.cleanness(told.power, basis, split, calm, array.rated, told.width, told.weak)
    alone = pv_losses.losses(told.power, basis, array.rated, array.peak, told.width, told.weak)
    if alone is None:
        return None
    as_light = np.where(basis > 0, told.power / np.maximum(basis, 1e-9) * clear_light, np.nan)
    calm = pv_losses.clear_buckets(as_light, clear_light, told.width)
    return pv_losses.cleanness(told.power, basis, alone, calm, array.rated, told.width, told.weak)


def _without_place(device: Device, peak: float) -> pv.Array:
    """The array for expected power alone, which needs no place."""
    return described(pv.Array(0.0, 0.0, 0.0, 180.0, peak), device)[0]


def _reason(peak: float | None, array: pv.Array | None, told: _Told) -> str:
    """What is missing for the whole story: `peak`, `power`, `light`, `place`; "" when nothing is."""
    if peak is None:
        return "peak"
    if not np.isfinite(told.power).any():
        return "power"
    if told.light is None:
        return "light"
    return "place" if array is None else ""


def _told(store: Store, device: Device, weather: Device | None, array: pv.Array | None, start: int, end: int) -> _Told:
    window = Window(start, day_start(start + DAY + 2 * HOUR, store.zone))
    heard = Window(start, min(window.end, max(end, start + 1)))
    for width in WIDTHS:
        at = np.arange(window.start, window.end, width, dtype=np.int64)
        found = _means(store, device, (_POWER,), heard, at, width) | _means(store, weather, _WEATHER, heard, at, width)
        if all(_speaks(column) for column in found.values()):
            break
    silent = _silent(at)
    source = next((name for name in LIGHT if name in found and np.isfinite(found[name]).any()), "")
    light = found.get(source)
    if light is None and array is not None and "ghi" in found and np.isfinite(found["ghi"]).any():
        from plant.analysis import pv_model

        source, light = "ghi", pv_model.on_plane(at + width // 2, found["ghi"], array)
    air = found.get("ambient_temp", silent)
    if np.isfinite(air).any():  # the rest of the running day, for its clear sky: as warm as the part that was told
        air = np.where(np.isfinite(air), air, np.nanmean(air))
    weak = _weak(store, device, window, at, width)
    return _Told(
        at, width, found.get(_POWER, silent), light, source, air, found.get("wind_speed", silent), found.get("module_temp", silent), weak
    )


def _speaks(column: Numbers) -> bool:
    """Whether buckets of that width leave no holes of their own making; what is silent altogether does not count."""
    told = np.flatnonzero(np.isfinite(column))
    return told.size < 3 or float(np.median(np.diff(told))) <= 1.0


def _means(store: Store, device: Device | None, metrics: Sequence[str], window: Window, at: Any, width: int) -> dict[str, Numbers]:
    """What a device said in the buckets that begin at `at`, by metric; those it never told are absent."""
    if device is None:
        return {}
    columns = {}
    for (_, _, name), one in store.telemetry.series([(device.device_id, device.kind)], metrics, window, resolution=width).items():
        column = _silent(at)
        place = (one.at - int(at[0])) // width
        good = (place >= 0) & (place < len(at))
        column[place[good]] = one.mean[good]
        columns[name] = column
    return columns


def _weak(store: Store, device: Device, window: Window, at: Any, width: int) -> Numbers | None:
    """`pv_losses.weak_share` by bucket; None when the inverter tells no string currents."""
    columns = store.telemetry.columns(device.device_id, device.kind, [_STRINGS], window)
    if not len(columns.at):
        return None
    share = pv_losses.weak_share(columns.values[_STRINGS])
    told = np.isfinite(share)
    if not told.any():
        return None
    instants, share = columns.at[told], share[told]
    place = (instants - window.start) // width
    count = np.bincount(place, minlength=len(at))[: len(at)]
    total = np.bincount(place, share, len(at))[: len(at)]
    before = np.searchsorted(instants, at, side="right") - 1
    near = (before >= 0) & (at - instants[np.maximum(before, 0)] <= HELD)
    return np.where(count > 0, total / np.maximum(count, 1), np.where(near, share[np.maximum(before, 0)], np.nan))


def _silent(at: Any) -> Numbers:
    return np.full(len(at), np.nan)


def _signs(store: Store, device: Device, weather: Device | None, array: pv.Array | None, now: int) -> dict[int, str]:
    """Day of the site (its start) → what its record hangs on. Days without a reading of the inverter have none, but for today."""
    extent = store.telemetry.extent(device.device_id, device.kind)
    if extent is None or extent.first >= now:
        return {}
    starts = day_starts(Window(extent.first, min(now, extent.last + 1)), store.zone)
    told: dict[int, list[str]] = {start: [] for start in starts[-MOST:]}
    mine = set()
    for one, names in ((device, (_POWER, "dc_power")), (weather, _WEATHER)):
        if one is None:
            continue
        key = (one.device_id, one.kind)
        found = store.telemetry.series([key], names, Window(starts[0], now), resolution=DAY, zone=store.zone.key)
        for (_, _, metric), series in sorted(found.items()):
            for at, n, total in zip(series.at.tolist(), series.n.tolist(), series.sum.tolist(), strict=True):
                if n and n == n and at in told:
                    told[at].append(f"{one.device_id} {metric} {n:.0f} {total:.9g}")
                    mine |= {at} if one is device else set()
    plate = repr((VERSION, array, peak_of(device), device.rating.get("power_kw")))
    return {at: hashlib.blake2b("\n".join([plate, *told[at]]).encode(), digest_size=16).hexdigest() for at in sorted(mine)}


def _keep(store: Store, entry_id: str, device_id: str, state: str, at: int, body: Mapping[str, Any]) -> None:
    known = store.records.entry(DRAWER, entry_id)
    with suppress(Conflict):  # another process kept it this very moment
        store.records.put_entry(Entry(DRAWER, entry_id, device_id, state, at, body, known.version if known else 0))


def _with(day: PvDay, values: Mapping[str, Any]) -> PvDay:
    return PvDay(**{**asdict(day), **values})


def written(day: PvDay) -> dict[str, Any]:
    """A record as JSON, numbers of seven digits."""
    return {"v": VERSION, **{name: float(f"{value:.7g}") if isinstance(value, float) else value for name, value in asdict(day).items()}}


def read(body: Mapping[str, Any]) -> PvDay:
    """What `written` wrote."""
    known = {one.name: body[one.name] for one in fields(PvDay) if one.name in body}
    return PvDay(**{**known, "assumed": tuple(known.get("assumed", ()))})


def _drawn(found: Curves) -> dict[str, Any]:
    return {"v": VERSION, "first": int(found.at[0]), "width": found.width, "clear": _short(found.clear), "expected": _short(found.expected)}


def _short(values: Numbers) -> list[float | None]:
    return [round(value, 2) if value == value else None for value in values.tolist()]


def _widened(body: Mapping[str, Any], width: int) -> tuple[Any, Numbers, Numbers]:
    """A day's curves in buckets of `width`, a multiple of its own."""
    every = width // int(body["width"])
    at = int(body["first"]) + int(body["width"]) * np.arange(len(body["clear"]), dtype=np.int64)
    clear, expected = (np.array([np.nan if v is None else v for v in body[name]], np.float64) for name in ("clear", "expected"))
    if every > 1:
        whole = len(at) // every * every
        at, clear, expected = at[:whole:every], *(v[:whole].reshape(-1, every).mean(axis=1) for v in (clear, expected))
    return at, clear, expected


__all__: Sequence[str] = ("Curves", "PvDay", "curves", "days", "dirt", "lost_to_dirt", "study")
