"""From manifests' entries to verified bytes in the cache.

Size, md5 and sha256 are checked while the bytes stream in; nothing gets a path before all of it was right. What several
artifacts lack is fetched together, several objects at a time. Of several processes that want the same, one fetches and
the others wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from registry_tool.artifacts.cache import Cache
from registry_tool.artifacts.entry import StoredEntry, pick
from registry_tool.artifacts.folders import Member
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.receiving import Receiver, Wanted, say_nothing
from registry_tool.artifacts.source import Source
from registry_tool.artifacts.threads import in_parallel
from registry_tool.artifacts.unlisted import Unlisted
from registry_tool.artifacts.waiting import Patience

__all__ = ["Content", "bring", "fetch", "fetch_file"]


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


def _lacking(content: Content, cache: Cache) -> list[Member]:
    unique = {m.sha256: m for m in content.members}
    return [m for m in unique.values() if cache.find(m.sha256, m.size) is None]


def _wanted(entry: StoredEntry, member: Member) -> Wanted:
    label = f"{entry.label}: {member.path}" if entry.is_folder else entry.label
    size = member.size
    return Wanted(label, member.md5, member.sha256, size, size, alone=not entry.is_folder)


class _Fetch:
    """What is fetched for some artifacts, while nobody else fetches the same folders."""

    def __init__(self, entries: Sequence[StoredEntry], receiver: Receiver, held: ExitStack) -> None:
        self._receiver, self._cache = receiver, receiver.cache
        self._held = held
        self._entries = entries
        self._unlisted: dict[str, Unlisted] = {}

    def _lock_folders(self) -> None:
        """In the order of their digests: two processes that want the same two do not wait for each other."""
        folders = {entry.sha256: entry for entry in self._entries if entry.is_folder}
        for sha256, entry in sorted(folders.items()):
            patience = Patience(entry.label, self._receiver.tell)
            claim = self._held.enter_context(
                self._cache.claim(sha256, is_done=lambda: False, waiting=patience.wait)
            )
            if claim is not None and _known(entry, self._cache) is None:
                self._unlisted[sha256] = Unlisted(entry, claim, self._receiver)

    def _jobs(self) -> list[tuple[Wanted, Callable[[], None]]]:
        """What is to be done, once for each object; the largest first, so that none is left for the end."""
        jobs: dict[str, tuple[Wanted, Callable[[], None]]] = {}
        for entry in self._entries:
            if (unlisted := self._unlisted.get(entry.sha256)) is not None:
                jobs |= unlisted.jobs()
                continue
            members = _known(entry, self._cache) or ()
            for member in _lacking(Content(entry, members), self._cache):
                wanted = _wanted(entry, member)
                jobs[member.sha256] = (wanted, lambda wanted=wanted: self._receive(wanted))
        return sorted(jobs.values(), key=lambda job: -(job[0].size or 0))

    def _receive(self, wanted: Wanted) -> None:
        self._receiver.receive(wanted)

    def run(self) -> None:
        self._lock_folders()
        jobs = self._jobs()
