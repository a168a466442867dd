"""Datasets of many rows: time, size and memory of the process that writes them, and how close the estimate beforehand was.

`python -m bench exports --rows 10000000` · a store of raw one-second readings (five metrics) is made once, then written in each format by a
process of its own, whose resident memory is read every 0.1 s.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import calibrate, keep, machine, table, verdict
from datastore.open import open_store
from datastore.ports import Columns
from plant.model import Device
from services import datasets
from services.export_writing import write
from services.exports import Export, Query
from services.tables import columns_of

START = 1_740_787_200_000  # 2025-03-01T00:00:00Z
METRICS = ("soc", "voltage", "current", "power", "cell_avg_temp")
PART = 200_000
GROWTH_MB = 200.0
"""What a writing process may take above an idle one; a file of any length must fit."""


def fill(url: str, rows: int) -> None:
    """So many readings a second apart, with the noise of sensors."""
    noise = np.random.default_rng(7)
    store = open_store(url, "UTC", clock=lambda: START + rows * 1000)
    store.records.put_devices([Device("bess01", "bess")])
    for first in range(0, rows, PART):
        n = min(PART, rows - first)
        at = START + 1000 * np.arange(first, first + n, dtype=np.int64)
        values = {name: np.round(500 + 20 * noise.normal(size=n), 2) for name in METRICS}
        store.telemetry.load("bess01", "bess", Columns(at, at, np.zeros(n, dtype=np.int64), values))
        store.telemetry.seal(int(at[-1]))
    store.close()


def resident() -> float:
    """Of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def written(url: str, rows: int, form: str, folder: str, answers: Any) -> None:
    """In a process of its own: write one file."""
    store = open_store(url, "UTC", clock=lambda: START + rows * 1000)
    query = Query(tuple(columns_of({("bess01", "bess"): list(METRICS)})), START, START + rows * 1000, 0, "", "UTC", form)
    estimate = datasets.size_of(store, query, 1 << 40)
    idle = peak = resident()
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.1):
            peak = max(peak, resident())

    watching = threading.Thread(target=watch)
    watching.start()
    begun = time.perf_counter()
    receipt = write(store.telemetry, Export(form.replace(".", "-"), "", "running", START, query), Path(folder), 1 << 40, lambda *_: None)
    took = time.perf_counter() - begun
    over.set()
    watching.join()
    store.close()
    found = {"rows": receipt["rows"], "s": took, "bytes": receipt["bytes"], "estimate": estimate.bytes}
    answers.put({**found, "idle_mb": idle, "peak_mb": peak})


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench exports", description="datasets of many rows")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--forms", default="parquet,csv,csv.gz")
    given = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"Datasets of {given.rows:,} rows × {len(METRICS)} metrics; {machine()}")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/plant.db"
        fill(url, given.rows)
        context = multiprocessing.get_context("spawn")
        for form in given.forms.split(","):
            answers = context.Queue()
            child = context.Process(target=written, args=(url, given.rows, form, folder, answers))
            child.start()
            results[form] = answers.get()
            child.join()
            assert results[form]["rows"] == given.rows, f"{form} has {results[form]['rows']} rows"
    head = ("format", "s", "rows/s", "MB", "estimated MB", "memory idle MB", "peak MB", "growth")
    lines = [
        (form, one["s"], one["rows"] / one["s"], one["bytes"] / 1e6, one["estimate"] / 1e6, one["idle_mb"], one["peak_mb"],
         verdict(one["peak_mb"] - one["idle_mb"], GROWTH_MB))
        for form, one in results.items()
    ]  # fmt: skip
    print(table(head, lines))
    keep("exports", calibration, results)


if __name__ == "__main__":
    main()
