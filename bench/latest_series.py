"""Reads: newest values of 200 devices, a year of 1-minute data to 1,000 points, and the chart callback over that year.

`python -m bench latest_series`. The store holds one site with 525,600 minutes of frequency and powers, loaded as history is,
and 200 racks that spoke just now. Every ask has another window, so no answer comes out of a cache of answers; the first
(cold) ask after opening is shown beside the median. The callback is measured over HTTP against the served product.
"""

import argparse
import gzip
import http.client
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from bench import servers
from bench.measure import calibrate, keep, machine, table, verdict
from datastore.open import open_store
from datastore.ports import Columns
from datastore.store import Store
from plant.model import DAY, MINUTE, Block, Device, Window

ZONE = "Asia/Taipei"
YEAR = 365 * DAY
RACKS = 200
ROUNDS = 25
POINTS = 1000
SITE = ("site", "site")
SEED = 20260124
LATEST_MS, SERIES_MS, CALLBACK_MS, CALLBACK_KB = 2.0, 5.0, 40.0, 80.0
PANELS = ("overview-frequency", "overview-balance")


def seed(store: Store, end: int) -> None:
    """A year of minutes of the site up to `end` (epoch ms, whole minute) and one fresh reading of every rack."""
    draw = np.random.default_rng(SEED)
    minutes = YEAR // MINUTE
    at = end - YEAR + MINUTE * np.arange(minutes, dtype=np.int64)
    phase = 2 * np.pi * (at % DAY) / DAY
    values = {
        "frequency": np.round(60 + np.cumsum(draw.normal(0, 0.002, minutes)) % 0.05 + draw.normal(0, 0.01, minutes), 3),
        "active_power": np.round(900 * np.sin(phase) + draw.normal(0, 40, minutes), 1),
        "pv_power": np.round(np.maximum(0.0, -1200 * np.cos(phase)) * draw.uniform(0.6, 1, minutes), 1),
        "aux_power": np.round(42 + draw.normal(0, 2, minutes), 1),
        "soc": np.round(50 + 35 * np.sin(phase), 1),
    }
    store.records.put_devices([Device("site", "site", interval_s=60), *(Device(f"rack{n:03d}", "rack") for n in range(RACKS))])
    store.telemetry.load(*SITE, Columns(at, at + 200, np.zeros(minutes, dtype=np.int64), values))
    metrics = ("soc", "soh", "voltage", "current", "power", "cell_max_voltage", "cell_min_voltage")
    rows = [(f"rack{n:03d}", end, end + 50, 0, 50.0, 98.0, 790.0, 12.5, 9.9, 3.31, 3.29) for n in range(RACKS)]
    store.intake.accept([Block("rack", metrics, rows)])


def timed(work: Callable[[int], Any], rounds: int = ROUNDS) -> tuple[float, float]:
    """(first, median of the others) durations of `work(i)` [ms]."""
    durations = []
    for index in range(rounds + 1):
        begin = time.perf_counter()
        work(index)
        durations.append(1000 * (time.perf_counter() - begin))
    return durations[0], float(np.median(durations[1:]))


def store_reads(path: Path, end: int) -> list[dict[str, Any]]:
    """The two asks to a store that was just opened."""
    store = open_store(f"sqlite:///{path}", ZONE)
    try:
        keys = [(f"rack{n:03d}", "rack") for n in range(RACKS)]

        def latest(_: int) -> None:
            if len(store.telemetry.latest(keys)) != RACKS:
                raise RuntimeError("latest does not know every rack")

        def year(index: int) -> None:
            shift = index * 7 * MINUTE
            found = store.telemetry.series([SITE], ["frequency"], Window(end - YEAR - shift, end - shift), points=POINTS, zone=ZONE)
            one = found[(*SITE, "frequency")]
            if not 300 <= len(one.at) <= 2 * POINTS or int(np.nansum(one.n)) < YEAR // MINUTE - (index + 1) * 7 - 1440:
                raise RuntimeError(f"a year has {len(one.at)} buckets with {np.nansum(one.n):.0f} samples")

        results = []
        asks = ((f"latest of {RACKS} devices", latest, LATEST_MS), (f"a year of minutes to {POINTS} points", year, SERIES_MS))
        for name, work, bar in asks:
            first, usual = timed(work)
            results.append({"what": name, "first_ms": first, "median_ms": usual, "bar": verdict(usual, bar)})
        return results
    finally:
        store.close()


