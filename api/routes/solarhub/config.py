"""S1: what its clients' frame needs: the sizes of the plant, and what asks for attention."""

from typing import Any

from typing_extensions import TypedDict

from api.contract import Context, Operation
from api.routes.solarhub.params import TAG
from services.notices import notices
from services.units import sizes


class SidebarBody(TypedDict):
    bess_type: str
    bess_number: int
    pcs_number: int
    inverter_number: int
    rack_number: int
    number_of_devices: int
    cctv_url: str | None
    status: str


class HeaderNoticesBody(TypedDict):
    count: int
    items: list[str]


class HeaderBody(TypedDict):
    protection_info: HeaderNoticesBody
    warning_info: HeaderNoticesBody
    fault_info: HeaderNoticesBody
    status: str


def sidebar(context: Context, params: None) -> SidebarBody:
    """How large the plant is: as the settings say, else as many devices as are registered."""
    found = sizes(context.config, context.store.records)
    return {
        "bess_type": context.config.bess_type,
        "bess_number": found.bess,
        "pcs_number": found.pcs,
        "inverter_number": found.inverter,
        "rack_number": found.rack,
        "number_of_devices": found.devices,
        "cctv_url": context.config.cctv_url or None,
        "status": "success",
    }


def header(context: Context, params: None) -> dict[str, Any]:
    """What is open now, by S1's three words."""
    found = notices(context.store, context.config, context.clock())
    return {f"{bucket}_info": {"count": len(items), "items": items} for bucket, items in found.items()} | {"status": "success"}


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/config/sidebar",
        tag=TAG,
        summary="How large the plant is",
        call=sidebar,
        tagged=True,
        reply=SidebarBody,
        example={
            "bess_type": "BESS",
            "bess_number": 2,
            "pcs_number": 2,
            "inverter_number": 2,
            "rack_number": 12,
            "number_of_devices": 18,
            "cctv_url": "http://cctv.example.com/stream",
            "status": "success",
        },
        description="BESS_NUMBER, PCS_NUMBER, INVERTER_NUMBER and RACK_NUMBER where they are set, else the devices that exist; "
        "`number_of_devices` is their sum. `cctv_url` is CCTV_URL, null without one.",
    ),
    Operation(
        method="GET",
        path="/api/v1/config/header",
        tag=TAG,
        summary="What asks for attention",
        call=header,
        reply=HeaderBody,
        example={
            "protection_info": {"count": 0, "items": []},
            "warning_info": {"count": 2, "items": ["BESS1: High Temperature", "PCS2: Communication Delay"]},
            "fault_info": {"count": 0, "items": []},
            "status": "success",
        },
        description="From the open alarms (shelved ones left out; severity alarm is a fault) and from the words that are not zero of racks "
        "and PCS that spoke within a day.",
    ),
)
