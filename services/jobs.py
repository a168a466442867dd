"""The job process: what takes long and much memory runs there, one job at a time for the whole site, never in a web process.

All processes of a site see one queue (`services.exports`) and one turn, an entry that names who works until when. Whoever holds the
turn renews it; when a job process dies, the turn runs out and the next one takes the job up again.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from datastore.ports import Entry, Records
from datastore.store import Store
from plant.errors import Conflict, NotFound, PlantError, Unavailable
from services import exports, studies
from services.export_writing import Tell, write
from services.exports import DRAWER, Export
from services.studies import Stopped

log = logging.getLogger(__name__)

TURN = "turn"
TURN_MS = 20_000
"""How long the turn stays with a process that says nothing more."""
RENEW_S = 4.0
NOTE_S = 1.0
"""Progress is noted at most this often."""
LOOK_S = 1.0
CLEAN_S = 3_600.0
STUDY_FIRST_S = 40.0
"""A server that has just begun has better things to do."""
STUDY_LOOK_S = 10.0
_BACK_OFF_S = (1.0, 5.0, 30.0, 60.0)

Press = Callable[[Store, Export, Path, Tell], Mapping[str, Any]]
"""Makes the report an export asks for in the folder given, calling `tell` as the writing of series does; returns its receipt."""


def take_turn(records: Records, me: str, now: int, length: int = TURN_MS) -> bool:
    """Take or renew the turn until `now + length` [epoch ms]; 0 gives it back. False while another has it."""
    entry = records.entry(DRAWER, TURN)
    if entry is None:
        entry = Entry(DRAWER, TURN, "", TURN, now, {})
    elif entry.body["holder"] != me and entry.body["until"] > now:
        return False
    try:
        records.put_entry(replace(entry, at=now, body={"holder": me, "until": now + length}))
    except Conflict:
        return False
    return True


def is_free(records: Records, now: int) -> bool:
    """Whether nobody has the turn."""
    entry = records.entry(DRAWER, TURN)
    return entry is None or entry.body["until"] <= now


class Worker:
    """The work of one job process: exports first, then the studies (`services.studies`) that are due. `folder` takes the files; `parent` is
    the process that began it, without which it ends too. `press` makes reports, of which `reports` are kept."""

    def __init__(
        self, store: Store, folder: Path, days: int, most_bytes: int, parent: int | None = None, studying: bool = False,
        press: Press | None = None, reports: int = exports.REPORTS,
    ) -> None:  # fmt: skip
        self._press, self._reports = press, reports
        self._store, self._folder, self._days, self._most_bytes, self._parent = store, folder, days, most_bytes, parent
        self._studying = studying
        self._me = secrets.token_hex(8)
        self._stop = threading.Event()
        self._noted = 0.0

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def work(self) -> int:
        """Do what is in the queue, as long as there is something; how many jobs were ended. Nothing while another process has the turn."""
        records = self._store.records
        if not take_turn(records, self._me, self._store.clock()):
            return 0
        renewing = threading.Thread(target=self._renew, name="turn", daemon=True)
        renewing.start()
        done = 0
        try:
            self._adopt()
            while not self._stop.is_set():
                if (export := self._next()) is not None:
                    done += self._do(export)
                    exports.clean(records, self._folder, self._days, self._most_bytes, self._store.clock(), self._reports)
                elif self._studying and (waiting := studies.due(records, self._store.clock())):
                    done += self._study(waiting[0])
                else:
                    break
        finally:
            self._stop.set()
            renewing.join()
            take_turn(records, self._me, self._store.clock(), 0)
        return done

    def _renew(self) -> None:
        failed = 0
        while not self._stop.wait(RENEW_S):
            try:
                ours = take_turn(self._store.records, self._me, self._store.clock())
                failed = 0
            except Unavailable:
                failed += 1
                ours = failed * RENEW_S * 1000 < TURN_MS
            if not ours or (self._parent is not None and os.getppid() != self._parent):
                log.warning("the job process stops: it lost its turn or the server that began it")
                self._stop.set()

    def _adopt(self) -> None:
        """Jobs that a process left behind: once more, or failed when that happened too often."""
        for export in exports.listed(self._store.records, None, ("running",)):
            if export.attempts >= exports.MOST_ATTEMPTS:
                reason = f"the job process ended {export.attempts} times while it worked on this (out of memory?)"
                changed = replace(export, state="failed", finished=self._store.clock(), reason=reason)
            else:
                changed = replace(export, state="queued", progress=0.0, rows=0)
            self._try(changed)

    def _next(self) -> Export | None:
        """The job that waits longest, taken."""
        for export in reversed(exports.listed(self._store.records, None, ("queued",))):
            taken = replace(export, state="running", attempts=export.attempts + 1, started=self._store.clock(), progress=0.0, rows=0)
            kept = self._try(taken)
            if kept is not None:
                return kept
        return None

    def _try(self, export: Export) -> Export | None:
        try:
            return exports.keep(self._store.records, export)
        except Conflict:  # cancelled this very moment
            return None

    def _do(self, export: Export) -> int:
        current = [export]

        def tell(share: float, rows: int) -> None:
            if self._stop.is_set():
                raise Stopped
            if time.monotonic() - self._noted >= NOTE_S:
                self._noted = time.monotonic()
                current[0] = self._note(replace(current[0], progress=share, rows=rows))

        try:
            receipt = self._written(export, tell)
        except Stopped:
            self._end(replace(current[0], state="queued", attempts=export.attempts - 1, progress=0.0, rows=0))
            return 0
        except Exception as error:
            if isinstance(error, Unavailable):
                raise
            if not isinstance(error, PlantError):
                log.exception("export %s failed", export.id)
            reason = error.message if isinstance(error, PlantError) else f"it failed: {type(error).__name__}; the server's log says more"
            self._end(replace(current[0], state="failed", finished=self._store.clock(), reason=reason))
            return 1
        done = replace(current[0], state="done", finished=self._store.clock(), progress=1.0, rows=receipt.get("rows", 0), receipt=receipt)
        self._end(done)
        return 1

    def _written(self, export: Export, tell: Tell) -> Mapping[str, Any]:
        """The finished file's receipt. Raises what the writing raises, and what `tell` does."""
        if export.query.what == "series":
            return write(self._store.telemetry, export, self._folder, self._most_bytes, tell)
        if self._press is None:
            raise Conflict("this process makes no reports")
        return self._press(self._store, export, self._folder, tell)

    def _study(self, study: studies.Study) -> int:
        def tell(_: float) -> None:
            if self._stop.is_set():
                raise Stopped

        try:
            return int(studies.perform(self._store, study, tell))
        except Stopped:
            return 0

    def _note(self, export: Export) -> Export:
        """Keep the progress. Raises Stopped when it was cancelled."""
        try:
            return exports.keep(self._store.records, export)
        except Conflict:
            raise Stopped from None

    def _end(self, export: Export) -> None:
        """Keep how it ended; a file that was cancelled at the last moment goes."""
        if self._try(export) is None:
            for name in (export.file_name, f"{export.id}.json"):
                (self._folder / name).unlink(missing_ok=True)


