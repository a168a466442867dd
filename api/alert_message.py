"""An alarm as S2's alert: what the alert stream and `fleet/alerts` carry."""

from typing import Any

import orjson

from plant.analysis.alarm_response import USUAL_REDUCTION, category, is_reducible, recommended
from plant.analysis.ladder import to_pulsebms
from plant.model import Alarm
from plant.timeline import iso

_NUMBERED = frozenset({"temperature", "voltage", "current", "state_of_charge", "state_of_health"})
"""Categories whose value stands in `data` as `current_<category>`, too."""


def alert_of(alarm: Alarm, site_id: str) -> dict[str, Any]:
    """S2's alert; `state` says whether it was raised, acknowledged or cleared. Actions are those that make sense now."""
    about = category(alarm)
    figures = {"code": alarm.code, "metric": alarm.metric, "value": alarm.value, "threshold": alarm.limit}
    if about in _NUMBERED:
        figures[f"current_{about}"] = alarm.value
    return {
        "type": "alert",
        "timestamp": iso(alarm.cleared or alarm.raised),
        "alert_id": f"alert_{alarm.id}",
        "severity": to_pulsebms(alarm.severity),
        "category": about,
        "site_id": site_id,
        "device_id": alarm.device_id,
        "title": alarm.code.replace("_", " ").capitalize(),
        "message": alarm.message,
        "state": alarm.state,
        "simulated": alarm.simulated,
        "data": {**details_of(alarm), **figures, "recommended_action": recommended(alarm)},
        "actions": _actions(alarm),
    }


def details_of(alarm: Alarm) -> dict[str, Any]:
    """What the device told beside value and limit: S2's `cell_number` and the like."""
    told = orjson.loads(alarm.details) if alarm.details else {}
    return told if isinstance(told, dict) else {}


def _actions(alarm: Alarm) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if alarm.state == "active":
        found.append({"action_id": "acknowledge", "label": "Acknowledge"})
    if is_reducible(alarm):
        parameters = {"power_reduction_percent": USUAL_REDUCTION}
        found.append({"action_id": "reduce_power", "label": "Reduce Power", "parameters": parameters})
    return found
