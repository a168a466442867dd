"""What S2's devices and coordinators report of their own standing, apart from readings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from datastore.store import Store
from plant.errors import DeviceNotFound, Invalid
from plant.model import Device
from services.fleet_devices import MAINTENANCE, STATUSES, find
from services.orders import check_json


def report_status(store: Store, device_id: str, status: str) -> Device:
    """Keep what a device says of itself: online, offline, error or maintenance. What a person put into maintenance stays there until a
    person ends that. The device as it then is. Raises DeviceNotFound, Invalid."""
    if status not in STATUSES:
        raise Invalid(f"status: must be one of {', '.join(STATUSES)}", field_errors=[])
    device = find(store, device_id)
    if device.status in (status, MAINTENANCE):
        return device
    changed = replace(device, status=status)
    store.records.put_devices([changed])
    store.records.audit(store.clock(), device_id, "device.status", f"{device_id} {device.status} → {status}")
    return changed


def report_coordinator(store: Store, site_id: str, message: Mapping[str, Any]) -> None:
    """Keep the newest status of a site's coordinator, with its time of receipt; others hear it on the live topic `coordinator_status`."""
    check_json("status", dict(message))
    if not any(device.site_id == site_id for device in store.records.devices()):
        raise DeviceNotFound("coordinator", site_id=site_id)
    kept = {"site_id": site_id, "received": store.clock(), "status": dict(message)}
    store.records.put_setting(coordinator_setting(site_id), kept)
    store.live.publish("coordinator_status", kept)


def coordinator_setting(site_id: str) -> str:
    """Under this name of the records the newest status of a site's coordinator is kept."""
    return f"coordinator_status/{site_id}"[:255]
