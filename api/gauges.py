"""What the server measures of itself: requests, streams, intake. Read by /metrics and /api/v1/health."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from datastore.intake import Intake
from datastore.store import Store
from plant.errors import PlantError
from plant.model import Block
from services.foreign import Foreign

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
        self.parts: dict[str, Callable[[], str]] = {}
        """Further parts of the server → why they do not answer, empty while they do; health lists them."""
        self.refused = Counter("voltdeck_ingest_refused", "Readings of a batch that stayed outside", ("route",), registry=self.registry)
        self._lag = Histogram(
            "voltdeck_ingest_lag_seconds",
            "From the instant a device names to its receipt, of the last reading of each block",
            registry=self.registry,
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86400),
        )
        self._heard: int | None = None
        self.also("voltdeck_ingest_silence_seconds", "Since the last reading was received; NaN when none was", self._silence)
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.registry.register(_IntakeFigures(intake, clock))
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
        return stats.accepted + stats.duplicates + stats.spooled

    def hear(self, _topic: str, blocks: list[Block]) -> None:
        """Readings that were kept: how long the last of each block was on its way. Called by the live bus, once per commit."""
        for block in blocks:
            row = block.rows[-1]
            self._lag.observe(max(0, row[2] - row[1]) / 1000)
            self._heard = max(self._heard or 0, row[2])

    def _silence(self) -> float:
        return float("nan") if self._heard is None else max(0, self._clock() - self._heard) / 1000

    def also(self, name: str, text: str, figure: Callable[[], float]) -> None:
        """One more figure, looked up whenever the figures are read."""
        Gauge(name, text, registry=self.registry).set_function(figure)

    def exposition(self) -> bytes:
        """Prometheus text."""
        return generate_latest(self.registry)


def open_streams(gauges: Gauges) -> dict[str, int]:
    """Open live connections by kind (sse, websocket)."""
    return {sample.labels["kind"]: int(sample.value) for family in gauges.streams.collect() for sample in family.samples}


class StoreFigures(Collector):
    """Whether the two parts of the store answer, and how fast, asked when the figures are read."""

    def __init__(self, store: Store) -> None:
        self._parts: dict[str, Callable[[], None]] = {"telemetry": store.telemetry.ping, "records": store.records.ping}

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("voltdeck_store_up", "1 while this part of the store answers", labels=("part",))
        took = GaugeMetricFamily("voltdeck_store_seconds", "Time of one question to this part of the store", labels=("part",))
        for name, ping in self._parts.items():
            started = time.perf_counter()
            try:
                ping()
            except PlantError:
                up.add_metric((name,), 0)
            else:
                up.add_metric((name,), 1)
                took.add_metric((name,), time.perf_counter() - started)
        yield up
        yield took


class ForeignFigures(Collector):
    """What came through the doors of foreign formats."""

    def __init__(self, foreign: Foreign) -> None:
        self._foreign = foreign

    def collect(self) -> Iterator[Metric]:
        points = CounterMetricFamily("voltdeck_foreign_points", "Points of foreign senders that could be read", labels=("door",))
        broken = CounterMetricFamily("voltdeck_foreign_broken", "Lines of foreign senders that could not be kept", labels=("door",))
        unmapped = CounterMetricFamily("voltdeck_foreign_unmapped", "Fields of foreign senders that nobody knows", labels=("door",))
        for name, door in self._foreign.seen()[0].items():
            points.add_metric((name,), door.points)
            broken.add_metric((name,), door.broken)
            unmapped.add_metric((name,), door.unmapped)
        yield from (points, broken, unmapped)


class _IntakeFigures(Collector):
    def __init__(self, intake: Intake, clock: Callable[[], int]) -> None:
        self._intake = intake
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        stats = self._intake.stats
        yield CounterMetricFamily("voltdeck_ingest_rows", "Readings kept", value=stats.accepted)
        yield CounterMetricFamily("voltdeck_ingest_duplicates", "Readings that said nothing new", value=stats.duplicates)
        yield CounterMetricFamily("voltdeck_ingest_rejected", "Readings refused", value=stats.rejected)
        yield CounterMetricFamily("voltdeck_ingest_commits", "Transactions committed", value=stats.commits)
        yield GaugeMetricFamily("voltdeck_ingest_queue", "Batches waiting for the writer", value=stats.waiting)
        yield GaugeMetricFamily("voltdeck_commit_seconds", "Time of the last commit", value=stats.last_commit_ms / 1000)
        backlog, oldest = self._intake.backlog, self._intake.oldest_spooled()
        age = 0.0 if oldest is None else max(0, self._clock() - oldest) / 1000
        yield GaugeMetricFamily("voltdeck_spool_readings", "Readings that wait in the spool", value=backlog.waiting)
        yield GaugeMetricFamily("voltdeck_spool_bytes", "Bytes of the spool on disk", value=backlog.bytes)
        yield GaugeMetricFamily("voltdeck_spool_limit_bytes", "Bytes the spool may take", value=backlog.limit_bytes)
        yield GaugeMetricFamily("voltdeck_spool_oldest_seconds", "Age of the oldest reading in the spool", value=age)
        yield CounterMetricFamily("voltdeck_spool_spooled", "Readings put into the spool", value=backlog.spooled)
        yield CounterMetricFamily("voltdeck_spool_drained", "Readings taken from the spool into the store", value=backlog.drained)
        yield CounterMetricFamily("voltdeck_spool_refused", "Readings of the spool the store would not take", value=backlog.refused)
        yield CounterMetricFamily("voltdeck_spool_damaged", "Damaged places of the spool, set aside", value=backlog.damaged)
