"""Instants in S1's query parameters: without a zone they are the site's, so they are texts until the site is known."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.contract import INSTANT_PATTERN
from plant.timeline import parse

EARLIEST, LATEST = 0, 4_102_444_800_000
"""1970 to 2099 [epoch ms]: days of the site on both sides of an instant can be named too."""
_SCHEMA = {
    "type": "string",
    "pattern": INSTANT_PATTERN.replace("(19|20)", "(19[89]|20[0-8])", 1).replace(r"\d\d-(0", r"\d-(0", 1).replace(r"\d{1,13}", r"\d{8,12}"),
    "description": "`YYYY-MM-DD HH:MM:SS` with a blank or `T`, or a day; without a zone it is the site's time",
    "examples": ["2024-01-01 00:00:00"],
}


def _readable(value: Any) -> str:
    text = str(value)
    try:
        at = parse(text)
    except ValueError as error:
        raise PydanticCustomError("timestamp", "{reason}", {"reason": str(error)}) from None
    if not EARLIEST + 86_400_000 <= at < LATEST:
        raise PydanticCustomError("timestamp", "must lie in the years 1970 to 2099")
    return text


SiteInstant = Annotated[str, AfterValidator(_readable), WithJsonSchema(_SCHEMA)]
"""A text that `instant` reads."""


def instant(text: str, zone: ZoneInfo) -> int:
    """The instant a checked parameter names [epoch ms]."""
    return parse(text, zone)
