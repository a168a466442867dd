"""Who may do what: the one table of roles and permissions. Guard, routes, screens and the matrix test read it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

PERMISSIONS: Mapping[str, str] = {
    "read": "see readings, devices, alarms, schedules and analyses",
    "panels": "see the panels of the pages a link names",
    "self": "see one's own account, log out, change one's own password",
    "ingest": "send readings",
    "respond": "report a device's status and answer its commands",
    "export": "download data as files",
    "annotate": "write notes on charts and alarms",
    "simulate": "run what-if calculations",
    "command": "send commands to devices",
    "alarms": "acknowledge, shelve and comment alarms",
    "schedule": "change awards and schedules",
    "devices": "register, change and remove devices",
    "safety": "change safety limits",
    "users": "add, change and disable users",
    "keys": "issue and revoke API keys",
    "settings": "change settings",
    "links": "issue and revoke kiosk links",
    "audit": "read the audit log",
}
"""Permission → what it lets a person do."""

_VIEWER = frozenset({"read", "panels", "self"})
_ANALYST = _VIEWER | {"export", "annotate", "simulate"}
_OPERATOR = _ANALYST | {"ingest", "respond", "command", "alarms", "schedule", "devices", "safety"}


@dataclass(frozen=True, slots=True)
class Role:
    """One row of the table; `number` is the stable id of the SolarHub user model."""

    number: int
    name: str
    description: str
    permissions: frozenset[str]


ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role(1, "admin", "Administrator", frozenset(PERMISSIONS)),
        Role(2, "operator", "Operator", _OPERATOR),
        Role(3, "analyst", "Analyst", _ANALYST),
        Role(4, "viewer", "Viewer", _VIEWER),
        Role(5, "device", "Device that reports its own readings", frozenset({"self", "ingest", "respond"})),
        Role(6, "kiosk", "Wall screen", frozenset({"panels", "self"})),
    )
}
"""Roles a user can have."""

OPEN: frozenset[str] = frozenset({"read", "panels", "export", "annotate", "simulate", "ingest", "respond", "devices"})
"""What a caller without a token may do while AUTH_MODE=open; the rest needs a token with the role in every mode."""

PROTECTED: frozenset[str] = frozenset()
"""What a caller without a token may do while AUTH_MODE=protected."""


def may(roles: Collection[str], permission: str) -> bool:
    """Whether one of `roles` grants `permission`; unknown roles grant nothing.

    >>> may(["viewer"], "read"), may(["viewer"], "command"), may(["operator"], "command")
    (True, False, True)
    """
    return any(permission in ROLES[role].permissions for role in roles if role in ROLES)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling. `username` is empty for a caller without a token, whose `granted` is what the mode leaves open.

    A key is narrower than a user: `scopes` are all it may do, whatever its roles and the mode say, and `devices` the ids and prefixes
    (`bess*`) it may speak for and ask about. A kiosk link names the `pages` and, with theirs, the `panels` it shows. None = no such limit.
    """

    username: str = ""
    roles: tuple[str, ...] = ()
    granted: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    devices: tuple[str, ...] | None = None
    pages: frozenset[str] | None = None
    panels: frozenset[str] | None = None

    @property
    def known(self) -> bool:
        return bool(self.username)

    @property
    def permissions(self) -> frozenset[str]:
        """All this caller may do."""
        if self.scopes is not None:
            return self.scopes
        return self.granted.union(*(ROLES[role].permissions for role in self.roles if role in ROLES))

    def may(self, permission: str) -> bool:
        """Whether this caller may do what `permission` says."""
        if self.scopes is not None:
            return permission in self.scopes
        return permission in self.granted or may(self.roles, permission)

    def may_send_for(self, device_id: str) -> bool:
        """Whether this caller may send readings of this device: a caller that is only a device speaks for the id it is named
        after and for that device's parts (`bess01` for `bess01-rack03`), a key for the devices it names; everyone else with
        `ingest` for any."""
        return self.may("ingest") and self.speaks_for(device_id)

    def speaks_for(self, device_id: str) -> bool:
        """Whether this device is one the caller reports and answers for; see `may_send_for`."""
        return covered(device_id, self.limited_to) if self.limited_to is not None else True

    def may_see(self, panel_id: str) -> bool:
        """Whether this caller may see this panel: a kiosk link shows the panels of its pages only, a key for some devices none, for they
        show the whole plant."""
        return self.may("panels") and self.devices is None and (self.panels is None or panel_id in self.panels)

    def may_open(self, path: str) -> bool:
        """Whether this caller may open the dashboard's page at this path."""
        return self.may("panels") and (self.pages is None or path in self.pages)

    @property
    def limited_to(self) -> tuple[str, ...] | None:
        """The devices this caller speaks for; None = any."""
        if self.devices is not None:
            return self.devices
        others = [role for role in self.roles if role != "device"]
        if "device" not in self.roles or may(others, "ingest") or may(others, "respond"):
            return None
        return (self.username,)


def covered(device_id: str, names: Collection[str]) -> bool:
    """Whether `names` speak of this device: by its id, that of the device it is a part of, or a prefix that ends with `*`.

    >>> [covered("bess01-rack03", names) for names in (["bess01"], ["bess0*"], ["bess01-rack04"], ["bess0"])]
    [True, True, False, False]
    """
    return any(
        device_id.startswith(name[:-1]) if name.endswith("*") else device_id == name or device_id.startswith(f"{name}-") for name in names
    )


def anonymous(auth_mode: str) -> Identity:
    """The caller without a token, in this AUTH_MODE (open or protected)."""
    return Identity(granted=OPEN if auth_mode == "open" else PROTECTED)


def local_path(target: str, fallback: str = "/") -> str:
    """`target` when it is a path on this server, else `fallback`: `next=` must never lead to another host.

    >>> local_path("/bess?unit=3"), local_path("//evil.example"), local_path("https://evil.example")
    ('/bess?unit=3', '/', '/')
    """
    local = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if local else fallback
