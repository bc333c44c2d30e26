"""Counters of the server in Prometheus' text format, at ``/metrics``.

Requests are counted in the event loop, in plain numbers; the client library of Prometheus makes a text of them when it is
asked for. Its counters take a lock each and a tenth of the time of a small answer, and importing it delays a start.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

__all__ = ["CONTENT_TYPE", "RequestMetrics", "SeenRequest"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_LONGEST_METHOD: Final = 7


class SeenRequest:
    """What is known of a request that is being answered.

    Attributes:
        api: Its protocol.
        method: Its method.
        began: When it came, by ``time.perf_counter``.
        status: That of its answer; 0 until that begins, a word for gRPC.
    """

    __slots__ = ("api", "began", "method", "status")

    def __init__(self, api: str, method: str) -> None:
        self.api = api
        self.method = method
        self.began = time.perf_counter()
        self.status: int | str = 0


class RequestMetrics:
    """What is counted of requests; for one thread, that of the event loop."""

    def __init__(self) -> None:
        self._open = 0
        self._requests: Counter[tuple[str, str, int | str]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()

    def begin(self, api: str, method: str) -> SeenRequest:
        """Count a request that came."""
        self._open += 1
        return SeenRequest(api, method)

    def end(self, seen: SeenRequest) -> None:
        """Count the end of its answer."""
        self._open -= 1
        spent = time.perf_counter() - seen.began
        buckets = self._buckets.get(seen.api)
        if buckets is None:
            buckets = self._buckets[seen.api] = [0] * (len(_BUCKETS) + 1)
        buckets[bisect_left(_BUCKETS, spent)] += 1
        self._sums[seen.api] += spent  # type: ignore[assignment]  # seconds
        known = len(seen.method) <= _LONGEST_METHOD and seen.method.isalpha()
        self._requests[seen.api, seen.method if known else "other", seen.status or 499] += 1

    def collect(self) -> Iterator[Metric]:
        """The metrics, for a registry of ``prometheus_client``."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        requests = CounterMetricFamily(
            "registry_requests", "Requests by protocol, method and status.",
            labels=["api", "method", "status"],
        )  # fmt: skip
        for (api, method, status), count in self._requests.items():
            requests.add_metric([api, method, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(
            "registry_request_seconds", "Time from a request to the end of its answer.", labels=["api"]
        )  # fmt: skip
        for api, counts in self._buckets.items():
            seconds.add_metric([api], _cumulated(counts), self._sums[api])
        yield seconds
        yield GaugeMetricFamily(
            "registry_open_requests", "Requests that are being answered.", self._open
        )

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)


def _cumulated(counts: list[int]) -> list[tuple[str, float]]:
    """For each bound the number of times up to it, as Prometheus has it."""
    found, total = [], 0
    for bound, count in zip((*map(str, map(float, _BUCKETS)), "+Inf"), counts, strict=True):
        total += count
        found.append((bound, float(total)))
    return found
