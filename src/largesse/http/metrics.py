"""What a running largesse tells Prometheus. Every metric is declared in `METRICS`."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from largesse.issuance.batcher import Batch
from largesse.issuance.model import Conservation
from largesse.kernel.clock import Clock
from largesse.kernel.health import Health
from largesse.webhooks.model import Tried

CONTENT_TYPE = CONTENT_TYPE_LATEST

_WISHES_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_SECONDS_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.5, 2.0, 8.0)


class Described(Struct, frozen=True):
    """A metric as it is documented."""

    kind: str
    labels: tuple[str, ...]
    help: str


METRICS: Mapping[str, Described] = MappingProxyType(
    {
        "largesse_wishes_total": Described(
            "counter", ("outcome",), "Claims by how they ended: an outcome, or an error's class."
        ),
        "largesse_batch_wishes": Described(
            "histogram",
            ("way",),
            "Wishes settled together, or answered without a commit within a tenth of a second.",
        ),
        "largesse_batch_seconds": Described(
            "histogram",
            ("way",),
            "From forming a batch to its last answer; without a commit the longest of some.",
        ),
        "largesse_wishes_waiting": Described("gauge", (), "Wishes that wait for a batch now."),
        "largesse_requests_total": Described(
            "counter",
            ("method", "route", "status"),
            "Requests outside the fast lane; an unknown route is empty.",
        ),
        "largesse_request_seconds": Described(
            "histogram", ("route",), "How long requests outside the fast lane took."
        ),
        "largesse_webhook_attempts_total": Described(
            "counter",
            ("state",),
            "Attempts at deliveries, by what became of the delivery: DELIVERED, WAITING for the "
            "next attempt, or FAILED for good.",
        ),
        "largesse_problems": Described(
            "gauge", ("check",), "1 for each check of /readyz that finds something wrong now."
        ),
        "largesse_proof_age_seconds": Described(
            "gauge", (), "Time since the ledger was last held against itself; -1 before the first."
        ),
        "largesse_proof_violations": Described(
            "gauge", (), "Places where the last proof found that the ledger does not add up."
        ),
        "largesse_proof_rows": Described(
            "gauge", (), "Rows of the journal that the last proof covers."
        ),
    }
)
"""Our own metrics; beside them are those of the process, the platform and the collector."""


class Metrics:
    """Counts, and shows what was counted."""

    def __init__(
        self,
        waiting: Callable[[], int],
        health: Health,
        last_proof: Callable[[], Conservation | None],
        clock: Clock,
    ) -> None:
        self.shown: Callable[[], Awaitable[bytes]] = self._alone
        """What a scraper is shown: of this process, unless there are others beside it."""
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(_Present(waiting, health, last_proof, clock))
        self._wishes = self._counter("largesse_wishes_total")
        self._attempts = self._counter("largesse_webhook_attempts_total")
        self._requests = self._counter("largesse_requests_total")
        self._request_s = self._histogram("largesse_request_seconds", _SECONDS_BUCKETS)
        batch_wishes = self._histogram("largesse_batch_wishes", _WISHES_BUCKETS)
        batch_s = self._histogram("largesse_batch_seconds", _SECONDS_BUCKETS)
        self._at_ledger = batch_wishes.labels("ledger"), batch_s.labels("ledger")
        self._from_memory = batch_wishes.labels("memory"), batch_s.labels("memory")

    def batch(self, batch: Batch) -> None:
        """Count a batch of wishes that was answered."""
        for outcome, count in batch.endings.items():
            self._wishes.labels(outcome).inc(count)
        wishes, seconds = self._at_ledger if batch.at_ledger else self._from_memory
        wishes.observe(batch.endings.total())
        seconds.observe(batch.took_s)

    def attempts(self, tried: Sequence[Tried]) -> None:
        """Count attempts at deliveries that were recorded."""
        for one in tried:
            self._attempts.labels(one.state.value).inc()

    def request(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_s.labels(route).observe(took_s)

    def text(self) -> bytes:
        """All metrics of this process in the text format of Prometheus."""
        return generate_latest(self._registry)

    async def _alone(self) -> bytes:
        return self.text()

    def _counter(self, name: str) -> Counter:
        described = METRICS[name]
        return Counter(name, described.help, described.labels, registry=self._registry)

    def _histogram(self, name: str, buckets: tuple[float, ...]) -> Histogram:
        described = METRICS[name]
        return Histogram(
            name, described.help, described.labels, registry=self._registry, buckets=buckets
        )


class _Present(Collector):
    """What is asked for at the moment when somebody looks."""

    def __init__(
        self,
        waiting: Callable[[], int],
        health: Health,
        last_proof: Callable[[], Conservation | None],
        clock: Clock,
    ) -> None:
        self._waiting = waiting
        self._health = health
        self._last_proof = last_proof
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        proof = self._last_proof()
        age_s = -1.0 if proof is None else (self._clock.now_ms() - proof.checked_at_ms) / 1000
        yield _gauge("largesse_wishes_waiting", self._waiting())
        yield self._problems()
        yield _gauge("largesse_proof_age_seconds", age_s)
        yield _gauge("largesse_proof_violations", 0 if proof is None else len(proof.violations))
        yield _gauge("largesse_proof_rows", 0 if proof is None else proof.rows)

    def _problems(self) -> Metric:
        name = "largesse_problems"
        family = GaugeMetricFamily(name, METRICS[name].help, labels=METRICS[name].labels)
        for check in self._health.problems:
            family.add_metric([check], 1)
        return family


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, METRICS[name].help, value=value)
