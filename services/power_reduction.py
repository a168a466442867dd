"""The alert action `reduce_power`: the device of an alarm is told to run at less power than it does now."""

import math

from datastore.store import Store
from plant.analysis import alarm_response
from plant.errors import Conflict, Invalid
from plant.model import Alarm, Command
from services.commands import Commands, Order
from services.fleet_devices import find, number, standing
from services.pack_metrics import measured


def reduce_power(store: Store, alarm: Alarm, percent: float, who: str) -> Command:
    """Tell the alarm's device to run at `percent` % (above 0, at most 100) less than the power it told last. The queued command, whose
    metadata name the alert. Raises Invalid, Conflict where there is nothing to reduce or nobody knows how much flows, and what
    `Commands.send` raises."""
    if not math.isfinite(percent) or not 0.0 < percent <= 100.0:
        fault = {"field": "power_reduction_percent", "message": "must be above 0 and at most 100", "received_value": percent}
        raise Invalid("power_reduction_percent must be above 0 and at most 100", field_errors=[fault])
    alert = f"alert_{alarm.id}"
    if alarm.cleared is not None:
        raise Conflict(f"{alert} is over; there is nothing to reduce", alert_id=alert)
    if alarm.kind not in alarm_response.BATTERIES:
        raise Conflict(f"'{alarm.device_id}' is no battery whose power could be reduced", alert_id=alert, kind=alarm.kind)
    kind, parameters = alarm_response.reduced(_power(store, alarm, alert), percent)
    metadata = {"alert_id": alert, "action_id": "reduce_power", "power_reduction_percent": percent}
    return Commands(store).send(Order(alarm.device_id, kind, parameters, priority="high", source=who, metadata=metadata))


def _power(store: Store, alarm: Alarm, alert: str) -> float:
    """What flows now [kW]. Raises Conflict when the device is silent, does not tell, or stands still."""
    device = find(store, alarm.device_id)
    newest = store.telemetry.latest([(device.device_id, device.kind)]).get((device.device_id, device.kind))
    told = measured(device.kind).get("power")
    power = number(newest, told.metric) if told else None
    if power is None or standing(device, newest, (), store.clock()).is_silent:
        raise Conflict(f"'{alarm.device_id}' does not tell its power now", alert_id=alert, device_id=alarm.device_id)
    if power == 0.0:
        raise Conflict(f"No power flows through '{alarm.device_id}'", alert_id=alert, device_id=alarm.device_id)
    return power
