"""S2's topics: `pulsebms/{site}/{device}/telemetry` and the rest. Pure."""

import re
from dataclasses import dataclass

TELEMETRY, STATUS, RESPONSES, COORDINATOR = "telemetry", "status", "responses", "coordinator"
CONSUMED = (TELEMETRY, STATUS, RESPONSES)
"""Last levels of what devices send."""
_NO_SITE = "devices"
_LEVEL = re.compile(r"[^/+#\0]+\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """What a consumed topic says: the kind of message (telemetry, status, responses, coordinator), site (empty = not said), device."""

    what: str
    site: str
    device: str


def filters(root: str, group: str = "") -> list[str]:
    """What to subscribe to, as a member of `group` where there is one."""
    shared = f"$share/{group}/" if group else ""
    return [f"{shared}{root}/+/+/{what}" for what in CONSUMED]


def address(root: str, topic: str) -> Address | None:
    """What a topic says; None for one that is not consumed.

    >>> address("pulsebms", "pulsebms/devices/pack1/telemetry")
    Address(what='telemetry', site='', device='pack1')
    >>> address("pulsebms", "pulsebms/site_001/coordinator/status").what
    'coordinator'
    """
    parts = topic.removeprefix(f"{root}/").split("/")
    if not topic.startswith(f"{root}/") or len(parts) != 3 or parts[2] not in CONSUMED:
        return None
    site, device, what = parts
    if device == COORDINATOR:
        return Address(COORDINATOR, site, "") if what == STATUS else None
    return Address(what, "" if site == _NO_SITE else site, device)


def speakable(*levels: str) -> bool:
    """Whether these can be levels of a topic: ids with slashes or wildcards cannot."""
    return all(_LEVEL.match(level) for level in levels)


def commands(root: str, site: str, device: str) -> str:
    """Where a device hears its commands."""
    return f"{root}/{site}/{device}/commands"


def of_site(root: str, site: str, *what: str) -> str:
    """`fleet/summary`, `fleet/alerts` or `coordinator/allocation` of a site."""
    return "/".join((root, site, *what))


def of_system(root: str, what: str) -> str:
    """`health` or `announcements` of the whole system."""
    return f"{root}/system/{what}"
