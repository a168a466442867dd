"""S2's measurements ⇄ the catalogue's metrics, for each kind of device: names, and the watts of its powers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from plant.metrics import metrics_of
from plant.model import Kind

MEASUREMENTS: tuple[str, ...] = ("voltage", "current", "power", "temperature", "soc", "soh")
"""What S2 asks of a device's history, in the document's order."""
DETAILS: tuple[str, ...] = ("internal_resistance",)
"""What its messages may say beside."""
CELLS: Mapping[str, str] = {
    "voltages": "cell_voltages",
    "temperatures": "cell_temperatures",
    "balancing_status": "balancing_status",
}
"""A message's arrays → vector metrics."""

PRIMARY: tuple[str, ...] = (
    Kind.PACK, Kind.BESS, Kind.RACK, Kind.VEHICLE, Kind.PCS, Kind.INVERTER, Kind.METER, Kind.SITE, Kind.WEATHER, Kind.HOME,
)  # fmt: skip
"""As what S2 meets an id that is several kinds at once: the first of these."""

_W_PER_KW = 1000.0
_OWN: Mapping[str, Mapping[str, str]] = {
    Kind.BESS: {"temperature": "cell_avg_temp"},
    Kind.RACK: {"temperature": "cell_avg_temp"},
    Kind.VEHICLE: {"voltage": "pack_voltage", "current": "pack_current", "temperature": "max_temp"},
    Kind.PCS: {"voltage": "dc_voltage", "current": "dc_current", "power": "active_power", "temperature": "temp_igbt"},
    Kind.INVERTER: {
        "voltage": "dc_voltage",
        "current": "dc_current",
        "power": "total_active_power",
        "temperature": "internal_temperature",
    },
    Kind.METER: {"power": "active_power"},
    Kind.SITE: {"power": "active_power"},
    Kind.WEATHER: {"temperature": "ambient_temp"},
}
"""Kind → measurement → the metric that says it there, where the names differ."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement of one kind of device: its `metric` and how many of S2's units one of the metric's is."""

    name: str
    metric: str
    factor: float = 1.0

    def stored(self, value: float) -> float:
        """S2's number in the metric's unit."""
        return value / self.factor if self.factor != 1.0 else value

    def shown(self, value: float) -> float:
        """The metric's number in S2's unit; a converted one has 12 significant digits, so that it is what was sent.

        >>> power = measured("pack")["power"]
        >>> power.stored(-10126.5), power.shown(-10.1265), power.shown(power.stored(0.1))
        (-10.1265, -10126.5, 0.1)
        """
        return float(f"{value * self.factor:.12g}") if self.factor != 1.0 else value


@cache
def measured(kind: str) -> Mapping[str, Measured]:
    """What a device of this kind measures in S2's words, in the document's order.

    >>> [(m.name, m.metric) for m in measured("pcs").values()][2:]
    [('power', 'active_power'), ('temperature', 'temp_igbt')]
    """
    has, own = {metric.name for metric in metrics_of(kind)}, _OWN.get(kind, {})
    found = {}
    for name in (*MEASUREMENTS, *DETAILS):
        metric = own.get(name, name)
        if metric in has:
            found[name] = Measured(name, metric, _W_PER_KW if name == "power" else 1.0)
    return MappingProxyType(found)


def primary(kinds: "list[str] | tuple[str, ...]") -> str:
    """As what S2 meets a device of these kinds.

    >>> primary(("pcs", "bess")), primary(["meter"])
    ('bess', 'meter')
    """
    return min(kinds, key=lambda kind: PRIMARY.index(kind) if kind in PRIMARY else len(PRIMARY))
