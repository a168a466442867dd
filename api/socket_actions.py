"""What a WebSocket client can do about an alert: S2's actions `acknowledge` and `reduce_power`, with the caller's permission."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.contract import Context, keep_to_devices
from api.passes import Pass
from api.topics import read
from plant.analysis.alarm_response import USUAL_REDUCTION
from plant.model import Alarm
from services import alarm_actions, power_reduction
from services.access import Identity
from services.alarm_actions import number_of

NEEDS = {"acknowledge": "alarms", "reduce_power": "command"}
"""Action → the permission it takes."""


class ActionParameters(BaseModel, strict=True):
    """What goes with an action."""

    power_reduction_percent: float = Field(USUAL_REDUCTION, gt=0, le=100, allow_inf_nan=False)


class Action(BaseModel, strict=True):
    """One action on one alert; `comment` is kept with an acknowledgement."""

    action_id: Literal["acknowledge", "reduce_power"]
    alert_id: str = Field(pattern=r"^alert_\d{1,18}$")
    parameters: ActionParameters = Field(default_factory=lambda: ActionParameters.model_validate({}))
    comment: str = Field("", max_length=alarm_actions.LONGEST_TEXT)


async def act(context: Context, entry: Pass, asked: dict[str, Any]) -> dict[str, Any]:
    """Do it; what the client is told. Rights are those of this moment, not of when the socket was opened. Raises Invalid, Unauthorized,
    Forbidden, NotFound, Conflict, TooMany, Unavailable, and what a command can be refused for."""
    action = read(Action, {name: value for name, value in asked.items() if name != "type"}, "action")
    who = await entry.to_act(NEEDS[action.action_id])
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, _DO[action.action_id], context, who, action)


def _acknowledge(context: Context, who: Identity, action: Action) -> dict[str, Any]:
    alarm = _alarm(context, who, action)
    kept = alarm_actions.acknowledge(context.store, alarm.id or 0, who.username, action.comment)
    return {**_told(action), "state": kept.state}


def _reduce_power(context: Context, who: Identity, action: Action) -> dict[str, Any]:
    alarm = _alarm(context, who, action)
    command = power_reduction.reduce_power(context.store, alarm, action.parameters.power_reduction_percent, who.username)
    command_told = {"command_id": command.id, "command_type": command.type, "parameters": dict(command.parameters)}
    return {**_told(action), "status": command.status, "device_id": command.device_id, **command_told}


_DO: dict[str, Callable[[Context, Identity, Action], dict[str, Any]]] = {"acknowledge": _acknowledge, "reduce_power": _reduce_power}


def _alarm(context: Context, who: Identity, action: Action) -> Alarm:
    alarm = alarm_actions.find(context.store.records, number_of(action.alert_id))
    keep_to_devices(who, NEEDS[action.action_id], [("device_id", alarm.device_id)])
    return alarm


def _told(action: Action) -> dict[str, Any]:
    return {"type": "ack", "topic": "alerts", "action_id": action.action_id, "alert_id": action.alert_id}
