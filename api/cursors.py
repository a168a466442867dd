"""Cursors of long lists: the place of the last row of a page as a text that survives what is added meanwhile."""

from collections.abc import Callable
from typing import TypeVar

from api.errors import FieldError, invalid

T = TypeVar("T")


def cursor_of(place: tuple[int, int | str]) -> str:
    """The text of a place (epoch ms, id).

    >>> cursor_of((1769256300000, 17))
    '1769256300000_17'
    """
    return f"{place[0]}_{place[1]}"


def place_of(cursor: str, of_id: Callable[[str], T]) -> tuple[int, T]:
    """The place a cursor names. Raises Invalid for one we never gave out.

    >>> place_of("1769256300000_17", int)
    (1769256300000, 17)
    """
    at, _, rest = cursor.partition("_")
    try:
        if not rest or not -(10**15) < int(at) < 10**15:
            raise ValueError
        return int(at), of_id(rest)
    except ValueError:
        raise invalid([FieldError(("query", "cursor"), "value_error", "not the `next` of a page before", cursor)]) from None
