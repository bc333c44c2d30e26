"""One object from a remote into the cache: hashed while it streams in, kept only when every byte was right.

An object of some size goes into an unfinished file that one process at a time has locked; if that process dies, the
next one resumes there, and hashes the existing part again. When a remote does not have an object, or has different
content, the next one is tried.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.locks import DownloadLock
from registry_tool.artifacts.entry import mismatch_error
from registry_tool.artifacts.filesystem import SparseWriter
from registry_tool.artifacts.hashing import ByteReader, Digest, digest_stream
from registry_tool.artifacts.progress import SILENT, Progress, WaitNotice, say_nothing
from registry_tool.artifacts.remotes.base import ObjectSource
from registry_tool.artifacts.transfer.resume import Chain, Prefix, reading
from registry_tool.errors import CorruptObjectError, MissingObjectError, RemoteError

__all__ = ["Downloader", "WantedObject"]

# Below this an object is fetched again sooner than it is looked for.
_WORTH_RESUMING: Final = 1 << 20
_T = TypeVar("_T")


class WantedObject(NamedTuple):
    """One object that is not here.

    Attributes:
        label: What messages call it.
        md5: Its address.
        sha256: None for a file of a folder whose manifest does not list its files.
        size: In bytes; None as for ``sha256``.
        limit: No object has more bytes than this.
        alone: True for a whole artifact: several processes may want it at once, whatever its size.
    """

    label: str
    md5: str
    sha256: str | None
    size: int | None
    limit: int
    alone: bool = False

    def check(self, found: Digest, source: ObjectSource) -> None:
        """Check that these are the requested bytes.

        Raises:
            CorruptObjectError: They are not.
        """
        where = f", in the object {self.md5} on the remote {source.name} ({source.url})"
        if self.size is not None and found.size != self.size:
            size = f"more than {self.size}" if found.size > self.size else found.size
            raise mismatch_error(self.label, "size", self.size, size, where=where)
        if found.md5 != self.md5:
            raise mismatch_error(self.label, "md5", self.md5, found.md5, where=where)
        if self.sha256 is not None and found.sha256 != self.sha256:
            raise mismatch_error(self.label, "sha256", self.sha256, found.sha256, where=where)

    def missing(self, source: ObjectSource) -> MissingObjectError:
        """It is not on that remote."""
        return MissingObjectError(
            f"{self.label} ({self.limit} bytes) is missing from the remote {source.name} ({source.url}):"
            f" no object {self.md5}",
            remedy="ask its author to restore it: registry upload REF PATH",
        )


class _HighWaterMark:
    """How far an object came: bytes that are read again count once."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._reached = advance, 0

    def reach(self, position: int) -> None:
        """The object has this many bytes."""
        if position > self._reached:
            self._advance(position - self._reached)
            self._reached = position

    def from_start(self) -> Callable[[int], None]:
        """Counts the bytes of one try."""
        position = 0

        def count(n: int) -> None:
            nonlocal position
            position += n
            self.reach(position)

        return count


class _SkippingWriter:
    """Writes only the bytes after those that exist already."""

    def __init__(self, sink: SparseWriter, there: int) -> None:
        self._sink, self._skip = sink, there

    def write(self, data: bytes, /) -> None:
        """See ``ByteWriter``; a chunk is never of both."""
        if self._skip:
            self._skip -= len(data)
        else:
            self._sink.write(data)


def _weight(trouble: RemoteError) -> int:
    if isinstance(trouble, CorruptObjectError):
        return 0
    return 2 if isinstance(trouble, MissingObjectError) else 1


@contextmanager
def _in_words(wanted: WantedObject, source: ObjectSource) -> Iterator[None]:
    try:
        yield
    except MissingObjectError as exc:
        raise wanted.missing(source) from exc


