"""The demo plant's past, a slice of at most one UTC day at a time, device by device, in the form the bulk road takes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from datastore.ports import Columns, Instants, Numbers
from datastore.store import Store
from plant.model import DAY, HOUR, MINUTE, Quality
from plant.simulation import Plant, State, Trace, faults
from plant.simulation.battery_readings import agree, rack_vectors, racks, units
from plant.simulation.converter_readings import inverter_vectors, inverters, pcs
from plant.simulation.instruments import Instruments, Table
from plant.simulation.site_readings import meters, site, site_seconds, weather
from services.demo_devices import names

FINE = DAY
"""Age [ms] up to which vectors are kept by the minute; older ones hourly (strings every 15 minutes), without which cells bled."""
COARSE_RACK, COARSE_INVERTER = HOUR, 15 * MINUTE


@dataclass(frozen=True, slots=True)
class Part:
    """One device's readings of a slice: `scalars` at every instant, and its vectors [rows, width] at the instants numbered `rows`, which
    are few; `whole` fills them up to the form that the bulk road takes."""

    device: str
    kind: str
    scalars: Columns
    vectors: Table = field(default_factory=dict)
    rows: Instants = field(default_factory=lambda: np.empty(0, np.int64))

    def whole(self) -> Columns:
        """Everything as columns of one length."""
        told = self.scalars
        if not self.vectors:
            return told
        filled = {name: _filled(vector, self.rows, told.at.size) for name, vector in self.vectors.items()}
        return Columns(told.at, told.received, told.quality, {**told.values, **filled})


def _filled(vector: Numbers, rows: Instants, length: int) -> Numbers:
    if rows.size == length:
        return vector
    filled = np.full((length, vector.shape[1]), np.nan)
    filled[rows] = vector
    return filled


@dataclass(frozen=True, slots=True)
class Slice:
    """One run of minutes: the state after it, how far it reaches (epoch ms), and its readings as a lazy sequence."""

    after: State
    until: int
    parts: Iterator[Part]


def slices(plant: Plant, state: State, until: int, now: int, site_id: str, told: bool = False) -> Iterator[Slice]:
    """History from `state` to `until` (epoch ms, a full minute), cut at UTC midnights. `now` decides which vectors are fine.

    `state` may stand at any second; a first short step brings it to a full minute. The same state gives the same readings. `told` means
    that the site's seconds up to the next midnight were already given, as every slice but the last does.
    """
    while state.at * 1000 < until:
        lead = int(-state.at) % 60
        if lead:
            state, trace = plant.run(state, 1, lead)
            yield Slice(state, int(state.at) * 1000, iter(_site_only(plant, trace, site_id)))
            told = False
            continue
        # the last step of a slice ends at 23:59, so that each slice holds the minutes of one UTC day
        stop = min(until, (int(state.at) * 1000 + MINUTE) // DAY * DAY + DAY - MINUTE)
        after, trace = plant.run(state, (stop - int(state.at) * 1000) // MINUTE, 60)
        ahead = plant.run(after, 1, 60)[1] if stop < until else None
        yield Slice(after, stop, _parts(plant, trace, ahead, told, now, site_id))
        state, told = after, True


def _parts(plant: Plant, trace: Trace, ahead: Trace | None, told: bool, now: int, site_id: str) -> Iterator[Part]:
    """All devices of one trace. `ahead` is the step after it, whose seconds before midnight still belong to this day; `told` means that
    this trace's own first seconds were given with the slice before."""
    ids, tools, d = names(plant.design, site_id), Instruments(plant, trace), plant.design
    at = (trace.at * 1000).astype(np.int64)
    silent = faults.rack_silent(trace.at, d.seed, d.count)
    held = np.repeat(faults.unit_held(trace.at, d.seed, d.units), d.racks, axis=1)
    rack_table = racks(tools)
    fine = np.flatnonzero((at >= now - FINE) | (at % COARSE_RACK == 0))
    for rack, device in enumerate(ids["rack"]):
        vectors = rack_vectors(tools, fine, np.array([rack]))
        agree(rack_table, vectors, fine, np.array([rack]))
        yield _device(device, "rack", at, rack_table, rack, vectors, fine, ~silent[:, rack], held[:, rack])
    unit_table = units(tools, rack_table)
    strings = inverter_vectors(tools, every := np.flatnonzero((at >= now - FINE) | (at % COARSE_INVERTER == 0)))
    table = inverters(tools)
    for i, inverter in enumerate(ids["inverter"]):
        one = {name: values[:, i : i + 1] for name, values in strings.items()}
        yield _device(inverter, "inverter", at, table, i, one, every)
    spoken = ~faults.pcs_silent(trace.at, trace.born, d.seed, d.units)
    others = (("bess", unit_table), ("pcs", pcs(tools)), ("meter", meters(tools)), ("weather", weather(tools)))
    for kind, values in others:
        for k, device in enumerate(ids[kind]):
            yield _device(device, kind, at, values, k, heard=spoken[:, k] if kind == "pcs" else None)
    yield Part(site_id, "site", _site(plant, trace, ahead, told, site(tools, unit_table)))


