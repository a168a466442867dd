"""S2: devices with their nameplates, limits and state. Powers are watts at this door; packs, BESS, racks, PCS and vehicles all answer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api.contract import Answer, Context, Operation, allow
from api.errors import FieldError, invalid
from api.routes.pulsebms.device_bodies import (
    DEVICE_EXAMPLE,
    FRESH,
    KINDS,
    NEW_EXAMPLE,
    REGISTRATION_EXAMPLE,
    DeviceChange,
    DeviceParams,
    DeviceSafetyBody,
    DeviceSpot,
    ListParams,
    LooseSpecifications,
    NameplateBody,
    NewDevice,
    PulseDeviceBody,
    PulseDevicesBody,
    Registration,
    RemovedDeviceBody,
    SafetyConstraints,
    SafetyOfDeviceBody,
)
from plant.model import Device, Kind
from plant.timeline import iso
from services.access import Identity
from services.fleet_devices import (
    MAINTENANCE,
    ONLINE,
    Standing,
    capacity_kwh,
    change,
    chemistry,
    find,
    known,
    merged,
    register,
    remove,
    standings,
)


def create(context: Context, params: None, body: NewDevice, who: Identity) -> Answer:
    """Create a device in the document's full form. Raises Conflict, Invalid."""
    given = body.specifications.model_dump(exclude_none=True)
    info = {"chemistry": body.chemistry} | _info_of(body.safety_constraints)
    device = Device(body.device_id, Kind.PACK, body.name, body.site_id, rating=_rating({}, given), info=info)
    return _created(context, device, who)


def introduce(context: Context, params: None, body: Registration, who: Identity) -> Answer:
    """Register a device that introduces itself. Raises Conflict, Invalid."""
    given = body.specifications or LooseSpecifications.model_validate({})
    rating = {"capacity_kwh": given.capacity_kwh, "voltage_v": given.voltage_nominal}
    if given.max_power is not None:
        rating |= dict.fromkeys(("power_kw", "max_charge_power_kw", "max_discharge_power_kw"), given.max_power / 1000.0)
    word = body.device_type.strip().lower().replace(" ", "_").replace("-", "_")
    info = {"chemistry": given.chemistry, "device_type": body.device_type, "location": _plain(body.location)}
    device = Device(
        body.device_id,
        KINDS.get(word, Kind.PACK),
        body.name or body.device_id,
        body.site_id or context.config.site_id,
        rating=merged({}, rating),
        info=merged({}, info) | _info_of(body.safety_constraints),
    )
    return _created(context, device, who)


def _created(context: Context, device: Device, who: Identity) -> Answer:
    kept = register(context.store, device, who.username or "anonymous", who.may("safety"))
    context.kinds.forget()
    return Answer(_body(kept, standings(context.store, [kept], context.clock())[kept.device_id]), 201)


def devices(context: Context, params: ListParams) -> PulseDevicesBody:
    """Devices by id, page by page; `total` counts all that fit the filters."""
    fitting = [
        device
        for _, device in sorted(known(context.store).items())
        if params.site_id in (None, device.site_id) and params.chemistry in (None, chemistry(device))
    ]
    stand = standings(context.store, fitting, context.clock())
    if params.status is not None:
        fitting = [device for device in fitting if stand[device.device_id].status == params.status]
    page = fitting[params.offset : params.offset + params.limit]
    return {
        "devices": [_body(device, stand[device.device_id]) for device in page],
        "total": len(fitting),
        "limit": params.limit,
        "offset": params.offset,
    }


def device(context: Context, params: DeviceParams) -> PulseDeviceBody:
    """One device whole. Raises DeviceNotFound."""
    found = find(context.store, params.device_id)
    return _body(found, standings(context.store, [found], context.clock())[found.device_id])


def update(context: Context, params: DeviceParams, body: DeviceChange, who: Identity) -> PulseDeviceBody:
    """Change what is named. Limits need the permission `safety` here too. Raises DeviceNotFound, Invalid, Forbidden."""
    if body.safety_constraints is not None:
        allow(who, "safety")
    kept = change(context.store, params.device_id, lambda device: _changed(device, body), who.username or "anonymous")
    return _body(kept, standings(context.store, [kept], context.clock())[kept.device_id])


def delete(context: Context, params: DeviceParams, who: Identity) -> RemovedDeviceBody:
    """Take a device out of service; its history stays. Raises DeviceNotFound."""
    remove(context.store, params.device_id, who.username or "anonymous")
    context.kinds.forget()
    return {"device_id": params.device_id, "status": "deleted", "message": "The device was taken out of service; its readings are kept."}


def safety(context: Context, params: DeviceParams) -> SafetyOfDeviceBody:
    """The limits of a device. Raises DeviceNotFound."""
    return {"device_id": params.device_id, "safety_constraints": _safety_body(find(context.store, params.device_id))}


