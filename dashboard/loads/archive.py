"""What is kept of devices, and links that open exactly that: archived data lie outside every window that ends now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dashboard.figures.sheet import Sheet
from dashboard.page import Scope, Table
from dashboard.words import word
from datastore.store import Store
from plant.model import MINUTE, Device


def extents(store: Store, scope: Scope, devices: Sequence[Device], path: str) -> Table:
    """Columns, one row per device with data: `device`, `first`, `last` (site time), `rows` (readings of its most frequent metric), `show`
    (links to all of it). Empty when nothing is kept of any."""
    columns: dict[str, list[Any]] = {name: [] for name in ("device", "first", "last", "rows", "show")}
    links = {}
    newest = 0
    for device in devices:
        extent = store.telemetry.extent(device.device_id, device.kind)
        if extent is None:
            continue
        columns["device"].append(device.device_id)
        columns["first"].append(site_time(extent.first, store))
        columns["last"].append(site_time(extent.last, store))
        columns["rows"].append(max(extent.rows.values(), default=None))
        columns["show"].append(word("extent.show", scope.lang))
        links[device.device_id, "show"] = scope.link(path, **whole(extent.first, extent.last, store))
        newest = max(newest, extent.last)
    if not columns["device"]:
        return Table({})
    lang = scope.lang
    parts: tuple[tuple[str, str, int | None], ...] = (
        ("device", word("extent.device", lang), None),
        ("first", word("extent.from", lang), None),
        ("last", word("extent.to", lang), None),
        ("rows", word("extent.rows", lang), 0),
        ("show", "", None),
    )
    return Table(
        columns, newest, any(device.simulated for device in devices), {"sheet": Sheet(parts, tuple(columns["device"]), links=links)}
    )


def nothing(store: Store, scope: Scope, devices: Sequence[Device | None], path: str) -> Table:
    """The empty table of a chart over devices that are silent in the window; where data of them lie elsewhere, `more["kept"]` is (sentence,
    link) that opens them."""
    found = [store.telemetry.bounds(device.device_id, device.kind) for device in devices if device is not None]
    told = [bounds for bounds in found if bounds is not None]
    if not told:
        return Table({})
    first, last = min(first for first, _ in told), max(last for _, last in told)
    text = word("extent.kept", scope.lang, first=site_time(first, store), last=site_time(last, store))
    return Table({}, more={"kept": (text, scope.link(path, **whole(first, last, store)))})


def untold(store: Store, scope: Scope, device: Device | None, metrics: Sequence[str], path: str) -> Table:
    """As `nothing` for one device; where it never told any of `metrics`, `more["kept"]` says so and opens what it does tell."""
    latest = store.telemetry.latest([(device.device_id, device.kind)]) if device else {}
    if device is None or not latest or any(name in told.values for told in latest.values() for name in metrics):
        return nothing(store, scope, [device], path)
    text = word("archive.untold", scope.lang, device=device.name or device.device_id)
    return Table({}, more={"kept": (text, scope.link("/explore", unit=None, device=device.device_id))})


def whole(first: int, last: int, store: Store) -> dict[str, str]:
    """The query of a window that holds both instants [epoch ms], in whole minutes of the site's clock."""
    start, end = first - first % MINUTE, last - last % MINUTE + MINUTE
    return {"from_": _query_time(start, store), "to": _query_time(end, store)}


def _query_time(at: int, store: Store) -> str:
    return datetime.fromtimestamp(at / 1000, store.zone).replace(tzinfo=None).isoformat(timespec="minutes")


def site_time(at: int, store: Store) -> str:
    """`2026-11-21 15:30` on the site's clock."""
    return datetime.fromtimestamp(at / 1000, store.zone).strftime("%Y-%m-%d %H:%M")


def site_second(at: int, store: Store) -> str:
    """`2026-11-21 15:30:07` on the site's clock."""
    return datetime.fromtimestamp(at / 1000, store.zone).strftime("%Y-%m-%d %H:%M:%S")
