"""S2: commands to devices. Operators send and follow them; devices fetch (long poll) and answer them."""

import asyncio
from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from api.command_message import EXAMPLE, CommandMessage, message_of
from api.contract import Answer, Context, Operation, Waiting
from api.waiting import lobby_of
from plant.errors import Forbidden
from plant.model import Command
from plant.timeline import iso
from services.access import Identity
from services.commands import LONGEST_MESSAGE, Commands, Order

LONGEST_WAIT_S = 60

CommandType = Literal[
    "start_charge", "stop_charge", "start_discharge", "stop_discharge", "emergency_shutdown", "update_parameters", "request_status"
]
Status = Literal["queued", "acknowledged", "executing", "completed", "failed", "timeout"]


class Target(BaseModel):
    """Which device."""

    device_id: str = Field(description="id of the device", examples=["battery_pack_001"])


class Page(Target):
    """A page of a device's commands."""

    limit: int = Field(100, ge=1, le=1000)
    cursor: str = Field("", description="`next` of the page before")
    status: Status | None = Field(None, description="only commands in this status")


class One(Target):
    """One command of a device."""

    command_id: str = Field(examples=["cmd_12345"])


class Wait(Target):
    """How long to wait for a command."""

    wait: float = Field(30, ge=0, le=LONGEST_WAIT_S, allow_inf_nan=False, description="seconds; 0 answers at once")


class CommandBody(BaseModel):
    """What a device is told. Powers in W, currents in A, states of charge in %."""

    command_type: CommandType
    parameters: dict[str, Any] = Field(default_factory=dict)
    timeout_seconds: int = Field(30, ge=1, le=300, strict=True, description="so long the device has until it must have reported the end")
    priority: Literal["low", "normal", "high"] = "normal"
    metadata: dict[str, Any] = Field(default_factory=dict, description="travels with the command")


class CommandResponseBody(BaseModel):
    """What a device says of a command."""

    status: Literal["acknowledged", "executing", "completed", "failed"]
    message: str = Field("", max_length=LONGEST_MESSAGE)
    result: dict[str, Any] | None = None


class CommandAcceptedBody(TypedDict):
    command_id: str
    status: Status
    message: str
    estimated_completion: str


class LateBody(TypedDict):
    status: str
    message: str
    result: dict[str, Any] | None
    at: str


class CommandView(TypedDict):
    """A command and what became of it; `late_response` is what the device answered after the timeout."""

    command_id: str
    device_id: str
    command_type: CommandType
    parameters: dict[str, Any]
    priority: str
    source: str
    status: Status
    message: str
    result: dict[str, Any] | None
    timeout_seconds: int
    sequence_number: int
    queued_at: str
    acknowledged_at: str | None
    started_at: str | None
    ended_at: str | None
    deadline: str
    late_response: LateBody | None


class CommandHistoryBody(TypedDict):
    device_id: str
    commands: list[CommandView]
    next: str | None


class NextBody(TypedDict):
    command: CommandMessage | None


def send(context: Context, params: Target, body: CommandBody, who: Identity) -> Answer:
    """202: the command waits for its device."""
    commands = _commands(context)
    command = commands.send(
        Order(
            params.device_id,
            body.command_type,
            body.parameters,
            body.timeout_seconds,
            body.priority,
            who.username,
            body.metadata,
        )
    )
    content: CommandAcceptedBody = {
        "command_id": command.id,
        "status": "queued",
        "message": f"Command {command.type} queued for {command.device_id}",
        "estimated_completion": iso(commands.estimate(command)),
    }
    return Answer(content, 202)


def history(context: Context, params: Page) -> CommandHistoryBody:
    """Newest first."""
    found, cursor = _commands(context).history(params.device_id, params.limit, params.cursor, params.status or "")
    return {"device_id": params.device_id, "commands": [view(command) for command in found], "next": cursor}


def one(context: Context, params: One) -> CommandView:
    """How a command stands."""
    return view(_commands(context).get(params.device_id, params.command_id))


async def fetch(context: Context, params: Wait, who: Identity) -> Answer:
    """The device's next command, as soon as there is one."""
    check_speaker(who, params.device_id)
    await asyncio.get_running_loop().run_in_executor(None, context.store.records.device, params.device_id)
    command = await lobby_of(context.store, context.clock).next(params.device_id, params.wait)
    content: NextBody = {"command": None if command is None else message_of(command)}
    return Answer(content)