def update_safety(context: Context, params: DeviceParams, body: SafetyConstraints, who: Identity) -> SafetyOfDeviceBody:
    """Change the limits that are named. Raises DeviceNotFound, Invalid."""
    if not body.model_fields_set:
        raise invalid([FieldError(("body",), "missing", "names no limit to change")])
    change(
        context.store,
        params.device_id,
        lambda device: replace(device, info={**device.info, "safety_constraints": _limits(device, body)}),
        who.username,
        "device.safety",
    )
    return safety(context, params)


def _changed(device: Device, body: DeviceChange) -> Device:
    info = merged(device.info, {"chemistry": body.chemistry} if body.chemistry else {})
    if "location" in body.model_fields_set:
        info = merged(info, {"location": _plain(body.location)})
    if body.safety_constraints is not None:
        info["safety_constraints"] = _limits(device, body.safety_constraints)
    given = body.specifications.model_dump(exclude_unset=True) if body.specifications else {}
    return replace(
        device,
        name=body.name or device.name,
        site_id=body.site_id or device.site_id,
        status=_status(device, body.status),
        rating=_rating(device.rating, given),
        info=info,
    )


def _status(device: Device, asked: str | None) -> str:
    return device.status if asked is None else MAINTENANCE if asked == MAINTENANCE else ONLINE


_NAMEPLATE = {
    "nominal_capacity": "capacity_ah",
    "nominal_voltage": "voltage_v",
    "max_charge_power": "max_charge_power_kw",
    "min_power": "min_power_kw",
    "standby_power": "standby_power_kw",
    "ramp_rate": "ramp_rate_kw_s",
    "max_discharge_power": "max_discharge_power_kw",
    "series_cells": "series_cells",
    "parallel_cells": "parallel_cells",
    "capacity_kwh": "capacity_kwh",
}
"""S2's name → ours in `Device.rating`; powers turn from W into kW."""


def _rating(before: Mapping[str, float], given: Mapping[str, Any]) -> dict[str, float]:
    """The nameplate with what is given. Where Ah or V change and the energy is not given, it is Ah × V again."""
    turned = {_NAMEPLATE[name]: v / 1000.0 if v is not None and name.endswith(("power", "ramp_rate")) else v for name, v in given.items()}
    rating = merged(before, turned)
    if {"capacity_ah", "voltage_v"} & turned.keys() and "capacity_kwh" not in turned:
        rating.pop("capacity_kwh", None)
    if "max_discharge_power_kw" in turned:
        rating = merged(rating, {"power_kw": turned["max_discharge_power_kw"]})
    return rating


def _info_of(limits: SafetyConstraints | None) -> dict[str, Any]:
    return {} if limits is None else {"safety_constraints": _limits(None, limits)}


def _limits(device: Device | None, body: SafetyConstraints) -> dict[str, Any]:
    """The limits with what is given. Raises Invalid where one side lies beyond the other."""
    before = _kept_limits(device) if device else {}
    given = body.model_dump(exclude_unset=True)
    if given.get("temperature_limits") is not None:
        given["temperature_limits"] = merged(before.get("temperature_limits", {}), given["temperature_limits"]) or None
    limits = merged(before, given)
    temperature = limits.get("temperature_limits", {})
    pairs = [
        ("min_cell_voltage", limits.get("min_cell_voltage"), "max_cell_voltage", limits.get("max_cell_voltage")),
        ("temperature_limits.min", temperature.get("min"), "temperature_limits.max", temperature.get("max")),
        ("min_soc", limits.get("min_soc"), "max_soc", limits.get("max_soc")),
    ]
    wrong = [
        FieldError(("body", *low_name.split(".")), "value_error", f"must be below {high_name}", low)
        for low_name, low, high_name, high in pairs
        if low is not None and high is not None and low >= high
    ]
    if wrong:
        raise invalid(wrong)
    return limits


def _kept_limits(device: Device) -> dict[str, Any]:
    limits = device.info.get("safety_constraints")
    return dict(limits) if isinstance(limits, Mapping) else {}


def _plain(location: str | DeviceSpot | None) -> Any:
    return location.model_dump(exclude_none=True) if isinstance(location, DeviceSpot) else location


def _watts(*kilowatts: float | None) -> float | None:
    told = next((value for value in kilowatts if value is not None), None)
    return None if told is None else float(f"{told * 1000.0:.12g}")


def _body(device: Device, stands: Standing) -> PulseDeviceBody:
    return {
        "device_id": device.device_id,
        "site_id": device.site_id,
        "name": device.name or device.device_id,
        "device_type": str(device.info.get("device_type") or device.kind),
        "parent": device.parent,
        "chemistry": chemistry(device),  # type: ignore[typeddict-item]
        "location": device.info.get("location"),
        "firmware_version": device.info.get("firmware_version"),
        "specifications": _specifications(device),
        "current_status": {
            "status": stands.status,  # type: ignore[typeddict-item]
            "last_seen": None if stands.last_seen is None else iso(stands.last_seen),
            "current_soc": stands.soc,
            "current_soh": stands.soh,
            "active_alarms": list(stands.alarms),
        },
        "safety_constraints": _safety_body(device),
    }


