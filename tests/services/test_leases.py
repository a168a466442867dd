"""Leases among processes, over a real Redis: one holder at a time, another when it dies, everybody when Redis is away."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import app as composition
from datastore.backends.redis_link import RedisLink
from services.leases import LocalLeases, RedisLeases, WhileHeld

ROOT = Path(composition.__file__).parent
TTL_S = 3.0
HOLDER = """
import sys
from datastore.backends.redis_link import RedisLink
from services.leases import RedisLeases
from threading import Event
news = Event()
leases = RedisLeases(RedisLink(sys.argv[1]), float(sys.argv[2]))
leases.watch(news.set)
while not leases.held("work"):
    news.wait(5)
    news.clear()
print("held", flush=True)
Event().wait()
"""


@pytest.fixture
def process(redis_server) -> Iterator[Callable[..., RedisLeases]]:
    """Makes what one more process has."""
    with ExitStack() as stack:

        def make(ttl_s: float = TTL_S) -> RedisLeases:
            leases = RedisLeases(RedisLink(redis_server.url), ttl_s)
            stack.callback(leases.close)
            return leases

        yield make


def until(leases: RedisLeases, held: bool, within_s: float = 10.0, name: str = "work") -> float:
    """Wait for the news; how long it took [s]."""
    news = threading.Event()
    leases.watch(news.set)
    started = time.monotonic()
    while leases.held(name) != held:
        news.wait(0.02)
        news.clear()
        assert time.monotonic() - started < within_s, f"held is still {not held}"
    return time.monotonic() - started


def test_who_stands_alone_holds_everything():
    assert LocalLeases().held("work")


def test_one_of_several_processes_holds_a_lease_and_keeps_it(process):
    first = process()
    until(first, True)
    others = [process(), process()]
    end = time.monotonic() + 1.5 * TTL_S
    while time.monotonic() < end:
        assert [leases.held("work") for leases in (first, *others)] == [True, False, False]
        time.sleep(0.02)


def test_different_leases_have_different_holders(process):
    one, two = process(), process()
    until(one, True, name="sealing")
    until(two, True, name="alarms")
    assert not one.held("alarms")
    assert not two.held("sealing")


def test_a_holder_that_stops_leaves_the_lease_to_the_next_without_waiting_for_its_end(process):
    first, second = process(30.0), process(1.0)
    until(first, True)
    assert not second.held("work")
    first.close()
    assert not first.held("work")
    assert until(second, True) < 5.0


def test_closing_does_not_take_the_lease_from_another(process, redis_server):
    first, second = process(), process()
    until(first, True)
    RedisLink(redis_server.url).client.delete("voltdeck:3:lease:work")  # as if it had run out
    first_thinks = first.held("work")
    until(second, True)
    assert first_thinks
    first.close()
    until(first, False)
    time.sleep(TTL_S / 2)
    assert second.held("work")
    assert RedisLink(redis_server.url).client.exists("voltdeck:3:lease:work")


@pytest.mark.server
@pytest.mark.parametrize(("end", "what"), [(signal.SIGKILL, "killed"), (signal.SIGSTOP, "frozen")])
def test_when_the_holder_is_gone_another_takes_over_after_its_time(process, redis_server, end, what):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, redis_server.url, str(TTL_S)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        heir = process()
        time.sleep(TTL_S)
        assert not heir.held("work"), "a living holder keeps its lease"
        holder.send_signal(end)
        took = until(heir, True)
        assert 0.4 * TTL_S < took < 3 * TTL_S, f"{what}: taken over after {took:.2f} s"
    finally:
        holder.kill()
        holder.communicate()


def test_a_holder_that_hears_nothing_more_stops_before_another_may_begin(process, redis_server):
    """Its word: 70 % of the time in Redis. Measured without renewals, by a Redis that is asked about the time left."""
    client = RedisLink(redis_server.url).client
    leases = process()
    until(leases, True)
    leases._closed.set()  # the renewing thread ends, as if it were stuck
    leases._due.set()
    leases._thread.join()
    leases._closed.clear()
    while leases.held("work"):
        time.sleep(0.005)
    assert client.pttl("voltdeck:3:lease:work") > 300, "the lease in Redis had not run out"
    leases._closed.set()


def test_while_redis_is_away_everybody_works_and_when_it_is_back_one_does(process, redis_server):
    one, two = process(), process()
    until(one, True)
    assert not two.held("work")
    redis_server.kill()
    until(two, True)
    assert one.held("work")
    redis_server.start()
    deadline = time.monotonic() + 10
    while one.held("work") == two.held("work"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(TTL_S)
    assert one.held("work") != two.held("work")


class Work:
    """Something that runs."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def begin(self) -> "Work":
        self.begun.release()
        return self

    def stop(self) -> None:
        self.ended.release()


def test_work_runs_only_while_its_lease_is_held(process):
    first, second = process(), process()
    mine, theirs = Work(), Work()
    until(first, True)
    one, two = WhileHeld(first, "work", mine.begin).start(), WhileHeld(second, "work", theirs.begin).start()
    try:
        assert mine.begun.acquire(timeout=5)
        assert not theirs.begun.acquire(timeout=1)
        first.close()
        assert mine.ended.acquire(timeout=5)
        assert theirs.begun.acquire(timeout=10)
    finally:
        one.stop()
        two.stop()
    assert theirs.ended.acquire(timeout=5)


def test_work_of_a_process_that_stands_alone_begins_at_once_and_ends_with_it():
    work = Work()
    running = WhileHeld(LocalLeases(), "work", work.begin).start()
    assert work.begun.acquire(timeout=5)
    running.stop()
    assert work.ended.acquire(timeout=5)


def test_work_that_cannot_begin_is_tried_again(caplog):
    work, tries = Work(), []

    def begin() -> Work:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("not yet")
        return work.begin()

    running = WhileHeld(LocalLeases(), "work", begin, look_every_s=0.01).start()
    assert work.begun.acquire(timeout=5)
    running.stop()
    assert "tried again" in caplog.text
