"""What asks for attention, in S1's three words: protection, warning, fault. From the open alarms and from the words that devices report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from datastore.ports import Latest
from datastore.store import Store
from plant import wording
from plant.analysis.alarms import MODULE_WORDS, STATUS_WORDS, Condition, module_conditions, status_condition
from plant.metrics import CATALOGUE
from plant.model import DAY, Device, Kind
from services.config import Config
from services.units import banks, by_number

BUCKETS: Mapping[str, str] = {"protection": "protection", "warning": "warning", "alarm": "fault"}
"""Severity → S1's word; an info is none."""
MOST_ALARMS = 10_000
_ELSEWHERE = frozenset({Kind.VEHICLE, Kind.HOME})
_ABBREVIATIONS = frozenset({"AC", "DC", "SOC", "SOH", "BESS", "PCS", "IGBT", "BAMS", "BMS", "MPPT", "PV", "SPD"})
_KINDS = (Kind.SITE, Kind.BESS, Kind.RACK, Kind.PACK, Kind.PCS, Kind.INVERTER, Kind.METER, Kind.WEATHER)


@dataclass(frozen=True, slots=True, order=True)
class _Notice:
    """`place` sorts: kind, number, number below it."""

    place: tuple[int, int, int, str]
    text: str
    bucket: str


Key = tuple[str, str]


def notices(store: Store, config: Config, now: int) -> dict[str, list[str]]:
    """Texts such as `BESS1: High Temperature` for `protection`, `warning` and `fault`, in the order of the plant. Shelved alarms
    are left out, vehicles and homes too. Raises Unavailable."""
    names = _Names(store, config)
    found: dict[tuple[str, str, str], _Notice] = {}
    spoken = set()
    for alarm in store.records.alarms(limit=MOST_ALARMS):
        spoken.add((alarm.device_id, alarm.kind, alarm.code))
        if alarm.severity in BUCKETS and not alarm.is_shelved(now) and alarm.kind not in _ELSEWHERE:
            place, who = names.of(alarm.device_id, alarm.kind)
            text = f"{who}: {title(alarm.code, alarm.value)}"
            found[alarm.device_id, alarm.kind, alarm.code] = _Notice(place, text, BUCKETS[alarm.severity])
    for device, condition in reported(store, names.devices, now):
        key = (device.device_id, str(device.kind), condition.code)
        if key not in spoken and condition.severity in BUCKETS:
            place, who = names.of(device.device_id, device.kind)
            found[key] = _Notice(place, f"{who}: {title(condition.code, condition.value)}", BUCKETS[condition.severity])
    ordered = sorted(found.values())
    return {bucket: [notice.text for notice in ordered if notice.bucket == bucket] for bucket in BUCKETS.values()}


def reported(store: Store, devices: Sequence[Device], now: int) -> Iterator[tuple[Device, Condition]]:
    """What the words of racks and PCS say that are not zero, of devices that spoke within a day."""
    heard = store.telemetry.latest([(device.device_id, device.kind) for device in devices]) if devices else {}
    for device in devices:
        latest = heard.get((device.device_id, device.kind))
        # words are reported when they change: an old word of a device that speaks is in force
        if latest is not None and now - latest.at <= DAY:
            yield from ((device, condition) for condition in _conditions(device, latest))


def _conditions(device: Device, latest: Latest) -> Iterable[Condition]:
    for metric in (*MODULE_WORDS, *STATUS_WORDS):
        said = latest.values.get(metric)
        if said is None:
            continue
        means = wording.meanings(device.info, metric)
        if isinstance(said, (int, float)):
            condition = status_condition(metric, said, "", means) if said == said else None
            yield from [condition] if condition else []
        else:
            yield from module_conditions(metric, said, "", means)


def title(code: str, value: float | None = None) -> str:
    """A code as a heading; words of bits show the word.

    >>> title("HIGH_TEMPERATURE"), title("CELL_MAX_TEMP_HIGH"), title("LOW_SOC"), title("FAULT_STATUS1", 5.0)
    ('High Temperature', 'High Cell Maximum Temperature', 'Low SOC', 'Fault Word 1 (0x0005)')
    """
    stem, _, side = code.rpartition("_")
    metric = CATALOGUE.get(stem.lower()) if side in ("HIGH", "LOW") else CATALOGUE.get(code.lower())
    words = metric.en.split() if metric else code.replace("_", " ").split()
    shown = " ".join(_headed(word, metric is None) for word in words) or code
    if metric and metric.shape == "bits" and value is not None and isfinite(value):
        return f"{shown} (0x{int(value):04X})"
    return f"{side.title()} {shown}" if metric and side in ("HIGH", "LOW") else shown


def _headed(word: str, is_code: bool) -> str:
    if word.upper() in _ABBREVIATIONS:
        return word.upper()
    return word.capitalize() if is_code else word[:1].upper() + word[1:]


class _Names:
    """What devices are called in S1's texts: `BESS1`, `BESS1 Rack 03`, `PCS2`, `Inverter1`; others by their own names."""

    def __init__(self, store: Store, config: Config) -> None:
        records = store.records
        standing = banks(records)
        self._known: dict[Key, tuple[tuple[int, int, int, str], str]] = {}
        self._records = records
        self._others: dict[Key, str] | None = None
        self.devices = [rack for bank in standing.values() for rack in bank.racks.values()]
        for unit, bank in standing.items():
            self._put(bank.unit_id, Kind.BESS, unit, 0, f"{config.bess_type}{unit}")
            for number, rack in bank.racks.items():
                self._put(rack.device_id, Kind.RACK, unit, number, f"{config.bess_type}{unit} Rack {number:02d}")
        for kind, word in ((Kind.PCS, config.pcs_type), (Kind.INVERTER, "Inverter")):
            for number, device in by_number(records, kind).items():
                self._put(device.device_id, kind, number, 0, f"{word}{number}")
                if kind == Kind.PCS:
                    self.devices.append(device)

    def _put(self, device_id: str, kind: str, number: int, below: int, name: str) -> None:
        self._known[device_id, str(kind)] = ((_rank(kind), number, below, device_id), name)

    def of(self, device_id: str, kind: str) -> tuple[tuple[int, int, int, str], str]:
        """Where a device stands among the others, and its name."""
        known = self._known.get((device_id, str(kind)))
        if known is not None:
            return known
        if self._others is None:
            self._others = {(device.device_id, str(device.kind)): device.name for device in self._records.devices()}
        return (_rank(kind), 0, 0, device_id), self._others.get((device_id, str(kind))) or device_id


def _rank(kind: str) -> int:
    return _KINDS.index(Kind(kind)) if kind in _KINDS else len(_KINDS)