def _specifications(device: Device) -> NameplateBody:
    rating, info = device.rating, device.info
    series = rating.get("series_cells", info.get("cells"))
    return {
        "nominal_capacity": rating.get("capacity_ah"),
        "nominal_voltage": rating.get("voltage_v"),
        "max_charge_power": _watts(rating.get("max_charge_power_kw"), rating.get("power_kw")),
        "max_discharge_power": _watts(rating.get("max_discharge_power_kw"), rating.get("power_kw")),
        "series_cells": int(series) if isinstance(series, (int, float)) else None,
        "parallel_cells": int(rating["parallel_cells"]) if "parallel_cells" in rating else None,
        "capacity_kwh": None if (energy := capacity_kwh(device)) is None else float(f"{energy:.12g}"),
    }


def _safety_body(device: Device) -> DeviceSafetyBody:
    limits = _kept_limits(device)
    temperature = limits.get("temperature_limits") or {}
    body: DeviceSafetyBody = {
        "max_cell_voltage": limits.get("max_cell_voltage"),
        "min_cell_voltage": limits.get("min_cell_voltage"),
        "max_charge_current": limits.get("max_charge_current"),
        "max_discharge_current": limits.get("max_discharge_current"),
        "temperature_limits": {"max": temperature.get("max"), "min": temperature.get("min")},
    }
    more = {name: limits[name] for name in ("max_temperature", "min_soc", "max_soc") if name in limits}
    return {**body, **more}  # type: ignore[typeddict-item]


def _registration(path: str) -> Operation:
    return Operation(
        method="POST",
        path=path,
        tag="devices",
        summary="Register a device that introduces itself",
        call=introduce,
        body=Registration,
        body_example=REGISTRATION_EXAMPLE,
        reply=PulseDeviceBody,
        status=201,
        access="devices",
        asks_who=True,
        errors=(400, 409, 413, 415, 422),
        description="`device_type` may be pack, bess, rack, pcs, inverter, meter, vehicle or weather; other words are kept and mean pack. "
        "A device that was removed comes back with its former safety limits unless the caller may change those.",
    )


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/devices",
        tag="devices",
        summary="Create a device",
        call=create,
        body=NewDevice,
        body_example=NEW_EXAMPLE,
        reply=PulseDeviceBody,
        example=DEVICE_EXAMPLE | {"firmware_version": None, "current_status": FRESH},
        status=201,
        access="devices",
        asks_who=True,
        errors=(400, 409, 413, 415, 422),
    ),
    _registration("/api/v1/devices/register"),
    _registration("/devices/register"),
    Operation(
        method="GET",
        path="/api/v1/devices",
        tag="devices",
        summary="Devices, page by page",
        call=devices,
        params=ListParams,
        reply=PulseDevicesBody,
        errors=(422,),
    ),
    Operation(
        method="GET",
        path="/api/v1/devices/{device_id}",
        tag="devices",
        summary="Configuration and state of a device",
        call=device,
        params=DeviceParams,
        reply=PulseDeviceBody,
        example=DEVICE_EXAMPLE,
        errors=(404,),
        description="`maintenance` while somebody said so, `offline` after ten silent intervals (60 s at least), `error` while a critical "
        "alarm stands, else `online`. Limits and nameplate figures that nobody told are null.",
    ),
    Operation(
        method="PUT",
        path="/api/v1/devices/{device_id}",
        tag="devices",
        summary="Change a device; `maintenance` locks it",
        call=update,
        params=DeviceParams,
        body=DeviceChange,
        body_example={"status": "maintenance"},
        reply=PulseDeviceBody,
        access="devices",
        asks_who=True,
        errors=(400, 404, 413, 415, 422),
        description="What is not named stays, null takes a nameplate figure away. `safety_constraints` need the permission `safety`.",
    ),
    Operation(
        method="DELETE",
        path="/api/v1/devices/{device_id}",
        tag="devices",
        summary="Take a device out of service; its readings are kept",
        call=delete,
        params=DeviceParams,
        reply=RemovedDeviceBody,
        access="devices",
        asks_who=True,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/api/v1/devices/{device_id}/safety",
        tag="devices",
        summary="Safety limits of a device",
        call=safety,
        tagged=True,
        params=DeviceParams,
        reply=SafetyOfDeviceBody,
        example={"device_id": "battery_pack_001", "safety_constraints": NEW_EXAMPLE["safety_constraints"]},
        errors=(404,),
    ),
    Operation(
        method="PUT",
        path="/api/v1/devices/{device_id}/safety",
        tag="devices",
        summary="Change safety limits of a device",
        call=update_safety,
        params=DeviceParams,
        body=SafetyConstraints,
        body_example=NEW_EXAMPLE["safety_constraints"],
        reply=SafetyOfDeviceBody,
        example={"device_id": "battery_pack_001", "safety_constraints": NEW_EXAMPLE["safety_constraints"]},
        access="safety",
        asks_who=True,
        errors=(400, 404, 413, 415, 422),
        description="Limits that are not named stay as they are, null takes one away. Commands are checked against them.",
    ),
)
