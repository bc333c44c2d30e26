"""Bytes that arrive from a client: digested while they pass, and kept in a temporary file until all of them are there."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from types import TracebackType
from typing import IO, Final, Self

from registry_tool.server.limits import BodyTooLargeError

__all__ = ["ReceivedBytes"]

_MEMORY: Final = 1 << 20
_BUFFER: Final = 1 << 20


class ReceivedBytes:
    """The bytes of one upload. Use it in a ``with`` block: what was received is gone after it.

    Small pieces are collected, so that a thread is asked once for each MiB.

    Args:
        most: The maximum number of bytes.

    Attributes:
        size: How many have arrived.
    """

    def __init__(self, most: int) -> None:
        self.size = 0
        self._most = most
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115 (closed by __exit__)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._pieces: list[bytes] = []
        self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._file.close()

    async def add(self, piece: bytes) -> None:
        """Take in the next bytes.

        Raises:
            BodyTooLargeError: There are more than are allowed.
            OSError: The temporary file cannot be written.
        """
        self.size += len(piece)
        if self.size > self._most:
            raise BodyTooLargeError
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= _BUFFER:
            await self._flush()

    async def _flush(self) -> None:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        await asyncio.to_thread(self._write, whole)

    def _write(self, whole: bytes) -> None:
        self._md5.update(whole)
        self._file.write(whole)

    async def finish(self) -> str:
        """The MD5 of all bytes, in hexadecimal; ``file`` can then be read."""
        await self._flush()
        return self._md5.hexdigest()

    @property
    def file(self) -> IO[bytes]:
        """The bytes, from the first on."""
        self._file.seek(0)
        return self._file
