"""Listeners for devices that do not speak HTTP: what the configuration asks for, as things that are started and stopped."""

from typing import Protocol

from api.gauges import Gauges
from datastore.store import Store
from services.config import Config

MONITOR_PORT, PREDICTOR_PORT = 23456, 23457
"""Where S3's collectors listen when they stand alone and nobody said otherwise."""


class Collecting(Protocol):
    """Something that takes readings in while it runs."""

    name: str
    """Tells it from the others: where processes share a Redis, one of them runs it, by the lease `collect-<name>`."""

    @property
    def shown(self) -> str:
        """What it does and where, for people."""

    def start(self) -> "Collecting":
        """Begin; returns itself. Raises Unavailable when it cannot."""

    def stop(self) -> None:
        """End; what was taken in is kept. Idempotent."""


def collectors(config: Config, store: Store, gauges: Gauges | None = None, alone: bool = False) -> list[Collecting]:
    """The collectors of this configuration, none of them started. `alone` = they are all there is, so TCP has its default ports.
    Their figures show in `gauges`."""
    return [*_tcp_ports(config, store, gauges, alone), *_mqtt(config, store, gauges)]


def _mqtt(config: Config, store: Store, gauges: Gauges | None) -> list[Collecting]:
    if config.mqtt is None:
        return []
    from api.collectors.mqtt_collector import MqttCollector

    return [MqttCollector(store, config.mqtt, gauges, config.max_body_mb << 20)]


def _tcp_ports(config: Config, store: Store, gauges: Gauges | None, alone: bool) -> list[Collecting]:
    from api.collectors.tcp import Senders, TcpFigures, TcpPort
    from api.collectors.tcp_monitor import Records
    from api.collectors.tcp_predictor import Documents
    from services.battery_messages import MONITOR, clocks_of

    clocks, senders = clocks_of(store), Senders(config.tcp_allow, config.auth_mode == "open")
    asked = (
        (
            "monitor",
            "TCP_MONITOR_PORT",
            config.tcp_monitor_port or alone * MONITOR_PORT,
            lambda who: Records(senders.device(who) or MONITOR, clocks),
        ),
        ("predictor", "TCP_PREDICTOR_PORT", config.tcp_predictor_port or alone * PREDICTOR_PORT, lambda _: Documents(clocks)),
    )
    ports = [TcpPort(name, setting, config.host, port, framer, store, senders) for name, setting, port, framer in asked if port]
    if ports and gauges is not None:
        gauges.registry.register(TcpFigures(ports))
    return list(ports)
