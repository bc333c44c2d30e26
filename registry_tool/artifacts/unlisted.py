"""A folder whose manifest does not list its files: DVC's object for it does, by md5 alone.

The manifest names that object by its md5, and the folder as a whole by a sha256 that follows from all its files. So each
file is held to its md5 while it streams in, and all of them together to the sha256 before anything gets a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from registry_tool.artifacts.claims import Claim
from registry_tool.artifacts.entry import StoredEntry, not_as_said
from registry_tool.artifacts.folders import Listed, Member
from registry_tool.artifacts.hashing import Digest
from registry_tool.artifacts.journal import Journal
from registry_tool.artifacts.receiving import Receiver, Wanted
from registry_tool.artifacts.remote import read_listing
from registry_tool.artifacts.source import Source
from registry_tool.errors import CorruptObject, MissingObject

__all__ = ["Unlisted"]


class Unlisted:
    """Such a folder while it is fetched.

    Args:
        entry: What the manifest says of it.
        claim: The file in which is noted what its files are.
        receiver: Brings objects into the cache.

    Raises:
        CorruptObject: Its list of files is not the one that the manifest names, or a hostile one.
        MissingObject: No remote has the list.
        RemoteTrouble: No remote can be used.
    """

    def __init__(self, entry: StoredEntry, claim: Claim, receiver: Receiver) -> None:
        self._entry, self._claim, self._cache = entry, claim, receiver.cache
        self._listed: Sequence[Listed] = receiver.from_any(self._read)
        self._journal = Journal(claim)

    def _read(self, source: Source) -> list[Listed]:
        entry, label = self._entry, f"{self._entry.label}: its list of files"
        try:
            listed = read_listing(source, entry.md5, label=label)
        except MissingObject as exc:
            raise Wanted(label, entry.md5, None, None, entry.size).missing(source) from exc
        entry.check_count(len(listed))
        return listed

    def wanted(self) -> Iterator[Wanted]:
        """The files that are not in the cache."""
        for path, md5 in {item.md5: item for item in reversed(self._listed)}.values():
            known = self._journal.get(md5)
            if known is None or self._cache.find(known.sha256, known.size) is None:
                yield Wanted(f"{self._entry.label}: {path}", md5, None, None, self._entry.size)

    def note(self, digest: Digest) -> None:
        """A file came: it is this.

        Raises:
            CorruptObject: It makes more than the whole folder has.
        """
        self._journal.add(digest)
        if self._journal.size > self._entry.size:
            more = f"more than {self._entry.size}"
            raise not_as_said(self._entry.label, "size", self._entry.size, more)

    @property
    def left(self) -> int:
        """About how many bytes are still to come."""
        return self._entry.size - self._journal.size

    def finish(self) -> list[Member]:
        """All its files, which are in the cache.

        Raises:
            CorruptObject: Together they are not the folder that the manifest names.
        """
        digests = ((path, self._journal[md5]) for path, md5 in self._listed)
        members = [Member(path, found.size, found.sha256, found.md5) for path, found in digests]
        try:
            self._entry.check(members)
        except CorruptObject:
            self._claim.empty()
            raise
        self._cache.keep_members(self._entry.sha256, members)
        self._claim.empty()
        return members
