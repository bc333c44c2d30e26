"""Reading a file forward, within limits: the only way in which scanners see bytes."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

__all__ = ["PIECE_LIMIT", "MalformedFileError", "Stream", "TooLargeError"]

# No scanner holds more of a file than this at once.
PIECE_LIMIT: Final = 16 << 20
_CHUNK: Final = 64 << 10
_SPOOL: Final = 8 << 20


class MalformedFileError(ValueError):
    """The bytes are not what their format says."""


class TooLargeError(MalformedFileError):
    """A part of the file is larger than a scanner holds in memory."""


class Stream:
    """A file that is read once, from its beginning.

    Args:
        read: Gives at most so many bytes; none at the end.
        size: How many bytes there are, where that is known.
        file: The file itself, where one can move about in it.
    """

    def __init__(
        self, read: Callable[[int], bytes], *, size: int | None = None, file: BinaryIO | None = None
    ) -> None:
        self._read = read
        self._ahead = b""
        self._from = 0
        self._before = 0
        self.size = size
        self.file = file

    @classmethod
    def of(cls, file: BinaryIO, size: int) -> Stream:
        """A stream over a file on disk or in memory, from where it stands."""
        return cls(file.read, size=size, file=file)

    def tell(self) -> int:
        """How many bytes were taken."""
        return self._before + self._from

    def _more(self) -> bool:
        chunk = self._read(_CHUNK)
        if not chunk:
            return False
        self._before += self._from
        self._ahead = self._ahead[self._from :] + chunk
        self._from = 0
        return True

    def peek(self, size: int) -> bytes:
        """The next bytes, without taking them; fewer at the end."""
        while len(self._ahead) - self._from < size and self._more():
            pass
        return self._ahead[self._from : self._from + size]

    def some(self) -> bytes:
        """Some of the next bytes; none at the end."""
        if self._from == len(self._ahead) and not self._more():
            return b""
        found = self._ahead[self._from :]
        self._from = len(self._ahead)
        return found

    def take(self, size: int) -> bytes:
        """Exactly the next bytes.

        Raises:
            MalformedFileError: There are not so many.
            TooLargeError: So many are not held at once.
        """
        end = self._from + size
        if size >= 0 and end <= len(self._ahead):
            found = self._ahead[self._from : end]
            self._from = end
            return found
        if size < 0 or size > PIECE_LIMIT:
            raise TooLargeError(f"a part has {size} bytes")
        parts, missing = [], size
        while missing:
            if not (piece := self.some()):
                raise MalformedFileError("it ends too early")
            if len(piece) > missing:
                self._from -= len(piece) - missing
                piece = piece[:missing]
            parts.append(piece)
            missing -= len(piece)
        return b"".join(parts)

    def skip(self, size: int) -> None:
        """Pass over the next bytes.

        Raises:
            MalformedFileError: There are not so many.
        """
        ahead = len(self._ahead) - self._from
        if size > ahead and self.file is not None and self.size is not None:
            if self.tell() + size > self.size:
                raise MalformedFileError("it ends too early")
            self.file.seek(size - ahead, io.SEEK_CUR)
            self._before += self._from + size
            self._ahead, self._from = b"", 0
            return
        while size:
            if not (piece := self.some()):
                raise MalformedFileError("it ends too early")
            used = min(len(piece), size)
            self._from -= len(piece) - used
            size -= used

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Whole numbers, laid out as ``struct`` writes them."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def in_memory(self, limit: int) -> io.BytesIO:
        """The rest, as a file that one can move about in.

        Raises:
            TooLargeError: It is larger than that.
        """
        whole = io.BytesIO()
        while piece := self.some():
            if whole.tell() + len(piece) > limit:
                raise TooLargeError(f"it is larger than {limit} bytes")
            whole.write(piece)
        whole.seek(0)
        return whole

    @contextmanager
    def on_disk(self, limit: int) -> Iterator[BinaryIO]:
        """The rest, as a file that one can move about in: in memory where it is small, else in a temporary one.

        Raises:
            TooLargeError: It is larger than that.
        """
        from tempfile import SpooledTemporaryFile

        with SpooledTemporaryFile(max_size=_SPOOL) as whole:
            size = 0
            while piece := self.some():
                size += len(piece)
                if size > limit:
                    raise TooLargeError(f"it is larger than {limit} bytes")
                whole.write(piece)
            whole.seek(0)
            yield cast("BinaryIO", whole)
