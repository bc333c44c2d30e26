"""From manifests' entries to verified content in the cache.

Size, md5 and sha256 are checked while the bytes arrive; nothing gets a path before all of them are right. Everything
that several artifacts lack is downloaded together in threads, large objects one by one and small ones in batches; the
first error stops the rest. Of several processes that want the same object, one downloads it and the others wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Final, NamedTuple

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.eviction import NO_ROOM, make_room
from registry_tool.artifacts.dvc_files import Member
from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.hashing import Digest
from registry_tool.artifacts.progress import (
    SILENT,
    Progress,
    WaitNotice,
    say_nothing,
    show_progress,
)
from registry_tool.artifacts.remotes.base import ObjectSource
from registry_tool.artifacts.transfer.download import Downloader, WantedObject
from registry_tool.artifacts.transfer.folder_listing import UnlistedFolder
from registry_tool.errors import OfflineError, RemoteError

__all__ = [
    "CachedArtifact",
    "DownloadJob",
    "Fetcher",
    "StoppableProgress",
    "run_jobs",
]

_WORKERS: Final = 8
_WORKERS_ON_DISK: Final = 2  # a folder is not waited for; more threads wait for the interpreter
_LARGE: Final = 1 << 20
_BATCH: Final = 16


class DownloadJob(NamedTuple):
    """An object to download, and a callback for its digest."""

    wanted: WantedObject
    then: Callable[[Digest], object]


class _StoppedError(Exception):
    """Another object failed, or the user interrupted: this one is not wanted any more."""


class StoppableProgress:
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


def _batches(jobs: Sequence[DownloadJob]) -> Iterator[Sequence[DownloadJob]]:
    """Large objects one by one, the largest first, so that none is left for the end; then small ones by the dozen."""
    ordered = sorted(jobs, key=lambda job: -(job.wanted.size or 0))
    large = [job for job in ordered if (job.wanted.size or 0) >= _LARGE]
    yield from ([job] for job in large)
    for start in range(len(large), len(ordered), _BATCH):
        yield ordered[start : start + _BATCH]


def _workers(receiver: Downloader) -> int:
    try:
        is_folder = "://" not in receiver.sources[0]().url
    except RemoteError:  # reported when it is needed
        return _WORKERS
    return _WORKERS_ON_DISK if is_folder else _WORKERS


def run_jobs(jobs: Sequence[DownloadJob], receiver: Downloader, stop: Event) -> None:
    """Do all of it; the first trouble, and an interruption, end the rest at once."""

    def work(batch: Sequence[DownloadJob]) -> None:
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


class CachedArtifact(NamedTuple):
    """An artifact whose bytes are all in the cache.

    Attributes:
        entry: What its manifest says of it.
        members: Its files; of a file itself one, without a path.
    """

    entry: StoredEntry
    members: Sequence[Member]


class _LazySource:
    """Opens a remote when it is first needed, once for all threads."""

    def __init__(self, opened: Callable[[], ObjectSource]) -> None:
        self._open, self._guard = opened, Lock()
        self._source: ObjectSource | None = None

    def __call__(self) -> ObjectSource:
        with self._guard:
            if self._source is None:
                self._source = self._open()
            return self._source


def _find_members(entry: StoredEntry, cache: Cache) -> Sequence[Member] | None:
    """The files of an artifact; None for a folder of many files that was never here."""
    if not entry.is_folder:
        return (Member("", entry.size, entry.sha256, entry.md5),)
    if entry.members:
        return entry.members
    members = cache.find_members(entry.sha256)
    if members is not None:
        entry.check(members)
    return members


def _make_wanted(entry: StoredEntry, member: Member) -> WantedObject:
    label = f"{entry.label}: {member.path}" if entry.is_folder else entry.label
    size = member.size
    return WantedObject(label, member.md5, member.sha256, size, size, alone=not entry.is_folder)


class _FetchRun:
    """One fetch of what several artifacts lack, while no other process fetches the same folders."""

    def __init__(self, entries: Sequence[StoredEntry], receiver: Downloader) -> None:
        self._entries, self.receiver, self._cache = entries, receiver, receiver.cache
        self._unlisted: dict[str, UnlistedFolder] = {}

    def lock(self, held: ExitStack) -> None:
        """In the order of their digests, so that two processes with the same two do not wait for each other."""
        folders = {entry.sha256: entry for entry in self._entries if entry.is_folder}
        for sha256, entry in sorted(folders.items()):
            patience = WaitNotice(entry.label, self.receiver.tell)
            claiming = self._cache.claim(sha256, is_done=lambda: False, waiting=patience.wait)
            claim = held.enter_context(claiming)
            if claim is not None and _find_members(entry, self._cache) is None:
                self._unlisted[sha256] = UnlistedFolder(entry, claim, self.receiver)

    def jobs(self) -> Iterator[DownloadJob]:
        """Each object that is not here, once."""
        seen: set[str] = set()
        for entry in self._entries:
            unlisted = self._unlisted.get(entry.sha256)
            if unlisted is not None:
                yield from (DownloadJob(wanted, unlisted.note) for wanted in unlisted.list_wanted())
                continue
            for member in self._cache.lacking(_find_members(entry, self._cache) or ()):
                if member.sha256 not in seen:
                    seen.add(member.sha256)
                    yield DownloadJob(_make_wanted(entry, member), lambda _: None)

    def total(self, jobs: Sequence[DownloadJob]) -> int:
        """About how many bytes are to come."""
        left = sum(unlisted.left for unlisted in self._unlisted.values())
        return left + sum(job.wanted.size or 0 for job in jobs)

    def finish(self) -> dict[str, Sequence[Member]]:
        """The files of the folders that were not listed."""
        return {sha256: unlisted.finish() for sha256, unlisted in self._unlisted.items()}


def _offline_error(lacking: Sequence[StoredEntry]) -> OfflineError:
    first, *others = (entry.label for entry in lacking)
    what = f"{first} and {len(others)} more are" if others else f"{first} is"
    return OfflineError(
        f"{what} not in the cache, and --offline forbids downloads",
        remedy="run the command once without --offline",
    )


@dataclass(frozen=True)
class Fetcher:
    """Fetches artifacts into a cache.

    Attributes:
        sources: Open the remotes, which are tried in turn; none is opened while the cache has everything. Without any,
            what the cache does not have cannot be fetched.
        cache: Where the bytes are kept.
        progress: Receives the number of bytes that had to be downloaded.
        tell: Receives notices: what it waits for, why it tries another remote.
        bounded: False where the user's limit for caches does not matter, or was seen to already.
    """

    sources: Sequence[Callable[[], ObjectSource]]
    cache: Cache
    progress: Progress = SILENT
    tell: Callable[[str], None] = say_nothing
    bounded: bool = True

    def lacking(self, requests: Sequence[ArtifactRequest]) -> list[StoredEntry]:
        """What the cache does not have, or not all of it.

        Raises:
            NotFoundError: A folder has no such file.
        """
        entries = [request.narrow() for request in requests]
        known = [_find_members(entry, self.cache) for entry in entries]
        return [
            entry
            for entry, members in zip(entries, known, strict=True)
            if members is None or self.cache.lacking(members)
        ]

    def fetch(self, requests: Sequence[ArtifactRequest]) -> list[CachedArtifact]:
        """Fetch all missing objects of the requested artifacts.

        Raises:
            CorruptObjectError: A byte is not what the manifest says; it was not kept.
            MissingObjectError: No remote has an object.
            RemoteError: No remote can be used.
            NotFoundError: A folder has no such file.
            OfflineError: There are no remotes to ask.
            OperationalError: The cache cannot be written.
        """
        entries = [request.narrow() for request in requests]
        members: dict[str, Sequence[Member]] = {}
        if lacking := self.lacking(requests):
            if not self.sources:
                raise _offline_error(lacking)
            self.cache.sweep()
            progress = StoppableProgress(self.progress)
            opened = [_LazySource(one) for one in self.sources]
            run = _FetchRun(entries, Downloader(opened, self.cache, progress, self.tell))
            with ExitStack() as held:
                run.lock(held)
                if jobs := list(run.jobs()):
                    if self.bounded and not make_room(self.cache, run.total(jobs)):
                        self.tell(f"the cache {self.cache.root} exceeds its limit: {NO_ROOM}")
                    what = entries[0].name if len(entries) == 1 else f"{len(entries)} artifacts"
                    with show_progress(progress, run.total(jobs), f"Fetching {what}"):
                        run_jobs(jobs, run.receiver, progress.stop)
                members = run.finish()
        return [
            self._content(request, entry, members.get(entry.sha256))
            for request, entry in zip(requests, entries, strict=True)
        ]

    def _content(
        self, request: ArtifactRequest, entry: StoredEntry, members: Sequence[Member] | None
    ) -> CachedArtifact:
        known = members or _find_members(entry, self.cache) or ()
        if request.file and entry.is_folder:
            entry = entry.file(request.file, known)
            known = _find_members(entry, self.cache) or ()
        return CachedArtifact(entry, known)

    def path(self, request: ArtifactRequest) -> Path:
        """A stable read-only path in the cache; see ``Cache``.

        Raises:
            OperationalError: The cache cannot be written; or as ``fetch``.
        """
        entry = request.narrow()
        is_whole = not (request.file and entry.is_folder)
        return (self._find(entry) if is_whole else None) or self._place(request)

    def _find(self, entry: StoredEntry) -> Path | None:
        if not entry.is_folder:
            return self.cache.find_file(entry.sha256, entry.size, entry.name)
        members = _find_members(entry, self.cache)
        if members is None:
            return None
        return self.cache.find_folder(entry.sha256, members, entry.name)

    def _place(self, request: ArtifactRequest) -> Path:
        entry, members = self.fetch([request])[0]
        if entry.is_folder:
            return self.cache.place_folder(entry.sha256, members, entry.name)
        return self.cache.place_file(entry.sha256, entry.size, entry.name)
