"""A figure that may not be assessable: then there is no number but a reason, in a sentence an operator understands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in the unit its maker names, or None with the `reason`; `note` says which variant of a formula was used."""

    value: float | None
    reason: str = ""
    note: str = ""


def missing(reason: str) -> Figure:
    """No figure, and why."""
    return Figure(None, reason)
