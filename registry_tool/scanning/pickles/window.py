"""The part of a file that a walk of a pickle looks at: a window that goes forward, instruction by instruction."""

from __future__ import annotations

from typing import Final

from registry_tool.scanning.stream import MalformedFileError, Stream, TooLargeError

__all__ = ["WINDOW", "Window"]

WINDOW: Final = 64 << 10


class Window:
    """Bytes of a stream, from where an instruction is read.

    Args:
        stream: The file, where the pickle begins.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = b""
        self._at = 0
        # True where the window reaches the end of the file.
        self._ends = False

    def _refill(self) -> None:
        self._stream.skip(self._at)
        self._buffer, self._at = self._stream.peek(WINDOW), 0
        self._ends = len(self._buffer) < WINDOW

    def hand_over(self) -> None:
        """Let the stream stand behind the last instruction, for whoever reads between instructions."""
        self._stream.skip(self._at)
        self._buffer, self._at = b"", 0

    def _skip(self, size: int) -> None:
        if size <= len(self._buffer) - self._at:
            self._at += size
            return
        self._at += size
        self._refill()

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._buffer):
            self._refill()
            end = size
            if end > len(self._buffer):
                raise MalformedFileError("it ends too early")
        found = self._buffer[self._at : end]
        self._at = end
        return found

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def _line(self) -> bytes:
        """The rest of a line.

        Raises:
            TooLargeError: It is longer than a window.
        """
        found = self._line_or_none()
        if found is None:
            raise TooLargeError("a line is longer than 64 KiB")
        return found

    def _line_or_none(self) -> bytes | None:
        """The rest of a line; None for one that is longer than a window, which is passed over."""
        if (end := self._buffer.find(b"\n", self._at)) < 0:
            self._refill()
            end = self._buffer.find(b"\n")
        if end >= 0:
            found = self._buffer[self._at : end]
            self._at = end + 1
            return found
        while end < 0:
            self._at = len(self._buffer)
            self._refill()
            if not self._buffer:
                raise MalformedFileError("it ends too early")
            end = self._buffer.find(b"\n")
        self._at = end + 1
        return None
