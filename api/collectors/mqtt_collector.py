"""MQTT as one of the collectors: started and stopped as its lease comes and goes, and what it tells of itself."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.collectors.mqtt import Mqtt
from api.collectors.mqtt_state import BrokerState
from api.contract import VERSION
from api.gauges import Gauges
from api.routes.root import active_devices
from datastore.store import Store
from plant.errors import PlantError
from plant.timeline import iso
from services.broker import Broker


class MqttCollector:
    """Implements `Collecting`. Each start makes a new connection; the figures go on."""

    name = "mqtt"

    def __init__(self, store: Store, broker: Broker, gauges: Gauges | None, most_bytes: int) -> None:
        self._store, self._broker, self._gauges, self._most_bytes = store, broker, gauges, most_bytes
        self._began = store.clock()
        self._running: Mqtt | None = None
        self.state = BrokerState()
        if gauges is not None:
            gauges.parts["mqtt"] = lambda: self.state.fault
            gauges.registry.register(_Figures(self.state))

    @property
    def shown(self) -> str:
        return f"mqtt on {self._broker.host}:{self._broker.port}, topics {self._broker.topic}/…"

    def start(self) -> "MqttCollector":
        """Begin to connect, and stay connected; one that is away is waited for. Raises OSError for bad certificates."""
        self._running = Mqtt(self._store, self._broker, self._health, self.state, most_bytes=self._most_bytes).start()
        return self

    def stop(self) -> None:
        """End; what was not acknowledged stays with the broker."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def _health(self) -> dict[str, Any]:
        """S2's health body; `metrics` only where requests are measured, `active_devices` null while the store does not answer."""
        now = self._store.clock()
        try:
            self._store.records.ping()
            active: int | None = active_devices(self._store, now)
        except PlantError:
            active = None
        metrics: dict[str, Any] = {"active_devices": active}
        if self._gauges is not None:
            minute = self._gauges.minute()
            metrics |= {
                "messages_per_second": minute.messages_per_second,
                "response_time_ms": minute.response_time_ms,
                "error_rate": minute.error_rate,
            }
        down = active is None or self._store.intake.backlog.cause
        return {
            "status": "unhealthy" if down else "healthy",
            "version": VERSION,
            "timestamp": iso(now),
            "uptime_seconds": round((now - self._began) / 1000, 3),
            "services": {"database": "unhealthy" if down else "healthy", "mqtt": "healthy"},
            "metrics": metrics,
        }


class _Figures(Collector):
    def __init__(self, state: BrokerState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state = self._state
        yield GaugeMetricFamily("voltdeck_mqtt_up", "1 while this process is connected to the MQTT broker", value=state.connected)
        yield CounterMetricFamily("voltdeck_mqtt_received", "MQTT messages that came in", value=state.received)
        yield CounterMetricFamily("voltdeck_mqtt_kept", "MQTT messages kept and acknowledged", value=state.kept)
        yield CounterMetricFamily("voltdeck_mqtt_refused", "MQTT messages that made no sense", value=state.refused)
        yield CounterMetricFamily("voltdeck_mqtt_published", "MQTT messages published", value=state.published)
        yield CounterMetricFamily("voltdeck_mqtt_dropped", "Messages thrown away: too many waited for broker or store", value=state.dropped)
        yield CounterMetricFamily("voltdeck_mqtt_connections", "Connections made to the MQTT broker", value=state.connections)
