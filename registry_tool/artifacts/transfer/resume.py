"""An object's bytes as one stream: after the part that exists, across broken connections, in ranges."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Final, TypeVar

from registry_tool.artifacts.hashing import ByteReader
from registry_tool.artifacts.remotes.base import ObjectSource, RangeSource
from registry_tool.errors import CorruptObjectError, MissingObjectError, RemoteError

__all__ = ["Chain", "Prefix", "reading"]

_TRIES: Final = 4
_FIRST_PAUSE: Final = 0.25
_PIECE: Final = 8 << 20
_AT_ONCE: Final = 4
_WORTH_PIECES: Final = 4 * _PIECE
_T = TypeVar("_T")


def _again(ask: Callable[[], _T]) -> _T:
    """Ask, and after a trouble that may pass ask again, after longer and longer pauses."""
    for tried in range(1, _TRIES):
        try:
            return ask()
        except (MissingObjectError, CorruptObjectError):
            raise
        except RemoteError:
            Event().wait(_FIRST_PAUSE * 2**tried)
    return ask()


class Prefix:
    """The first bytes of a file, which may grow behind them.

    Args:
        file: Open for reading, at its start.
        size: How many.
    """

    def __init__(self, file: ByteReader, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int, /) -> bytes:
        """See ``ByteReader``."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


class Chain:
    """One stream after the other."""

    def __init__(self, *streams: ByteReader) -> None:
        self._streams = deque(streams)

    def read(self, size: int, /) -> bytes:
        """See ``ByteReader``."""
        while self._streams:
            if data := self._streams[0].read(size):
                return data
            self._streams.popleft()
        return b""


class _Persistent:
    """An object from an offset on; a connection that breaks is made again where it broke."""

    def __init__(self, source: ObjectSource, md5: str, start: int) -> None:
        self._source, self._md5, self._at = source, md5, start
        self._stream = self._open_source()

    def _open_source(self) -> ByteReader:
        self._download = self._source.download(self._md5, start=self._at)
        return self._download.__enter__()

    def _read_again(self, size: int) -> bytes:
        self.close()
        self._stream = self._open_source()
        return self._stream.read(size)

    def read(self, size: int, /) -> bytes:
        """See ``ByteReader``."""
        try:
            data = self._stream.read(size)
        except RemoteError:
            data = _again(lambda: self._read_again(size))
        self._at += len(data)
        return data

    def close(self) -> None:
        """Let go of the connection."""
        self._download.__exit__(None, None, None)


class _Pieces:
    """An object from an offset on, several pieces at a time, in their order; at most five are in memory."""

    def __init__(
        self, ask: Callable[[int, int], bytes], first: bytes, start: int, stop: int
    ) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._ask = ask
        self._starts = iter(range(start + len(first), stop, _PIECE))
        self._stop = stop
        self._coming: deque[Future[bytes]] = deque()
        self._here = memoryview(first)
        for _ in range(_AT_ONCE):
            self._send()

    def _send(self) -> None:
        if (start := next(self._starts, None)) is not None:
            stop = min(start + _PIECE, self._stop)
            self._coming.append(self._pool.submit(self._ask, start, stop))

    def read(self, size: int, /) -> bytes:
        """See ``ByteReader``."""
        if not self._here and self._coming:
            self._here = memoryview(self._coming.popleft().result())
            self._send()
        data, self._here = bytes(self._here[:size]), self._here[size:]
        return data

    def close(self) -> None:
        """Does not wait for requests that were sent already."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _in_pieces(source: RangeSource, md5: str, start: int, stop: int) -> _Pieces | None:
    """A stream of pieces; None where the source gives none of this object."""

    def ask(first: int, last: int) -> bytes:
        piece = source.piece(md5, first, last)
        if piece is None:
            raise RemoteError(f"the server stopped serving ranges of the object {md5}")
        return piece

    try:
        first = source.piece(md5, start, start + _PIECE)
    except MissingObjectError:
        raise
    except RemoteError:  # a single stream reports the error, or resumes
        return None
    if first is None:
        return None
    return _Pieces(lambda at, to: _again(lambda: ask(at, to)), first, start, stop)


@contextmanager
def reading(
    source: ObjectSource, md5: str, *, start: int, size: int | None
) -> Iterator[ByteReader]:
    """An object's bytes from an offset on: large ones in pieces where the source gives such.

    Args:
        source: Where it is.
        md5: Which one.
        start: The offset.
        size: How many bytes it should have, where that is known.

    Raises:
        MissingObjectError: It does not exist.
        RemoteError: The source cannot be used, also after several tries.
    """
    stream: _Pieces | _Persistent | None = None
    if size is not None and size - start >= _WORTH_PIECES and isinstance(source, RangeSource):
        # One byte more than there should be: an object that is too long is noticed.
        stream = _in_pieces(source, md5, start, size + 1)
    if stream is None:
        stream = _Persistent(source, md5, start)
    try:
        yield stream
    finally:
        stream.close()
