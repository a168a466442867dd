"""The event streams as they are documented; the event loop answers them (`api.live`)."""

from typing import Any

from pydantic import Field

from api.contract import Operation
from api.live import BMS_FIELDS, PCS_FIELDS, StreamParams


class DeviceStreamParams(StreamParams):
    """Which device, how often."""

    device_id: str = Field(examples=["bess01"])


def _never(context: Any, params: Any) -> Any:
    raise AssertionError("streams are answered on the event loop")


def _stream(family: str, fields: tuple[str, ...]) -> Operation:
    return Operation(
        method="GET",
        path=f"/{family}/{{device_id}}/stream",
        tag="streams",
        summary=f"Live {family.upper()} readings as server-sent events",
        call=_never,
        params=DeviceStreamParams,
        reply=str,
        media=("text/event-stream; charset=utf-8",),
        errors=(404, 422),
        native=True,
        description="One event each `interval` while there are new readings: `id` is the instant [epoch ms], `data` a JSON object with "
        f"timestamp, {', '.join(fields)}. `Last-Event-ID` resumes behind that instant. "
        "A device that only has an archive is replayed, over and over.",
    )


OPERATIONS = (_stream("bms", BMS_FIELDS), _stream("pcs", PCS_FIELDS))
