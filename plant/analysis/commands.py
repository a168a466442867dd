"""How a command lives: queued → acknowledged → executing → completed | failed | timeout.

A device may skip steps (who reports `completed` has begun), may repeat what it said (QoS 1 delivers at least once) and may speak too
late: after a timeout its answer is kept beside the command, whose end it does not change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from plant.errors import Conflict
from plant.model import SECOND, Command

TYPES = (
    "start_charge",
    "stop_charge",
    "start_discharge",
    "stop_discharge",
    "emergency_shutdown",
    "update_parameters",
    "request_status",
)
EMERGENCY = "emergency_shutdown"
STARTS = frozenset({"start_charge", "start_discharge"})
STATUSES = ("queued", "acknowledged", "executing", "completed", "failed", "timeout")
OPEN = STATUSES[:3]
"""In these a command waits for its device."""
ANSWERS = STATUSES[1:5]
"""What a device can say of a command."""
PRIORITIES: Mapping[str, int] = {"low": 0, "normal": 1, "high": 2, "critical": 3}
"""Priority → rank; only an emergency shutdown is critical."""
HAND_OUT = 5 * SECOND
"""So long a command that was handed to a poller is kept from others [ms]: who dies before acknowledging has it handed out again."""
ALLOWED: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"acknowledged", "executing", "completed", "failed", "timeout"}),
    "acknowledged": frozenset({"executing", "completed", "failed", "timeout"}),
    "executing": frozenset({"completed", "failed", "timeout"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "timeout": frozenset(),
}
"""Status → those it may change to."""


def is_open(command: Command) -> bool:
    """Whether the device still has something to do or to say."""
    return command.status in OPEN


def due(command: Command, now: int) -> Command:
    """The command as it stands at `now` [epoch ms]: an open one past its deadline has timed out, at its deadline."""
    if not is_open(command) or now < command.deadline:
        return command
    return replace(command, status="timeout", ended=command.deadline, message=f"No end reported within {command.timeout_s} s")


def answered(command: Command, status: str, now: int, message: str = "", result: Mapping[str, Any] | None = None) -> Command:
    """The command after its device said `status` (one of `ANSWERS`) at `now` [epoch ms]; the same command when it says nothing new.
    Raises Conflict when the command is somewhere else already."""
    command = due(command, now)
    if command.status == "timeout":
        late = {"status": status, "message": message, "result": None if result is None else dict(result), "at": now}
        known = command.late is not None and {**command.late, "at": now} == late
        return command if known else replace(command, late=late)
    if status == command.status:
        return command
    if status not in ALLOWED[command.status]:
        raise Conflict(
            f"The command is {command.status} and cannot become {status}", command_id=command.id, status=command.status, answered=status
        )
    return replace(
        command,
        status=status,
        acknowledged=now if command.acknowledged is None else command.acknowledged,
        started=now if command.started is None and status in ("executing", "completed") else command.started,
        ended=None if status in OPEN else now,
        message=message or command.message,
        result=command.result if result is None else result,
    )


def superseded(command: Command, by: str, now: int) -> Command:
    """A command that has not begun and must not, because an emergency shutdown (`by`, its id) came in."""
    return replace(command, status="failed", ended=now, message=f"Superseded by {by} ({EMERGENCY})")


def order(commands: Iterable[Command]) -> list[Command]:
    """As a device should get them: the most urgent first, then the oldest."""
    return sorted(commands, key=lambda c: (-PRIORITIES.get(c.priority, 1), c.queued, c.sequence))


def next_in(commands: Iterable[Command], now: int) -> Command | None:
    """Which of a device's commands a poller gets at `now` [epoch ms]: of those queued and in nobody's hands, the first in `order`."""
    return next((c for c in order(commands) if c.status == "queued" and now < c.deadline and c.handed_until <= now), None)


def estimate(command: Command, history: Sequence[Command]) -> int:
    """When the command will probably have ended [epoch ms]: after the median of what completed commands of its type took on this device
    (from queued to ended), at the latest at its deadline; without such history, its deadline."""
    took = [c.ended - c.queued for c in history if c.type == command.type and c.status == "completed" and c.ended is not None]
    return min(command.queued + round(median(took)), command.deadline) if took else command.deadline
