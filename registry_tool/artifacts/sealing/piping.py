"""A function that writes, read as a stream: the two run at once, and nothing is kept between them but one pipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from registry_tool.encryption.package import Writable

__all__ = ["Flow", "flowing"]


def _run(work: Callable[[Writable], None], handle: int) -> None:
    with os.fdopen(handle, "wb", buffering=1 << 16) as writer:
        work(writer)


class Flow:
    """What a function writes, as a stream to read; its error is raised where the end would be."""

    def __init__(self, work: Callable[[Writable], None]) -> None:
        reading, writing = os.pipe()
        self._reading = os.fdopen(reading, "rb", buffering=0)
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(_run, work, writing)

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end.

        Raises:
            BaseException: What the function raised.
        """
        piece = self._reading.read(size)
        if not piece:
            self._done.result()
        return piece

    def close(self) -> None:
        """Read no more; the function's next write fails, and it ends."""
        self._reading.close()
        self._pool.shutdown()


@contextmanager
def flowing(work: Callable[[Writable], None]) -> Iterator[Flow]:
    """Run a function that writes, and read what it writes.

    Args:
        work: Writes to what it is given; it runs in a thread of its own.
    """
    flow = Flow(work)
    try:
        yield flow
    finally:
        flow.close()
