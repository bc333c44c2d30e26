"""A folder as one tar file, and back: the same bytes for the same files on every machine and at any time.

``pipe`` reads what a function writes while it runs; only a pipe is between them.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from registry_tool.artifacts.dvc_files import Member, member_problem, walk
from registry_tool.artifacts.filesystem import on_disk
from registry_tool.crypto.pyrage import Writable
from registry_tool.errors import ConflictError, CorruptObjectError
from registry_tool.scanning import Forward, MalformedFileError, Stream

__all__ = [
    "HashedFile",
    "Packer",
    "PipedStream",
    "pipe",
    "unpack",
]

_BLOCK: Final = 512
_CHUNK: Final = 1 << 20
_BROKEN: Final = (tarfile.TarError, ValueError, OverflowError, LookupError, RecursionError)


class HashedFile:
    """Counts and digests bytes; the md5 of plaintext is not needed."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Take some in."""
        self.size += len(data)
        self._sha256.update(data)

    def member(self, path: str) -> Member:
        """What they were, as a file of a folder."""
        return Member(path, self.size, self._sha256.hexdigest(), "")


def _changed_error(path: Path) -> ConflictError:
    return ConflictError(
        f"{path} changed while it was read", remedy="wait until it is complete and try again"
    )


def _content(path: Path, size: int, hashed: HashedFile) -> Iterator[bytes]:
    """The bytes of a file that must have exactly this size."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with on_disk(f"{path} cannot be read"):
        handle = os.open(path, flags)
        with os.fdopen(handle, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _changed_error(path)
            while piece := file.read(_CHUNK):
                hashed.update(piece)
                if hashed.size > size:
                    raise _changed_error(path)
                yield piece
    if hashed.size != size:
        raise _changed_error(path)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)  # mode 644, no time, no owner
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8")


class Packer:
    """A file as it is, or the files of a folder as a tar file: a stream to read once.

    Args:
        source: The file or folder.
        told: Called with the number of bytes of files, as they are read.

    Attributes:
        members: The folder's files that were read; of a file one, whose path is empty.
        is_folder: True for a folder.

    Raises:
        UsageError: The folder has no files, or contains what an artifact cannot contain.
    """

    def __init__(self, source: Path, told: Callable[[int], None]) -> None:
        self.is_folder = source.is_dir()
        self.members: list[Member] = []
        self._source = source
        self._told = told
        if self.is_folder:
            self._files = [(path, info.st_size) for path, info in walk(source)]
        else:
            with on_disk(f"{source} cannot be read"):
                self._files = [("", source.stat().st_size)]
        self._pieces = self._stream()
        self._ahead = memoryview(b"")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self._files)

    def _file(self, path: str, size: int) -> Iterator[bytes]:
        hashed = HashedFile()
        for piece in _content(self._source / path, size, hashed):
            yield piece
            self._told(len(piece))
        self.members.append(hashed.member(path))

    def _stream(self) -> Iterator[bytes]:
        if not self.is_folder:
            yield from self._file(*self._files[0])
            return
        for path, size in self._files:
            yield _header(path, size)
            yield from self._file(path, size)
            yield b"\0" * (-size % _BLOCK)
        yield b"\0" * (2 * _BLOCK)

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end.

        Raises:
            ConflictError: A file changed while it was read.
            OperationalError: One cannot be read.
        """
        while not self._ahead:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._ahead = memoryview(piece)
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return bytes(found)


def unpack(
    read: Callable[[int], bytes], label: str
) -> Iterator[tuple[str, int, Callable[[int], bytes]]]:
    """The files of a tar file that ``Packer`` made: path, size, and what reads the bytes.

    Args:
        read: The tar file.
        label: What messages call it.

    Raises:
        CorruptObjectError: It is not a tar file, or contains anything but regular files with plain relative paths.
    """
    stream = Stream(read)
    try:
        with tarfile.open(fileobj=Forward(stream), mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # it would keep every header in memory
                if not member.isreg() or member.issparse():
                    raise CorruptObjectError(
                        f"{label} contains an entry that is not a regular file: {member.name!a}"
                    )
                if problem := member_problem(member.name):
                    raise CorruptObjectError(
                        f"{label} contains {member.name[:200]!a}, which {problem}"
                    )
                yield member.name, member.size, stream.take
        # What encrypts it is only sure of the end once that is read.
        while piece := stream.some():
            if piece.strip(b"\0"):
                raise CorruptObjectError(f"{label} contains data after its last file")
    except MalformedFileError as exc:
        raise CorruptObjectError(f"{label} is not a valid archive: {exc}") from exc
    except _BROKEN as exc:
        raise CorruptObjectError(f"{label} is not a valid archive") from exc


def _run(work: Callable[[Writable], None], handle: int) -> None:
    with os.fdopen(handle, "wb", buffering=1 << 16) as writer:
        work(writer)


class PipedStream:
    """What a function writes, as a stream to read; its error is raised where the end would be."""

    def __init__(self, work: Callable[[Writable], None]) -> None:
        reading, writing = os.pipe()
        self._reading = os.fdopen(reading, "rb", buffering=0)
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(_run, work, writing)

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end.

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
def pipe(work: Callable[[Writable], None]) -> Iterator[PipedStream]:
    """Run a function that writes, and read what it writes.

    Args:
        work: Writes to what it is given; it runs in a separate thread.
    """
    flow = PipedStream(work)
    try:
        yield flow
    finally:
        flow.close()
