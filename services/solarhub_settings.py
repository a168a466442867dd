"""The environment table of the SolarHub document (S1), under its own names: where an existing installation is, and how large."""

import re
from collections.abc import Callable
from pathlib import Path

from datastore.backends.solarhub.installation import DATABASES, SHIPPED_MAPPING, Cache, Installation, Server
from services.setting import Setting, SettingError

Text = Callable[[str], str]
"""Name of a setting → its value, or its default."""
Number = Callable[[str, int, int], int]
"""Name of a setting, lowest, highest → its value; raises SettingError."""

SIZES = {"BESS_NUMBER": 12, "PCS_NUMBER": 12, "RACK_NUMBER": 12, "INVERTER_NUMBER": 99}
"""Setting → the most there can be."""

SOLARHUB_SETTINGS: tuple[Setting, ...] = (
    Setting("DB_HOST", "", "MySQL server of an existing SolarHub, read in place beside the own store (docs/solarhub.md); empty = none"),
    Setting("DB_PORT", "3306", "its port"),
    Setting("DB_USER", "root", "its user; SELECT is all it needs"),
    Setting("DB_PASSWORD", "", "its password", secret=True),
    *(Setting(name, default, f"SolarHub's database {default}") for name, default in DATABASES.items()),
    Setting("DB_HOST_GTR", "", "SolarHub's second MySQL server, GTR; empty = none"),
    Setting("DB_PORT_GTR", "", "its port; empty = DB_PORT"),
    Setting("DB_USER_GTR", "root", "its user"),
    Setting("DB_PASSWORD_GTR", "", "its password", secret=True),
    Setting("REDIS_HOST", "", "SolarHub's Redis with the newest values (not the one of REDIS_URL); empty = none"),
    Setting("REDIS_PORT", "6379", "its port"),
    Setting("REDIS_PASSWORD", "", "its password", secret=True),
    Setting("REDIS_HOST_GTR", "", "SolarHub's second Redis, GTR; empty = none"),
    Setting("REDIS_PORT_GTR", "6379", "its port"),
    Setting("REDIS_PASSWORD_GTR", "", "its password", secret=True),
    Setting("SOLARHUB_MAPPING", "", "file that says which of SolarHub's columns is which metric; empty = the shipped one"),
    Setting("BESS_NUMBER", "", "how many BESS the plant has; empty = those that exist"),
    Setting("PCS_NUMBER", "", "how many PCS; empty = those that exist"),
    Setting("RACK_NUMBER", "", "how many racks each BESS has; empty = those that exist"),
    Setting("INVERTER_NUMBER", "", "how many inverters; empty = those that exist"),
    Setting("BESS_TYPE", "BESS", "what a BESS is called"),
    Setting("PCS_TYPE", "PCS", "what a PCS is called"),
    Setting("CCTV_URL", "", "address of the camera stream that SolarHub clients show, http://, https:// or rtsp://; empty = none"),
)


def sizes(text: Text, number: Number) -> dict[str, int]:
    """The numbers of devices that are set. Raises SettingError."""
    return {name: number(name, 0, most) for name, most in SIZES.items() if text(name)}


def installation(text: Text, number: Number, zone: str, site_id: str) -> Installation | None:
    """The installation the settings name; None without DB_HOST. Raises SettingError."""
    if not text("DB_HOST"):
        return None
    servers = {"main": Server("main", text("DB_HOST"), number("DB_PORT", 1, 65535), text("DB_USER"), text("DB_PASSWORD"))}
    if text("DB_HOST_GTR"):
        port = number("DB_PORT_GTR" if text("DB_PORT_GTR") else "DB_PORT", 1, 65535)
        servers["gtr"] = Server("gtr", text("DB_HOST_GTR"), port, text("DB_USER_GTR"), text("DB_PASSWORD_GTR"))
    caches = {
        label: Cache(label, text(f"REDIS_HOST{suffix}"), number(f"REDIS_PORT{suffix}", 1, 65535), text(f"REDIS_PASSWORD{suffix}"))
        for label, suffix in (("main", ""), ("gtr", "_GTR"))
        if text(f"REDIS_HOST{suffix}")
    }
    mapping = Path(text("SOLARHUB_MAPPING") or SHIPPED_MAPPING)
    if not mapping.is_file():
        raise SettingError(f"SOLARHUB_MAPPING={mapping} is no file")
    return Installation(
        servers, zone, {name: text(name) for name in DATABASES}, caches, sizes(text, number),
        {name: text(name) for name in ("BESS_TYPE", "PCS_TYPE")}, site_id, mapping,
    )  # fmt: skip


def camera(text: Text) -> str:
    """The address of the camera stream; empty without one. Raises SettingError."""
    url = text("CCTV_URL")
    if url and not re.match(r"(https?|rtsps?)://[^\s/]+\S*\Z", url):
        raise SettingError("CCTV_URL is not an address such as https://cctv.example/stream")
    return url


def contradictions(text: Text) -> list[str]:
    """Settings that have no effect, one line each."""
    if text("DB_HOST"):
        return []
    needless = [name for name in ("DB_HOST_GTR", "SOLARHUB_MAPPING") if text(name)]
    return [f"{name} has no effect without DB_HOST, the main server of the SolarHub" for name in needless]
