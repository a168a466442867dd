"""The way to one Redis server: what it is asked either answers soon or counts as away, and nobody waits for it again and again."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from plant.errors import Unavailable

log = logging.getLogger(__name__)

PATIENCE_S = 0.5
"""How long Redis may take to answer: it sits beside the processes, and does so in a fraction of a millisecond."""
RETRY_S = 1.0
"""How long it is left alone after it did not."""

_Answer = TypeVar("_Answer")


class RedisLink:
    """Thread-safe; connects when first asked. Says once in the log that Redis went away, and once that it is back."""

    def __init__(self, url: str) -> None:
        """`url` as redis-py reads it. Raises ValueError, without repeating a password, for one that it cannot."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        try:
            self.client: Any = redis.Redis.from_url(
                url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0), client_name="voltdeck"
            )
        except (ValueError, TypeError):
            raise ValueError("REDIS_URL is not the address of a Redis such as redis://:password@127.0.0.1:6379/0") from None
        # publish and subscribe know no databases: two sites in one Redis are told apart by name alone
        self.prefix = f"voltdeck:{self.client.get_connection_kwargs().get('db', 0)}:"
        self.errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self._lost: type[Exception] = redis.ConnectionError
        self._lock = threading.Lock()
        self._fault = ""
        self._again_at = 0.0

    @property
    def fault(self) -> str:
        """Why Redis does not answer, as far as anybody noticed; empty while it does."""
        return self._fault

    def ask(self, question: Callable[[Any], _Answer]) -> _Answer:
        """The answer of `question(client)`, a question that may be asked twice: a connection that broke while it lay idle is tried once
        more. Raises Unavailable when Redis does not answer, at once when it just did not."""
        if self._fault and time.monotonic() < self._again_at:
            raise Unavailable(f"Redis does not answer: {self._fault}")
        try:
            try:
                answer = question(self.client)
            except self._lost:
                if self._fault:
                    raise
                answer = question(self.client)
        except self.errors as error:
            raise self.lost(error) from error
        self.found()
        return answer

    def ping(self) -> str:
        """Why Redis does not answer now; empty when it does."""
        try:
            self.ask(lambda client: client.ping())
        except Unavailable:
            return self._fault
        return ""

    def lost(self, error: Exception) -> Unavailable:
        """Note that Redis did not answer; the error to raise."""
        reason = str(error).strip() or type(error).__name__
        with self._lock:
            news, self._fault = not self._fault, reason
            self._again_at = time.monotonic() + RETRY_S
        if news:
            log.warning("Redis does not answer (%s): until it does, this process goes on by itself", reason)
        return Unavailable(f"Redis does not answer: {reason}")

    def found(self) -> None:
        """Note that Redis answers."""
        if self._fault:
            with self._lock:
                news, self._fault = bool(self._fault), ""
            if news:
                log.warning("Redis answers again")

    def close(self) -> None:
        """Give the connections back; idempotent."""
        self.client.close()
