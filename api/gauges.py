"""What the server measures of itself: requests, streams, intake. Read by /metrics and /api/v1/health."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from datastore.intake import Intake

MINUTE_S = 60


@dataclass(slots=True)
class _Second:
    """What happened in one second of the last minute."""

    second: int
    requests: int = 0
    failures: int = 0
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Minute:
    """The last minute: readings a second, mean response time [ms] (None without requests), share of requests that failed (5xx)."""

    messages_per_second: float
    response_time_ms: float | None
    error_rate: float


class Gauges:
    """Counts and times. Thread-safe."""

    def __init__(self, intake: Intake, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: deque[_Second] = deque(maxlen=MINUTE_S + 1)
        self._started = clock()
        self._intake = intake
        self._arrivals: deque[tuple[int, int]] = deque([(self._started // 1000, 0)], maxlen=2 * MINUTE_S)
        self.registry = CollectorRegistry()
        self._requests = Counter("voltdeck_http_requests", "HTTP requests answered", ("route", "method", "status"), registry=self.registry)
        self._times = Histogram(
            "voltdeck_http_seconds",
            "Time to answer an HTTP request",
            ("route",),
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
        self.streams = Gauge("voltdeck_stream_clients", "Open live connections", ("kind",), registry=self.registry)
        self.dropped = Counter(
            "voltdeck_stream_dropped", "Live connections dropped because the client was too slow", ("kind",), registry=self.registry
        )
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.registry.register(_IntakeFigures(intake))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""
        return (self._clock() - self._started) / 1000

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request answered: its declared path, its status, how long it took."""
        key = (route, method, status)
        pair = self._counted.get(key)
        if pair is None:
            pair = self._counted[key] = (self._requests.labels(route, method, str(status)), self._times.labels(route))
        pair[0].inc()
        pair[1].observe(seconds)
        now = self._clock() // 1000
        with self._lock:
            if not self._seconds or self._seconds[-1].second != now:
                self._seconds.append(_Second(now))
                self._arrivals.append((now, self._arrived()))
            tick = self._seconds[-1]
            tick.requests += 1
            tick.time += seconds
            if status >= 500:
                tick.failures += 1

    def minute(self) -> Minute:
        """Figures over the last minute (or since the start, when that is shorter, or since anyone last asked, when that is longer)."""
        now = self._clock() // 1000
        with self._lock:
            recent = [s for s in self._seconds if now - s.second < MINUTE_S]
            requests, failures = sum(s.requests for s in recent), sum(s.failures for s in recent)
            time = sum(s.time for s in recent)
            then, before = next((a for a in self._arrivals if now - a[0] <= MINUTE_S), self._arrivals[-1])
            arrived = self._arrived()
            self._arrivals.append((now, arrived))
        return Minute(
            messages_per_second=round((arrived - before) / max(1, now - then), 3),
            response_time_ms=round(1000 * time / requests, 3) if requests else None,
            error_rate=round(failures / requests, 6) if requests else 0.0,
        )

    def _arrived(self) -> int:
        """Readings that came in since the start, by whatever door."""
        stats = self._intake.stats
        return stats.accepted + stats.duplicates

    def exposition(self) -> bytes:
        """Prometheus text."""
        return generate_latest(self.registry)


class _IntakeFigures(Collector):
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def collect(self) -> Iterator[Metric]:
        stats = self._intake.stats
        yield CounterMetricFamily("voltdeck_ingest_rows", "Readings kept", value=stats.accepted)
        yield CounterMetricFamily("voltdeck_ingest_duplicates", "Readings that said nothing new", value=stats.duplicates)
        yield CounterMetricFamily("voltdeck_ingest_rejected", "Readings refused", value=stats.rejected)
        yield CounterMetricFamily("voltdeck_ingest_commits", "Transactions committed", value=stats.commits)
        yield GaugeMetricFamily("voltdeck_ingest_queue", "Batches waiting for the writer", value=stats.waiting)
        yield GaugeMetricFamily("voltdeck_commit_seconds", "Time of the last commit", value=stats.last_commit_ms / 1000)