def callback_body(panel: str, start: int, end: int) -> bytes:
    """What the browser sends when the window of a panel changes."""
    zone = ZoneInfo(ZONE)
    since, until = (datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S") for at in (start, end))
    key, query = {"id": panel, "type": "panel"}, f"from={since}&to={until}"
    return json.dumps({
        "output": '{"id":["MATCH"],"type":"panel"}.children',
        "outputs": {"id": key, "property": "children"},
        "inputs": [
            {"id": {"id": panel, "type": "scope"}, "property": "data", "value": {"query": query, "zone": ZONE, "path": "/"}},
            {"id": {"id": panel, "type": "redraw"}, "property": "data", "value": None},
        ],
        "changedPropIds": ["scope.data"],
        "state": [{"id": key, "property": "id", "value": key}],
        "parsedChangedPropsIds": ["scope.data"],
    }).encode()


def callbacks(server: servers.Server, end: int) -> list[dict[str, Any]]:
    """The chart callbacks over the year, as the browser makes them on one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    sizes: list[tuple[int, int]] = []

    def ask(panel: str, index: int) -> None:
        body = callback_body(panel, end - YEAR - index * 7 * MINUTE, end - index * 7 * MINUTE)
        connection.request("POST", "/_dash-update-component", body, {"Content-Type": "application/json", "Accept-Encoding": "identity"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200 or b'"Graph"' not in content:
            raise RuntimeError(f"{panel}: the callback answered {answer.status} without a chart: {content[:300]!r}")
        sizes.append((len(content), len(gzip.compress(content, 1))))

    results = []
    for panel in PANELS:
        sizes.clear()
        first, usual = timed(lambda index, panel=panel: ask(panel, index))
        plain, packed = (float(np.median([size[place] for size in sizes])) / 1000 for place in (0, 1))
        results.append({"what": f"callback {panel}, a year", "first_ms": first, "median_ms": usual, "kb": plain, "kb_gzip": packed,
                        "bar": f"{verdict(usual, CALLBACK_MS)}, {verdict(plain, CALLBACK_KB)} KB"})
    connection.close()
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench latest_series", description="reads")
    parser.add_argument("--no-callbacks", action="store_true", help="only the store, without the served product")
    given = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"Reads, median of {ROUNDS} asks; {machine()}\n{calibration}")
    end = int(time.time() * 1000) // MINUTE * MINUTE
    with tempfile.TemporaryDirectory(prefix="bench-reads-") as folder:
        path = Path(folder) / "voltdeck.db"
        store = open_store(f"sqlite:///{path}", ZONE)
        begin = time.perf_counter()
        seed(store, end)
        store.close()
        print(f"seeded in {time.perf_counter() - begin:.1f} s, {path.stat().st_size / 1e6:.1f} MB")
        results = store_reads(path, end)
        if not given.no_callbacks:
            with servers.ours(Path(folder), port=servers.OURS_PORT + 3, SITE_TZ=ZONE) as server:
                results += callbacks(server, end)
    rows = [[r["what"], f"{r['first_ms']:.2f}", f"{r['median_ms']:.2f}", f"{r.get('kb', 0):.1f}" if "kb" in r else "",
             f"{r['kb_gzip']:.1f}" if "kb" in r else "", r["bar"]] for r in results]
    print(table(["what", "first ms", "median ms", "KB", "KB gzip", "bar"], rows))
    keep("latest_series", calibration, results)


if __name__ == "__main__":
    main()
