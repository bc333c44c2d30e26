"""From manifests' entries to verified bytes in the cache.

Size, md5 and sha256 are checked while the bytes stream in; nothing gets a path before all of it was right. What several
artifacts lack is fetched together, several objects at a time. Of several processes that want the same, one fetches and
the others wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from registry_tool.artifacts.cache import Cache
from registry_tool.artifacts.entry import Request, StoredEntry
from registry_tool.artifacts.evicting import NO_ROOM, make_room
from registry_tool.artifacts.folders import Member
from registry_tool.artifacts.jobs import Job, Stoppable, do_all
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.receiving import Receiver, Wanted
from registry_tool.artifacts.source import Source
from registry_tool.artifacts.unlisted import Unlisted
from registry_tool.artifacts.waiting import Patience, say_nothing
from registry_tool.errors import OfflineError

__all__ = ["Content", "Fetcher", "fetch"]


class Content(NamedTuple):
    """An artifact whose bytes are all in the cache.

    Attributes:
        entry: What its manifest says of it.
        members: Its files; of a file itself one, without a path.
    """

    entry: StoredEntry
    members: Sequence[Member]


class _Opening:
    """Opens a remote when it is first needed, once for all threads."""

    def __init__(self, opened: Callable[[], Source]) -> None:
        self._open, self._guard = opened, Lock()
        self._source: Source | None = None

    def __call__(self) -> Source:
        with self._guard:
            if self._source is None:
                self._source = self._open()
            return self._source


def _known(entry: StoredEntry, cache: Cache) -> Sequence[Member] | None:
    """The files of an artifact; None for a folder of many files that was never here."""
    if not entry.is_folder:
        return (Member("", entry.size, entry.sha256, entry.md5),)
    if entry.members:
        return entry.members
    members = cache.find_members(entry.sha256)
    if members is not None:
        entry.check(members)
    return members


def _wanted(entry: StoredEntry, member: Member) -> Wanted:
    label = f"{entry.label}: {member.path}" if entry.is_folder else entry.label
    size = member.size
    return Wanted(label, member.md5, member.sha256, size, size, alone=not entry.is_folder)


class _Run:
    """One fetch of what several artifacts lack, while nobody else fetches the same folders."""

    def __init__(self, entries: Sequence[StoredEntry], receiver: Receiver) -> None:
        self._entries, self.receiver, self._cache = entries, receiver, receiver.cache
        self._unlisted: dict[str, Unlisted] = {}

    def lock(self, held: ExitStack) -> None:
        """In the order of their digests, so that two processes with the same two do not wait for each other."""
        folders = {entry.sha256: entry for entry in self._entries if entry.is_folder}
        for sha256, entry in sorted(folders.items()):
            patience = Patience(entry.label, self.receiver.tell)
            claiming = self._cache.claim(sha256, is_done=lambda: False, waiting=patience.wait)
            claim = held.enter_context(claiming)
            if claim is not None and _known(entry, self._cache) is None:
                self._unlisted[sha256] = Unlisted(entry, claim, self.receiver)

    def jobs(self) -> Iterator[Job]:
        """Each object that is not here, once."""
        seen: set[str] = set()
        for entry in self._entries:
            unlisted = self._unlisted.get(entry.sha256)
            if unlisted is not None:
                yield from (Job(wanted, unlisted.note) for wanted in unlisted.wanted())
                continue
            for member in self._cache.lacking(_known(entry, self._cache) or ()):
                if member.sha256 not in seen:
                    seen.add(member.sha256)
                    yield Job(_wanted(entry, member), lambda _: None)

    def total(self, jobs: Sequence[Job]) -> int:
        """About how many bytes are to come."""
        left = sum(unlisted.left for unlisted in self._unlisted.values())
        return left + sum(job.wanted.size or 0 for job in jobs)

    def finish(self) -> dict[str, Sequence[Member]]:
        """The files of the folders that nobody knew."""
        return {sha256: unlisted.finish() for sha256, unlisted in self._unlisted.items()}


def _offline(lacking: Sequence[StoredEntry]) -> OfflineError:
    first, *others = (entry.label for entry in lacking)
    what = f"{first} and {len(others)} more are" if others else f"{first} is"
    return OfflineError(
        f"{what} not in the cache, and --offline forbids to fetch",
        remedy="fetch it once without --offline",
    )


@dataclass(frozen=True)
class Fetcher:
    """Brings artifacts into a cache.

    Attributes:
        sources: Open the remotes, which are asked in turn; none is opened while the cache has everything. Without any,
            what the cache does not have cannot be brought.
        cache: Where the bytes are kept.
        progress: Told about the bytes that had to be fetched.
        tell: Told what is waited for, and why another remote is asked.
        bounded: False where the user's limit for caches does not matter, or was seen to already.
    """

    sources: Sequence[Callable[[], Source]]
    cache: Cache
    progress: Progress = SILENT
    tell: Callable[[str], None] = say_nothing
    bounded: bool = True

    def lacking(self, requests: Sequence[Request]) -> list[StoredEntry]:
        """What the cache does not have, or not all of it.

        Raises:
            NotFound: A folder has no such file.
        """
        entries = [request.narrowed() for request in requests]
        known = [_known(entry, self.cache) for entry in entries]
        return [
            entry
            for entry, members in zip(entries, known, strict=True)
            if members is None or self.cache.lacking(members)
        ]

    def bring(self, requests: Sequence[Request]) -> list[Content]:
        """See that all objects of what is asked for are in the cache.

        Raises:
            CorruptObject: A byte is not what the manifest says; it was not kept.
            MissingObject: No remote has an object.
            RemoteTrouble: No remote can be used.
            NotFound: A folder has no such file.
            OfflineError: There are no remotes to ask.
            EnvironmentTrouble: The cache cannot be written.
        """
        entries = [request.narrowed() for request in requests]
        members: dict[str, Sequence[Member]] = {}
        if lacking := self.lacking(requests):
            if not self.sources:
                raise _offline(lacking)
            self.cache.sweep()
            progress = Stoppable(self.progress)
            opened = [_Opening(one) for one in self.sources]
            run = _Run(entries, Receiver(opened, self.cache, progress, self.tell))
            with ExitStack() as held:
                run.lock(held)
                if jobs := list(run.jobs()):
                    if self.bounded and not make_room(self.cache, run.total(jobs)):
                        self.tell(f"the cache {self.cache.root} grows beyond its limit: {NO_ROOM}")
                    what = entries[0].name if len(entries) == 1 else f"{len(entries)} artifacts"
                    with shown(progress, run.total(jobs), f"Fetching {what}"):
                        do_all(jobs, run.receiver, progress.stop)
                members = run.finish()
        return [
            self._content(request, entry, members.get(entry.sha256))
            for request, entry in zip(requests, entries, strict=True)
        ]

    def _content(
        self, request: Request, entry: StoredEntry, members: Sequence[Member] | None
    ) -> Content:
        known = members or _known(entry, self.cache) or ()
        if request.file and entry.is_folder:
            entry = entry.file(request.file, known)
            known = _known(entry, self.cache) or ()
        return Content(entry, known)

    def path(self, request: Request) -> Path:
        """A stable read-only path in the cache; see ``Cache``.

        Raises:
            EnvironmentTrouble: The cache cannot be written; or as ``bring``.
        """
        entry = request.narrowed()
        is_whole = not (request.file and entry.is_folder)
        return (self._found(entry) if is_whole else None) or self._placed(request)

    def _found(self, entry: StoredEntry) -> Path | None:
        if not entry.is_folder:
            return self.cache.find_file(entry.sha256, entry.size, entry.name)
        members = _known(entry, self.cache)
        if members is None:
            return None
        return self.cache.find_folder(entry.sha256, members, entry.name)

    def _placed(self, request: Request) -> Path:
        entry, members = self.bring([request])[0]
        if entry.is_folder:
            return self.cache.place_folder(entry.sha256, members, entry.name)
        return self.cache.place_file(entry.sha256, entry.size, entry.name)


def fetch(
    entry: Mapping[str, object],
    remote_factory: Callable[[], Source],
    cache: Cache,
    *,
    progress: Progress = SILENT,
) -> Path:
    """The verified bytes of an artifact, at a stable read-only path in the cache.

    What is in the cache already is not asked of the remote; ``remote_factory`` is called at most once, and only when
    something is missing.

    Args:
        entry: The artifact's entry in a manifest: ``path``, ``size``, ``sha256``, ``md5``, ``nfiles``, ``files``.
        remote_factory: Opens the remote the bytes are on.
        cache: Where they are kept.
        progress: Told about the bytes that had to be fetched.

    Raises:
        CorruptObject: A byte is not what the manifest says; nothing was placed.
        MissingObject: The remote does not have an object.
        RemoteTrouble: The remote cannot be used.
        UsageError: The artifact is tracked elsewhere.
        InvalidManifest: The entry is not well formed.
        EnvironmentTrouble: The cache cannot be written.
    """
    fetcher = Fetcher((remote_factory,), cache, progress)
    return fetcher.path(Request(StoredEntry.read(entry)))
