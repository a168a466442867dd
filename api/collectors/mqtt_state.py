"""How the line to the MQTT broker stands."""

from dataclasses import dataclass


@dataclass(slots=True)
class BrokerState:
    """For health and figures; it outlives collectors, which come and go with their lease. `fault` says why there is no line, `store_fault`
    why messages wait. Counts are messages since the start: `received`, `kept` or `refused`, `published`, `dropped` (QoS 0 that came in, or
    alerts, when too many waited), and `connections`."""

    fault: str = ""
    store_fault: str = ""
    connected: bool = False
    received: int = 0
    kept: int = 0
    refused: int = 0
    published: int = 0
    dropped: int = 0
    connections: int = 0
