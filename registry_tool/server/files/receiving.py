"""Bytes that arrive from a client: digested while they pass, and kept in a temporary file until all of them are there."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from types import TracebackType
from typing import IO, Final, Self

from registry_tool.artifacts.filesystem import on_disk
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

    def add(self, piece: bytes) -> bool:
        """Take in the next bytes. True where ``flush`` should be called before more come.

        Raises:
            BodyTooLargeError: There are more than are allowed.
        """
        self.size += len(piece)
        if self.size > self._most:
            raise BodyTooLargeError
        self._pieces.append(piece)
        self._waiting += len(piece)
        return self._waiting >= _BUFFER

    async def flush(self) -> None:
        """Digest and write what was collected.

        Raises:
            OperationalError: The temporary file cannot be written.
        """
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        await asyncio.to_thread(self._write, whole)

    def _write(self, whole: bytes) -> None:
        self._md5.update(whole)
        with on_disk("the upload cannot be kept"):
            self._file.write(whole)

    async def finish(self) -> str:
        """The MD5 of all bytes, in hexadecimal; ``file`` can then be read."""
        await self.flush()
        return self._md5.hexdigest()

    @property
    def file(self) -> IO[bytes]:
        """The bytes, from the first on."""
        self._file.seek(0)
        return self._file
