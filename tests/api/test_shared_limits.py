"""Rate limits and the login throttle of several processes: each limiter here is what a process has, over a real Redis."""

import threading
import time

import pytest

from api.limits import Limiter, RedisCounter
from datastore.backends.redis_link import RedisLink
from plant.errors import TooMany
from services.accounts import Throttle
from services.throttle import RedisThrottle

NOON = 1_790_000_040_000 // 60_000 * 60_000


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link(redis_server):
    link = RedisLink(redis_server.url)
    yield link
    link.close()


def limiters(link, clock, limit, count=2):
    return [Limiter({"api": limit}, clock, RedisCounter(link)) for _ in range(count)]


def test_the_headers_of_one_process_are_the_same_with_and_without_redis(link, clock):
    for limit in (1, 3, 250, 1000):
        alone, shared = Limiter({"api": limit}, clock), Limiter({"api": limit}, clock, RedisCounter(link))
        for number in range(limit + 2):
            wanted, got = alone.take("api", f"olga{limit}"), shared.take("api", f"olga{limit}")
            assert (got.headers(), got.refused) == (wanted.headers(), wanted.refused), f"request {number + 1} of {limit}"


def test_a_small_limit_is_counted_one_by_one_over_all_processes(link, clock):
    one, two = limiters(link, clock, 5)
    taken = [process.take("api", "olga") for process in (one, two, one, two, one, two, one)]
    assert [quota.remaining for quota in taken] == [4, 3, 2, 1, 0, 0, 0]
    assert [quota.refused for quota in taken] == [False] * 5 + [True] * 2
    assert {quota.reset for quota in taken} == {NOON // 1000 + 60}


def test_together_they_let_through_the_limit_and_never_more(link, clock):
    """1200 a minute goes out in portions of 12; both processes ask until they are refused."""
    processes = limiters(link, clock, 1200, count=3)
    let = [0, 0, 0]

    def hammer(number: int) -> None:
        while not processes[number].take("api", "olga").refused:
            let[number] += 1

    threads = [threading.Thread(target=hammer, args=(number,)) for number in (0, 0, 1, 1, 2, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let) <= 1200
    assert sum(let) >= 1200 - 2 * 12  # += of two threads may lose a count now and then


def test_callers_and_minutes_are_apart(link, clock):
    one, two = limiters(link, clock, 1)
    assert [one.take("api", "olga").refused, two.take("api", "olga").refused, two.take("api", "adam").refused] == [False, True, False]
    clock.now += 60_000
    assert not two.take("api", "olga").refused
    assert one.take("api", "olga").refused


def test_redis_is_asked_once_in_a_hundredth_of_a_limit(link, clock):
    (process,) = limiters(link, clock, 60_000, count=1)
    before = link.client.info("commandstats").get("cmdstat_incrby", {}).get("calls", 0)
    for _ in range(6_000):
        process.take("api", "gateway")
    assert link.client.info("commandstats")["cmdstat_incrby"]["calls"] - before == 10


def test_the_event_loop_is_told_when_redis_has_to_be_asked_and_nothing_is_counted_then(link, clock):
    (process,) = limiters(link, clock, 3, count=1)
    assert process.take_at_once("api", "olga") is None
    assert process.take_at_once("api", "olga") is None
    assert process.take("api", "olga").remaining == 2


def test_what_is_counted_is_forgotten_by_redis(link, clock):
    (process,) = limiters(link, clock, 3, count=1)
    process.take("api", "olga")
    (key,) = link.client.keys("voltdeck:3:limit:*")
    assert 60 < link.client.ttl(key) <= 120


def test_while_redis_is_away_each_process_counts_by_itself_and_soon_at_once(redis_server, clock):
    links = [RedisLink(redis_server.url), RedisLink(redis_server.url)]
    one, two = (Limiter({"api": 3}, clock, RedisCounter(link)) for link in links)
    assert one.take("api", "olga").remaining == 2
    redis_server.kill()
    started = time.perf_counter()
    assert [one.take("api", "olga").remaining for _ in range(2)] == [1, 0]
    assert one.take("api", "olga").refused, "what this process let through before still counts"
    assert [two.take("api", "olga").refused for _ in range(4)] == [False, False, False, True]
    assert time.perf_counter() - started < 1.0
    redis_server.start()
    assert links[0].ping() == "" or _answers(links[0])
    assert links[1].ping() == "" or _answers(links[1])
    clock.now += 60_000
    assert [process.take("api", "olga").remaining for process in (one, two, one)] == [2, 1, 0]


def _answers(link) -> bool:
    deadline = time.monotonic() + 5
    while link.ping():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return True


# the login throttle


def throttles(link, clock, **limits):
    return [RedisThrottle(link, clock, Throttle(clock, **limits)) for _ in range(2)]


def refusal(throttle, username, address):
    """The seconds to wait, 0 when the attempt may be made."""
    try:
        throttle.attempt(username, address)
    except TooMany as error:
        return error.details["retry_after"], error.message
    return 0


def test_the_shared_throttle_answers_as_that_of_one_process_does(link, clock):
    """The same story told to both: every answer is equal, the seconds and the sentence too."""
    alone = Throttle(clock, window_ms=300_000, per_pair=3, per_address=5, per_user=6)
    shared = throttles(link, clock, window_ms=300_000, per_pair=3, per_address=5, per_user=6)
    story = [("olga", "10.0.0.1"), ("olga", "10.0.0.1"), ("adam", "10.0.0.1"), ("olga", "10.0.0.1"), ("olga", "10.0.0.1"),
             ("olga", "10.0.0.2"), ("eve", "10.0.0.1"), ("eve", "10.0.0.1"), ("olga", "10.0.0.2"), ("olga", "10.0.0.3"),
             ("olga", "10.0.0.4"), ("", "10.0.0.9")] * 3  # fmt: skip
    refused = 0
    for number, (username, address) in enumerate(story):
        clock.now += 17_500
        if number % 5 == 4:
            alone.forgive(username, address)
            shared[number % 2].forgive(username, address)
        wanted = refusal(alone, username, address)
        assert refusal(shared[number % 2], username, address) == wanted, f"attempt {number}"
        refused += wanted != 0
    assert 0 < refused < len(story)


def test_failures_at_one_process_count_at_the_other(link, clock):
    one, two = throttles(link, clock)
    for process in (one, two, one, two, one):
        assert refusal(process, "olga", "10.0.0.1") == 0
    for process in (one, two):
        assert refusal(process, "olga", "10.0.0.1")[0] == 300
    clock.now += 299_001
    assert refusal(two, "olga", "10.0.0.1")[0] == 1
    clock.now += 999
    assert refusal(two, "olga", "10.0.0.1") == 0


def test_while_redis_is_away_guesses_are_counted_by_each_process(redis_server, link, clock):
    one, two = throttles(link, clock)
    redis_server.kill()
    for _ in range(5):
        assert refusal(one, "olga", "10.0.0.1") == 0
    assert refusal(one, "olga", "10.0.0.1")[0] == 300
    assert refusal(two, "olga", "10.0.0.1") == 0
    one.forgive("olga", "10.0.0.1")
    assert refusal(one, "olga", "10.0.0.1") == 0
