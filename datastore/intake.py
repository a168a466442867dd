"""The only way in: readings are checked, set right, committed together with whatever else is waiting, then made known.

A submit is prepared on the caller's thread (signs, clocks, quality flags) and queued; one writer thread takes everything
that waits, keeps it in one transaction (group commit), publishes it to Live and only then acknowledges. What is
acknowledged is durable; commits happen in the order of submits. While the store does not answer, what is durable is the spool
(`datastore.detour`); the outcomes say so.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Condition, Thread

from datastore.detour import Backlog, Detour, store_down
from datastore.flagging import Clocks, set_right
from datastore.ports import Live, Outcome, Records, Telemetry
from datastore.registry import Known, Registry
from datastore.spool import Spool
from datastore.vetting import Plan, Rejected, Survey, Unsound, check, check_block, device_fault, plan_of, survey
from plant.errors import DeviceNotFound, Invalid, NotFound, Unavailable
from plant.metrics import KINDS, metric
from plant.model import Block, Device, Quality

__all__ = ["Intake", "Rejected", "Stats", "check"]

log = logging.getLogger(__name__)

MOST_WAITING = 100_000
"""Readings that may wait for the writer before callers are held back (some 40 MB); each vector in one counts as VECTOR more."""
MOST_PER_COMMIT = 8_000
"""Readings, counted alike, after which a commit takes no more submits: while the store keeps these, the next are decoded."""
VECTOR = 30
PATIENCE_S = 2.0
"""How long a submit waits for room in a full queue."""
GATHER_SHARE = 0.25
"""How long the writer waits for callers that usually come together, as a share of the last commit: without it, two halves of them
take turns and everyone waits for two commits."""
GATHER_MOST_S = 0.004
GATHER_BELOW = 4_000
"""Readings, counted alike, from which on the writer waits for nobody: so many take a while to decode, which the commit of these leaves
time for."""
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Stats:
    """What went through since start, in readings; `waiting` is the queue now, `last_commit_ms` how long the newest commit took.
    Readings that took the way through the spool count in `spooled` when they come, not in `accepted`. `spool_waiting` readings and
    `spool_bytes` are in it now; `refused` are those of it that the store would not take."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    failed: int = 0
    commits: int = 0
    waiting: int = 0
    last_commit_ms: float = 0.0
    spooled: int = 0
    spool_waiting: int = 0
    spool_bytes: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Submit:
    """One caller's blocks on their way. `parts` says how many of `blocks` came from each block of the caller (None: one each)."""

    blocks: list[Block]
    parts: list[int] | None
    strangers: list[Device]
    rows: int
    weight: int
    future: "Future[list[Outcome]]"

    def answer(self, outcomes: list[Outcome]) -> list[Outcome]:
        """The outcomes of `blocks`, gathered to one per block of the caller."""
        if self.parts is None:
            return outcomes
        left = iter(outcomes)
        return [_total([next(left) for _ in range(count)]) for count in self.parts]


