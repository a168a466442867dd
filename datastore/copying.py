"""One store's readings into another, whatever the databases: what backup and restore are made of.

The source may be in use. Where its engine has snapshots, all that is copied is of one moment; elsewhere hot rows are read before
chunks, so that what is sealed meanwhile is copied twice and read once, and the hours that may have changed meanwhile are marked to be
computed again. Devices and metrics have other integers in the target: they go by name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from datastore.kept.engine import BEGINNING, NEVER, Chunk, Engine, Mark, Reader, Revision, VectorRow
from plant.errors import Conflict
from plant.metrics import KINDS, scalars_of, vectors_of
from plant.model import DAY, HOUR, MINUTE

_ROWS = 20_000
_UNSURE = 2 * DAY
"""How far back hours are computed again when the source has no snapshots."""

Progress = Callable[[float, str], None]
"""Called with the share done (0…1) and what is being copied."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What went over."""

    devices: int = 0
    hot: int = 0
    chunks: int = 0
    revisions: int = 0


@dataclass(frozen=True, slots=True)
class _Names:
    """Integers of the source → integers of the target."""

    devices: Mapping[int, int]
    metrics: Mapping[int, int]


def copy_readings(source: Engine, target: Engine, now: int, progress: Progress = lambda share, doing: None) -> Copied:
    """Copy everything into a target that holds no readings. Raises Conflict when it holds some, Unavailable when either does not answer.

    An interrupted copy leaves a target that is not to be used: make it anew.
    """
    require_empty(target)
    with source.read() as tx:
        devices = tx.device_keys()
        names = _numbered(tx, target, devices)
        copied = Copied(devices=len(devices))
        for kind in KINDS:
            own = [key for key, _, its in devices if its == kind]
            if own:
                progress(0.0, f"hot readings of {kind}")
                copied = replace(copied, hot=copied.hot + _copy_hot(tx, target, kind, names))
        for done, (key, device_id, kind) in enumerate(devices):
            progress(done / len(devices), f"{device_id} ({kind})")
            chunks, revisions = _copy_device(tx, target, key, kind, names)
            copied = replace(copied, chunks=copied.chunks + chunks, revisions=copied.revisions + revisions)
        _copy_state(tx, target, names, unsure_since=None if source.has_snapshots else now - _UNSURE, devices=devices)
    target.end_bulk()
    progress(1.0, "")
    return copied


def require_empty(target: Engine) -> None:
    """Raises Conflict when this store holds readings."""
    with target.read() as tx:
        if tx.device_keys():
            raise Conflict("the store that is to be filled holds readings already: restore into an empty one")


def _numbered(tx: Reader, target: Engine, devices: Sequence[tuple[int, str, str]]) -> _Names:
    """Give the target's integers to the source's devices. Metrics that this release does not know stay behind."""
    own: dict[int, int] = {}
    for kind in KINDS:
        ids = [device_id for _, device_id, its in devices if its == kind]
        if ids:
            with target.write() as into:
                given = into.number_devices(kind, ids)
            own |= {key: given[device_id] for key, device_id, its in devices if its == kind}
    with target.read() as there:
        known = there.metric_keys()
    return _Names(own, {key: known[name] for name, key in tx.metric_keys().items() if name in known})


def _copy_hot(tx: Reader, target: Engine, kind: str, names: _Names) -> int:
    scalars = scalars_of(kind)
    arrays = [key for name, key in tx.metric_keys().items() if name in vectors_of(kind)]
    count = 0
    for low, high in _slots(tx, kind):
        vectors = [row._replace(device=names.devices[row.device], metric=names.metrics[row.metric])
                   for row in (tx.hot_vectors(kind, arrays, None, low, high) if arrays else ())]  # fmt: skip
        rows = [(names.devices[row[0]], *row[1:]) for row in tx.hot_rows(kind, scalars, None, low, high)]
        rows.sort(key=lambda row: row[1])
        with target.write_bulk() as into:
            into.insert_new(kind, scalars, rows)
            for i in range(0, len(vectors), _ROWS):
                into.put_vectors(kind, [VectorRow(*row) for row in vectors[i : i + _ROWS]])
        count += len(rows)
    return count


def _slots(tx: Reader, kind: str) -> Iterator[tuple[int, int]]:
    """Stretches of the hot time of a kind with about `_ROWS` rows each."""
    first, last = tx.first_hot(kind), tx.last_hot(kind)
    if first is None or last is None:
        return
    low, step = first, HOUR
    while low <= last:
        while step > MINUTE and tx.count_hot(kind, low, low + step, 2 * _ROWS) >= 2 * _ROWS:
            step //= 2
        yield low, low + step
        low += step
        if tx.count_hot(kind, low, low + step, _ROWS) < _ROWS // 2:
            following = tx.first_hot(kind, start=low)
            low, step = (last + 1 if following is None else max(low, following)), min(2 * step, 30 * DAY)


def _copy_device(tx: Reader, target: Engine, device: int, kind: str, names: _Names) -> tuple[int, int]:
    """Chunks, hours, minutes and revisions of one device; (chunks, revisions)."""
    chunks = 0
    to = names.devices[device]
    bounds = tx.sealed_bounds(device)
    after = BEGINNING
    for low in range(bounds[0] // DAY * DAY, bounds[1] + 1, DAY) if bounds else ():
        with target.write_bulk() as into:
            for span, parts in tx.parts(device, None, low, low + DAY):
                if span.start >= after:
                    kept = [part._replace(metric=names.metrics[part.metric]) for part in parts if part.metric in names.metrics]
                    into.put_chunk(Chunk(to, span.start, span.end, kept))
                    after = span.start + 1
                    chunks += 1
    with target.write_bulk() as into:
        metrics = [key for name, key in tx.metric_keys().items() if name in scalars_of(kind)]
        into.put_hours([(to, names.metrics[metric], day, packed) for metric, day, packed in tx.hours(device, metrics, BEGINNING, NEVER)])
        layouts: dict[int, int] = {}
        rows = []
        for ts, layout, stats in tx.minutes(device, BEGINNING, NEVER):
            if layout not in layouts:
                layouts[layout] = into.layout(tx.layout_names(layout))
            rows.append((ts, to, layouts[layout], stats))
        into.put_minutes(rows)
        revisions = [
            Revision(to, row.ts, names.metrics[row.metric], row.received, row.replaced, row.value)
            for row in reversed(tx.revisions(device, BEGINNING, NEVER, BEGINNING))
            if row.metric in names.metrics
        ]
        into.add_revisions(revisions)
    return chunks, len(revisions)


def _copy_state(tx: Reader, target: Engine, names: _Names, unsure_since: int | None, devices: Sequence[tuple[int, str, str]]) -> None:
    """Marks, newest values and what makes the target trust them; last, and durable."""
    with target.write() as into:
        marks = [
            mark._replace(device=names.devices[mark.device] if mark.device else 0)
            for width in (MINUTE, HOUR)
            for mark in tx.marks(width, NEVER)
            if not mark.device or mark.device in names.devices
        ]
        into.add_marks(marks)
        if unsure_since is not None:
            for key, _, kind in devices:
                bounds = tx.sealed_bounds(key)
                hours = range(unsure_since // HOUR * HOUR, (bounds[1] if bounds else unsure_since) + HOUR, HOUR)
                into.add_marks([Mark(kind, HOUR, hour, names.devices[key], 0) for hour in hours])
        into.save_newest([(names.devices[device], state) for device, state in tx.newest() if device in names.devices])
        into.put_counter("latest", 0, tx.counters().get(("latest", 0), 0))
        into.count_sealed()
