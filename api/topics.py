"""What a WebSocket client can subscribe to: S2's `telemetry`, `fleet_status` and `alerts`, and the frames of the dashboard's panels."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from api.alert_message import alert_of
from api.contract import field_error, keep_to_devices
from api.telemetry_frames import FLAGS, Telemetry
from plant.analysis.ladder import to_pulsebms
from plant.errors import Forbidden, Invalid, NotFound
from plant.metrics import CATALOGUE
from plant.model import Alarm
from services.access import Identity
from services.pack_metrics import DETAILS, MEASUREMENTS

if TYPE_CHECKING:
    from api.live import Hub

Offer = Callable[[str], None]
Model = TypeVar("Model", bound=BaseModel)

LONGEST_TOPIC = 1000
FASTEST_MS, SLOWEST_MS, USUAL_MS = 500, 3_600_000, 5000
"""Bounds of a fleet's `update_interval`, and what it is where nobody says [ms]."""
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*Hz\Z", re.IGNORECASE | re.ASCII)
_METRICS = frozenset((*CATALOGUE, *MEASUREMENTS, *DETAILS, FLAGS))


def _rate(text: str) -> str:
    match = _RATE.match(text)
    if match is None or float(match[1]) <= 0:
        raise ValueError("must be a text such as 1Hz or 0.2Hz")
    return text


def _known_metrics(names: list[str]) -> list[str]:
    for name in names:
        if name not in _METRICS:
            raise ValueError(f"'{name[:60]}' is no metric; see /api/v1/metrics/catalogue")
    return names


Name = Annotated[str, Field(min_length=1, max_length=128)]


class SiteFilters(BaseModel, strict=True):
    """Of which site; filters nobody knows are passed over."""

    site_id: Name | None = None


class TelemetryFilters(SiteFilters):
    """Which devices and metrics (all where not given), at most how often per device."""

    device_ids: list[Name] | None = Field(None, max_length=1000)
    metrics: Annotated[list[Name], Field(max_length=200), AfterValidator(_known_metrics)] | None = None
    sample_rate: Annotated[str, AfterValidator(_rate)] | None = None

    @property
    def every(self) -> float:
        """Least distance of two frames of a device [ms]. A little slack: a device of 1 Hz whose clock jitters must not lose every other
        reading."""
        match = _RATE.match(self.sample_rate or "")
        return 900 / float(match[1]) if match else 0.0


class FleetFilters(SiteFilters):
    """How often a fleet is told of [ms]."""

    update_interval: int = Field(USUAL_MS, ge=FASTEST_MS, le=SLOWEST_MS)


class AlertFilters(SiteFilters):
    """Which alerts; `severity` is S2's, one or several."""

    device_ids: list[Name] | None = Field(None, max_length=1000)
    severity: Literal["info", "warning", "critical"] | list[Literal["info", "warning", "critical"]] | None = None

    @property
    def severities(self) -> frozenset[str]:
        return frozenset([self.severity] if isinstance(self.severity, str) else self.severity or ())


class Wish(Protocol):
    """One subscription of one socket."""

    def permit(self, caller: Identity) -> None:
        """Raises Forbidden unless this caller may hear it."""

    async def begin(self) -> None:
        """Start to send. Raises NotFound, Unavailable."""

    def end(self) -> None:
        """Stop; idempotent."""


@dataclass(eq=False, slots=True)
class PanelWish:
    """Frames of a panel, which the dashboard makes."""

    hub: "Hub"
    topic: str
    offer: Offer

    def permit(self, caller: Identity) -> None:
        if not caller.may_see(self.topic.removeprefix("panel:").partition("?")[0]):
            raise Forbidden("This link does not show that panel")

    async def begin(self) -> None:
        self.hub.join(self.topic, self.offer)

    def end(self) -> None:
        self.hub.leave(self.topic, self.offer)


@dataclass(eq=False, slots=True)
class TelemetryWish:
    """Readings as they come in."""

    hub: "Hub"
    telemetry: Telemetry

    def permit(self, caller: Identity) -> None:
        may_read(caller, self.telemetry.devices)

    async def begin(self) -> None:
        self.hub.hear_telemetry(self.telemetry)

    def end(self) -> None:
        self.hub.leave_telemetry(self.telemetry)


