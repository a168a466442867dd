"""The plant as it is now: devices with their newest values, how old these are, and sums that stay honest about who is silent."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datastore.ports import Latest
from datastore.store import Store
from plant.model import DAY, Device, Kind, Quality

STALE_INTERVALS, STALE_LEAST = 10, 15_000
"""A value is stale after this many nominal intervals, but not before this many ms: the same patience as the tiles'."""


@dataclass(frozen=True, slots=True)
class Said:
    """One value of one device: from when it is [epoch ms UTC], and whether that is too long ago to be called now."""

    device: Device
    value: float
    at: int
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Sum:
    """A number over several devices: `at` is the oldest instant in it, `heard` of `asked` devices are in it (stale ones are left out
    unless all are stale)."""

    value: float | None
    at: int | None
    heard: int
    asked: int

    @property
    def is_complete(self) -> bool:
        """Whether every device asked is in it."""
        return self.heard == self.asked


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices by kind in order of their ids, and the newest values by (device_id, kind)."""

    devices: Mapping[str, Sequence[Device]]
    latest: Mapping[tuple[str, str], Latest]
    now: int

    def of(self, kind: str) -> Sequence[Device]:
        """Devices of a kind, by id; empty when there are none."""
        return self.devices.get(kind, ())

    def said(self, device: Device | None, metric: str) -> Said | None:
        """The newest number of a scalar metric; None when it was never said."""
        latest = self.latest.get((device.device_id, device.kind)) if device else None
        value = latest.values.get(metric) if latest else None
        if device is None or latest is None or not isinstance(value, int | float):
            return None
        at = latest.times.get(metric, latest.at)
        return Said(device, float(value), at, self.is_stale(device, at))

    def vector(self, device: Device | None, metric: str) -> tuple[list[float], int] | None:
        """The newest array of a vector metric (silent elements are NaN) and from when it is; None when never said."""
        latest = self.latest.get((device.device_id, device.kind)) if device else None
        values = latest.values.get(metric) if latest else None
        if latest is None or values is None or isinstance(values, int | float):
            return None
        return [float("nan") if v is None else float(v) for v in values], latest.times.get(metric, latest.at)

    def all(self, devices: Iterable[Device], metric: str) -> list[Said]:
        """What the devices say of a metric; silent ones are absent."""
        return [said for device in devices if (said := self.said(device, metric)) is not None]

    def is_stale(self, device: Device, at: int) -> bool:
        """Whether something from `at` [epoch ms] is too old for this device to be called now."""
        return self.now - at > max(STALE_LEAST, STALE_INTERVALS * device.interval_s * 1000)

    def is_online(self, device: Device) -> bool:
        """Whether the device spoke lately."""
        latest = self.latest.get((device.device_id, device.kind))
        return latest is not None and not self.is_stale(device, latest.at)

    def is_archive(self, device: Device) -> bool:
        """Whether the device is only known from imported history: its newest reading was a day old when it came in."""
        latest = self.latest.get((device.device_id, device.kind))
        return latest is not None and latest.received - latest.at > DAY

    def expected(self, devices: Iterable[Device]) -> list[Device]:
        """The devices one may expect to speak now."""
        return [device for device in devices if not self.is_archive(device)]

    def is_simulated(self, devices: Iterable[Device]) -> bool:
        """Whether any of these is a simulated device or says simulated values."""
        return any(
            device.simulated or bool(latest and latest.quality & Quality.SIMULATED)
            for device in devices
            for latest in (self.latest.get((device.device_id, device.kind)),)
        )


def fleet(store: Store, kinds: Sequence[str] | None = None) -> Fleet:
    """The fleet now; `kinds` limits what is asked of the store."""
    groups: dict[str, list[Device]] = {}
    for kind in kinds or (None,):
        for device in store.records.devices(kind):
            groups.setdefault(str(device.kind), []).append(device)
    asked = None if kinds is None else [(device.device_id, device.kind) for devices in groups.values() for device in devices]
    return Fleet(groups, store.telemetry.latest(asked) if asked is None or asked else {}, store.clock())


def fresh(said: Sequence[Said]) -> list[Said]:
    """Those that are not stale; all of them when every one is: the last known state, whose age then shows."""
    current = [s for s in said if not s.is_stale]
    return current or list(said)


def total(said: Sequence[Said], asked: int) -> Sum:
    """Sum of what is said."""
    used = fresh(said)
    return Sum(sum(s.value for s in used) if used else None, min((s.at for s in used), default=None), len(used), asked)


def weighted(said: Sequence[Said], weight: Callable[[Device], float | None], asked: int) -> Sum:
    """Weighted mean of what is said; the plain mean when any weight is not known."""
    used = fresh(said)
    if not used:
        return Sum(None, None, 0, asked)
    weights = [weight(s.device) for s in used]
    known = [w for w in weights if w is not None and w > 0]
    parts = known if len(known) == len(used) else [1.0] * len(used)
    mean = sum(s.value * w for s, w in zip(used, parts, strict=True)) / sum(parts)
    return Sum(mean, min(s.at for s in used), len(used), asked)


def capacity(device: Device) -> float | None:
    """Nameplate energy [kWh]; None when the register does not say."""
    rated: Any = device.rating.get("capacity_kwh")
    return float(rated) if rated else None


def batteries(plant: Fleet) -> Sequence[Device]:
    """The units that store the site's energy: BESS, else stand-alone packs."""
    return plant.of(Kind.BESS) or plant.of(Kind.PACK)


def site(plant: Fleet) -> Device | None:
    """The device at the connection point."""
    return next(iter(plant.of(Kind.SITE)), None)
