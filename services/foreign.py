"""What the fields of foreign senders mean here (a mapping file), and how much of what they send is not known."""

import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plant.metrics import CATALOGUE, KINDS
from services.setting import SettingError

DEFAULT = Path(__file__).with_name("foreign_mapping.toml")
MOST_NAMES = 1_000
"""Names of unknown fields that are remembered; those beyond are only counted."""
_PLANS_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class Target:
    """The metric a field is: value here = value there × `scale` + `offset`. `kind` is empty where the metrics of the line decide."""

    metric: str
    scale: float = 1.0
    offset: float = 0.0
    kind: str = ""

    def value(self, said: float) -> float:
        """In the catalogue's unit; a converted one has 12 significant digits.

        >>> Target("active_power", scale=-0.001).value(120400.0)
        -120.4
        """
        if self.scale == 1.0 and self.offset == 0.0:
            return said
        return float(f"{said * self.scale + self.offset:.12g}")


Targets = tuple[tuple[str, Target | None], ...]
"""(field, its target) of one kind of line; None = nobody knows it."""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """The mapping file: (measurement or "", field) → target."""

    device_tags: tuple[str, ...] = ("device", "host")
    kind_tag: str = "kind"
    catalogue: bool = True
    fields: Mapping[tuple[str, str], Target] = field(default_factory=dict)
    _plans: dict[tuple[str, tuple[str, ...]], Targets] = field(default_factory=dict, compare=False, repr=False)

    def target(self, measurement: str, name: str) -> Target | None:
        """What this field is; None when nobody said so. Vectors cannot come as a field."""
        found = self.fields.get((measurement, name)) or self.fields.get(("", name))
        if found is None and self.catalogue and name in CATALOGUE and not CATALOGUE[name].is_vector:
            return Target(name)
        return found

    def targets(self, measurement: str, names: tuple[str, ...]) -> Targets:
        """The targets of the fields of one line."""
        plan = self._plans.get((measurement, names))
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[measurement, names] = tuple((name, self.target(measurement, name)) for name in names)
        return plan

    def device(self, tags: Mapping[str, str]) -> str:
        """The device these tags name; empty when none does."""
        return next((tags[name] for name in self.device_tags if name in tags), "")


def load(path: Path | None) -> FieldMapping:
    """The mapping of this file, the one that is shipped when None. Raises SettingError with one line that says what is wrong."""
    file = DEFAULT if path is None else path
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"FOREIGN_MAPPING={file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"FOREIGN_MAPPING={file} is not TOML: {error}") from None
    try:
        return mapping_of(said)
    except ValueError as error:
        raise SettingError(f"FOREIGN_MAPPING={file}: {error}") from None


def mapping_of(said: Mapping[str, Any]) -> FieldMapping:
    """The mapping that parsed TOML says. Raises ValueError naming what makes no sense."""
    _only(said, {"device_tags", "kind_tag", "catalogue", "field"}, "the file")
    tags = said.get("device_tags", ["device", "host"])
    if not isinstance(tags, list) or not tags or not all(isinstance(tag, str) and tag for tag in tags):
        raise ValueError("device_tags is a list of names of tags")
    kind_tag, catalogue, rows = said.get("kind_tag", "kind"), said.get("catalogue", True), said.get("field", [])
    if not isinstance(kind_tag, str) or not isinstance(catalogue, bool) or not isinstance(rows, list):
        raise ValueError("kind_tag is a text, catalogue is true or false, fields are written as [[field]]")
    fields: dict[tuple[str, str], Target] = {}
    for row in rows:
        place, target = _row(row)
        if place in fields:
            raise ValueError(f"the field {'.'.join(filter(None, place))} is mapped twice")
        fields[place] = target
    return FieldMapping(tuple(tags), kind_tag, catalogue, fields)


def _row(row: Any) -> tuple[tuple[str, str], Target]:
    if not isinstance(row, dict):
        raise ValueError("fields are written as [[field]]")
    name = row.get("field")
    if not isinstance(name, str) or not name:
        raise ValueError("a [[field]] has no field")
    _only(row, {"measurement", "field", "metric", "scale", "sign", "offset", "kind"}, f"the field {name}")
    measurement, metric, kind = row.get("measurement", ""), row.get("metric"), row.get("kind", "")
    if not isinstance(measurement, str):
        raise ValueError(f"the field {name}: measurement is a text")
    found = CATALOGUE.get(metric) if isinstance(metric, str) else None
    if found is None or found.is_vector:
        raise ValueError(f"the field {name}: {metric!r} is not a metric of the catalogue that is one number")
    if kind and (kind not in KINDS or kind not in found.kinds):
        raise ValueError(f"the field {name}: {metric} is not a metric of kind {kind!r}; it is one of {', '.join(found.kinds)}")
    scale, sign, offset = (_number(row, key, default, name) for key, default in (("scale", 1.0), ("sign", 1.0), ("offset", 0.0)))
    if sign not in (1.0, -1.0) or scale == 0.0:
        raise ValueError(f"the field {name}: sign is 1 or -1, scale is not 0")
    return (measurement, name), Target(found.name, scale * sign, offset, kind)


def _number(row: Mapping[str, Any], key: str, default: float, name: str) -> float:
    said = row.get(key, default)
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not -1e18 <= said <= 1e18:
        raise ValueError(f"the field {name}: {key} is a number")
    return float(said)


def _only(said: Mapping[str, Any], known: set[str], where: str) -> None:
    odd = sorted(said.keys() - known)
    if odd:
        raise ValueError(f"{where} has {odd[0]!r}, which is none of {', '.join(sorted(known))}")


@dataclass(slots=True)
class Unknown:
    """A field nobody mapped: how often it came, when last [epoch ms]."""

    count: int = 0
    last: int = 0


@dataclass(slots=True)
class Door:
    """What came through one foreign door since the start."""

    points: int = 0
    broken: int = 0
    unmapped: int = 0


@dataclass(slots=True)
class Foreign:
    """The mapping in force and what this process has seen. Thread-safe."""

    mapping: FieldMapping = field(default_factory=FieldMapping)
    doors: dict[str, Door] = field(default_factory=dict)
    unknown: dict[tuple[str, str, str], Unknown] = field(default_factory=dict)
    unnamed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, door: str, points: int, broken: int, unmapped: Mapping[tuple[str, str], int], now: int) -> None:
        """Count a batch of a door: points that could be read, lines that could not, how often fields came by (measurement, field) that
        nobody knows."""
        with self._lock:
            seen = self.doors.setdefault(door, Door())
            seen.points += points
            seen.broken += broken
            for (measurement, name), count in unmapped.items():
                seen.unmapped += count
                key = (door, measurement[:128], name[:128])
                found = self.unknown.get(key)
                if found is None:
                    if len(self.unknown) >= MOST_NAMES:
                        self.unnamed += count
                        continue
                    found = self.unknown[key] = Unknown()
                found.count += count
                found.last = now

    def seen(self) -> tuple[dict[str, Door], dict[tuple[str, str, str], Unknown], int]:
        """Doors, unknown fields by (door, measurement, field), and how many came beyond those that are remembered."""
        with self._lock:
            return dict(self.doors), dict(self.unknown), self.unnamed
