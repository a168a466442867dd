"""What alarms say on the screen: the sentences of `plant.alarm_wording`, with the devices they are about."""

from collections.abc import Iterable, Mapping
from typing import Any

from datastore.store import Store
from plant.alarm_wording import WORDING as WORDING
from plant.alarm_wording import sentence as sentence
from plant.model import Alarm

Infos = Mapping[tuple[str, str], Mapping[str, Any]]
"""(device id, kind) → the device's info."""


def infos(store: Store) -> Infos:
    """What the makers of the devices said of their words."""
    return {(device.device_id, str(device.kind)): device.info for device in store.records.devices()}


def sentences(store: Store, alarms: Iterable[Alarm], lang: str) -> list[str]:
    """What each of them says, in `lang`."""
    listed = list(alarms)
    known = infos(store) if listed else {}
    return [sentence(alarm, known.get((alarm.device_id, str(alarm.kind)), {}), lang) for alarm in listed]
