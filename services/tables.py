"""Series as files: one row per instant, one column per device and metric, in the formats people and machines open. Written piece by
piece, so that a file of months needs no more memory than one of minutes."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol, cast
from zoneinfo import ZoneInfo

import numpy as np

from datastore.ports import Numbers, Series
from plant.errors import PlantError
from plant.metrics import metric

if TYPE_CHECKING:
    from datastore.arrow import pa

SHEET_ROWS = 1_048_575
SHEET_COLUMNS = 16_384
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
MEDIA: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "csv.gz": "application/gzip",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Format, which is also the ending of the file's name → media type."""


class SheetFull(PlantError):
    """A sheet has no room for so many rows or columns."""

    code = "NOT_ACCEPTABLE"


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of one device; `name` is the heading."""

    device_id: str
    kind: str
    metric: str
    name: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.device_id, self.kind, self.metric


def columns_of(keys: Mapping[tuple[str, str], Sequence[str]]) -> list[Column]:
    """The columns for (device, kind) → metrics. The kind stands in the heading where a device says one metric as two things."""
    pairs = [(device, kind, name) for (device, kind), names in keys.items() for name in names]
    told = [(device, name) for device, _, name in pairs]
    return [
        Column(device, kind, name, _heading(f"{device}.{kind}.{name}" if told.count((device, name)) > 1 else f"{device}.{name}", name))
        for device, kind, name in pairs
    ]


def _heading(words: str, name: str) -> str:
    unit = metric(name).unit
    shown = f"{words} ({unit})" if unit else words
    return safe(shown)


def safe(text: str) -> str:
    """`text` as a field of a CSV file: a spreadsheet must not run a device's name as a formula.

    >>> safe("=1+1"), safe("bess01")
    ("'=1+1", 'bess01')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def workbook(sink: IO[bytes]) -> Any:
    """An empty book that keeps one row at a time in memory."""
    import xlsxwriter  # type: ignore[import-untyped]

    return xlsxwriter.Workbook(sink, {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss", "remove_timezone": True})


def shown(one: Series, aggregation: str | None) -> tuple[str, Numbers]:
    """What a bucket shows, its metric's own aggregation when none is asked for, and its values."""
    own = metric(one.metric).aggregation
    name = aggregation or {"counter": "last"}.get(own, own)
    values: Numbers = getattr(one, name)
    return name, values


def schema(columns: Sequence[Column], zone: ZoneInfo) -> "pa.Schema":
    """Instants of `zone`, then numbers."""
    from datastore.arrow import pa

    return pa.schema([("timestamp", pa.timestamp("ms", tz=zone.key)), *((column.name, pa.float64()) for column in columns)])


def table(found: Mapping[tuple[str, str, str], Series], columns: Sequence[Column], zone: ZoneInfo, aggregation: str | None) -> "pa.Table":
    """One row per instant at which one of the series has a place; silence is null."""
    from datastore.arrow import pa

    series = [found.get(column.key) for column in columns]
    instants = [one.at for one in series if one is not None]
    at = np.unique(np.concatenate(instants)) if instants else np.array([], dtype=np.int64)
    form = schema(columns, zone)
    arrays: list[Any] = [pa.array(at, type=form.types[0])]
    for one in series:
        filled = np.full(len(at), np.nan)
        if one is not None:
            filled[np.searchsorted(at, one.at)] = shown(one, aggregation)[1]
        arrays.append(pa.array(filled, mask=np.isnan(filled)))
    return pa.Table.from_arrays(arrays, schema=form)


class Writer(Protocol):
    """Writes tables of one schema, one after the other."""

    def write(self, part: "pa.Table") -> None:
        """The next rows. Raises SheetFull."""

    def close(self) -> None:
        """Complete the file; the sink stays open."""


@contextmanager
def writing(form: str, sink: IO[bytes], of: "pa.Schema", zone: ZoneInfo) -> Iterator[Writer]:
    """A writer of one of the formats of `MEDIA`, closed at the end, also when it fails (a sheet keeps temporary files until then). Raises
    SheetFull for more columns than a sheet has."""
    writer = _open_writer(form, sink, of, zone)
    try:
        yield writer
    finally:
        writer.close()


def _open_writer(form: str, sink: IO[bytes], of: "pa.Schema", zone: ZoneInfo) -> Writer:
    match form:
        case "xlsx":
            return _Sheet(sink, of, zone)
        case "csv.gz":
            return _Zipped(sink, of)
        case _:
            return _Arrow(form, sink, of)


class _Arrow:
    def __init__(self, form: str, sink: IO[bytes], of: "pa.Schema") -> None:
        from datastore.arrow import pa

        self._writer: Any
        if form == "parquet":
            from pyarrow import parquet

            self._writer = parquet.ParquetWriter(sink, of, compression="zstd")
        elif form == "arrow":
            self._writer = pa.ipc.new_stream(sink, of)
        else:
            from pyarrow import csv

            self._writer = csv.CSVWriter(sink, of)

    def write(self, part: "pa.Table") -> None:
        self._writer.write_table(part)

    def close(self) -> None:
        self._writer.close()


class _Zipped:
    def __init__(self, sink: IO[bytes], of: "pa.Schema") -> None:
        self._packed = gzip.GzipFile(filename="", fileobj=sink, mode="wb", compresslevel=4, mtime=0)
        self._plain = _Arrow("csv", cast(IO[bytes], self._packed), of)

    def write(self, part: "pa.Table") -> None:
        self._plain.write(part)

    def close(self) -> None:
        self._plain.close()
        self._packed.close()


class _Sheet:
    def __init__(self, sink: IO[bytes], of: "pa.Schema", zone: ZoneInfo) -> None:
        if len(of.names) > SHEET_COLUMNS:
            raise SheetFull(f"A sheet has {SHEET_COLUMNS} columns; ask for fewer devices or metrics, or for another format")
        self._book = workbook(sink)
        self._sheet = self._book.add_worksheet("series")
        self._sheet.freeze_panes(1, 1)
        self._sheet.set_column(0, 0, 20)
        for place, name in enumerate([f"timestamp ({zone.key})", *of.names[1:]]):
            self._sheet.write_string(0, place, name)
        self._rows = 0

    def write(self, part: "pa.Table") -> None:
        if self._rows + part.num_rows > SHEET_ROWS:
            raise SheetFull(f"A sheet holds {SHEET_ROWS} rows; ask for a coarser resolution or another format")
        for row in zip(*(column.to_pylist() for column in part.columns), strict=True):
            self._rows += 1
            self._sheet.write_datetime(self._rows, 0, row[0])
            for place, value in enumerate(row[1:], 1):
                if value is not None:
                    self._sheet.write_number(self._rows, place, value)

    def close(self) -> None:
        self._book.close()
