"""Bytes that arrive from a client: collected into a file, which disappears with the block that asked for it."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from types import TracebackType
from typing import IO, Final, Self

from starlette.requests import ClientDisconnect, Request

from registry_tool.artifacts.filesystem import on_disk
from registry_tool.errors import UsageError
from registry_tool.server.limits import BodyTooLargeError

__all__ = ["DigestedBytes", "ReceivedBytes", "UploadCutError", "receive_body"]

_MEMORY: Final = 1 << 20
_BUFFER: Final = 1 << 20


class UploadCutError(UsageError):
    """The bytes of an upload ended before all of them had come, or there were more than announced; nothing is kept."""


class ReceivedBytes:
    """The bytes of one upload. Use it in a ``with`` block, at whose end the file is closed.

    Small pieces are collected, so that a thread is asked once for each MiB.

    Args:
        file: Where to write them; a temporary file, in memory while it is small, by default.
        most: The maximum number of bytes; None where the request is limited elsewhere.

    Attributes:
        size: How many have arrived.
    """

    def __init__(self, file: IO[bytes] | None = None, *, most: int | None = None) -> None:
        self.size = 0
        self._most = most
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY) if file is None else file  # noqa: SIM115 (closed by __exit__)
        self._pieces: list[bytes] = []
        self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._file.close()

    def announce(self, size: int) -> None:
        """Say how many bytes will come.

        Raises:
            BodyTooLargeError: There are more than are allowed.
        """
        if self._most is not None and size > self._most:
            raise BodyTooLargeError

    def add(self, piece: bytes) -> bool:
        """Take in the next bytes. True where ``flush`` should be called before more come.

        Raises:
            BodyTooLargeError: There are more than are allowed.
        """
        self.size += len(piece)
        self.announce(self.size)
        self._pieces.append(piece)
        self._waiting += len(piece)
        return self._waiting >= _BUFFER

    async def flush(self) -> None:
        """Write what was collected.

        Raises:
            OperationalError: The file cannot be written.
        """
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        await asyncio.to_thread(self._write, whole)

    def _write(self, whole: bytes) -> None:
        with on_disk("the upload cannot be kept"):
            self._file.write(whole)

    @property
    def file(self) -> IO[bytes]:
        """The bytes, from the first on; all of them after ``flush``."""
        self._file.seek(0)
        return self._file


class DigestedBytes(ReceivedBytes):
    """Bytes whose MD5 is taken while they arrive, because the client says what it must be, or is told."""

    def __init__(self, file: IO[bytes] | None = None, *, most: int | None = None) -> None:
        super().__init__(file, most=most)
        self._md5 = hashlib.md5(usedforsecurity=False)

    def _write(self, whole: bytes) -> None:
        self._md5.update(whole)
        super()._write(whole)

    @property
    def md5(self) -> str:
        """The MD5 of what was flushed, in hexadecimal."""
        return self._md5.hexdigest()


async def receive_body(
    request: Request, received: ReceivedBytes, length: int | None = None
) -> None:
    """Collect the body of a request.

    Args:
        request: The request.
        received: Where it goes; everything is flushed at the end.
        length: The exact number of bytes that is expected; None for that of ``Content-Length``.

    Raises:
        UploadCutError: There are fewer, or more.
        BodyTooLargeError: There are more than are allowed; nothing is read where that is announced.
        OperationalError: The file cannot be written.
    """
    announced = request.headers.get("content-length", "")
    expected = int(announced) if length is None and announced.isdigit() else length
    if expected is not None and announced.isdigit() and int(announced) != expected:
        raise UploadCutError(f"expected {expected} bytes, and the request announces {announced}")
    received.announce(expected or 0)
    try:
        async for piece in request.stream():
            if received.add(piece):
                await received.flush()
            if expected is not None and received.size > expected:
                break
    except ClientDisconnect:
        raise UploadCutError("the upload was cut") from None
    if expected is not None and received.size != expected:
        raise UploadCutError(f"expected {expected} bytes, received {received.size}")
    await received.flush()