class Process(Protocol):
    """A process that was started, as `multiprocessing` has it."""

    @property
    def exitcode(self) -> int | None:
        """None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""


class Foreman:
    """Watches the queue in a web process, and begins a job process when something waits and nobody has the turn.

    `begin` starts one; None where no other process could read the store: then what is asked for fails with `why`. `studying` has studies
    done as well, when they are due."""

    def __init__(
        self, store: Store, folder: Path, days: int, most_bytes: int, begin: Callable[[], Process] | None, why: str = "",
        studying: bool = False, reports: int = exports.REPORTS,
    ) -> None:  # fmt: skip
        self._reports = reports
        self._store, self._folder, self._days, self._most_bytes = store, folder, days, most_bytes
        self._begin, self._why = begin, why
        self._studying = studying and begin is not None
        self._study_at = time.monotonic() + STUDY_FIRST_S
        self._stop = threading.Event()
        self._child: Process | None = None
        self._failures = 0
        self._patience = 0.0
        self._cleaned = -CLEAN_S
        self._thread = threading.Thread(target=self._run, name="foreman", daemon=True)

    def start(self) -> "Foreman":
        """Begin to watch; returns itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, and the job process with it; its job waits for the next one."""
        self._stop.set()
        self._thread.join(timeout=10)
        if self._child is not None and self._child.exitcode is None:
            self._child.terminate()
            self._child.join(10)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self._look()
            except Unavailable:
                continue  # what needs the store says so where somebody hears it
            except Exception:
                log.exception("the queue of jobs could not be looked at; it is tried again")

    def _look(self) -> None:
        if time.monotonic() - self._cleaned >= CLEAN_S:
            self._cleaned = time.monotonic()
            exports.clean(self._store.records, self._folder, self._days, self._most_bytes, self._store.clock(), self._reports)
        if self._child is not None:
            if self._child.exitcode is None:
                return
            self._judge(self._child.exitcode)
            self._child = None
        if time.monotonic() < self._patience or not (exports.listed(self._store.records, None, exports.OPEN) or self._study_due()):
            return
        if self._begin is None:
            self._refuse()
        elif is_free(self._store.records, self._store.clock()):
            self._child = self._begin()

    def _study_due(self) -> bool:
        if not self._studying or time.monotonic() < self._study_at:
            return False
        self._study_at = time.monotonic() + STUDY_LOOK_S
        return bool(studies.due(self._store.records, self._store.clock()))

    def _judge(self, code: int) -> None:
        """A process that fails at once is not begun again at once."""
        self._failures = 0 if code == 0 else self._failures + 1
        if code:
            pause = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S)) - 1]
            log.warning("the job process ended with code %d; another begins in %.0f s", code, pause)
            self._patience = time.monotonic() + pause

    def _refuse(self) -> None:
        for export in exports.listed(self._store.records, None, exports.OPEN):
            try:
                exports.keep(self._store.records, replace(export, state="failed", finished=self._store.clock(), reason=self._why))
            except (Conflict, NotFound):
                continue
