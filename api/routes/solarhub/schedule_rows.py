"""An award as S1 shows it."""

from typing import Any

from typing_extensions import TypedDict

from datastore.store import Store
from plant.model import ScheduleEvent
from plant.timeline import moment
from services import awards


class EventRow(TypedDict):
    """Times are the site's, without a zone; `time_number` counts the hour by its end, 1…24. `transfer` [MW], `simulated` and
    `source` are ours: `source` names the installation that has the award, empty when it is the store's own and can be changed here."""

    index: int | None
    mode: str
    time_number: int
    time_start: str
    time_end: str
    time_date: str
    is_get: bool
    interrupt: bool
    quote_capacity: float
    power: float
    price: float
    quote_price: float
    quote_code: str
    title: str
    description: str
    transfer: float
    simulated: bool
    source: str


def row(store: Store, event: ScheduleEvent, source: str = "") -> EventRow:
    """S1's fields of an award."""
    start, end = moment(event.time_start, store.zone), moment(event.time_end, store.zone)
    return {
        "index": event.index,
        "mode": event.mode,
        "time_number": awards.time_number(store, event),
        "time_start": f"{start:%Y-%m-%dT%H:%M:%S}",
        "time_end": f"{end:%Y-%m-%dT%H:%M:%S}",
        "time_date": f"{start:%Y-%m-%d}T00:00:00",
        "is_get": event.is_get,
        "interrupt": event.interrupt,
        "quote_capacity": event.quote_capacity,
        "power": event.power,
        "price": event.price,
        "quote_price": event.quote_price,
        "quote_code": event.quote_code,
        "title": event.title,
        "description": event.description,
        "transfer": event.transfer,
        "simulated": event.simulated,
        "source": source,
    }


EVENT_EXAMPLE: dict[str, Any] = {
    "index": 1,
    "mode": "dreg",
    "time_number": 15,
    "time_start": "2024-01-01T14:00:00",
    "time_end": "2024-01-01T15:00:00",
    "time_date": "2024-01-01T00:00:00",
    "is_get": True,
    "interrupt": False,
    "quote_capacity": 5.0,
    "power": 4.5,
    "price": 850.0,
    "quote_price": 900.0,
    "quote_code": "QC001",
    "title": "D-Reg Dispatch",
    "description": "Frequency regulation",
    "transfer": 0.0,
    "simulated": False,
    "source": "",
}
"""The document's own, with our three fields."""