class Intake:
    """Start one per store; safe to use from any thread. `group_ms` is how long the writer waits for more to join a commit
    (0: it takes what is there, which is best while commits are slower than callers). With a `spool`, which it closes at the end,
    readings are accepted while the store does not answer."""

    def __init__(
        self,
        telemetry: Telemetry,
        records: Records,
        live: Live,
        clock: Callable[[], int],
        auto_register: bool = True,
        group_ms: float = 0.0,
        spool: Spool | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._records = records
        self._live = live
        self._clock = clock
        self._linger_s = group_ms / 1000
        self._registry = Registry(records, auto_register)
        self._clocks = Clocks()
        self._queue: SimpleQueue[_Submit | None] = SimpleQueue()
        self._room = Condition()
        self._waiting = self._weight = self._held_back = 0
        self._closed = False
        self._accepted = self._duplicates = self._rejected = self._failed = self._commits = 0
        self._last_commit_ms = 0.0
        self._expected = 0
        self._detour = None if spool is None else Detour(spool, self._keep_later, clock)
        self._writer = Thread(target=self._write, name="intake", daemon=True)
        self._writer.start()

    def accept(self, blocks: Sequence[Block]) -> list[Outcome]:
        """Keep the blocks and wait until they are durable; raises what `submit` and its future raise."""
        return self.submit(blocks).result()

    def submit(self, blocks: Sequence[Block], patience_s: float = PATIENCE_S) -> "Future[list[Outcome]]":
        """Queue the blocks and return at once; the future answers one outcome per block once they are durable.

        All or nothing: raises Invalid, MetricNotFound or DeviceNotFound for the first row that cannot be kept. Raises
        Unavailable when the queue stays full for `patience_s` (0 for callers that must not wait) or the intake is closed.
        """
        try:
            prepared = self._prepare(blocks)
        except (Invalid, NotFound):
            self._rejected += sum(map(len, blocks))
            raise
        return self._enqueue(prepared, patience_s)

    def offer(self, blocks: Sequence[Block], patience_s: float = PATIENCE_S) -> tuple["Future[list[Outcome]]", list[Rejected]]:
        """As `submit`, but keeps the good rows and tells why the others cannot be kept. The outcomes belong to the blocks
        that still have rows, in order."""
        try:
            return self._enqueue(self._prepare(blocks), patience_s), []
        except (Invalid, NotFound):
            good, rejected = self.check(blocks)
            self._rejected += len(rejected)
            return self._enqueue(self._prepare(good), patience_s), rejected

    def check(self, blocks: Sequence[Block]) -> tuple[list[Block], list[Rejected]]:
        """The rows `submit` would take, and why it would not take the others. Keeps nothing."""
        devices = self._devices()
        return check(blocks, None if self._registry.auto_register else devices.known, devices.deleted)

    @property
    def backlog(self) -> Backlog:
        """How the spool stands; all zero without one."""
        return Backlog() if self._detour is None else self._detour.backlog

    def wait_for_spool(self, timeout_s: float) -> bool:
        """Wait until nothing is left in the spool; whether that is so."""
        return self._detour is None or self._detour.wait(timeout_s)

    def oldest_spooled(self) -> int | None:
        """When the oldest reading in the spool was put there [epoch ms]; None when there is none."""
        return None if self._detour is None else self._detour.oldest()

    @property
    def stats(self) -> Stats:
        """The figures now."""
        backlog = self.backlog
        return Stats(
            accepted=self._accepted,
            duplicates=self._duplicates,
            rejected=self._rejected,
            failed=self._failed,
            commits=self._commits,
            waiting=self._waiting,
            last_commit_ms=round(self._last_commit_ms, 3),
            spooled=backlog.spooled,
            spool_waiting=backlog.waiting,
            spool_bytes=backlog.bytes,
            refused=backlog.refused,
        )

    def close(self) -> None:
        """Refuse new submits, commit what waits, stop the writer; what is in the spool and finds no way to the store soon stays there.
        Idempotent."""
        with self._room:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
                self._room.notify_all()
        self._writer.join()
        if self._detour is not None:
            self._detour.close()

    def _devices(self) -> Known:
        """The devices as registered now, or as last heard while the store does not answer. Raises Unavailable."""
        if self._detour is None:
            return self._registry.now()
        if self._detour.is_open and self._registry.last is not None:
            return self._registry.last  # asking a store that is gone would hold every caller up
        try:
            return self._registry.now()
        except Unavailable:
            if self._registry.last is None:
                raise
            return self._registry.last

    def _prepare(self, blocks: Sequence[Block]) -> _Submit:
        devices = self._devices()
        ready: list[Block] = []
        parts: list[int] = []
        strangers: list[Device] = []
        rows = weight = 0
        for block in blocks:
            block, plan, seen = _vouch(block)
            known = devices.known.get(block.kind, _NONE)
            if not seen.ids <= known:
                strangers += self._strangers(block, seen.ids - known, devices)
            settled = set_right(block, plan, seen, devices.reversed.get(block.kind, _NONE), self._clock(), self._clocks)
            ready += settled
            parts.append(len(settled))
            rows += len(block.rows)
            weight += len(block.rows) * (1 + VECTOR * len(plan.vectors))
        future: Future[list[Outcome]] = Future()
        # From here on nobody can cancel: a caller that goes away must not undo what others are told.
        future.set_running_or_notify_cancel()
        return _Submit(ready, parts if len(ready) != len(parts) else None, strangers, rows, weight, future)

    def _strangers(self, block: Block, unknown: Iterable[str], devices: Known) -> list[Device]:
        """The devices to register before these readings are kept. Raises for the first that must not be."""
        found = []
        for device in sorted(unknown):
            fault = device_fault(device, block.kind, None, devices.deleted)
            if device in devices.deleted.get(block.kind, _NONE) or not (fault or self._registry.auto_register):
                raise DeviceNotFound(device, kind=block.kind)
            if fault:
                raise _invalid("device_id", fault)
            simulated = any(row[0] == device and row[3] & Quality.SIMULATED for row in block.rows)
            found.append(Device(device, block.kind, name=device, simulated=simulated))
        return found

    def _enqueue(self, submit: _Submit, patience_s: float) -> "Future[list[Outcome]]":
        if not submit.blocks:
            submit.future.set_result([])
            return submit.future
        with self._room:
            if self._weight >= MOST_WAITING and not self._closed:
                self._wait_for_room(patience_s)
            if self._closed:
                raise Unavailable("the intake is closed: this process is shutting down")
            self._waiting += submit.rows
            self._weight += submit.weight
            self._queue.put(submit)
        return submit.future

    def _wait_for_room(self, patience_s: float) -> None:
        self._held_back += 1
        try:
            if not self._room.wait_for(lambda: self._weight < MOST_WAITING or self._closed, patience_s):
                raise Unavailable(f"the intake is full: {self._waiting} readings wait to be stored; send again later", retry_after=1)
        finally:
            self._held_back -= 1

    def _write(self) -> None:
        """The writer thread: until closed, take what waits and commit it."""
        stop = False
        while not stop:
            group, stop = self._gather()
            if group:
                try:
                    self._commit(group)
                except BaseException as error:  # a thread that died silently would leave every caller waiting
                    log.exception("the intake failed outside a commit")
                    _fail([submit for submit in group if not submit.future.done()], error)
                # whoever was just told, and whoever waits already
                self._expected = len(group) + self._queue.qsize()
            with self._room:
                self._waiting -= sum(submit.rows for submit in group)
                self._weight -= sum(submit.weight for submit in group)
                if self._held_back:
                    self._room.notify_all()

    def _gather(self) -> tuple[list[_Submit], bool]:
        """Everything that waits (up to MOST_PER_COMMIT readings), at least one submit; whether the intake was closed."""
        until = 0.0
        group: list[_Submit] = []
        weight = 0
        while weight < MOST_PER_COMMIT:
            try:
                if not group:
                    submit = self._queue.get()
                    until = time.monotonic() + self._linger_s
                    self._let_gather()
                elif self._linger_s and (left := until - time.monotonic()) > 0:
                    submit = self._queue.get(timeout=left)
                else:
                    submit = self._queue.get_nowait()
            except Empty:
                break
            if submit is None:
                return group, True
            group.append(submit)
            weight += submit.weight
        return group, False

    def _let_gather(self) -> None:
        """Give those who were told a moment ago the time to come back, a small part of what a commit takes."""
        patience = min(GATHER_SHARE * self._last_commit_ms / 1000, GATHER_MOST_S)
        until = time.monotonic() + patience
        while self._queue.qsize() + 1 < self._expected and self._weight < GATHER_BELOW and time.monotonic() < until:
            time.sleep(patience / 4)

    def _commit(self, group: list[_Submit]) -> None:
        """Keep the group in one transaction; when that fails for a reason of its own readings, each submit alone."""
        if self._detour is not None and self._detour.is_open and self._go_round(group):
            return
        try:
            outcomes = self._keep(group)
        except Exception as error:
            down = store_down(error)
            if down or len(group) == 1:
                self._not_kept(group, error)
                return
            log.warning("a commit of %d submits failed (%s); each is tried alone", len(group), error)
            self._commit_singly(group)
            return
        self._settle(group, outcomes)

    def _commit_singly(self, group: list[_Submit]) -> None:
        for place, submit in enumerate(group):
            try:
                outcomes = self._keep([submit])
            except Exception as error:
                # When the store itself is gone, waiting for it once more per submit would hold every caller up.
                down = store_down(error)
                self._not_kept(group[place:] if down else [submit], error)
                if down:
                    return
            else:
                self._settle([submit], outcomes)

    def _not_kept(self, group: list[_Submit], error: Exception) -> None:
        """The store would not take the group: to the spool when that is because it is down, else (or without one) the callers are told."""
        down = store_down(error)
        if down is None or self._detour is None:
            self._failed += sum(submit.rows for submit in group)
            _fail(group, down or error)
        else:
            self._go_round(group, down.message)

    def _go_round(self, group: list[_Submit], cause: str = "") -> bool:
        """The group into the spool, its readings made known and acknowledged as spooled (or failed, when the spool is full); False when
        the store has just taken over the last of the spool, so that the straight way is open again."""
        assert self._detour is not None
        try:
            if not self._detour.put([submit.blocks for submit in group], cause):
                return False
        except Unavailable as error:
            self._failed += sum(submit.rows for submit in group)
            _fail(group, error)
            return True
        self._live.publish("readings", [block for submit in group for block in submit.blocks])
        for submit in group:
            submit.future.set_result(submit.answer([Outcome(spooled=len(block.rows)) for block in submit.blocks]))
        return True

    def _keep_later(self, blocks: list[Block]) -> None:
        """Blocks from the spool into the store; devices that were unknown when they came register now. They were made known then."""
        devices = self._registry.now()
        strangers: list[Device] = []
        for block in blocks:
            unknown = {row[0] for row in block.rows} - devices.known.get(block.kind, _NONE)
            strangers += self._strangers(block, unknown, devices)
        self._register(strangers)
        self._telemetry.append(blocks)
        self._commits += 1

    def _keep(self, group: list[_Submit]) -> list[Outcome]:
        started = time.perf_counter()
        strangers = [device for submit in group for device in submit.strangers]
        if strangers:
            self._register(strangers)
        blocks = [block for submit in group for block in submit.blocks]
        outcomes = self._telemetry.append(blocks)
        if len(outcomes) != len(blocks):
            raise RuntimeError(f"the telemetry store answered {len(outcomes)} outcomes for {len(blocks)} blocks")
        self._last_commit_ms = (time.perf_counter() - started) * 1000
        self._commits += 1
        return outcomes

    def _register(self, strangers: list[Device]) -> None:
        known = self._registry.now().known
        fresh = {(d.kind, d.device_id): d for d in strangers if d.device_id not in known.get(d.kind, _NONE)}
        if fresh:
            self._records.put_devices(fresh.values())
            self._registry.adopt(fresh.values())

    def _settle(self, group: list[_Submit], outcomes: list[Outcome]) -> None:
        """Make the committed readings known, then acknowledge: who is told that a reading is kept finds it everywhere."""
        news: list[Block] = []
        answers: list[list[Outcome]] = []
        start = 0
        for submit in group:
            own = outcomes[start : start + len(submit.blocks)]
            start += len(submit.blocks)
            for block, outcome in zip(submit.blocks, own, strict=True):
                self._duplicates += outcome.duplicates
                self._accepted += outcome.inserted + outcome.merged + outcome.revised
                if outcome.duplicates < len(block.rows):
                    news.append(block)
            answers.append(submit.answer(own))
        if news:
            self._live.publish("readings", news)
        for submit, answer in zip(group, answers, strict=True):
            submit.future.set_result(answer)


def _vouch(block: Block) -> tuple[Block, Plan, Survey]:
    """The block with plain values, its plan and its survey. Raises for the first row that cannot be kept."""
    try:
        plan = plan_of(block.kind, block.metrics)
    except Unsound as fault:
        if block.kind in KINDS:
            for name in block.metrics:
                metric(name, block.kind)
        raise _invalid(fault.field, fault.reason) from None
    seen = survey(block, plan)
    if seen is None:
        block, rejected = check_block(block)
        if rejected:
            raise _invalid(rejected[0].field, rejected[0].reason, index=rejected[0].index)
        seen = survey(block, plan)
    if seen is None:
        raise _invalid("values", "the block holds no readings")
    return block, plan, seen


def _invalid(field: str, reason: str, index: int = 0) -> Invalid:
    return Invalid(f"{field}: {reason}", field_errors=[{"field": field, "message": reason}], index=index)


def _fail(group: Sequence[_Submit], error: BaseException) -> None:
    for submit in group:
        submit.future.set_exception(error)


def _total(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(
        inserted=sum(outcome.inserted for outcome in outcomes),
        merged=sum(outcome.merged for outcome in outcomes),
        revised=sum(outcome.revised for outcome in outcomes),
        duplicates=sum(outcome.duplicates for outcome in outcomes),
        spooled=sum(outcome.spooled for outcome in outcomes),
    )
