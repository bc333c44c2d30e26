"""A folder whose manifest does not list its files: DVC's object of the folder lists them, by md5 alone.

The manifest names that object by md5, and the folder as a whole by a sha256 computed from all its files. Each file is
checked against its md5 while it is downloaded, and all of them together against the sha256 before any gets a path.

``ListingJournal`` keeps the sha256 and size of each downloaded file, so that a fetch that resumes after a kill need not
hash them again. It is not trusted: in the end everything together must give the sha256 of the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Final

from registry_tool.artifacts.cache.locks import DownloadLock
from registry_tool.artifacts.dvc_files import Listed, Member
from registry_tool.artifacts.entry import StoredEntry, mismatch_error
from registry_tool.artifacts.hashing import Digest
from registry_tool.artifacts.remotes.base import ObjectSource, read_listing
from registry_tool.artifacts.transfer.download import Downloader, WantedObject
from registry_tool.errors import CorruptObjectError, MissingObjectError

__all__ = [
    "ListingJournal",
    "UnlistedFolder",
]

_LINE: Final = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{64}) ([0-9]{1,18})")


class ListingJournal:
    """The digests of files, by md5.

    Args:
        claim: The file it is kept in.
    """

    def __init__(self, claim: DownloadLock) -> None:
        self._handle = claim.handle
        self._guard = Lock()
        lines = claim.path.read_bytes().decode("ascii", "replace").splitlines()
        found = (match for line in lines if (match := _LINE.fullmatch(line)))
        self._known = {m[1]: Digest(int(m[3]), m[1], m[2]) for m in found}
        self._size = sum(digest.size for digest in self._known.values())
        os.lseek(self._handle, 0, os.SEEK_END)
        if lines:
            os.write(self._handle, b"\n")  # a kill may have cut off the last line

    def __getitem__(self, md5: str) -> Digest:
        return self._known[md5]

    def get(self, md5: str) -> Digest | None:
        """What a file is, where it is known."""
        return self._known.get(md5)

    @property
    def size(self) -> int:
        """The bytes of all of them."""
        return self._size

    def add(self, digest: Digest) -> None:
        """Note what a file is."""
        with self._guard:
            if digest.md5 not in self._known:
                self._size += digest.size
            self._known[digest.md5] = digest
            os.write(self._handle, f"{digest.md5} {digest.sha256} {digest.size}\n".encode())


class UnlistedFolder:
    """Such a folder while it is fetched.

    Args:
        entry: What the manifest says of it.
        claim: The file in which is noted what its files are.
        receiver: Downloads objects into the cache.

    Raises:
        CorruptObjectError: Its list of files is not the one that the manifest names, or a hostile one.
        MissingObjectError: No remote has the list.
        RemoteError: No remote can be used.
    """

    def __init__(self, entry: StoredEntry, claim: DownloadLock, receiver: Downloader) -> None:
        self._entry, self._claim, self._cache = entry, claim, receiver.cache
        self._listed: Sequence[Listed] = receiver.from_any(self._read)
        self._journal = ListingJournal(claim)

    def _read(self, source: ObjectSource) -> list[Listed]:
        entry, label = self._entry, f"{self._entry.label}: its list of files"
        try:
            listed = read_listing(source, entry.md5, label=label)
        except MissingObjectError as exc:
            raise WantedObject(label, entry.md5, None, None, entry.size).missing(source) from exc
        entry.check_count(len(listed))
        return listed

    def list_wanted(self) -> Iterator[WantedObject]:
        """The files that are not in the cache."""
        for path, md5 in {item.md5: item for item in reversed(self._listed)}.values():
            known = self._journal.get(md5)
            if known is None or self._cache.find(known.sha256, known.size) is None:
                yield WantedObject(
                    f"{self._entry.label}: {path}", md5, None, None, self._entry.size
                )

    def note(self, digest: Digest) -> None:
        """A file came: it is this.

        Raises:
            CorruptObjectError: It makes more than the whole folder has.
        """
        self._journal.add(digest)
        if self._journal.size > self._entry.size:
            more = f"more than {self._entry.size}"
            raise mismatch_error(self._entry.label, "size", self._entry.size, more)

    @property
    def left(self) -> int:
        """About how many bytes are still to come."""
        return self._entry.size - self._journal.size

    def finish(self) -> list[Member]:
        """All its files, which are in the cache.

        Raises:
            CorruptObjectError: Together they are not the folder that the manifest names.
        """
        digests = ((path, self._journal[md5]) for path, md5 in self._listed)
        members = [Member(path, found.size, found.sha256, found.md5) for path, found in digests]
        try:
            self._entry.check(members)
        except CorruptObjectError:
            self._claim.empty()
            raise
        self._cache.keep_members(self._entry.sha256, members)
        self._claim.empty()
        return members
