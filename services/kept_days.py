"""Days that are worked out once and kept in a drawer of the records, one entry an owner and day, until what they hang on changes."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from datastore.ports import Entry
from datastore.store import Store
from plant.errors import Conflict
from plant.model import DAY, HOUR, Window
from plant.timeline import day_start

MOST = 100_000
"""Days of one owner: more than two centuries."""


def renew(
    store: Store,
    drawer: str,
    owner: str,
    signs: Mapping[int, str],
    written: Callable[[Window], Mapping[str, Any]],
    now: int,
) -> None:
    """Makes the records of an owner's days that are missing or no longer hold, the newest first. `signs` says per day of the site (its
    start, epoch ms UTC) what its record hangs on; `written` makes the body of one day, of the running one up to `now`. Raises
    Unavailable."""
    kept = {entry.at: entry for entry in store.records.entries(drawer, owner, limit=MOST)}
    for start, sign in sorted(signs.items(), reverse=True):
        entry = kept.get(start)
        if entry is not None and entry.body.get("sign") == sign:
            continue
        # two hours past a day of 24 h lie in the next day, however long this one is
        body = {"sign": sign, **written(Window(start, min(day_start(start + DAY + HOUR * 2, store.zone), now)))}
        with suppress(Conflict):  # another process kept it this very moment
            store.records.put_entry(Entry(drawer, f"{owner}@{start}", owner, "day", start, body, entry.version if entry else 0))
