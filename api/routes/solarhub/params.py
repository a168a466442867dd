"""What S1's calls have in common: numbers of units, days of the site, and how its answers write times."""

from datetime import date, tzinfo
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from plant import timeline
from plant.solarhub import MOST_UNITS

TAG = "solarhub"
FIRST_YEAR, LAST_YEAR = 1970, 2100

Number = Annotated[int, Field(ge=1, le=MOST_UNITS)]
"""A unit, a rack, a PCS: 1…12, whatever exists."""


def _day(value: Any) -> date:
    try:
        found = timeline.day(str(value))
    except ValueError as error:
        raise PydanticCustomError("date", "{reason}", {"reason": str(error)}) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR or len(str(value)) != 10:
        raise PydanticCustomError("date", "must be a day YYYY-MM-DD of the years 1970 to 2100")
    return found


_DAY_SCHEMA = {
    "type": "string",
    "pattern": r"^(19[7-9]\d|20\d\d)-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])$",
    "description": "a calendar day of the site, YYYY-MM-DD",
    "examples": ["2024-01-01"],
}

Day = Annotated[date, BeforeValidator(_day), WithJsonSchema(_DAY_SCHEMA)]
"""A query parameter that names a calendar day of the site."""


def stamp(at: int, zone: tzinfo) -> str:
    """`at` [epoch ms] as S1 writes instants: site time, without an offset.

    >>> from zoneinfo import ZoneInfo
    >>> stamp(1704081600000, ZoneInfo("Asia/Taipei"))
    '2024-01-01T12:00:00'
    """
    return timeline.moment(at, zone).strftime("%Y-%m-%dT%H:%M:%S")


def exact(value: float | None) -> float | None:
    """A derived number as it leaves: 12 significant digits."""
    return None if value is None else float(f"{value:.12g}")