def respond(context: Context, params: One, body: CommandResponseBody, who: Identity) -> CommandView:
    """The device's answer is kept; saying the same twice changes nothing."""
    check_speaker(who, params.device_id)
    return view(_commands(context).respond(params.device_id, params.command_id, body.status, body.message, body.result))


def check_speaker(who: Identity, device_id: str) -> None:
    """Raises Forbidden when a device asks for or answers the commands of another."""
    if who.known and not who.speaks_for(device_id):
        raise Forbidden(f"'{who.username}' may not speak for '{device_id}'", device_id=device_id)


def view(command: Command) -> CommandView:
    """A command as people read it."""
    late = command.late
    return {
        "command_id": command.id,
        "device_id": command.device_id,
        "command_type": command.type,  # type: ignore[typeddict-item]  # the service lets no other in
        "parameters": dict(command.parameters),
        "priority": command.priority,
        "source": command.source,
        "status": command.status,  # type: ignore[typeddict-item]
        "message": command.message,
        "result": None if command.result is None else dict(command.result),
        "timeout_seconds": command.timeout_s,
        "sequence_number": command.sequence,
        "queued_at": iso(command.queued),
        "acknowledged_at": _iso(command.acknowledged),
        "started_at": _iso(command.started),
        "ended_at": _iso(command.ended),
        "deadline": iso(command.deadline),
        "late_response": None
        if late is None
        else {"status": late["status"], "message": late["message"], "result": late["result"], "at": iso(late["at"])},
    }


def _commands(context: Context) -> Commands:
    return Commands(context.store, context.clock)


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)


_PARAMETERS = {"target_power": 5000, "target_soc": 80, "max_current": 25}
_VIEW = {
    "command_id": "cmd_12345",
    "device_id": "battery_pack_001",
    "command_type": "start_charge",
    "parameters": _PARAMETERS,
    "priority": "normal",
    "source": "operator01",
    "status": "completed",
    "message": "Target reached",
    "result": {"final_soc": 80.0},
    "timeout_seconds": 30,
    "sequence_number": 12345,
    "queued_at": "2024-01-15T14:30:00Z",
    "acknowledged_at": "2024-01-15T14:30:01Z",
    "started_at": "2024-01-15T14:30:02Z",
    "ended_at": "2024-01-15T14:30:20Z",
    "deadline": "2024-01-15T14:30:30Z",
    "late_response": None,
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/commands/{device_id}",
        tag="commands",
        summary="Tell a device to do something",
        description="Checked against the device's limits and state, then queued; `emergency_shutdown` is always accepted and put first, "
        "and ends queued commands that would make power flow. It needs a token in every mode.",
        params=Target,
        body=CommandBody,
        body_example={"command_type": "start_charge", "parameters": _PARAMETERS},
        call=send,
        reply=CommandAcceptedBody,
        status=202,
        example={
            "command_id": "cmd_12345",
            "status": "queued",
            "message": "Command start_charge queued for battery_pack_001",
            "estimated_completion": "2024-01-15T14:30:30Z",
        },
        errors=(400, 404, 413, 415, 423),
        access="command",
        asks_who=True,
    ),
    Operation(
        method="GET",
        path="/api/v1/commands/{device_id}",
        tag="commands",
        summary="Commands of a device, newest first",
        params=Page,
        call=history,
        reply=CommandHistoryBody,
        example={"device_id": "battery_pack_001", "commands": [_VIEW], "next": None},
        errors=(400, 404),
    ),
    Waiting(
        method="GET",
        path="/api/v1/commands/{device_id}/next",
        tag="commands",
        summary="What a device should do next; waits for it",
        description="For devices: answers as soon as there is a command, with `null` when none came within `wait`. A command is handed to "
        "one poller; when that does not answer within 5 s with a response, it is handed out again.",
        params=Wait,
        call=fetch,
        reply=NextBody,
        example={"command": EXAMPLE},
        errors=(400, 404),
        access="respond",
    ),
    Operation(
        method="GET",
        path="/api/v1/commands/{device_id}/{command_id}",
        tag="commands",
        summary="One command and what became of it",
        params=One,
        call=one,
        reply=CommandView,
        example=_VIEW,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/api/v1/commands/{device_id}/{command_id}/response",
        tag="commands",
        summary="A device answers a command",
        description="Repeating an answer changes nothing. After a timeout the answer is kept as `late_response`.",
        params=One,
        body=CommandResponseBody,
        body_example={"status": "completed", "message": "Target reached", "result": {"final_soc": 80.0}},
        call=respond,
        reply=CommandView,
        example=_VIEW,
        errors=(400, 404, 409, 413, 415),
        access="respond",
        asks_who=True,
    ),
)
