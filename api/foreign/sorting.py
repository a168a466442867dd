"""Points of foreign senders → blocks: the mapping names metrics, units and signs change here, unknown fields are counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from api.contract import ADDRESSABLE, Batch, Context
from api.errors import FieldError, clean, invalid
from api.foreign.points import Broken, Point, Said
from api.kinds import Kinds
from api.routes.readings import MAX_ROWS, kind_of
from plant.metrics import CATALOGUE, KINDS
from plant.model import Block
from services.foreign import FieldMapping, Target


def batch_of(context: Context, door: str, points: Sequence[Point], broken: Sequence[Broken]) -> Batch:
    """What can be kept of these points, as blocks; lines that are broken or refused by index. A line of which nobody knows a field is
    neither. Raises Invalid for too many."""
    if len(points) + len(broken) > MAX_ROWS:
        raise invalid([FieldError(("body",), "too_long", f"A batch holds at most {MAX_ROWS} lines", len(points) + len(broken))])
    sorter = _Sorter(context.foreign.mapping, context.kinds, context.clock())
    for point in points:
        sorter.add(point)
    blocks = [Block(kind, metrics, rows) for (kind, metrics), (rows, _) in sorter.blocks.items()]
    places = [place for _, origin in sorter.blocks.values() for place in origin]
    good, refused = context.store.intake.check(blocks)
    rejected = [_refusal(line.row, "line", line.reason) for line in (*broken, *sorter.broken)]
    rejected += [_refusal(places[row.index], row.field, row.reason) for row in refused]
    context.foreign.note(door, len(points), len(rejected), sorter.unmapped, sorter.received)
    return Batch(good, len(points) + len(broken), sorted(rejected, key=lambda row: row["index"]))


def _refusal(index: int, name: str, reason: str) -> dict[str, Any]:
    return {"index": index, "field": clean(name), "reason": clean(reason)}


class _Plan(NamedTuple):
    """What becomes of the fields of a line: those that are kept, by kind, and those nobody knows."""

    by_kind: tuple[tuple[str, tuple[tuple[str, Target], ...]], ...]
    unmapped: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    is_plain: bool = False
    """All fields are metrics of one kind, in their order and unit: numbers need no work."""


class _Sorter:
    """Sorts points into blocks of equal kind and metrics, and remembers where each row came from."""

    def __init__(self, mapping: FieldMapping, kinds: Kinds, received: int) -> None:
        self.mapping, self.kinds, self.received = mapping, kinds, received
        self.blocks: dict[tuple[str, tuple[str, ...]], tuple[list[tuple[Any, ...]], list[int]]] = {}
        self.broken: list[Broken] = []
        self.unmapped: Counter[tuple[str, str]] = Counter()
        self._plans: dict[tuple[str, str, str, tuple[str, ...]], _Plan] = {}

    def add(self, point: Point) -> None:
        """Take one point, or note why not."""
        device = self.mapping.device(point.tags)
        if not device or ADDRESSABLE.match(device) is None:
            wanted = " or ".join(self.mapping.device_tags)
            why = f"'{device[:40]}' is no device id: it stands in URLs" if device else f"no tag names the device: {wanted}"
            self.broken.append(Broken(point.row, why))
            return
        key = (device, point.measurement, point.tags.get(self.mapping.kind_tag, ""), tuple(point.fields))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(*key)
        if plan.unmapped:
            self._unknown(point.measurement, plan.unmapped)
        at = self.received if point.at is None else point.at
        for kind, kept in plan.by_kind:
            if plan.is_plain and all(type(said) is float for said in point.fields.values()):
                rows, places = self.blocks.setdefault((kind, plan.metrics), ([], []))
                rows.append((device, at, self.received, 0, *point.fields.values()))
                places.append(point.row)
                return
            values = {target.metric: _value(point.fields[name], target) for name, target in kept}
            if None in values.values():  # texts that are no state
                self._unknown(point.measurement, [name for name, target in kept if values[target.metric] is None])
                values = {metric: value for metric, value in values.items() if value is not None}
            if values:
                rows, places = self.blocks.setdefault((kind, tuple(values)), ([], []))
                rows.append((device, at, self.received, 0, *values.values()))
                places.append(point.row)

    def _unknown(self, measurement: str, names: Sequence[str]) -> None:
        for name in names:
            self.unmapped[measurement, name] += 1

    def _plan(self, device: str, measurement: str, said: str, names: tuple[str, ...]) -> _Plan:
        found = [(name, target) for name, target in self.mapping.targets(measurement, names) if target is not None]
        unmapped = [name for name, target in self.mapping.targets(measurement, names) if target is None]
        free = [target.metric for _, target in found if not target.kind]
        guess = said if said in KINDS else kind_of(self.kinds.of(device), free) if free else ""
        by_kind: dict[str, dict[str, tuple[str, Target]]] = {}
        for name, target in found:
            kind = target.kind or guess
            if kind in CATALOGUE[target.metric].kinds:
                by_kind.setdefault(kind, {})[target.metric] = (name, target)
            else:
                unmapped.append(name)
        plan = tuple((kind, tuple(fields.values())) for kind, fields in by_kind.items())
        kept = plan[0][1] if len(plan) == 1 else ()
        is_plain = tuple(name for name, _ in kept) == names and all((t.scale, t.offset) == (1.0, 0.0) for _, t in kept)
        return _Plan(plan, tuple(unmapped), tuple(target.metric for _, target in kept), is_plain and not unmapped)


def _value(said: Said, target: Target) -> float | None:
    """In the catalogue's unit; None for a text that is no state of the metric."""
    if isinstance(said, str):
        states = CATALOGUE[target.metric].states
        return next((float(code) for code, text in states.items() if text.lower() == said.lower()), None)
    return target.value(float(said))
