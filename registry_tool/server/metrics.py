"""Counters of the server in Prometheus' text format, at ``/metrics``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "RequestMetrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class RequestMetrics:
    """What is counted of requests, and of the registry that is served."""

    class Seen:
        """What is known of one request; ``status`` is 0 until its answer begins, and a word for gRPC."""

        __slots__ = ("status",)

        def __init__(self) -> None:
            self.status: int | str = 0

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "registry_requests", "Requests by protocol, method and status.",
            ["api", "method", "status"], registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "registry_request_seconds", "Time from a request to the end of its answer.",
            ["api"], buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._open = Gauge(
            "registry_open_requests", "Requests that are being answered.", registry=self.registry
        )

    @contextmanager
    def request(self, api: str, method: str) -> Iterator[Seen]:
        """Count one request."""
        seen = self.Seen()
        self._open.inc()
        began = time.perf_counter()
        try:
            yield seen
        finally:
            self._open.dec()
            self._seconds.labels(api).observe(time.perf_counter() - began)
            known = method if len(method) <= 7 and method.isalpha() else "other"  # noqa: PLR2004
            self._requests.labels(api, known, str(seen.status or 499)).inc()

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
