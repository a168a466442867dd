"""The live bus of several processes: each `RedisLive` here is what a process has, over a real Redis that tests may kill."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from datastore.backends.redis import Outbox, RedisLive
from datastore.backends.redis_link import RedisLink
from datastore.live import LiveBus
from plant.model import Alarm, Block

BLOCK = Block("rack", ("soc", "power"), [("bess01-rack01", 1_790_000_000_000, 1_790_000_000_250, 1, 50.25, None)])
VECTORS = Block("rack", ("cell_voltages",), [("bess01-rack01", 1_790_000_000_000, 1_790_000_000_001, 0, [3.301, None, 3.3])])
ALARM = Alarm("bess01", "bess", "HIGH_TEMP", "alarm", "61 °C", 1_790_000_000_000, metric="cell_max_temp", value=61.0, limit=55.0, id=7)


class Ear:
    """A subscriber that can be waited for."""

    def __init__(self, bus: RedisLive, topic: str) -> None:
        self.heard: list[Any] = []
        self._news = threading.Condition()
        self.place = bus.subscribe(topic, self._hear)

    def _hear(self, _topic: str, message: Any) -> None:
        with self._news:
            self.heard.append(message)
            self._news.notify_all()

    def hears_blocks(self, count: int, within_s: float = 5.0) -> list[Block]:
        """Blocks in the order they came, however many came together."""
        with self._news:
            assert self._news.wait_for(lambda: sum(map(len, self.heard)) >= count, within_s), f"heard only {self.heard}"
            return [block for blocks in self.heard for block in blocks]

    def hears(self, count: int, within_s: float = 5.0) -> list[Any]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.heard) >= count, within_s), f"heard only {self.heard}"
            return self.heard[:count]


@pytest.fixture
def process(redis_server) -> Iterator[Callable[[], RedisLive]]:
    """Makes what one more process has."""
    with ExitStack() as stack:

        def make() -> RedisLive:
            bus = RedisLive(redis_server.url)
            stack.callback(bus.close)
            assert bus.wait_connected(5)
            return bus

        yield make


def listening(redis_server, topic: str, count: int) -> None:
    """Wait until Redis knows that so many processes listen."""
    client = RedisLink(redis_server.url).client
    channel = f"voltdeck:3:live:{topic}"
    deadline = time.monotonic() + 5
    while dict(client.pubsub_numsub(channel))[channel.encode()] != count:
        assert time.monotonic() < deadline, f"not {count} processes listen to {topic}"
        time.sleep(0.002)
    client.close()


@pytest.mark.parametrize(("topic", "message"), [("readings", [BLOCK, VECTORS]), ("alarms", ALARM)])
def test_a_message_reaches_the_subscribers_of_another_process_as_it_was(process, redis_server, topic, message):
    one, two = process(), process()
    ear = Ear(two, topic)
    listening(redis_server, topic, 1)
    one.publish(topic, message)
    assert ear.hears(1) == [message]
    rows = [row for block in message for row in block.rows] if topic == "readings" else []
    assert all(type(row) is tuple for row in rows)


def test_a_message_is_heard_once_by_everybody_its_own_process_included(process, redis_server):
    one, two, three = process(), process(), process()
    ears = [Ear(bus, "readings") for bus in (one, two, three)]
    listening(redis_server, "readings", 3)
    for number in range(20):
        one.publish("readings", [Block("rack", ("soc",), [("r", number, number, 0, float(number))])])
    wanted = [float(number) for number in range(20)]
    for ear in ears:
        assert [block.rows[0][4] for block in ear.hears_blocks(20)] == wanted
    two.publish("readings", [BLOCK])  # whatever came twice would stand before this
    for ear in ears:
        assert len(ear.hears_blocks(21)) == 21


def test_subscribers_of_the_own_process_hear_before_publish_returns(process):
    bus = process()
    ear = Ear(bus, "readings")
    bus.publish("readings", [BLOCK])
    assert ear.heard == [[BLOCK]]


def test_numpy_values_travel_as_numbers(process, redis_server):
    one, two = process(), process()
    ear = Ear(two, "readings")
    listening(redis_server, "readings", 1)
    one.publish("readings", [Block("rack", ("soc", "cell_voltages"), [("r", 1, 2, 0, np.float64(5.5), np.array([3.25, 3.5]))])])
    assert ear.hears(1)[0][0].rows == [("r", 1, 2, 0, 5.5, [3.25, 3.5])]


def test_frames_stay_in_the_process_that_makes_them_and_topics_tells_of_its_own_viewers(process, redis_server):
    one, two = process(), process()
    ear, mine = Ear(two, "panel:soc?unit=1"), Ear(two, "readings")
    listening(redis_server, "readings", 1)
    assert one.topics() == {}
    assert two.topics("panel:") == {"panel:soc?unit=1": 1}
    one.publish("panel:soc?unit=1", b"{}")
    one.publish("readings", [BLOCK])
    mine.hears(1)
    assert ear.heard == []


def sent(redis_server) -> int:
    """How many times PUBLISH was called on this Redis."""
    client = RedisLink(redis_server.url).client
    calls: int = client.info("commandstats").get("cmdstat_publish", {}).get("calls", 0)
    client.close()
    return calls


def test_what_nobody_elsewhere_listens_to_is_not_sent_and_whoever_comes_is_heard_of(process, redis_server):
    one, two = process(), process()
    Ear(one, "readings")
    listening(redis_server, "readings", 1)
    until = time.monotonic() + 5
    before = -1
    while sent(redis_server) != before:  # until a publish brings no PUBLISH any more
        before = sent(redis_server)
        one.publish("readings", [BLOCK])
        time.sleep(0.05)
        assert time.monotonic() < until
    for _ in range(50):
        one.publish("readings", [BLOCK])
    assert sent(redis_server) == before
    late = Ear(two, "readings")
    deadline = time.monotonic() + 5
    while not late.heard and time.monotonic() < deadline:
        one.publish("readings", [BLOCK])
        time.sleep(0.005)
    assert late.heard[0][0] == BLOCK


def test_a_subscriber_that_leaves_is_not_sent_anything_more(process, redis_server):
    one, two = process(), process()
    ear = Ear(two, "readings")
    listening(redis_server, "readings", 1)
    one.publish("readings", [BLOCK])
    ear.hears(1)
    ear.place.close()
    listening(redis_server, "readings", 0)


def test_the_bus_works_within_the_process_while_redis_is_away_and_joins_the_others_when_it_is_back(process, redis_server, caplog):
    one, two = process(), process()
    near, far = Ear(one, "readings"), Ear(two, "readings")
    listening(redis_server, "readings", 2)
    with caplog.at_level(logging.WARNING):
        redis_server.kill()
        deadline = time.monotonic() + 10
        while one.wait_connected(0) or two.wait_connected(0):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for _ in range(100):
            one.publish("readings", [BLOCK])
        assert len(near.heard) == 100
        redis_server.start()
        assert one.wait_connected(5)
        assert two.wait_connected(5)
    listening(redis_server, "readings", 2)
    one.publish("readings", [VECTORS])
    assert far.hears(1) == [[VECTORS]]
    assert near.hears(101)[-1] == [VECTORS]
    told = [record.message for record in caplog.records]
    assert len([text for text in told if text.startswith("Redis does not answer")]) == 2, "once for each of the two processes"
    assert told.count("Redis answers again") == 2


def test_a_bus_may_start_before_its_redis(redis_server):
    redis_server.kill()
    bus = RedisLive(redis_server.url)
    try:
        ear = Ear(bus, "readings")
        bus.publish("readings", [BLOCK])
        assert ear.heard == [[BLOCK]]
        redis_server.start()
        assert bus.wait_connected(5)
    finally:
        bus.close()


def test_a_frozen_redis_holds_up_no_publisher_and_drops_the_oldest(process, redis_server):
    one, two = process(), process()
    ear = Ear(two, "readings")
    listening(redis_server, "readings", 1)
    block = Block("rack", ("soc",), [("r", i, i, 0, 1.0) for i in range(1000)])
    assert redis_server.process
    os.kill(redis_server.process.pid, signal.SIGSTOP)
    try:
        slowest = 0.0
        for _ in range(120):
            started = time.perf_counter()
            one.publish("readings", [block])
            slowest = max(slowest, time.perf_counter() - started)
    finally:
        os.kill(redis_server.process.pid, signal.SIGCONT)
    assert one.dropped > 0
    assert slowest < 0.2, "a publisher waited for Redis, whose patience is half a second"
    assert one.wait_connected(5)
    deadline = time.monotonic() + 10
    while not (ear.heard and ear.heard[-1][-1] == BLOCK):
        assert time.monotonic() < deadline
        one.publish("readings", [BLOCK])
        time.sleep(0.02)


def test_the_outbox_keeps_the_newest():
    outbox = Outbox(most=3)
    for number in range(5):
        outbox.put("alarms", number)
    assert (outbox.take(), outbox.dropped) == ([("alarms", 2), ("alarms", 3), ("alarms", 4)], 2)
    outbox.put("readings", [Block("rack", ("soc",), [("r", 1, 1, 0, 1.0)] * 9)])  # larger than all there may be: still one
    assert len(outbox.take()) == 1


def test_readings_that_come_thick_and_fast_travel_together(process, redis_server):
    one, two = process(), process()
    ear = Ear(two, "readings")
    listening(redis_server, "readings", 1)
    one.publish("readings", [BLOCK])
    ear.hears_blocks(1)
    before = sent(redis_server)
    for _ in range(200):
        one.publish("readings", [BLOCK])
    assert ear.hears_blocks(201) == [BLOCK] * 201
    assert sent(redis_server) - before < 40


def test_what_cannot_be_read_is_named_and_the_next_message_is_heard(process, redis_server, caplog):
    bus = process()
    ear = Ear(bus, "alarms")
    listening(redis_server, "alarms", 1)
    client = RedisLink(redis_server.url).client
    client.publish("voltdeck:3:live:alarms", b"stranger" + b"\x93no")
    other = process()
    other.publish("alarms", ALARM)
    assert ear.hears(1) == [ALARM]
    assert "cannot be read" in caplog.text
    client.close()


def test_sites_that_share_a_redis_in_other_databases_do_not_hear_each_other(process, redis_server):
    one = process()
    ear = Ear(one, "alarms")
    listening(redis_server, "alarms", 1)
    stranger = RedisLive(redis_server.url.replace("/3", "/4"))
    try:
        assert stranger.wait_connected(5)
        stranger.publish("alarms", ALARM)
        Ear(stranger, "alarms")
        neighbour = process()
        neighbour.publish("alarms", ALARM)
        assert ear.hears(1) == ear.heard == [ALARM]
    finally:
        stranger.close()


def test_a_password_is_in_no_error(caplog):
    link = RedisLink("redis://:s3cret-word@127.0.0.1:1/0")
    assert link.ping()
    assert "s3cret-word" not in link.fault + caplog.text
    with pytest.raises(ValueError, match="REDIS_URL") as error:
        RedisLink("http://:s3cret-word@127.0.0.1")
    assert "s3cret-word" not in str(error.value)


def test_what_is_published_to_nobody_elsewhere_costs_little_more_than_the_bus_of_one_process(process):
    def cost(bus: Any) -> float:
        blocks = [Block("rack", ("soc",), [("r", i, i, 0, 1.0) for i in range(100)])]
        best = float("inf")
        for _ in range(20):
            started = time.perf_counter()
            for _ in range(200):
                bus.publish("readings", blocks)
            best = min(best, (time.perf_counter() - started) / 200)
        return best

    assert cost(process()) < cost(LiveBus()) + 20e-6
