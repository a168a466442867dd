"""Datasets: many devices × metrics × months as one file. How large it would be, and what no file may be, before anybody asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from datastore.ports import RESOLUTIONS
from datastore.store import Store
from plant.model import SECOND, Window
from services.export_writing import buckets_of
from services.exports import Query
from services.tables import SHEET_COLUMNS, SHEET_ROWS

MOST_COLUMNS = 4_000
STEPS: Mapping[str, int] = {"raw": 0, "1s": SECOND, **RESOLUTIONS}
"""Resolution → width of a bucket [ms]; 0 = raw readings."""
FORMS = ("csv", "csv.gz", "parquet", "xlsx")
_CELL_BYTES: Mapping[str, tuple[float, float]] = {
    "csv": (8.0, 29.0), "csv.gz": (2.6, 4.0), "parquet": (3.2, 3.0), "arrow": (8.2, 8.0), "xlsx": (9.0, 14.0),
}  # fmt: skip
"""Bytes a number and a row's instant take, as measured with readings of the demo plant (bench/exports.py)."""


@dataclass(frozen=True, slots=True)
class Size:
    """At most so many `rows`, of them so many `cells` with a number, about so many `bytes`. `over` names the limit it breaks: columns,
    sheet (rows of an XLSX sheet), large (EXPORTS_MB), or ""."""

    rows: int
    cells: int
    bytes: int
    over: str = ""


def size_of(store: Store, query: Query, most_bytes: int) -> Size:
    """What the file would be, from what is kept of each device and when: no reading is looked at. Raises Unavailable."""
    zone = ZoneInfo(query.zone)
    rows = cells = 0
    by_device: dict[tuple[str, str], list[str]] = {}
    for column in query.columns:
        by_device.setdefault((column.device_id, column.kind), []).append(column.metric)
    for (device_id, kind), names in by_device.items():
        extent = store.telemetry.extent(device_id, kind)
        if extent is None or extent.last < query.start or extent.first >= query.end:
            continue
        window = Window(max(query.start, extent.first), min(query.end, extent.last + 1))
        share = window.length / max(1, extent.last + 1 - extent.first)
        counts = [round(extent.rows.get(name, 0) * share) for name in names]
        if query.resolution:
            buckets = buckets_of(window.start, window.end, query.resolution, zone)
            counts = [min(count, buckets) for count in counts]
        cells += sum(counts)
        rows += max(counts, default=0)
    if query.resolution and rows:  # silent buckets have a row too
        rows = buckets_of(query.start, query.end, query.resolution, zone)
    number, instant = _CELL_BYTES[query.form]
    commas = (rows * len(query.columns) - cells) if query.form == "csv" else 0
    size = int(number * cells + instant * rows + commas)
    return Size(rows, cells, size, _over(query, rows, size, most_bytes))


def _over(query: Query, rows: int, size: int, most_bytes: int) -> str:
    most = min(MOST_COLUMNS, SHEET_COLUMNS - 1) if query.form == "xlsx" else MOST_COLUMNS
    if len(query.columns) > most:
        return "columns"
    if query.form == "xlsx" and query.resolution and rows > SHEET_ROWS:
        return "sheet"
    return "large" if size > 2 * most_bytes else ""
