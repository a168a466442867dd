"""Tables of any values as files: what a person sees in a panel, with instants, numbers, texts and flags side by side. Small tables, whole
in memory; `services/tables.py` writes the long ones piece by piece."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from services.tables import SHEET_COLUMNS, SHEET_ROWS, SheetFull, safe, workbook

FORMS = ("csv", "xlsx", "parquet")
LONGEST_TEXT = 32_767
"""Characters a cell of a sheet holds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Kind = Literal["number", "text", "flag", "wall", "utc"]


@dataclass(frozen=True, slots=True)
class Cells:
    """One column. `values` hold None for nothing. A `text` column may hold numbers, too: they stay numbers where cells may differ.
    `wall` and `utc` are instants [epoch ms UTC], written as the clock of `zone` or of UTC shows them; `decimals` are a sheet's."""

    name: str
    values: Sequence[Any]
    kind: Kind
    zone: str = "UTC"
    decimals: int | None = None


def written(form: str, columns: Sequence[Cells], created: int = 0) -> bytes:
    """The file in one of `FORMS`; equal columns and `created` [epoch ms UTC] give equal bytes. Raises SheetFull when a sheet is
    too small."""
    match form:
        case "xlsx":
            return _sheet(columns, created)
        case "parquet":
            return _parquet(columns)
        case _:
            return _csv(columns)


def clean(values: Iterable[Any]) -> list[Any]:
    """Plain Python values, None for what is not known: NaN and infinity are no numbers to a file."""
    plain = values.tolist() if hasattr(values, "tolist") else values
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in plain]


def _moment(at: float, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)) if zone != "UTC" else datetime.fromtimestamp(at / 1000, UTC)


def _csv(columns: Sequence[Cells]) -> bytes:
    """A byte order mark tells spreadsheets that this is UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe(column.name) for column in columns])
    writer.writerows(zip(*(_texts(column) for column in columns), strict=True))
    return ("\ufeff" + out.getvalue()).encode()


def _texts(column: Cells) -> list[Any]:
    if column.kind in ("wall", "utc"):
        return ["" if at is None else _stamp(at, column) for at in column.values]
    if column.kind == "flag":
        return ["" if value is None else "true" if value else "false" for value in column.values]
    return ["" if value is None else safe(value) if isinstance(value, str) else value for value in column.values]


def _stamp(at: float, column: Cells) -> str:
    fine: Literal["milliseconds", "seconds"] = "milliseconds" if any(one and one % 1000 for one in column.values) else "seconds"
    shown = _moment(at, column.zone).replace(tzinfo=None)
    return f"{shown.isoformat(timespec=fine)}Z" if column.kind == "utc" else shown.isoformat(" ", timespec=fine)


def _parquet(columns: Sequence[Cells]) -> bytes:
    from pyarrow import parquet

    from datastore.arrow import pa

    sink = io.BytesIO()
    parquet.write_table(pa.table([_array(column) for column in columns], [column.name for column in columns]), sink, compression="zstd")
    return sink.getvalue()


def _array(column: Cells) -> Any:
    from datastore.arrow import pa

    values = column.values
    if column.kind == "wall":
        return pa.array([None if at is None else _wall(at, column.zone) for at in values], pa.timestamp("ms"))
    if column.kind == "utc":
        return pa.array([None if at is None else int(at) for at in values], pa.timestamp("ms", tz="UTC"))
    if column.kind == "flag":
        return pa.array(values, pa.bool_())
    if column.kind == "number":
        whole = any(value is not None for value in values) and all(value is None or isinstance(value, int) for value in values)
        return pa.array(values, pa.int64() if whole else pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _wall(at: float, zone: str) -> int:
    """Epoch ms of what the clock of `zone` shows, read as if it were UTC."""
    offset = _moment(at, zone).utcoffset()
    assert offset is not None
    return int(at + offset.total_seconds() * 1000)


def _sheet(columns: Sequence[Cells], created: int) -> bytes:
    rows = max((len(column.values) for column in columns), default=0)
    if rows > SHEET_ROWS or len(columns) > SHEET_COLUMNS:
        raise SheetFull(f"A sheet holds {SHEET_ROWS} rows and {SHEET_COLUMNS} columns; choose another format")
    sink = io.BytesIO()
    book = workbook(sink)
    book.set_properties({"created": (_EPOCH if not created else _moment(created, "UTC")).replace(tzinfo=None)})  # else the clock's
    sheet = book.add_worksheet("panel")
    sheet.freeze_panes(1, 0)
    forms = [book.add_format({"num_format": shape}) if (shape := _shape(column)) else None for column in columns]
    for place, column in enumerate(columns):
        sheet.set_column(place, place, 23 if column.kind in ("wall", "utc") else min(40, max(10, len(column.name) + 2)))
        sheet.write_string(0, place, column.name[:LONGEST_TEXT])
    for row in range(rows):  # row by row: the book keeps no more than one in memory
        for place, column in enumerate(columns):
            _put(sheet, row + 1, place, column, column.values[row], forms[place])
    book.close()
    return sink.getvalue()


def _shape(column: Cells) -> str:
    """How a sheet shows the numbers of a column."""
    if column.kind in ("wall", "utc"):
        return "yyyy-mm-dd hh:mm:ss" + (".000" if any(at and at % 1000 for at in column.values) else "")
    return "" if column.decimals is None else "0" + ("." + "0" * column.decimals if column.decimals > 0 else "")


def _put(sheet: Any, row: int, place: int, column: Cells, value: Any, form: Any) -> None:
    if value is None:
        return
    if column.kind in ("wall", "utc"):
        sheet.write_datetime(row, place, _moment(value, column.zone).replace(tzinfo=None), form)
    elif isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int | float):
        sheet.write_number(row, place, value, form)
    else:
        sheet.write_string(row, place, str(value)[:LONGEST_TEXT])  # a string cell: no formula, whatever it begins with
