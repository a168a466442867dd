"""The servers and stores this process is configured to use, and whether each answers now. No password is ever in a place's name."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from datastore.backends.redis_link import RedisLink
from datastore.backends.solarhub.installation import Installation
from datastore.ports import Records, Telemetry
from datastore.sources import Federated, own
from datastore.store import Store
from plant.errors import PlantError
from services.config import Config

_ENGINES = {
    "mysql": ("mysql", "MySQL", 3306),
    "mariadb": ("mysql", "MySQL", 3306),
    "postgresql": ("postgresql", "PostgreSQL", 5432),
    "postgres": ("postgresql", "PostgreSQL", 5432),
    "mongodb": ("mongodb", "MongoDB", 27017),
    "sqlite": ("sqlite", "SQLite", None),
    "memory": ("memory", "Memory", None),
}
"""Scheme of a URL → word in the id, name, usual port (None: in this machine)."""
HERE = "localhost"


@dataclass(frozen=True, slots=True)
class Part:
    """One server or store: `type` is server, database or redis; `host` and `port` say where it is."""

    id: str
    name: str
    type: str
    online: bool
    host: str = HERE
    port: int | None = None


def parts(store: Store, config: Config, redis: RedisLink | None) -> list[Part]:
    """Everything configured, the server itself first. Each is asked now, except the own store while the intake knows that it is away: who
    asks must not wait for a server that is frozen."""
    hub = config.solarhub
    found = [Part("main_server", "Main Server", "server", True, config.host if config.host not in ("0.0.0.0", "::") else HERE, config.port)]
    # the document's own names are those of the document's servers; without such an installation they are the own store's
    prefix = "store" if hub else "main"
    away = bool(store.intake.backlog.cause)
    found.append(
        _database(
            prefix, "", config.database_url, not away and _answers(own(store.telemetry), store.records if not config.records_url else None)
        )
    )
    if config.records_url:
        found.append(_database(f"{prefix}_records", " Records", config.records_url, _answers(store.records)))
    if redis is not None:
        found.append(_redis(f"{prefix}_redis", f"{prefix.title()} Redis", config.redis_url, not redis.ping()))
    return found + list(_elsewhere(store, hub))


def _answers(*asked: Telemetry | Records | None) -> bool:
    try:
        for one in asked:
            if one is not None:
                one.ping()
    except PlantError:
        return False
    except Exception:  # a driver's own exception: down is down, whatever it is called
        return False
    return True


def _database(prefix: str, what: str, url: str, online: bool) -> Part:
    parsed = urlsplit(url)
    word, name, port = _ENGINES.get(parsed.scheme.partition("+")[0], ("database", "Database", None))
    title = f"{prefix.split('_')[0].title()} {name}{what}"
    host = unquote(parsed.hostname or HERE) if port else HERE
    # a MongoDB may name several servers; the first stands for all
    return Part(f"{prefix}_{word}", title, "database", online, host, _port(url, port) if port else None)


def _redis(part_id: str, name: str, url: str, online: bool) -> Part:
    parsed = urlsplit(url)
    if parsed.scheme == "unix":
        return Part(part_id, name, "redis", online)
    return Part(part_id, name, "redis", online, parsed.hostname or HERE, _port(url, 6379))


def _port(url: str, usual: int) -> int:
    try:
        return urlsplit(url).port or usual
    except ValueError:  # several servers in one URL
        return usual


def _elsewhere(store: Store, hub: Installation | None) -> Iterator[Part]:
    """What is read beside the store: the installation's servers (online when all of their databases answer) and Redis, folders."""
    if not isinstance(store.telemetry, Federated):
        return
    for source in store.telemetry.sources:
        connections = source.connections()
        if hub is None or source.name != "SolarHub":
            yield from (
                Part(f"archive_{name}".lower().replace(" ", "_"), f"{source.name} {name}", "database", up)
                for name, up in connections.items()
            )
            continue
        for label, server in hub.servers.items():
            mine = [up for name, up in connections.items() if not name.startswith("redis:") and name.startswith("gtr:") == (label == "gtr")]
            yield Part(f"{label}_mysql", f"{_title(label)} MySQL", "database", bool(mine) and all(mine), server.host, server.port)
        for label, cache in hub.caches.items():
            yield Part(
                f"{label}_redis", f"{_title(label)} Redis", "redis", connections.get(f"redis:{label}", False), cache.host, cache.port
            )


def _title(label: str) -> str:
    return label.upper() if label == "gtr" else label.title()
