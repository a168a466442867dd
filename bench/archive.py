"""A CSV archive in S0's layout, written fast, and what importing it and reading it in place cost.

    python -m bench.archive FOLDER --days 10 --devices 1      writes FOLDER/BESS/… and nothing else
    python -m bench.archive FOLDER --days 10 --measure        also imports it into a new SQLite store and reads it in place

Metrics have different sampling rates, as measured plants have: electrical ones every second, cell figures every 5 s, state and
temperatures every 10 s.
"""

import argparse
import resource
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

FAST, MIDDLE, SLOW = 1, 5, 10
METRICS: dict[str, tuple[float, float, int, int]] = {
    "bms1_soc": (55.0, 0.05, 1, SLOW),
    "bms1_soh": (97.0, 0.001, 2, SLOW),
    "bms1_v": (820.0, 0.4, 1, FAST),
    "bms1_c": (0.0, 4.0, 1, FAST),
    "bms1_cell_ave_v": (3.28, 0.001, 3, MIDDLE),
    "bms1_cell_ave_t": (25.0, 0.05, 1, SLOW),
    "bms1_cell_max_v": (3.3, 0.001, 3, MIDDLE),
    "bms1_cell_min_v": (3.25, 0.001, 3, MIDDLE),
    "bms1_cell_v_diff": (0.05, 0.001, 3, MIDDLE),
    "bms1_cell_t_diff": (4.0, 0.05, 1, SLOW),
    "pcs1_ap": (150.0, 1.0, 1, FAST),
    "pcs1_dcc": (180.0, 1.0, 1, FAST),
    "pcs1_dcv": (820.0, 0.4, 1, FAST),
    "pcs1_ia": (120.0, 1.0, 1, FAST),
    "pcs1_ib": (120.0, 1.0, 1, FAST),
    "pcs1_ic": (120.0, 1.0, 1, FAST),
    "pcs1_uab": (400.0, 0.3, 1, FAST),
    "pcs1_ubc": (400.0, 0.3, 1, FAST),
    "pcs1_uca": (400.0, 0.3, 1, FAST),
    "pcs1_t_env": (25.0, 0.05, 1, SLOW),
    "pcs1_t_a": (30.0, 0.05, 1, SLOW),
    "pcs1_t_igbt": (45.0, 0.1, 1, SLOW),
}
"""File → where it begins, how far it steps, decimals, seconds between readings."""

BEGIN = np.datetime64("2023-10-01T00:00:00")
_PART = 1_000_000


def write_archive(folder: Path, seconds: int, devices: int = 1, cells: tuple[int, int] = (0, 0), seed: int = 1) -> int:
    """Write `BESS/` into `folder`: `devices` folders with every metric over `seconds`, and the voltages of `cells` = (packs, cells of
    each) every 10 s. Returns the rows of all files."""
    names = dict(METRICS)
    for pack in range(1, cells[0] + 1):
        names |= {f"bms1_p{pack}_v{cell}": (3.28, 0.001, 3, SLOW) for cell in range(1, cells[1] + 1)}
    rows = 0
    for device in range(devices):
        place = folder / "BESS" / f"ZHPESS232A23{device + 1:04d}"
        place.mkdir(parents=True, exist_ok=True)
        for name, (start, step, decimals, every) in names.items():
            rng = np.random.default_rng([seed, device, zlib.crc32(name.encode())])
            rows += _write(place / f"{name}.csv", name, np.arange(0, seconds, every), rng, start, step, decimals)
    return rows


def _write(path: Path, name: str, offsets: np.ndarray[Any, Any], rng: np.random.Generator, start: float, step: float, decimals: int) -> int:
    schema = pa.schema([("ts", pa.timestamp("s")), (name, pa.float64())])
    with csv.CSVWriter(path, schema, write_options=csv.WriteOptions(quoting_style="none")) as writer:
        for low in range(0, len(offsets), _PART):
            part = offsets[low : low + _PART]
            # pulled back to where it began, so that it stays a plausible quantity however long it runs
            values = np.round(start + step * (20 * np.sin(part / 7000.0) + rng.normal(0, 1, len(part))), decimals)
            writer.write_table(pa.table([pa.array((BEGIN + part).astype("datetime64[s]")), pa.array(values)], schema=schema))
    return len(offsets)


def measure(folder: Path) -> list[tuple[str, str]]:
    """What the archive in `folder` costs: (what, how much), imported into a new SQLite file and read in place."""
    from datastore.backends.csv_archive import CsvArchive
    from datastore.open import open_store
    from plant.model import DAY, Window
    from services.importing.bms_archive import import_archive

    size = sum(path.stat().st_size for path in (folder / "BESS").rglob("*.csv")) / 1e6
    found: list[tuple[str, str]] = [("archive", f"{size:.0f} MB")]
    with tempfile.TemporaryDirectory() as place:
        store = open_store(f"sqlite:///{place}/bench.db", "UTC")
        before = _peak()
        for what in ("import", "import once more"):
            begun = time.perf_counter()
            report = import_archive(store, folder)
            took = time.perf_counter() - begun
            rows, new = sum(unit.rows for unit in report.units), sum(unit.inserted for unit in report.units)
            found.append(
                (what, f"{took:.1f} s, {size / took:.0f} MB/s, {rows / took:,.0f} values/s, {new} readings new, peak {_peak()} MB")
            )
        found.append(("memory beyond the start", f"{_peak() - before} MB"))
        stored = Path(place, "bench.db").stat().st_size / 1e6
        found.append(("stored", f"{stored:.1f} MB, 1/{size / stored:.0f} of the files"))
        store.close()
        archive = CsvArchive(folder, Path(place) / "index")
        device = archive.devices()[0]
        key = (device.device_id, device.kind)
        extent = archive.extent(*key)  # indexes all files of the device
        assert extent is not None
        whole = Window(extent.first, extent.last + 1)
        page = Window(extent.first + (extent.last - extent.first) // 2, whole.end)
        for again in ("", ", again"):
            for what, ask in (
                ("all of it in 1,000 points", lambda: archive.series([key], ["voltage"], whole, points=1000)),
                ("all of it by the day", lambda: archive.series([key], ["voltage"], whole, resolution=DAY)),
                ("100 rows from the middle", lambda: archive.columns(*key, ["voltage", "current"], page, limit=100)),
            ):
                begun = time.perf_counter()
                ask()
                found.append((f"in place: {what}{again}", f"{1000 * (time.perf_counter() - begun):.1f} ms"))
        archive.close()
    return found


def _peak() -> int:
    """The most this process ever held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Command line, see the module."""
    parser = argparse.ArgumentParser(prog="bench.archive", description="A CSV archive in S0's layout, and what it costs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=float, default=10)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--cells", type=int, nargs=2, default=(0, 0), metavar=("PACKS", "EACH"))
    parser.add_argument("--measure", action="store_true", help="import it and read it in place")
    asked = parser.parse_args(argv)
    if not (asked.folder / "BESS").is_dir():
        print(f"{write_archive(asked.folder, round(asked.days * 86_400), asked.devices, tuple(asked.cells)):,} rows written")
    for what, cost in measure(asked.folder) if asked.measure else ():
        print(f"{what:45} {cost}")


if __name__ == "__main__":
    main()
