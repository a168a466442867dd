"""The product with live minute rollups taken out, to measure what they cost: `python -m bench.without_rollups serve`.

Nothing is accumulated, marked or recomputed; everything else is the same code.
"""

import sys
from typing import Any

import app
from datastore.kept import minutes, rollups, telemetry


class NoMinutes(minutes.OpenMinutes):
    """Open minutes that keep nothing."""

    def add(self, *_: Any) -> None:
        """Nothing is accumulated."""

    def take(self, *_: Any) -> dict[int, Any]:
        """So nothing is ever due."""
        return {}


if __name__ == "__main__":
    sys.modules["app"] = app
    rollups.OpenMinutes = NoMinutes
    telemetry.KeptTelemetry.maintain = lambda _self: None
    raise SystemExit(app.main(sys.argv[1:]))
