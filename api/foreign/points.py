"""What all foreign formats come down to: points with named fields, and lines nobody can read."""

from collections.abc import Mapping
from typing import NamedTuple

Said = float | int | bool | str
"""What one field says."""


class Point(NamedTuple):
    """One line: `row` counts from 0 in the batch, `at` is epoch ms, None where the sender leaves the time to the receiver."""

    row: int
    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Said]
    at: int | None


class Broken(NamedTuple):
    """A line that cannot be read, and why."""

    row: int
    reason: str
