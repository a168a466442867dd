"""S1: the plant in a few figures, and who speaks to whom."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.routes.solarhub.params import TAG, exact, stamp
from plant.timeline import iso
from services.overview import overview as overview_of
from services.reachability import Part, parts
from services.units import sizes


class SystemOverviewBody(TypedDict):
    """Power in kW (discharge and export positive), frequency in Hz, soc and soh in %; null where nobody says it. `stale` names the figures
    that are older than they should be."""

    segment: str
    active_power: float | None
    target_power: float | None
    battery_power: float | None
    pv_power: float | None
    aux_power: float | None
    frequency: float | None
    soc: float | None
    soh: float | None
    bess_number: int
    pcs_number: int
    inverter_number: int
    rack_number: int
    device_count: int
    online_count: int
    alarm_count: int
    timestamp: str | None
    stale: list[str]
    status: str


class TopologyNodeBody(TypedDict):
    id: str
    name: str
    type: str
    status: str
    ip: str
    port: NotRequired[int]


class TopologyLinkBody(TypedDict):
    source: str
    target: str
    status: str


class TopologyBody(TypedDict):
    nodes: list[TopologyNodeBody]
    links: list[TopologyLinkBody]
    timestamp: str
    status: str


def overview(context: Context, params: None) -> dict[str, Any]:
    """The newest figures of the whole plant."""
    found = overview_of(context.store, context.clock())
    size = sizes(context.config, context.store.records)
    return {
        "segment": "system_overview",
        **{name: exact(value) for name, value in found.figures.items()},
        "bess_number": size.bess,
        "pcs_number": size.pcs,
        "inverter_number": size.inverter,
        "rack_number": size.rack,
        "device_count": found.devices,
        "online_count": found.online,
        "alarm_count": found.alarms,
        "timestamp": None if found.at is None else iso(found.at),
        "stale": list(found.stale),
        "status": "success",
    }


def topology(context: Context, params: None) -> TopologyBody:
    """The server and all it is configured to speak to, each asked now."""
    server, *others = parts(context.store, context.config, context.redis)
    return {
        "nodes": [_node(part) for part in (server, *others)],
        "links": [{"source": server.id, "target": part.id, "status": "connected" if part.online else "disconnected"} for part in others],
        "timestamp": stamp(context.clock(), context.store.zone),
        "status": "success",
    }


def _node(part: Part) -> TopologyNodeBody:
    node: TopologyNodeBody = {
        "id": part.id,
        "name": part.name,
        "type": part.type,
        "status": "online" if part.online else "offline",
        "ip": part.host,
    }
    if part.port is not None and part.type != "server":
        node["port"] = part.port
    return node


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/system/overview",
        tag=TAG,
        summary="The plant in a few figures",
        call=overview,
        reply=SystemOverviewBody,
        example={
            "segment": "system_overview",
            "active_power": 1250.5,
            "target_power": 1252.0,
            "battery_power": 980.2,
            "pv_power": 425.5,
            "aux_power": 52.1,
            "frequency": 59.98,
            "soc": 67.5,
            "soh": 97.41,
            "bess_number": 2,
            "pcs_number": 2,
            "inverter_number": 2,
            "rack_number": 12,
            "device_count": 34,
            "online_count": 34,
            "alarm_count": 1,
            "timestamp": "2024-01-01T04:00:00Z",
            "stale": [],
            "status": "success",
        },
        description="`battery_power` is the sum of the PCS; charge and health are the site's, else those of the units weighted by energy.",
    ),
    Operation(
        method="GET",
        path="/api/v1/system/topology",
        tag=TAG,
        summary="The stores configured and whether they answer",
        call=topology,
        reply=TopologyBody,
        example={
            "nodes": [
                {"id": "main_server", "name": "Main Server", "type": "server", "status": "online", "ip": "localhost"},
                {"id": "main_mysql", "name": "Main MySQL", "type": "database", "status": "online", "ip": "localhost", "port": 3306},
                {"id": "main_redis", "name": "Main Redis", "type": "redis", "status": "online", "ip": "localhost", "port": 6379},
            ],
            "links": [
                {"source": "main_server", "target": "main_mysql", "status": "connected"},
                {"source": "main_server", "target": "main_redis", "status": "connected"},
            ],
            "timestamp": "2024-01-01T12:00:00",
            "status": "success",
        },
        description="Each part is asked when this is called. `timestamp` is site time.",
    ),
)
