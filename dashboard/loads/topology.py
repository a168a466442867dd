"""Who speaks to whom, and whether they do: sources, server and store as they are now."""

import time
from collections.abc import Mapping
from typing import Any

from dashboard.loads.fleet import fleet
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.errors import Unavailable
from plant.model import Kind
from plant.quantity import number

SOURCES = tuple(str(kind) for kind in Kind)
EVERY = 5
"""The picture is renewed every so many seconds."""


def topology_table(store: Store, scope: Scope) -> Table:
    """Columns: `node` (a kind of device, `server`, `store`), `group` (source, server, store), `online`, `devices`, `state` (good, warning,
    alarm, stale), `detail`, `at`: what is asked here and now, nothing configured."""
    plant = fleet(store)
    rows: list[tuple[Any, ...]] = []
    for kind, all_ in sorted(plant.devices.items(), key=lambda item: SOURCES.index(item[0]) if item[0] in SOURCES else len(SOURCES)):
        devices = plant.expected(all_)
        online = sum(plant.is_online(device) for device in devices)
        heard = [plant.latest[device.device_id, device.kind].at for device in devices if (device.device_id, device.kind) in plant.latest]
        state = "stale" if not online else "good" if online == len(devices) else "warning"
        detail = word("topology.online", scope.lang, n=online, all=len(devices)) if devices else word("topology.archive", scope.lang)
        rows.append((kind, "source", online, len(devices), state, detail, max(heard, default=None)))
    if not rows:
        return Table({})
    stats = store.intake.stats
    waiting = word("topology.waiting", scope.lang, n=number(stats.waiting, 0))
    rows.append(("server", "server", 1, 1, "good", waiting, plant.now))
    rows.append(("store", "store", *_ping(store, scope), plant.now))
    names = ("node", "group", "online", "devices", "state", "detail", "at")
    return Table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), plant.now)


def _ping(store: Store, scope: Scope) -> tuple[int, int, str, str]:
    started = time.perf_counter()
    try:
        store.records.ping()
    except Unavailable:
        return 0, 1, "alarm", word("topology.down", scope.lang)
    return 1, 1, "good", word("topology.answers", scope.lang, ms=number(1000 * (time.perf_counter() - started), 1))


def topology_frame(store: Store, scope: Scope) -> Mapping[str, Any] | None:
    """The details of the picture; a change of state asks for it again."""
    if store.clock() // 1000 % EVERY:
        return None
    table = topology_table(store, scope)
    if table.is_empty:
        return None
    nodes = table.columns["node"]
    return {
        "text": dict(zip(nodes, table.columns["detail"], strict=True)),
        "redraw": "".join(f"{n}{s}" for n, s in zip(nodes, table.columns["state"], strict=True)),
    }
