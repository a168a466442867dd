"""Faults of the store found from outside, each with what was wrong."""

from pathlib import Path

from datastore.backends.sql import SqlTelemetry
from plant.model import MINUTE, Block, Window

NOON = 1_790_049_600_000


def test_no_minute_from_beyond_the_window_is_counted(tmp_path: Path) -> None:
    """`Rollups._stored_minutes` (sql_rollups.py): the first row of the recursive grid is `max(start, first minute of the table)`, which
    is never compared with the end; when the only stored minutes lie after the window, one of them is counted into its last bucket.
    The first SELECT of the grid needs `WHERE start < end`."""
    store = SqlTelemetry(tmp_path / "v.db", "UTC", lambda: NOON + 10 * MINUTE)
    store.append([Block("rack", ("soc",), [("r1", NOON + 6 * MINUTE, NOON + 10 * MINUTE, 0, 50.0)])])
    store.maintain()
    series = store.series([("r1", "rack")], ["soc"], Window(NOON, NOON + 5 * MINUTE + 777), resolution=15 * MINUTE)
    assert series["r1", "rack", "soc"].n.sum() == 0
    store.close()
