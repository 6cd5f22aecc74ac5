"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from food_inspections_dagster.serving.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "food_inspections_requests", "Answered requests", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "food_inspections_request_seconds",
            "Time from a request to the end of its answer",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.answers = Counter(
            "food_inspections_answers",
            "Readings by where the answer came from: kept, made anew, unchanged (304)",
            ("source",),
            registry=self.registry,
        )
        self.registry.register(_Pool(store))

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)


class _Pool(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the state of the pool of connections at this moment."""
        gauges = {
            "pool_size": "Connections to Postgres",
            "pool_available": "Of these idle",
            "requests_waiting": "Requests that wait for one",
        }
        counters = self._store.statistics()
        return [
            GaugeMetricFamily(f"food_inspections_{name}", words, value=counters.get(name, 0))
            for name, words in gauges.items()
        ]
