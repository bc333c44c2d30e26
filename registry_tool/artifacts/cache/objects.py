"""The objects of a cache: one read-only file for each content, by sha256. Paths are text here: there may be thousands."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.cache.locks import get_uses
from registry_tool.artifacts.cache.verified import is_verified, stamp
from registry_tool.artifacts.dvc_files import Member
from registry_tool.artifacts.filesystem import READ_ONLY, SparseWriter, make_read_only, write_all
from registry_tool.artifacts.hashing import (
    ByteReader,
    Digest,
    check_sha256,
    digest_stream,
    ignore_progress,
)

__all__ = ["CachedObject", "Objects"]

_SMALL: Final = 1 << 20
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


class CachedObject(NamedTuple):
    """Bytes that are in the cache, and where."""

    path: Path
    digest: Digest


def _whole(stream: ByteReader, first: int) -> tuple[bytes, bool]:
    """What a stream gives up to some size, and whether that was all."""
    data = stream.read(first)
    while data and len(data) < _SMALL:
        more = stream.read(_SMALL - len(data))
        if not more:
            return data, True
        data += more
    return data, not data


class _Begun:
    """A stream whose first bytes were read already."""

    def __init__(self, data: bytes, rest: ByteReader) -> None:
        self._data, self._rest = data, rest

    def read(self, size: int, /) -> bytes:
        """See ``ByteReader``."""
        data, self._data = self._data[:size], self._data[size:]
        return data or self._rest.read(size)


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108 - text


class Objects:
    """Objects below one folder; every method raises OSError as the system reports it.

    Args:
        root: The cache's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = f"{root}/objects/sha256"
        self._mark, self._number = secrets.token_hex(8), itertools.count()

    def place(self, sha256: str) -> str:
        """Where an object is, or would be."""
        check_sha256(sha256)
        return f"{self._folder}/{sha256[:2]}/{sha256[2:]}"

    def lacking(self, members: Iterable[Member]) -> list[Member]:
        """Those that are missing, once for each content. The others stay until this process ends."""
        unique = {member.sha256: member for member in members}
        if not os.path.isdir(self._root):  # noqa: PTH112 - text
            return [*unique.values()]
        get_uses(self._root).add(*unique)
        return [
            one
            for one in unique.values()
            if not is_verified(self.place(one.sha256), one.sha256, one.size)
        ]

    def add(
        self,
        stream: ByteReader,
        *,
        check: Callable[[Digest], None],
        expected: int = 0,
        limit: int | None = None,
        progress: Callable[[int], None] = ignore_progress,
    ) -> CachedObject:
        """Keep a stream's bytes; see ``Cache.add_stream``."""
        data, ended = _whole(stream, min(expected + 1, _SMALL) if expected else _SMALL)
        if ended:
            progress(len(data))
            return self._add_small(data, check)
        with self._making() as (path, handle):
            sink = SparseWriter(handle)
            digest = digest_stream(
                _Begun(data, stream), sink=sink, progress=progress, expected=expected, limit=limit
            )
            check(digest)
            sink.end()
            return CachedObject(self._move_in(path, digest, handle), digest)

    def _add_small(self, data: bytes, check: Callable[[Digest], None]) -> CachedObject:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        digest = Digest(len(data), md5, hashlib.sha256(data).hexdigest())
        check(digest)
        get_uses(self._root).add(digest.sha256)
        if is_verified(place := self.place(digest.sha256), digest.sha256, digest.size):
            return CachedObject(Path(place), digest)
        with self._making() as (path, handle):
            write_all(handle, data)
            return CachedObject(self._move_in(path, digest, handle), digest)

    def adopt(self, file: Path, digest: Digest, handle: int) -> None:
        """Keep an open file of the same disk, whose bytes were verified; nothing stays at its old path."""
        make_read_only(str(file), handle)
        self._move_in(str(file), digest, handle)

    def _move_in(self, path: str, digest: Digest, handle: int) -> Path:
        """Give a file its place, and only there its seal: in ``tmp`` it would look like one left over years ago."""
        get_uses(self._root).add(digest.sha256)
        place = self.place(digest.sha256)
        try:
            os.rename(path, place)  # noqa: PTH104 - text
        except FileNotFoundError:
            os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - text
            os.rename(path, place)  # noqa: PTH104 - text
        stamp(place, digest.sha256, handle)
        return Path(place)

    @contextmanager
    def _making(self) -> Iterator[tuple[str, int]]:
        """A fresh file, open for writing, which goes again unless it gets a place."""
        path, handle = self._temporary()
        try:
            yield path, handle
        except BaseException:
            _unlink(path)
            raise
        finally:
            os.close(handle)

    def _temporary(self) -> tuple[str, int]:
        """A fresh file in the making: its path, and open for writing; it becomes read-only when it is closed."""
        folder = f"{self._root}/tmp"  # noqa: S108 - the cache's own
        path = f"{folder}/.{self._mark}-{os.getpid():x}-{next(self._number):x}.tmp"
        try:
            return path, os.open(path, _NEW, READ_ONLY)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - text
            return path, os.open(path, _NEW, READ_ONLY)