@dataclass(eq=False, slots=True)
class FleetWish:
    """The whole fleet of a site, now and then."""

    hub: "Hub"
    filters: FleetFilters
    offer: Offer

    @property
    def site(self) -> str:
        return self.filters.site_id or self.hub.context.config.site_id

    def permit(self, caller: Identity) -> None:
        may_read(caller, frozenset())

    async def begin(self) -> None:
        await self.hub.fleets.join(self.site, self.filters.update_interval, self.offer)

    def end(self) -> None:
        self.hub.fleets.leave(self.site, self.filters.update_interval, self.offer)


@dataclass(eq=False, slots=True)
class AlertWish:
    """Alarms as they are raised, changed and cleared."""

    hub: "Hub"
    filters: AlertFilters
    offer: Offer

    def permit(self, caller: Identity) -> None:
        may_read(caller, frozenset(self.filters.device_ids or ()))

    async def begin(self) -> None:
        self.hub.join("alarms", self.hear)

    def end(self) -> None:
        self.hub.leave("alarms", self.hear)

    def hear(self, alarm: Alarm) -> None:
        """Called for every alarm of the plant."""
        wanted, severities = self.filters.device_ids, self.filters.severities
        if wanted and alarm.device_id not in wanted:
            return
        if not severities or to_pulsebms(alarm.severity) in severities:
            self.hub.roster.soon((alarm.device_id,), lambda: self._tell(alarm))

    def _tell(self, alarm: Alarm) -> None:
        site = self.hub.roster.site_of(alarm.device_id)
        if self.filters.site_id in (None, site):
            self.offer(_alert(alarm, site))


@lru_cache(maxsize=64)
def _alert(alarm: Alarm, site: str) -> str:
    """The frame: made once for all who hear it."""
    return orjson.dumps(alert_of(alarm, site)).decode()


def may_read(caller: Identity, devices: frozenset[str]) -> None:
    """Raises Forbidden unless this caller may read these devices (none named: the whole plant)."""
    if not caller.may("read"):
        raise Forbidden("You may not read telemetry here")
    keep_to_devices(caller, "read", [("device", one) for one in devices])


def topic_of(asked: Mapping[str, Any]) -> str:
    """The topic a message names. Raises NotFound for what is none."""
    topic = asked.get("topic")
    if not isinstance(topic, str) or not 0 < len(topic) <= LONGEST_TOPIC:
        raise NotFound(f"topic is text of at most {LONGEST_TOPIC} characters", "UNKNOWN_TOPIC")
    return topic


def wish(hub: "Hub", topic: str, filters: Any, offer: Offer) -> Wish:
    """What a subscription asks for. Raises NotFound for a topic that is none, Invalid for filters that make no sense."""
    if topic.startswith("panel:"):
        return PanelWish(hub, topic, offer)
    match topic:
        case "telemetry":
            asked = read(TelemetryFilters, filters)
            devices, metrics = frozenset(asked.device_ids or ()), frozenset(asked.metrics or ())
            return TelemetryWish(hub, Telemetry(offer, devices, metrics, asked.site_id or "", asked.every))
        case "fleet_status":
            return FleetWish(hub, read(FleetFilters, filters), offer)
        case "alerts":
            return AlertWish(hub, read(AlertFilters, filters), offer)
    raise NotFound(f"There is no topic '{topic[:80]}'; topics are telemetry, fleet_status, alerts, panel:…", "UNKNOWN_TOPIC")


def read(model: type[Model], given: Any, place: str = "filters") -> Model:
    """`given` as this model. Raises Invalid naming what is wrong first."""
    if given is not None and not isinstance(given, Mapping):
        raise Invalid(f"{place} is an object")
    try:
        return model.model_validate(given or {})
    except ValidationError as error:
        first = field_error(error.errors(include_url=False)[0], place)
        raise Invalid(f"{'.'.join(str(part)[:60] for part in first.loc)}: {first.message.removeprefix('Value error, ')}") from None
