"""Where a SolarHub installation is: the environment table of its document as a value. Passwords are never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SHIPPED_MAPPING = Path(__file__).with_name("mapping.toml")

DATABASES: Mapping[str, str] = {
    "DB_NAME_ESS": "ess",
    "DB_NAME_SCHEDULE": "schedule",
    "DB_NAME_METER": "Meter",
    "DB_NAME_PCS": "PCS",
    "DB_NAME_INVERTER": "Inverter",
    "DB_NAME_BASELINE": "BaseLine",
    **{f"DB_NAME_BESS{n}": f"BESS{n}" for n in range(1, 13)},
}
"""Setting → name of the database where the document's default holds."""


@dataclass(frozen=True, slots=True)
class Server:
    """One MySQL or MariaDB server; `label` is `main` or `gtr`."""

    label: str
    host: str
    port: int = 3306
    user: str = "root"
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Cache:
    """One Redis instance; `label` is `main` or `gtr`."""

    label: str
    host: str
    port: int = 6379
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Installation:
    """The whole of it. `databases`: setting → name; `numbers`: setting (`BESS_NUMBER`, …) → how many there are, unset ones absent;
    `zone`: IANA zone of DATETIME columns where the mapping names no other; `types`: `BESS_TYPE` and `PCS_TYPE`, used in names."""

    servers: Mapping[str, Server]
    zone: str
    databases: Mapping[str, str] = field(default_factory=lambda: dict(DATABASES))
    caches: Mapping[str, Cache] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    site_id: str = "site"
    mapping: Path = SHIPPED_MAPPING

    def __str__(self) -> str:
        parts = [f"{server.label} {server.user}@{server}" for server in self.servers.values()]
        parts += [f"Redis {cache.label} {cache}" for cache in self.caches.values()]
        return ", ".join(parts)
