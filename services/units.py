"""The plant as S1 counts it: units, racks, PCS, inverters and meters by number, how many there are, and what each said last."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from datastore.ports import Latest, Records, Telemetry
from plant.analysis.alarms import silence_limit
from plant.model import Device, Kind
from plant.numbering import numbered, unit_of
from services.config import Config

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Unit:
    """One numbered place: the device that stands there (None: nobody registered one) and its newest values (None: it never spoke)."""

    number: int
    device: Device | None = None
    latest: Latest | None = None

    def said(self, metric: str) -> float | None:
        """The newest number of a scalar metric; None when it was never said."""
        value = self.latest.values.get(metric) if self.latest else None
        return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None

    def row(self, metric: str, count: int) -> list[float | None]:
        """The newest array of a vector metric, cut or filled with None to `count` elements."""
        value = self.latest.values.get(metric) if self.latest else None
        if value is None or isinstance(value, (int, float)):
            return [None] * count
        told = [float(v) if v is not None and math.isfinite(v) else None for v in value[:count]]
        return told + [None] * (count - len(told))

    def at(self, metrics: Iterable[str]) -> int | None:
        """The newest instant [epoch ms] at which one of `metrics` was said; None when none ever was."""
        return max((self.latest.times[name] for name in metrics if name in self.latest.times), default=None) if self.latest else None

    def is_stale(self, metrics: Iterable[str], now: int) -> bool:
        """Whether what it says of `metrics` is older than a device of its interval may be silent; not, when it never said any."""
        at = self.at(metrics)
        return at is not None and self.device is not None and now - at > silence_limit(self.device.interval_s)

    def is_silent(self, now: int) -> bool:
        """Whether it has not said anything for too long; not, when it never spoke. Words are reported when they change, so that an old
        word of a device that speaks is in force."""
        return self.latest is not None and self.device is not None and now - self.latest.at > silence_limit(self.device.interval_s)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many there are; `rack` is the number of racks of one BESS."""

    bess: int
    pcs: int
    rack: int
    inverter: int

    @property
    def devices(self) -> int:
        """S1's `number_of_devices`."""
        return self.bess + self.pcs + self.inverter + self.rack


def sizes(config: Config, records: Records) -> Sizes:
    """What the settings BESS_NUMBER, PCS_NUMBER, RACK_NUMBER, INVERTER_NUMBER say; where they are silent, what exists."""
    found = banks(records) if config.bess_number is None or config.rack_number is None else {}

    def count(setting: int | None, kind: str) -> int:
        return len(records.devices(kind)) if setting is None else setting

    return Sizes(
        len(found) if config.bess_number is None else config.bess_number,
        count(config.pcs_number, Kind.PCS),
        max((len(bank.racks) for bank in found.values()), default=0) if config.rack_number is None else config.rack_number,
        count(config.inverter_number, Kind.INVERTER),
    )


def by_number(records: Records, kind: str) -> dict[int, Device]:
    """Devices of one kind by number, ascending."""
    found = {device.device_id: device for device in records.devices(kind)}
    return {n: found[device_id] for n, device_id in numbered(list(found)).items()}


@dataclass(frozen=True, slots=True)
class Bank:
    """A BESS unit with its racks by number; the unit itself may be registered, or known by its racks alone."""

    unit_id: str
    racks: Mapping[int, Device]


def banks(records: Records) -> dict[int, Bank]:
    """BESS units by number. A unit is there when it or one of its racks is registered; racks whose unit nobody names belong to none."""
    standing: dict[str, dict[str, Device]] = {device.device_id: {} for device in records.devices(Kind.BESS)}
    for rack in records.devices(Kind.RACK):
        unit = unit_of(rack.device_id, rack.parent)
        if unit:
            standing.setdefault(unit, {})[rack.device_id] = rack
    found = {}
    for number, unit in numbered(sorted(standing)).items():
        mine = standing[unit]
        found[number] = Bank(unit, {place: mine[rack_id] for place, rack_id in numbered(list(mine)).items()})
    return found


def racks(records: Records, number: int) -> Mapping[int, Device]:
    """The racks of one unit by number; empty when there is no such unit."""
    bank = banks(records).get(number)
    return bank.racks if bank else {}


def units(telemetry: Telemetry, devices: Mapping[int, Device], numbers: Sequence[int] | None = None) -> list[Unit]:
    """The places `numbers` (None: those of `devices`) with what their devices said last, asked in one question."""
    places = list(devices if numbers is None else numbers)
    keys: list[Key] = [(device.device_id, device.kind) for n in places if (device := devices.get(n))]
    heard = telemetry.latest(keys) if keys else {}
    return [Unit(n, device, heard.get((device.device_id, device.kind))) if (device := devices.get(n)) else Unit(n) for n in places]


def meters(records: Records) -> tuple[dict[int, Device], Device | None]:
    """Meters by number, and the one on the auxiliary feeder (the first whose id says `aux`), which is not among them."""
    found = records.devices(Kind.METER)
    auxiliary = next((meter for meter in found if "aux" in meter.device_id.lower()), None)
    others = {meter.device_id: meter for meter in found if meter is not auxiliary}
    return {n: others[meter_id] for n, meter_id in numbered(list(others)).items()}, auxiliary


def stale(found: Sequence[Unit], metrics: Sequence[str], now: int) -> list[int]:
    """The numbers of those whose newest values of `metrics` are too old to be called now."""
    return [unit.number for unit in found if unit.is_stale(metrics, now)]


def silent(found: Sequence[Unit], now: int) -> list[int]:
    """The numbers of those that have not said anything for too long."""
    return [unit.number for unit in found if unit.is_silent(now)]


def newest(found: Iterable[Unit], metrics: Sequence[str]) -> int | None:
    """The newest instant [epoch ms] of `metrics` of all of them; None when nobody ever said any."""
    return max((at for unit in found if (at := unit.at(metrics)) is not None), default=None)
