"""The event streams as they are documented; the event loop answers them (`api.device_streams`)."""

from typing import Any

from pydantic import Field

from api.contract import Operation
from api.device_streams import StreamParams
from services.unit_readings import FIELDS


class DeviceStreamParams(StreamParams):
    """Which device, how often."""

    device_id: str = Field(examples=["bess01"])


def _never(context: Any, params: Any) -> Any:
    raise AssertionError("streams are answered on the event loop")


def _stream(family: str, fields: tuple[str, ...]) -> Operation:
    what = "BMS and PCS" if family == "bess" else family.upper()
    return Operation(
        method="GET",
        path=f"/{family}/{{device_id}}/stream",
        tag="streams",
        summary=f"Live {what} readings as server-sent events",
        call=_never,
        params=DeviceStreamParams,
        reply=str,
        media=("text/event-stream; charset=utf-8",),
        errors=(404, 422),
        native=True,
        description="One event each `interval` while there are new readings: `id` is the instant [epoch ms], `data` a JSON object with "
        f"timestamp, {', '.join(fields)}; a value older than ALIGN_TOLERANCE_S is null. `Last-Event-ID` resumes behind that instant: what "
        "was missed comes at once. A device that only has an archive is replayed on the time base of the batches, over and over.",
    )


OPERATIONS = tuple(_stream(family, fields) for family, fields in FIELDS.items())
