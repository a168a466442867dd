"""An export of series becomes a file: history is read in stretches small enough for memory and written one after the other, then the
receipt."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from datastore.ports import Series, Telemetry
from plant.errors import PlantError
from plant.metrics import metric
from plant.model import DAY, HOUR, MINUTE, Window
from plant.timeline import day_start, day_starts, iso
from services import VERSION
from services.exports import Export, Query
from services.tables import schema, table, writing

CELLS = 400_000
"""Numbers read at once: some 20 MB with their extremes."""
_SHORTEST, _LONGEST = MINUTE, 400 * DAY
_LONGEST_LINK = 500

Tell = Callable[[float, int], None]
"""(share done 0…1, rows so far); raises to stop the writing."""


class TooLarge(PlantError):
    """The file would be larger than all exports together may be."""

    code = "EXPORT_TOO_LARGE"


def write(telemetry: Telemetry, export: Export, folder: Path, most_bytes: int, tell: Tell) -> dict[str, Any]:
    """Write the file of series and its receipt into `folder`; returns the receipt. Whatever `tell` raises ends it and leaves no file.
    Raises TooLarge, SheetFull."""
    query = export.query
    assert isinstance(query, Query)

    def fill(sink: IO[bytes]) -> dict[str, Any]:
        rows, filled = _fill(telemetry, query, sink, most_bytes, tell)
        return _said(query, rows, filled)

    return put(export, folder, fill)


def put(export: Export, folder: Path, fill: Callable[[IO[bytes]], Mapping[str, Any]]) -> dict[str, Any]:
    """Write a file and its receipt into `folder`: whole, or not at all. `fill` writes into the sink and says what the receipt tells beside
    name, size and checksum. Returns the receipt."""
    folder.mkdir(parents=True, exist_ok=True)
    # a name of its own: a process that lost its turn may still be writing
    path, part = folder / export.file_name, folder / f"{export.file_name}.{secrets.token_hex(4)}.part"
    try:
        with part.open("wb") as sink:
            said = fill(sink)
            sink.flush()
            os.fsync(sink.fileno())
        receipt = {**_about(export, part), **said}
        (folder / f"{export.id}.json").write_text(json.dumps(receipt, indent=1, ensure_ascii=False))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return receipt


def _fill(telemetry: Telemetry, query: Query, sink: Any, most_bytes: int, tell: Tell) -> tuple[int, list[int]]:
    """Rows, and how many of them say something by column."""
    zone, columns = ZoneInfo(query.zone), list(query.columns)
    rows, filled = 0, [0] * len(columns)
    with writing(query.form, sink, schema(columns, zone), zone) as writer:
        for window, found in _stretches(telemetry, query, zone):
            part = table(found, columns, zone, query.aggregation or None)
            if part.num_rows:
                writer.write(part)
            rows += part.num_rows
            filled = [before + part.num_rows - part.column(place + 1).null_count for place, before in enumerate(filled)]
            if sink.tell() > most_bytes:
                raise TooLarge(f"The file is larger than the {most_bytes >> 20} MiB of EXPORTS_MB; ask for a coarser resolution or less")
            tell((window.end - query.start) / (query.end - query.start), rows)
    return rows, filled


def _stretches(telemetry: Telemetry, query: Query, zone: ZoneInfo) -> Iterator[tuple[Window, dict[tuple[str, str, str], Series]]]:
    """The window in stretches of about CELLS numbers, each ending where a bucket ends; raw readings are as dense as the stretch before."""
    keys = list(dict.fromkeys((column.device_id, column.kind) for column in query.columns))
    names = list(dict.fromkeys(column.metric for column in query.columns))
    wanted = len(query.columns)
    length = query.resolution * max(1, CELLS // wanted) if query.resolution else HOUR // 4
    start = query.start
    while start < query.end:
        end = min(query.end, _ends(start + length, query.resolution, zone))
        window = Window(start, max(end, start + 1))
        found = telemetry.series(keys, names, window, resolution=query.resolution, zone=query.zone)
        yield window, found
        if not query.resolution:
            seen = max((len(one.at) for one in found.values()), default=0) * wanted
            length = min(_LONGEST, max(_SHORTEST, int(length * min(4.0, CELLS / max(seen, 1)))))
        start = window.end


def _ends(at: int, resolution: int, zone: ZoneInfo) -> int:
    """The end of a bucket near `at`, not after it; days are those of the zone."""
    if not resolution:
        return at
    return day_start(at, zone) if resolution == DAY else at - at % resolution


def _about(export: Export, file: Path) -> dict[str, Any]:
    """What is true of any file: name, size, checksum, span."""
    query = export.query
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    return {
        "export_id": export.id,
        "file": export.file_name,
        "bytes": file.stat().st_size,
        "sha256": digest,
        "from": iso(query.start),
        "to": iso(query.end),
        "zone": query.zone,
        "format": query.form,
        "requested": iso(export.created),
        "product": VERSION,
    }


def _said(query: Query, rows: int, filled: Sequence[int]) -> dict[str, Any]:
    """What a file of series holds, for whoever finds it without us: units, aggregation, how much of it was observed."""
    buckets = buckets_of(query.start, query.end, query.resolution, ZoneInfo(query.zone))
    columns = [
        {
            "name": column.name,
            "device_id": column.device_id,
            "kind": column.kind,
            "metric": column.metric,
            "unit": metric(column.metric).unit,
            "aggregation": _aggregation(query, column.metric),
            "filled": count,
            "coverage": round(min(1.0, count / buckets), 6) if buckets else None,
        }
        for column, count in zip(query.columns, filled, strict=True)
    ]
    return {"rows": rows, "resolution_s": query.resolution / 1000, "permalink": _permalink(query), "columns": columns}


def buckets_of(start: int, end: int, resolution: int, zone: ZoneInfo) -> int:
    """Rows a series without gaps has in the window; 0 for raw readings, which come as they come."""
    if not resolution:
        return 0
    if resolution == DAY:
        return len(day_starts(Window(start, end), zone))
    return -(-end // resolution) - start // resolution


def _permalink(query: Query) -> str | None:
    """The page that shows the same lines in the same window; None where its address could not name them all."""
    devices, metrics = (",".join(dict.fromkeys(getattr(c, name) for c in query.columns)) for name in ("device_id", "metric"))
    if max(len(devices), len(metrics)) > _LONGEST_LINK:
        return None
    return "/explore?" + urlencode({"device": devices, "metric": metrics, "from": query.start, "to": query.end})


def _aggregation(query: Query, name: str) -> str:
    if not query.resolution:
        return "raw"
    own = metric(name).aggregation
    return query.aggregation or {"counter": "last"}.get(own, own)
