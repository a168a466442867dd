"""Two ladders of severity beside each other (DOMAIN §3.6): ours is info, warning, alarm, protection (foxBMS MOL, RSL, MSL); S2's is info,
warning, critical."""

from collections.abc import Mapping

PULSEBMS: tuple[str, ...] = ("info", "warning", "critical")
"""S2's severities, mildest first."""

_OURS: Mapping[str, str] = {"info": "warning", "warning": "alarm", "critical": "protection"}
_THEIRS: Mapping[str, str] = {"info": "info", "warning": "info", "alarm": "warning", "protection": "critical"}


def from_pulsebms(severity: str) -> str:
    """Our severity of what S2 calls `severity`. Raises ValueError for a word S2 does not have.

    >>> from_pulsebms("warning"), to_pulsebms(from_pulsebms("warning"))
    ('alarm', 'warning')
    """
    if severity not in _OURS:
        raise ValueError(f"must be one of {', '.join(PULSEBMS)}")
    return _OURS[severity]


def to_pulsebms(severity: str) -> str:
    """What S2 calls our `severity`; a word nobody knows counts as a warning.

    >>> [to_pulsebms(severity) for severity in ("info", "warning", "alarm", "protection")]
    ['info', 'info', 'warning', 'critical']
    """
    return _THEIRS.get(severity, "warning")
