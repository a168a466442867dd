"""The live bus of one process: topics, subscribers, and nothing kept."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

log = logging.getLogger(__name__)

Receive = Callable[[str, Any], None]


class LiveBus:
    """Implements `ports.Live` for subscribers of this process; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        # A topic's subscribers are a tuple that is replaced, never changed: publishing reads it without the lock.
        self._places: dict[str, tuple[_Place, ...]] = {}

    def publish(self, topic: str, message: Any) -> None:
        """Hand `message` to every subscriber of exactly this topic; one that raises is dropped with a log line."""
        for place in self._places.get(topic, ()):
            try:
                place.receive(topic, message)
            except Exception:
                log.exception("a subscriber of %s raised and is dropped", topic)
                self._leave(place)

    def subscribe(self, topic: str, receive: Receive) -> "_Place":
        """`receive(topic, message)` is called on the publisher's thread and must return at once."""
        place = _Place(self, topic, receive)
        with self._lock:
            self._places[topic] = (*self._places.get(topic, ()), place)
        return place

    def topics(self, prefix: str = "") -> dict[str, int]:
        """Topics that have subscribers now → how many."""
        with self._lock:
            return {topic: len(places) for topic, places in self._places.items() if topic.startswith(prefix)}

    def close(self) -> None:
        """Nothing to release."""

    def _leave(self, place: "_Place") -> None:
        with self._lock:
            left = tuple(other for other in self._places.get(place.topic, ()) if other is not place)
            if left:
                self._places[place.topic] = left
            else:
                self._places.pop(place.topic, None)


class _Place:
    """One subscriber's place in the bus."""

    __slots__ = ("_bus", "receive", "topic")

    def __init__(self, bus: LiveBus, topic: str, receive: Receive) -> None:
        self._bus, self.topic, self.receive = bus, topic, receive

    def close(self) -> None:
        """Stop receiving; idempotent. A message being delivered at this moment may still arrive."""
        self._bus._leave(self)
