"""The nouns of a plant, as frozen values. Times are epoch milliseconds UTC unless a name says otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import Any

SECOND = 1_000
MINUTE = 60 * SECOND
QUARTER = 15 * MINUTE
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Value = float | Sequence[float | None]
"""What one metric says at one instant: a number, or an array for vector metrics (`None` = this element is silent)."""


class Quality(IntFlag):
    """How far a reading can be trusted; stored with every reading, 0 is good."""

    GOOD = 0
    SIMULATED = 1
    CLOCK = 2  # the device's clock was implausible: the time is the time of receipt
    LATE = 4  # arrived after its minute had closed
    ESTIMATED = 8
    OUT_OF_RANGE = 16  # outside the physical range of the catalogue


class Kind(StrEnum):
    """What a device is; each kind has one wide table with the metrics the catalogue gives it."""

    SITE = "site"
    BESS = "bess"
    RACK = "rack"
    PCS = "pcs"
    INVERTER = "inverter"
    METER = "meter"
    WEATHER = "weather"
    PACK = "pack"
    VEHICLE = "vehicle"
    HOME = "home"


@dataclass(frozen=True, slots=True)
class Site:
    """The place the plant stands at: calendar buckets follow `zone`, sun position follows the coordinates."""

    site_id: str
    name: str
    zone: str = "Asia/Taipei"
    latitude: float = 23.1
    longitude: float = 120.3


@dataclass(frozen=True, slots=True)
class Device:
    """One thing that sends readings. The key is (device_id, kind): one id may be BMS and PCS at once.

    `interval_s` is the nominal sampling interval; `sign` is -1 for a device that counts charging as positive (readings are
    converted on intake); `rating` holds nameplate numbers in the catalogue's units (capacity_kwh, power_kw, …).
    """

    device_id: str
    kind: str
    name: str = ""
    site_id: str = "site"
    parent: str | None = None
    interval_s: float = 1.0
    sign: int = 1
    simulated: bool = False
    status: str = "online"
    rating: Mapping[str, float] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What one device said at one moment: `at` is epoch ms UTC (event time), `values` metric name → value in the catalogue's unit."""

    device_id: str
    kind: str
    at: int
    values: Mapping[str, Value]
    received: int = 0
    quality: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Readings of one kind that speak of the same metrics, as rows: the form in which they travel from door to store.

    Each row is `(device_id, at, received, quality, value of metrics[0], value of metrics[1], …)`; a scalar is a float or
    None (silent), a vector a sequence of floats and Nones.
    """

    kind: str
    metrics: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Window:
    """`start` inclusive, `end` exclusive, epoch ms UTC."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"window is empty or reversed: {self.start} … {self.end}")

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ScheduleEvent:
    """An awarded (or offered) market hour; fields as in S1 `/schedule`, power in MW, prices in currency per MW·h. `transfer` is the power
    scheduled beside the regulation (E-dReg), MW, discharge positive."""

    mode: str
    time_start: int
    time_end: int
    is_get: bool = True
    interrupt: bool = False
    quote_capacity: float = 0.0
    power: float = 0.0
    price: float = 0.0
    quote_price: float = 0.0
    quote_code: str = ""
    title: str = ""
    description: str = ""
    transfer: float = 0.0
    simulated: bool = False
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that asks for attention. Severity is info, warning, alarm or protection (foxBMS MOL/RSL/MSL ladder). `details` is what a
    device told of its own alarm beside value and limit (which cell, which string), a JSON object as text."""

    device_id: str
    kind: str
    code: str
    severity: str
    message: str
    raised: int
    metric: str = ""
    value: float | None = None
    limit: float | None = None
    cleared: int | None = None
    acknowledged_by: str = ""
    acknowledged: int | None = None
    simulated: bool = False
    shelved_by: str = ""
    shelved_until: int | None = None
    id: int | None = None
    details: str | None = None

    def is_shelved(self, now: int) -> bool:
        """Whether somebody put it aside until later than `now` [epoch ms]; it goes on being judged meanwhile."""
        return self.cleared is None and self.shelved_until is not None and self.shelved_until > now

    @property
    def state(self) -> str:
        if self.cleared is not None:
            return "cleared"
        return "active" if self.acknowledged is None else "acknowledged"


@dataclass(frozen=True, slots=True)
class Command:
    """An order to a device and what became of it; `plant.analysis.commands` says how it lives. `parameters` are as sent (S2's units: W,
    A, %), `constraints` the limits it was checked against, `metadata` what its source wanted to go with it. `sequence` grows with each
    command of one device. Instants are epoch ms, None = not yet; `handed_until`: nobody else gets it before; `late` is what the device
    answered after the end, as `{status, message, result, at}`."""

    id: str
    device_id: str
    type: str
    queued: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    priority: str = "normal"
    source: str = ""
    status: str = "queued"
    timeout_s: int = 30
    sequence: int = 0
    site_id: str = "site"
    acknowledged: int | None = None
    started: int | None = None
    ended: int | None = None
    message: str = ""
    result: Mapping[str, Any] | None = None
    constraints: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    handed_until: int = 0
    published: int | None = None
    late: Mapping[str, Any] | None = None

    @property
    def deadline(self) -> int:
        """When it times out [epoch ms]."""
        return self.queued + self.timeout_s * SECOND


@dataclass(frozen=True, slots=True)
class User:
    """Who may log in. `password_hash` is argon2; `roles` are names from `services.access`."""

    username: str
    password_hash: str
    roles: tuple[str, ...] = ("viewer",)
    email: str = ""
    active: bool = True
    confirmed_at: int | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What somebody wrote on a stretch of time, of one device or metric or of the whole plant; `start` and `end` are inclusive and may
    be one instant. `version` counts its changes from 1."""

    start: int
    end: int
    text: str
    author: str = ""
    device_id: str = ""
    metric: str = ""
    tags: tuple[str, ...] = ()
    created: int = 0
    id: str = ""
    version: int = 0
