"""Files that clients upload in parts: kept in the server's state folder until the last part has come and they are joined.

A part that was answered is on the disk. Parts are no part of the registry: a file exists once it is joined and stored.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from registry_tool.errors import NotFoundError, OperationalError, UsageError
from registry_tool.paths import state_folder
from registry_tool.server.files.receiving import DigestedBytes, ReceivedBytes, receive_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from registry_tool.artifacts.hashing import ByteReader

__all__ = ["MOST_PARTS", "PartStore"]

MOST_PARTS: Final = 10_000
"""The maximum number of parts of one file, as with S3."""
_FOLDER: Final = "parts"
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_OLD: Final = 86_400  # seconds, after which parts that were never joined are deleted


class _Joined:
    """Several files, read as one."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = iter(paths)
        self._file = next(self._paths).open("rb")

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while True:
            data = self._file.read(size)
            if data:
                return data
            following = next(self._paths, None)
            if following is None:
                return b""
            self._file.close()
            self._file = following.open("rb")

    def close(self) -> None:
        """Close the file that is open."""
        self._file.close()


@contextmanager
def _writing(place: Path) -> Iterator[Path]:
    """The path of a new file in a folder; the block gives it its name, or it is deleted."""
    waiting = place / f".{secrets.token_hex(4)}"
    try:
        yield waiting
    except OSError as exc:
        raise OperationalError(f"cannot write {place}: {exc.strerror}") from exc
    finally:
        waiting.unlink(missing_ok=True)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


class PartStore:
    """The parts of one server.

    Args:
        folder: Where they are; below the state folder by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or state_folder() / "serve" / _FOLDER

    def begin(self) -> str:
        """A new upload: its name. Uploads of the day before that were never joined are deleted."""
        self._sweep()
        name = secrets.token_hex(16)
        try:
            (self._folder / name).mkdir(parents=True, mode=0o700)
        except OSError as exc:
            raise OperationalError(f"cannot write {self._folder}: {exc.strerror}") from exc
        return name

    def _sweep(self) -> None:
        with suppress(OSError):
            for one in self._folder.iterdir():
                if _NAME.fullmatch(one.name) and time.time() - one.stat().st_mtime > _OLD:
                    shutil.rmtree(one, ignore_errors=True)

    def _place(self, name: str) -> Path:
        found = self._folder / name
        if not _NAME.fullmatch(name) or not found.is_dir():
            raise NotFoundError("this upload was completed or has expired; begin it again")
        return found

    async def receive(self, request: Request, name: str, number: int) -> str:
        """Keep one part, which replaces an earlier one of its number; its MD5 in hexadecimal.

        Raises:
            NotFoundError: The upload does not exist.
            UploadCutError: Not all bytes came.
            OperationalError: The disk is full.
        """
        place = self._place(name)
        with _writing(place) as waiting:
            with DigestedBytes(waiting.open("xb")) as received:
                await receive_body(request, received)
                await asyncio.to_thread(_sync, received.file)
            waiting.replace(place / f"{number}-{received.md5}")
        return received.md5

    async def keep(
        self, request: Request, name: str, number: int, *, most: int, check: Callable[[Path], None]
    ) -> None:  # fmt: skip
        """Keep a part that is a file of its own; ``paths`` lists it.

        Args:
            request: Its body is the part.
            name: The upload.
            number: The number of the part, which no other part of the upload has.
            most: The maximum number of bytes.
            check: Refuses a part by its content: it is not kept where this raises. Called in a thread.

        Raises:
            NotFoundError: The upload does not exist.
            UploadCutError: Not all bytes came.
            BodyTooLargeError: There are more bytes than are allowed.
            OperationalError: The disk is full.
        """
        place = self._place(name)
        with _writing(place) as waiting:
            with ReceivedBytes(waiting.open("xb"), most=most) as received:
                await receive_body(request, received)
                await asyncio.to_thread(_sync, received.file)
            await asyncio.to_thread(check, waiting)
            waiting.replace(place / f"{number}-")

    def paths(self, name: str) -> list[Path]:
        """The parts of an upload that ``keep`` has kept, by their numbers.

        Raises:
            NotFoundError: The upload does not exist.
        """
        parts = [one for one in self._place(name).iterdir() if not one.name.startswith(".")]
        return sorted(parts, key=lambda path: int(path.name.partition("-")[0]))

    def drop(self, name: str) -> None:
        """Delete an upload and its parts."""
        if _NAME.fullmatch(name):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    @contextmanager
    def join(self, name: str, digests: Mapping[int, str]) -> Iterator[ByteReader]:
        """The parts of an upload as one stream; where the block succeeds, they are deleted.

        Args:
            name: The upload.
            digests: The MD5 of each part by number; all of them, from 1.

        Raises:
            NotFoundError: The upload does not exist.
            UsageError: A part is missing, or another one was received.
        """
        place = self._place(name)
        paths = [place / f"{number}-{digests[number]}" for number in sorted(digests)]
        lacking = next((p.name.partition("-")[0] for p in paths if not p.is_file()), "")
        if lacking or sorted(digests) != [*range(1, len(paths) + 1)] or not paths:
            raise UsageError(f"part {lacking or len(paths)} of this upload is missing, or has another digest")  # fmt: skip
        stream = _Joined(paths)
        try:
            yield stream
        finally:
            stream.close()
        shutil.rmtree(place, ignore_errors=True)
