"""A command as S2's Command Message: what devices get, over MQTT and by long poll."""

from typing import Any

from typing_extensions import TypedDict

from plant.analysis.commands import EMERGENCY
from plant.model import Command
from plant.timeline import iso

SCHEMA = "1.0"
_CONSTRAINTS = ("max_cell_voltage", "min_cell_voltage", "max_temperature", "min_temperature", "max_soc", "min_soc")


class OrderBody(TypedDict):
    type: str
    priority: str
    timeout_seconds: int
    parameters: dict[str, Any]


class ChecksBody(TypedDict):
    """`required`: the device should check these too before it obeys; not for an emergency shutdown."""

    required: bool
    constraints: dict[str, float]


class CommandMessage(TypedDict):
    """The document's message; powers in W, A, V, °C, %."""

    schema_version: str
    command_id: str
    timestamp: str
    source: str
    device_id: str
    sequence_number: int
    expires_at: str
    command: OrderBody
    safety_checks: ChecksBody
    metadata: dict[str, Any]


EXAMPLE: CommandMessage = {
    "schema_version": SCHEMA,
    "command_id": "cmd_12345",
    "timestamp": "2024-01-15T14:30:00Z",
    "source": "coordinator_service",
    "device_id": "battery_pack_001",
    "sequence_number": 12345,
    "expires_at": "2024-01-15T14:30:30Z",
    "command": {
        "type": "start_charge",
        "priority": "normal",
        "timeout_seconds": 30,
        "parameters": {"target_power": 5000, "target_soc": 80, "max_current": 25, "ramp_rate": 100},
    },
    "safety_checks": {"required": True, "constraints": {"max_cell_voltage": 4.15, "max_temperature": 50.0, "min_soc": 10.0}},
    "metadata": {"optimization_context": {"policy_version": "RL_v2.1", "cost_function_value": 0.85, "alternatives_considered": 3}},
}


def message_of(command: Command) -> CommandMessage:
    """The message that tells a device to do this."""
    return {
        "schema_version": SCHEMA,
        "command_id": command.id,
        "timestamp": iso(command.queued),
        "source": command.source,
        "device_id": command.device_id,
        "sequence_number": command.sequence,
        "expires_at": iso(command.deadline),
        "command": {
            "type": command.type,
            "priority": command.priority,
            "timeout_seconds": command.timeout_s,
            "parameters": dict(command.parameters),
        },
        "safety_checks": {
            "required": command.type != EMERGENCY,
            "constraints": {name: value for name, value in command.constraints.items() if name in _CONSTRAINTS},
        },
        "metadata": dict(command.metadata),
    }
