"""Objects fetched in threads: large ones one by one, small ones by the dozen, all ended by the first trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event
from typing import Final, NamedTuple

from registry_tool.artifacts.hashing import Digest
from registry_tool.artifacts.progress import Progress
from registry_tool.artifacts.receiving import Receiver, Wanted
from registry_tool.errors import RemoteTrouble

__all__ = ["Job", "Stoppable", "do_all"]

_WORKERS: Final = 8
_WORKERS_ON_DISK: Final = 2  # a folder is not waited for; more threads wait for the interpreter
_LARGE: Final = 1 << 20
_BATCH: Final = 16


class Job(NamedTuple):
    """An object to fetch, and who is told what it was."""

    wanted: Wanted
    then: Callable[[Digest], object]


class _StoppedError(Exception):
    """Another object failed, or the user interrupted: this one is not wanted any more."""


class Stoppable:
    """Progress through which work in other threads is ended at the next bytes.

    Attributes:
        stop: Set when it is to end.
    """

    def __init__(self, progress: Progress) -> None:
        self.stop = Event()
        self._progress = progress

    def start(self, total_bytes: int, description: str) -> None:
        """See ``Progress.start``."""
        self._progress.start(total_bytes, description)

    def advance(self, n: int) -> None:
        """See ``Progress.advance``; where work is to end, it ends here."""
        if self.stop.is_set():
            raise _StoppedError
        self._progress.advance(n)

    def finish(self) -> None:
        """See ``Progress.finish``."""
        self._progress.finish()


def _batches(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    """Large objects one by one, the largest first, so that none is left for the end; then small ones by the dozen."""
    ordered = sorted(jobs, key=lambda job: -(job.wanted.size or 0))
    large = [job for job in ordered if (job.wanted.size or 0) >= _LARGE]
    yield from ([job] for job in large)
    for start in range(len(large), len(ordered), _BATCH):
        yield ordered[start : start + _BATCH]


def _workers(receiver: Receiver) -> int:
    try:
        is_folder = "://" not in receiver.sources[0]().url
    except RemoteTrouble:  # said by whoever needs it
        return _WORKERS
    return _WORKERS_ON_DISK if is_folder else _WORKERS


def do_all(jobs: Sequence[Job], receiver: Receiver, stop: Event) -> None:
    """Do all of it; the first trouble, and an interruption, end the rest at once."""

    def work(batch: Sequence[Job]) -> None:
        for job in batch:
            job.then(receiver.receive(job.wanted))

    batches = list(_batches(jobs))
    pool = ThreadPoolExecutor(min(_workers(receiver), len(batches)))
    try:
        futures = [pool.submit(work, batch) for batch in batches]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for failed in (exc for future in done if (exc := future.exception())):
            raise failed
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
