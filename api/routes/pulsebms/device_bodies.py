"""S2: what devices look like at this door, in and out; the document's own examples."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from plant.model import Kind

Chemistry = Literal["LFP", "NMC", "LCO", "NCA"]
Status = Literal["online", "offline", "error", "maintenance"]
DeviceId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[a-zA-Z0-9_-]+$", examples=["battery_pack_001"])]
SiteId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f/\\?#%,]+$", examples=["site_001"])]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["Battery pack 1"])]
Place = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["hall 2"])]
Watts = Annotated[float, Field(ge=0, le=1e10, description="power in W")]
Amperes = Annotated[float, Field(ge=0, le=100_000)]
Volts = Annotated[float, Field(ge=0, le=10)]
Celsius = Annotated[float, Field(ge=-100, le=300)]
Percent = Annotated[float, Field(ge=0, le=100)]
Cells = Annotated[int, Field(ge=1, le=100_000)]

KINDS: Mapping[str, str] = {
    **{kind.value: kind.value for kind in Kind},
    "battery": Kind.PACK, "battery_pack": Kind.PACK, "bms": Kind.PACK, "battery_storage": Kind.BESS, "battery_rack": Kind.RACK,
    "converter": Kind.PCS, "power_conversion_system": Kind.PCS, "pv_inverter": Kind.INVERTER, "solar_inverter": Kind.INVERTER,
    "energy_meter": Kind.METER, "ev": Kind.VEHICLE, "weather_station": Kind.WEATHER,
}  # fmt: skip
"""`device_type` of a registration → what the device is; other words are packs."""


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class TemperatureLimits(_Body):
    """[°C]"""

    max: Celsius | None = Field(None, examples=[55.0])
    min: Celsius | None = Field(None, examples=[-10.0])


class SafetyConstraints(_Body):
    """Limits of a device: V per cell, A, °C, %. Those that are not named stay as they are, null takes one away."""

    max_cell_voltage: Volts | None = Field(None, examples=[3.65])
    min_cell_voltage: Volts | None = Field(None, examples=[2.5])
    max_charge_current: Amperes | None = Field(None, examples=[100.0])
    max_discharge_current: Amperes | None = Field(None, examples=[150.0])
    temperature_limits: TemperatureLimits | None = None
    max_temperature: Celsius | None = None
    min_soc: Percent | None = None
    max_soc: Percent | None = None


class Specifications(_Body):
    """Nameplate; capacity in Ah, voltage in V, powers in W."""

    nominal_capacity: float | None = Field(None, ge=0.1, le=10_000, description="Capacity in Ah")
    nominal_voltage: float | None = Field(None, ge=1, le=1000, description="Voltage in V")
    max_charge_power: Watts | None = None
    max_discharge_power: Watts | None = None
    series_cells: Cells | None = None
    parallel_cells: Cells | None = None
    capacity_kwh: float | None = Field(None, gt=0, le=1e7, description="Energy in kWh, where it is not Ah × V")
    min_power: Watts | None = Field(None, description="It does not run below this except not at all, in W; allocations keep to it")
    standby_power: Watts | None = Field(None, description="What it loses whenever it runs, in W")
    ramp_rate: Watts | None = Field(None, description="How fast its power changes, in W/s")


class Nameplate(Specifications):
    """What a new device must tell."""

    nominal_capacity: float = Field(ge=0.1, le=10_000, description="Capacity in Ah")
    nominal_voltage: float = Field(ge=1, le=1000, description="Voltage in V")
    series_cells: Cells
    parallel_cells: Cells


class NewDevice(_Body):
    """A device to create."""

    device_id: DeviceId
    site_id: SiteId
    name: Name
    chemistry: Chemistry
    specifications: Nameplate
    safety_constraints: SafetyConstraints | None = None


class LooseSpecifications(_Body):
    """Nameplate of a registration; `max_power` in W, `voltage_nominal` in V."""

    chemistry: Chemistry | None = None
    capacity_kwh: float | None = Field(None, gt=0, le=1e7)
    max_power: Watts | None = None
    voltage_nominal: float | None = Field(None, ge=1, le=10_000)


class DeviceSpot(_Body):
    """Where a device stands."""

    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    name: Place | None = None


class Registration(_Body):
    """A device that introduces itself."""

    device_id: DeviceId
    device_type: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9 _-]*$")] = "pack"
    site_id: SiteId | None = None
    name: Name | None = None
    location: Place | DeviceSpot | None = None
    specifications: LooseSpecifications | None = None
    safety_constraints: SafetyConstraints | None = None


class DeviceChange(_Body):
    """What to change; what is not named stays. `maintenance` locks the device, `online` ends that."""

    name: Name | None = None
    site_id: SiteId | None = None
    chemistry: Chemistry | None = None
    location: Place | DeviceSpot | None = None
    specifications: Specifications | None = None
    safety_constraints: SafetyConstraints | None = None
    status: Literal["online", "maintenance"] | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names nothing to change")
        return self


class DeviceParams(BaseModel):
    """Which device."""

    device_id: str = Field(examples=["battery_pack_001"])


class ListParams(BaseModel):
    """Which devices, and which page of them."""

    site_id: str | None = None
    status: Status | None = None
    chemistry: Chemistry | None = None
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=10_000_000)


class NameplateBody(TypedDict):
    nominal_capacity: float | None
    nominal_voltage: float | None
    max_charge_power: float | None
    max_discharge_power: float | None
    series_cells: int | None
    parallel_cells: int | None
    capacity_kwh: float | None


class DeviceStatusBody(TypedDict):
    status: Status
    last_seen: str | None
    current_soc: float | None
    current_soh: float | None
    active_alarms: list[str]


class TemperatureLimitsBody(TypedDict):
    max: float | None
    min: float | None


class _DeviceSafetyBody(TypedDict):
    max_cell_voltage: float | None
    min_cell_voltage: float | None
    max_charge_current: float | None
    max_discharge_current: float | None
    temperature_limits: TemperatureLimitsBody


class DeviceSafetyBody(_DeviceSafetyBody, total=False):
    max_temperature: float
    min_soc: float
    max_soc: float


class PulseDeviceBody(TypedDict):
    device_id: str
    site_id: str
    name: str
    device_type: str
    parent: str | None
    chemistry: Chemistry | None
    location: Any
    firmware_version: str | None
    specifications: NameplateBody
    current_status: DeviceStatusBody
    safety_constraints: DeviceSafetyBody


class PulseDevicesBody(TypedDict):
    devices: list[PulseDeviceBody]
    total: int
    limit: int
    offset: int


class SafetyOfDeviceBody(TypedDict):
    device_id: str
    safety_constraints: DeviceSafetyBody


class RemovedDeviceBody(TypedDict):
    device_id: str
    status: Literal["deleted"]
    message: str


NEW_EXAMPLE = {
    "device_id": "battery_pack_001",
    "site_id": "site_001",
    "name": "Battery pack 1",
    "chemistry": "NMC",
    "specifications": {
        "nominal_capacity": 100.0,
        "nominal_voltage": 400.0,
        "max_charge_power": 20000.0,
        "max_discharge_power": 25000.0,
        "series_cells": 144,
        "parallel_cells": 2,
    },
    "safety_constraints": {
        "max_cell_voltage": 4.15,
        "min_cell_voltage": 3.0,
        "max_charge_current": 50.0,
        "max_discharge_current": 80.0,
        "temperature_limits": {"max": 55.0, "min": -10.0},
    },
}
DEVICE_EXAMPLE = {
    "device_id": "battery_pack_001",
    "site_id": "site_001",
    "name": "Battery pack 1",
    "device_type": "pack",
    "parent": None,
    "chemistry": "NMC",
    "location": None,
    "firmware_version": "1.2.3",
    "specifications": NEW_EXAMPLE["specifications"] | {"capacity_kwh": 40.0},  # type: ignore[operator]
    "current_status": {
        "status": "online",
        "last_seen": "2024-01-15T14:30:15.123Z",
        "current_soc": 67.5,
        "current_soh": 87.2,
        "active_alarms": ["high_temp_warning"],
    },
    "safety_constraints": NEW_EXAMPLE["safety_constraints"],
}
REGISTRATION_EXAMPLE = {
    "device_id": "battery_pack_002",
    "device_type": "battery_pack",
    "location": "hall 2",
    "specifications": {"chemistry": "LFP", "capacity_kwh": 50.0, "max_power": 25000.0, "voltage_nominal": 400.0},
    "safety_constraints": {"max_cell_voltage": 3.65, "min_cell_voltage": 2.5},
}
FRESH: dict[str, Any] = {"status": "offline", "last_seen": None, "current_soc": None, "current_soh": None, "active_alarms": []}
