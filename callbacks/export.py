"""Exactly the rows a panel shows, as CSV, under a link of its own."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import flask

from dashboard.book import Book
from dashboard.page import Table
from dashboard.render import Shared, trace_id
from dashboard.site import asked
from plant.errors import Unavailable


def register(server: flask.Flask, book: Book, shared: Shared, zone: str) -> None:
    """`GET /panels/<panel id>.csv?<scope>`."""

    def panel_csv(panel_id: str) -> flask.Response:
        panel = book.panels.get(panel_id)
        if panel is None:
            return flask.Response(f"There is no panel '{panel_id[:80]}'.\n", 404, mimetype="text/plain")
        try:
            table = shared.table(panel, asked(zone))
        except Unavailable as problem:
            return flask.Response(f"{problem.message} (trace {trace_id()})\n", 503, mimetype="text/plain")
        name = f"{panel_id}.csv"
        return flask.Response(
            "".join(lines(table, zone)), mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )

    panel_csv.permission = "export"  # type: ignore[attr-defined]  # read by the guard
    server.add_url_rule("/panels/<panel_id>.csv", "panel_csv", panel_csv)


def lines(table: Table, zone: str) -> Iterator[str]:
    """The table as CSV lines: instants in the site's zone with offset, silence as an empty field, a byte order mark for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    columns = [[_field(name, value, ZoneInfo(zone)) for value in _plain(column)] for name, column in table.columns.items()]
    writer.writerows(zip(*columns, strict=True))
    yield "\ufeff"
    yield out.getvalue()


def _plain(column: Sequence[Any]) -> Sequence[Any]:
    return column.tolist() if hasattr(column, "tolist") else column


def _field(name: str, value: Any, zone: ZoneInfo) -> Any:
    if value is None or value != value:
        return ""
    if name == "at" and isinstance(value, (int, float)):
        return datetime.fromtimestamp(value / 1000, UTC).astimezone(zone).isoformat(timespec="milliseconds" if value % 1000 else "seconds")
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t"):
        return "'" + value  # a spreadsheet must not run a device's name as a formula
    return value
