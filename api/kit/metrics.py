"""Prometheus metrics, right with several processes (prometheus_client's multi-process mode)."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client import registry as default

REQUESTS = Counter("linli_http_requests", "HTTP requests", ["method", "route", "status"])
SECONDS = Histogram(
    "linli_http_request_seconds",
    "Time from the first byte in to the last byte out",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HANDLED = Counter("linli_deliveries", "Events whose consequences were carried out", ["move", "outcome"])
FIRED = Counter("linli_deadlines_fired", "Deadlines that ran out", ["kind"])
SENT = Counter("linli_messages", "Attempts to send a subscription message", ["outcome"])
BACKLOG = Gauge(
    "linli_deliveries_waiting", "Events waiting for their consequences", multiprocess_mode="mostrecent"
)
OLDEST = Gauge(
    "linli_deliveries_oldest_seconds", "Age of the oldest event that waits", multiprocess_mode="mostrecent"
)
DEAD = Gauge(
    "linli_deliveries_dead", "Events given up after too many attempts", multiprocess_mode="mostrecent"
)


def exposition() -> bytes:
    """The text of /metrics, summed over the processes that share PROMETHEUS_MULTIPROC_DIR."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(default.REGISTRY)
