"""The live bus: who hears what, and that one bad listener harms nobody."""

import logging
import threading

from datastore.live import LiveBus


def listener() -> tuple[list[tuple[str, object]], object]:
    heard: list[tuple[str, object]] = []
    return heard, lambda topic, message: heard.append((topic, message))


def test_every_subscriber_of_a_topic_hears_a_message_and_nobody_else():
    bus = LiveBus()
    one, receive_one = listener()
    two, receive_two = listener()
    other, receive_other = listener()
    bus.subscribe("readings", receive_one)
    bus.subscribe("readings", receive_two)
    bus.subscribe("alarms", receive_other)
    bus.publish("readings", 7)
    assert one == two == [("readings", 7)]
    assert other == []


def test_publishing_to_nobody_is_fine():
    LiveBus().publish("readings", [])


def test_a_closed_subscription_hears_nothing_and_closes_twice():
    bus = LiveBus()
    heard, receive = listener()
    place = bus.subscribe("readings", receive)
    place.close()
    place.close()
    bus.publish("readings", 1)
    assert heard == []
    assert bus.topics() == {}


def test_a_subscriber_that_raises_is_dropped_with_a_log_line_and_the_rest_still_hear(caplog):
    bus = LiveBus()
    heard, receive = listener()

    def broken(topic: str, message: object) -> None:
        raise RuntimeError("socket gone")

    bus.subscribe("readings", broken)
    bus.subscribe("readings", receive)
    with caplog.at_level(logging.ERROR):
        bus.publish("readings", 1)
        bus.publish("readings", 2)
    assert heard == [("readings", 1), ("readings", 2)]
    assert bus.topics() == {"readings": 1}
    assert [record.message for record in caplog.records] == ["a subscriber of readings raised and is dropped"]


def test_topics_tells_what_is_wanted_now():
    bus = LiveBus()
    bus.subscribe("panel:soc?unit=1", print)
    second = bus.subscribe("panel:soc?unit=1", print)
    bus.subscribe("alarms", print)
    assert bus.topics("panel:") == {"panel:soc?unit=1": 2}
    second.close()
    assert bus.topics("panel:") == {"panel:soc?unit=1": 1}


def test_a_subscriber_may_leave_while_it_is_being_called():
    bus = LiveBus()
    heard: list[object] = []

    def once(topic: str, message: object) -> None:
        heard.append(message)
        place.close()

    place = bus.subscribe("readings", once)
    bus.publish("readings", 1)
    bus.publish("readings", 2)
    assert heard == [1]


def test_coming_and_going_from_many_threads_loses_nobody():
    bus = LiveBus()
    heard, receive = listener()

    def come_and_go() -> None:
        for _ in range(200):
            bus.subscribe("readings", print).close()

    bus.subscribe("readings", receive)
    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.publish("readings", 1)
    assert bus.topics() == {"readings": 1}
    assert heard == [("readings", 1)]
