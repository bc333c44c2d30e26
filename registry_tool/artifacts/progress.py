"""Progress of long work, notices while it waits for another process, and work on many objects in threads.

The library never draws: it calls a ``Progress``. Threads help because hashing and waiting for a remote both release the
interpreter lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

__all__ = ["SILENT", "Progress", "WaitNotice", "in_parallel", "say_nothing", "show_progress"]


class Progress(Protocol):
    """What a progress bar must offer. ``advance`` is called from several threads at once."""

    def start(self, total_bytes: int, description: str) -> None:
        """Work of about ``total_bytes`` begins."""

    def advance(self, n: int) -> None:
        """``n`` more bytes are done."""

    def finish(self) -> None:
        """The work ended, well or not."""


class _SilentProgress:
    def start(self, total_bytes: int, description: str) -> None:
        pass

    def advance(self, n: int) -> None:
        pass

    def finish(self) -> None:
        pass


SILENT: Final[Progress] = _SilentProgress()


@contextmanager
def show_progress(progress: Progress, total_bytes: int, description: str) -> Iterator[Progress]:
    """Start and surely finish one piece of work."""
    progress.start(total_bytes, description)
    try:
        yield progress
    finally:
        progress.finish()


_WORDS_AFTER: Final = 1.0


def say_nothing(_words: str) -> None:
    """Ignores notices."""


class WaitNotice:
    """Says once, after a second, that another process is waited for.

    Args:
        label: What it fetches.
        tell: Receives the notice.
    """

    def __init__(self, label: str, tell: Callable[[str], None]) -> None:
        self._label, self._tell = label, tell
        self._since = 0.0

    def wait(self, _there: int = 0) -> None:
        """Another process is still downloading."""
        now = time.monotonic()
        if not self._since:
            self._since = now
        elif now - self._since > _WORDS_AFTER:
            self._since = float("inf")
            self._tell(f"waiting for another process to download {self._label} …")


_WORKERS: Final = 8
_T = TypeVar("_T")
_R = TypeVar("_R")


def in_parallel(
    work: Callable[[_T], _R], items: Sequence[_T], *, workers: int = _WORKERS
) -> list[_R]:
    """The results in the order of the items; the first error ends the work instead of waiting for the rest."""
    if len(items) <= 1:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # imports logging, which a cold start avoids

    with ThreadPoolExecutor(workers) as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