@dataclass(frozen=True)
class Downloader:
    """Downloads objects into a cache.

    Attributes:
        sources: Open the remotes, which are tried in turn.
        cache: Where the objects are kept.
        progress: Receives the number of their bytes, including those that another process downloads.
        tell: Receives notices: why it tries another remote.
    """

    sources: Sequence[Callable[[], ObjectSource]]
    cache: Cache
    progress: Progress = SILENT
    tell: Callable[[str], None] = say_nothing
    _told: set[tuple[str, type]] = field(default_factory=set, repr=False)

    def receive(self, wanted: WantedObject) -> Digest:
        """One object, verified and in the cache.

        Raises:
            CorruptObjectError: A byte is not what the manifest says; nothing was kept.
            MissingObjectError: No remote has it.
            RemoteError: No remote can be used.
            OperationalError: The cache cannot be written.
        """
        size, sha256 = wanted.size, wanted.sha256
        if size is None or sha256 is None or not (wanted.alone or size >= _WORTH_RESUMING):
            return self.from_any(lambda source: self._at_once(wanted, source))
        mark, patience = _HighWaterMark(self.progress.advance), WaitNotice(wanted.label, self.tell)

        def is_done() -> bool:
            return self.cache.find(sha256, size) is not None

        def waiting(there: int) -> None:
            self.progress.advance(0)  # which ends the wait when the fetch ends
            mark.reach(there)
            patience.wait()

        with self.cache.claim(sha256, is_done=is_done, waiting=waiting) as claim:
            if claim is not None:
                self.from_any(lambda source: self._go_on(wanted, source, claim, mark))
                self.cache.adopt(claim, Digest(size, wanted.md5, sha256))
        mark.reach(size)
        return Digest(size, wanted.md5, sha256)

    def from_any(self, ask: Callable[[ObjectSource], _T]) -> _T:
        """The answer of the first remote that has one.

        Raises:
            RemoteError: None has. Wrong content is reported before other errors, and those before a missing object.
        """
        troubles: list[RemoteError] = []
        for opened in self.sources:
            try:
                return ask(opened())
            except RemoteError as exc:
                troubles.append(exc)
                if opened is not self.sources[-1]:
                    self._tell_once(exc)
        raise min(troubles, key=_weight)

    def _tell_once(self, exc: RemoteError) -> None:
        """Report why another remote is tried; of many objects only the first is named."""
        about = (exc.message.partition(" remote ")[2], type(exc))
        if about not in self._told:
            self._told.add(about)
            self.tell(f"{exc.message}; trying the next remote")

    def _at_once(self, wanted: WantedObject, source: ObjectSource) -> Digest:
        """A small object: after an interruption it starts again."""
        with (
            _in_words(wanted, source),
            reading(source, wanted.md5, start=0, size=wanted.size) as stream,
        ):
            return self.cache.add_stream(
                stream,
                check=lambda found: wanted.check(found, source),
                expected=wanted.size or 0,
                limit=wanted.limit,
                progress=self.progress.advance,
            ).digest

    def _go_on(
        self, wanted: WantedObject, source: ObjectSource, claim: DownloadLock, mark: _HighWaterMark
    ) -> None:
        """Download the rest of an object. If the content is wrong, the part that existed may be the cause: start again."""
        there = claim.size
        if there > wanted.limit:
            claim.empty()
            there = 0
        try:
            self._stream_in(wanted, source, claim, mark, there)
        except CorruptObjectError:
            claim.empty()
            if not there:
                raise
        else:
            return
        try:
            self._stream_in(wanted, source, claim, mark, 0)
        except CorruptObjectError:
            claim.empty()
            raise

    def _stream_in(
        self,
        wanted: WantedObject,
        source: ObjectSource,
        claim: DownloadLock,
        mark: _HighWaterMark,
        there: int,
    ) -> None:
        with ExitStack() as held:
            held.enter_context(self.cache.usable())
            held.enter_context(_in_words(wanted, source))
            here = held.enter_context(claim.path.open("rb", buffering=0))
            os.lseek(claim.handle, there, os.SEEK_SET)
            streams: list[ByteReader] = [Prefix(here, there)]
            if there < wanted.limit or not there:
                rest = reading(source, wanted.md5, start=there, size=wanted.size)
                streams.append(held.enter_context(rest))
            sink = SparseWriter(claim.handle)
            found = digest_stream(
                Chain(*streams),
                sink=_SkippingWriter(sink, there),
                progress=mark.from_start(),
                expected=wanted.limit,
                limit=wanted.limit,
            )
            wanted.check(found, source)
            sink.end()