def _device(
    device: str,
    kind: str,
    at: Instants,
    table: Table,
    place: int,
    vectors: Table | None = None,
    steps: np.ndarray | None = None,
    heard: np.ndarray | None = None,
    held: Numbers | None = None,
) -> Part:
    """One device's scalars, and its `vectors` [steps, 1, width], silent at the instants that are not among `steps`."""
    told = columns(at, {name: column[:, place] for name, column in table.items()}, held)
    if heard is None:
        heard = np.ones(at.size, bool)
    scalars = only(told, heard)
    if vectors is None or steps is None:
        return Part(device, kind, scalars)
    spoken, dense = heard[steps], steps.size > at.size // 2
    sent = {name: vector[spoken, 0] for name, vector in vectors.items() if dense or name != "balancing_status"}
    return Part(device, kind, scalars, sent if spoken.any() else {}, np.cumsum(heard)[steps[spoken]] - 1)


def unknown(store: Store, parts: Iterable[Part]) -> Iterator[Part]:
    """Without the parts that a run which died in this slice had loaded (a part is loaded whole or not at all)."""
    for part in parts:
        kept = store.telemetry.bounds(part.device, part.kind)
        if kept is None or kept[1] < int(part.scalars.at[-1]):
            yield part


def columns(at: Instants, values: Table, held: Numbers | None = None) -> Columns:
    """Columns received a fraction of a second after `at`, or `held` [s] later where a gateway kept them back; marked simulated."""
    late = np.zeros(at.size) if held is None else held
    received = at + 350 + (late * 1000).astype(np.int64)
    quality = np.where(late > 0, int(Quality.SIMULATED | Quality.LATE), int(Quality.SIMULATED)).astype(np.int64)
    return Columns(at, received, quality, dict(values))


def only(whole: Columns, which: np.ndarray) -> Columns:
    """Some rows (mask or indices) of `whole`."""
    if which.dtype == bool and which.all():
        return whole
    return Columns(whole.at[which], whole.received[which], whole.quality[which], {name: v[which] for name, v in whole.values.items()})


def _site(plant: Plant, trace: Trace, ahead: Trace | None, told: bool, minute: Table) -> Columns:
    """The site: frequency, power and target each second, the rest at full minutes."""
    seconds, at = _seconds(plant, trace)
    values: dict[str, Numbers] = dict(seconds)
    for name in [name for name in minute if name not in seconds]:
        values[name] = np.full(at.size, np.nan)
        values[name][trace.seconds - 1 :: trace.seconds] = minute[name][:, 0]
    start = np.searchsorted(at, at[-1] // DAY * DAY) if told else 0
    whole = only(columns(at, values), np.arange(start, at.size))
    if ahead is not None:
        more, later = _seconds(plant, ahead)
        before = later < at[-1] // DAY * DAY + DAY
        tail = {name: more[name][before] if name in more else np.full(int(before.sum()), np.nan) for name in values}
        extra = columns(later[before], tail)
        whole = Columns(
            np.concatenate([whole.at, extra.at]), np.concatenate([whole.received, extra.received]),
            np.concatenate([whole.quality, extra.quality]),
            {name: np.concatenate([whole.values[name], tail[name]]) for name in values},
        )  # fmt: skip
    return only(whole, ~faults.site_silent(whole.at / 1000.0, plant.design.seed))


def _seconds(plant: Plant, trace: Trace) -> tuple[dict[str, Numbers], Instants]:
    read = site_seconds(plant, trace)
    at = (trace.at[:, None] - trace.seconds + np.arange(1.0, trace.seconds + 1)).ravel() * 1000
    return {name: values.ravel() for name, values in read.items()}, at.astype(np.int64)


def _site_only(plant: Plant, trace: Trace, site_id: str) -> Iterator[Part]:
    seconds, at = _seconds(plant, trace)
    yield Part(site_id, "site", only(columns(at, seconds), ~faults.site_silent(at / 1000.0, plant.design.seed)))
