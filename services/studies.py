"""Studies: what is worked out of history at its own pace (fits, forecasts, days put together), in the job process, never in a web
process.

A study is a function `(store, now, tell)` that keeps what it found with `keep_result`; pages and doors read that with `result`. It calls
`tell(share)` now and then: that is where it is stopped. When each is due stands in a drawer, so all processes of a site agree."""

import importlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datastore.ports import Entry, Records
from datastore.store import Store
from plant.errors import Conflict, PlantError

log = logging.getLogger(__name__)

DRAWER = "studies"
RESULTS = "study_results"
_MOST_RESULTS = 10_000

Tell = Callable[[float], None]
"""Called with the share done (0…1); raises `Stopped` when the work must end."""


class Stopped(Exception):
    """The work must end now; it is done again later, unless it was cancelled."""


@dataclass(frozen=True, slots=True)
class Study:
    """`function` is `module:name` and imported only where it runs; `every_s` is from one beginning to the next."""

    name: str
    every_s: int
    function: str


STUDIES: tuple[Study, ...] = (
    Study("energy days", 3600, "services.energy_days:study"),
    Study("battery days", 3600, "services.battery_days:study"),
    Study("rack days", 3600, "services.rack_days:study"),
    Study("pv days", 900, "services.pv_days:study"),
    Study("anomalies", 3600, "services.anomalies:study"),
    Study("forecasts", 3600, "services.forecasts:study"),
    Study("twins", 3600, "services.twin_study:study"),
)


def due(records: Records, now: int, studies: Sequence[Study] | None = None) -> list[Study]:
    """Those to be done at `now` [epoch ms], the longest overdue first. One that was never done is due."""
    told = {entry.id: int(entry.body["next"]) for entry in records.entries(DRAWER, limit=_MOST_RESULTS)}
    waiting = [study for study in (STUDIES if studies is None else studies) if told.get(study.name, 0) <= now]
    return sorted(waiting, key=lambda study: told.get(study.name, 0))


def request(records: Records, name: str, now: int) -> None:
    """Make it due at once."""
    _note(records, name, now, next=now)


def perform(store: Store, study: Study, tell: Tell) -> bool:
    """Do it now; whether it came to its end. What goes wrong is noted with its reason, and the next time is not sooner for it: the time
    is noted before the work begins, so that one which brings its process down does not do so in a loop. Raises Stopped when `tell` did."""
    begun, now = time.monotonic(), store.clock()
    _note(store.records, study.name, now, next=now + study.every_s * 1000, started=now, reason="")
    module, _, name = study.function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(store, now, tell)
    except PlantError as error:
        log.warning("study '%s' failed: %s", study.name, error.message)
        _note(store.records, study.name, now, reason=error.message, took_s=_since(begun))
        return False
    except Stopped:
        _note(store.records, study.name, now, next=now, reason="it was interrupted")
        raise
    except Exception as error:
        log.exception("study '%s' failed", study.name)
        _note(store.records, study.name, now, reason=f"{type(error).__name__}; the server's log says more", took_s=_since(begun))
        return False
    _note(store.records, study.name, now, reason="", took_s=_since(begun), finished=store.clock())
    return True


def standing(records: Records) -> dict[str, Mapping[str, Any]]:
    """Study → when it began, ended and is due again [epoch ms], how long it took [s], and why it failed ("" when it did not)."""
    return {entry.id: entry.body for entry in records.entries(DRAWER, limit=_MOST_RESULTS)}


def keep_result(records: Records, study: str, subject: str, at: int, body: Mapping[str, Any]) -> None:
    """Keep what was found of a subject (a device, a metric, a day) in place of what was there. `body` is JSON: no NaN, no arrays."""
    while True:
        known = records.entry(RESULTS, f"{study}/{subject}")
        entry = Entry(RESULTS, f"{study}/{subject}", subject, study, at, body, known.version if known else 0)
        try:
            records.put_entry(entry)
        except Conflict:  # another process kept one this very moment
            continue
        return


def result(records: Records, study: str, subject: str) -> Entry | None:
    """What was last found of it; `at` says when."""
    return records.entry(RESULTS, f"{study}/{subject}")


def results(records: Records, study: str) -> list[Entry]:
    """All that a study keeps, newest first."""
    return list(records.entries(RESULTS, states=(study,), limit=_MOST_RESULTS))


def drop_result(records: Records, study: str, subject: str) -> None:
    """Forget it."""
    records.drop_entry(RESULTS, f"{study}/{subject}")


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 3)


def _note(records: Records, name: str, now: int, **said: Any) -> None:
    while True:
        known = records.entry(DRAWER, name) or Entry(DRAWER, name, "", "study", now, {"next": 0})
        try:
            records.put_entry(replace(known, body={**known.body, **said}))
        except Conflict:
            continue
        return
