"""Resident memory of the served demo plant while it lives and is looked at.

`python -m bench memory --minutes 3` · `--data DIR` uses an existing demo plant. Memory is read every 5 s from the server's
process and all its children; the making of history (a process of its own that ends before) is shown apart. While it runs, the
overview is loaded and a few charts are asked for, as an operator would.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import servers
from bench.latest_series import PANELS, callback_body
from bench.measure import calibrate, keep, machine, table, verdict
from plant.model import DAY

BAR_MB = 350.0


def look(server: servers.Server) -> None:
    """What one viewer asks for."""
    now = int(time.time() * 1000)
    server.get("/_dash-layout")
    server.get("/openapi.json")
    for panel in PANELS:
        for days in (1, 7, 29):
            server.post("/_dash-update-component", callback_body(panel, now - days * DAY, now))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="bench memory", description="resident memory of the demo plant")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--data", default="", help="DATA_DIR of a demo plant that exists; empty = make one")
    parser.add_argument("--days", default="30", help="days of history when one is made")
    given = parser.parse_args(arguments)
    calibration = calibrate()
    print(f"Memory of `app.py demo`; {machine()}")
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as scratch:
        begin = time.perf_counter()
        folder = Path(given.data).resolve() if given.data else Path(scratch)
        with servers.ours(folder, port=servers.OURS_PORT + 4, verb="demo", patience=300, DEMO_DAYS=given.days) as server:
            ready = time.perf_counter() - begin
            samples = [server.rss_mb()]
            used, since = server.cpu_s(), time.perf_counter()
            while time.perf_counter() - since < 60 * given.minutes:
                look(server)
                time.sleep(5)
                samples.append(server.rss_mb())
            cores = (server.cpu_s() - used) / (time.perf_counter() - since)
    result = {"ready_s": ready, "minutes": given.minutes, "cores": cores}
    result |= {"first_mb": samples[0], "last_mb": samples[-1], "most_mb": max(samples)}
    row = [f"{ready:.1f}", f"{samples[0]:.0f}", f"{samples[-1]:.0f}", f"{max(samples):.0f}", f"{cores:.2f}", verdict(max(samples), BAR_MB)]
    print(table(["ready after s", "RSS at start MB", "at the end MB", "most MB", "cores", "bar"], [row]))
    keep("memory", calibration, result)


if __name__ == "__main__":
    main()
