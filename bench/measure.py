"""What every benchmark needs: medians, tables, a figure that says how fast this machine is just now, and where results go."""

import json
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench.load import Requests

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Calibration:
    """How fast this machine is: raw SQLite rows/s in durable transactions of 1,000 [rows/s], one durable one-row commit [ms],
    one decode of 1,000 readings [µs]."""

    sqlite_rows_s: float
    commit_ms: float
    decode_us: float

    def __str__(self) -> str:
        return (
            f"calibration: raw SQLite insert {self.sqlite_rows_s:,.0f} rows/s (FULL, 1,000 a commit), "
            f"one-row commit {self.commit_ms:.2f} ms, orjson decode of 1,000 readings {self.decode_us:,.0f} µs"
        )


def calibrate(folder: Path | None = None) -> Calibration:
    """Half a second of raw SQLite and orjson."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        connection = sqlite3.connect(Path(scratch) / "calibration.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        columns = "a REAL, b REAL, c REAL, e REAL, f REAL, g REAL, h REAL"
        connection.execute(f"CREATE TABLE r (ts INTEGER, d INTEGER, {columns}, PRIMARY KEY (ts, d)) WITHOUT ROWID")
        insert = "INSERT INTO r VALUES (?, ?, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5)"

        def commit(ts: int, rows: int) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, [(ts, device) for device in range(rows)])
            connection.execute("COMMIT")

        batches = median_ms(commit, 30, rows=1000)
        single = median_ms(commit, 100, rows=1, first=1000)
        connection.close()
    body = Requests(1000, 1_790_000_000_000).request(0).partition(b"\r\n\r\n")[2]
    decode = median_ms(lambda _: orjson.loads(body), 30)
    return Calibration(1_000_000 / batches, single, 1000 * decode)


def median_ms(work: Callable[..., Any], times: int, first: int = 0, **arguments: Any) -> float:
    """Median duration of `work(i, **arguments)` in ms over `times` calls."""
    durations = []
    for index in range(first, first + times):
        begin = time.perf_counter()
        work(index, **arguments)
        durations.append(time.perf_counter() - begin)
    return 1000 * statistics.median(durations)


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table with aligned columns."""
    cells = [list(head), *([cell if isinstance(cell, str) else f"{cell:,.4g}" for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def machine() -> str:
    """The kind of machine, without its name."""
    software = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, {software}"


def verdict(value: float, bar: float, at_least: bool = False) -> str:
    """`ok` or `MISSED` against a bar of the issue, with the bar."""
    fine = value >= bar if at_least else value <= bar
    return f"{'ok' if fine else 'MISSED'} ({'≥' if at_least else '≤'} {bar:g})"


def keep(name: str, calibration: Calibration, results: Any) -> None:
    """Write `bench/results/<name>.json` (git-ignored)."""
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"at": at, "machine": machine(), "calibration": asdict(calibration), "results": results}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1, default=str) + "\n")
