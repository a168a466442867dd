"""The newest values an installation keeps in Redis. Read only, and a help at most: without it the tables' newest rows are shown."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from datastore.backends.solarhub.installation import Cache
from datastore.backends.solarhub.mapping import Hash
from datastore.backends.solarhub.numbers import number, told
from datastore.backends.solarhub.tables import Spoken
from plant.model import Value
from plant.timeline import parse

log = logging.getLogger(__name__)

ANSWER_S = 2.0
ASK_AGAIN_S = 5.0


class CacheReader:
    """One Redis instance with all the hashes that the mapping finds in it."""

    def __init__(self, cache: Cache, hashes: Sequence[Hash], monotonic: Callable[[], float] = time.monotonic) -> None:
        self.cache = cache
        self.hashes = hashes
        self.trouble = ""
        """Why it does not answer, in one line; empty while it does."""
        self._monotonic = monotonic
        self._ask_at = -1.0
        self._clients: dict[int, Any] = {}

    def newest(self, hashes: Sequence[Hash]) -> Mapping[str, Spoken]:
        """Key → newest values; empty while Redis does not answer, which `trouble` then names."""
        if not hashes or self._monotonic() < self._ask_at:
            return {}
        import redis

        found: dict[str, Spoken] = {}
        try:
            for database in sorted({one.number for one in hashes}):
                mine = [one for one in hashes if one.number == database]
                with self._client(database).pipeline(transaction=False) as pipeline:
                    for one in mine:
                        pipeline.hgetall(one.key) if one.form == "hash" else pipeline.get(one.key)
                    answers = pipeline.execute(raise_on_error=False)
                found |= {one.key: spoken(one, answer) for one, answer in zip(mine, answers, strict=True)}
        except (redis.RedisError, OSError) as error:
            self._fell_silent(error)
            return {}
        if self.trouble:
            log.info("SolarHub Redis %s %s answers again", self.cache.label, self.cache)
            self.trouble = ""
        return found

    def ping(self) -> bool:
        """Whether it answers now."""
        import redis

        try:
            self._client(0).ping()
        except (redis.RedisError, OSError) as error:
            self._fell_silent(error)
            return False
        self.trouble = ""
        return True

    def close(self) -> None:
        """Release the connections; idempotent."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            with suppress(Exception):
                client.close()

    def _client(self, database: int) -> Any:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        if database not in self._clients:
            self._clients[database] = redis.Redis(
                self.cache.host, self.cache.port, database, self.cache.password or None, decode_responses=True,
                encoding_errors="replace", socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S,
                retry=Retry(NoBackoff(), 1),  # a connection that the server closed in the meantime is made anew, at once
            )  # fmt: skip
        return self._clients[database]

    def _fell_silent(self, error: Exception) -> None:
        self._ask_at = self._monotonic() + ASK_AGAIN_S
        trouble = f"SolarHub Redis {self.cache.label} {self.cache} does not answer: {' '.join(str(error).split())}"
        if not self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble


def spoken(one: Hash, answer: Any) -> Spoken:
    """What a hash (a mapping of texts) or a JSON text says; nothing without a time that can be read."""
    fields = _fields(answer)
    at = _instant(one, fields.get(one.clock.column))
    if at is None:
        return {}
    found: dict[str, tuple[int, Value]] = {}
    for place in one.places:
        value = told(place, [number(place, fields.get(name)) for name in place.names])
        if value is not None:
            found[place.metric] = (at, value)
    return found


def _fields(answer: Any) -> Mapping[str, Any]:
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            return {}
    return answer if isinstance(answer, dict) else {}


def _instant(one: Hash, value: Any) -> int | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        if one.clock.form in ("s", "ms"):
            return round(float(value) * (1000 if one.clock.form == "s" else 1))
        return parse(str(value), ZoneInfo(one.clock.zone))
    except (TypeError, ValueError, OverflowError):
        return None
