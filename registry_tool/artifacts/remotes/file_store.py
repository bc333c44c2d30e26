"""Files in a store that a DVC driver serves: by path below the remote's URL, raising whatever the driver raises.

``FileStore`` serves most drivers. ``WebDavStore`` sends one request where the driver sends many; ``s3.S3Store`` has
conditional uploads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from registry_tool.artifacts.filesystem import temporary_name
from registry_tool.artifacts.hashing import ByteReader
from registry_tool.artifacts.remotes.errors import ErrorTranslator, is_absence
from registry_tool.artifacts.remotes.kinds import find_kind

if TYPE_CHECKING:
    from dvc_objects.fs.base import FileSystem

    from registry_tool.artifacts.remotes.base import UnfinishedUpload

__all__ = [
    "ByteStream",
    "DriverStream",
    "FileStore",
    "ObjectStore",
    "StoreEntry",
    "WebDavStore",
    "driver_callback",
    "parse_time",
]

_TIMES: Final = ("LastModified", "mtime", "modified", "last_modified", "updated", "created")
_PARTIAL: Final = 206
_PIECE: Final = 1 << 20


class StoreEntry(NamedTuple):
    """A file or folder in a folder: its name, size in bytes, time in seconds since 1970; None where unknown."""

    name: str
    size: int | None
    modified: float | None
    is_folder: bool = False


class ByteStream(ByteReader, Protocol):
    """Bytes that are read until they are closed."""

    def close(self) -> None:
        """Let go of the connection."""


@dataclass(frozen=True)
class DriverStream:
    """A stream whose errors are described."""

    raw: ByteStream
    errors: ErrorTranslator

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""
        with self.errors.translate("stopped sending"):
            return self.raw.read(size)

    def close(self) -> None:
        """Let go of the connection."""
        with self.errors.translate("stopped sending"):
            self.raw.close()


class ObjectStore(Protocol):
    """Where objects are put. Paths are below the remote's URL; a missing file raises FileNotFoundError."""

    @property
    def can_list(self) -> bool:
        """False for a plain web server."""

    @property
    def leaves_files(self) -> bool:
        """True where a broken upload leaves a temporary file next to the objects."""

    def size(self, path: str) -> int | None:
        """In bytes; None where the server does not report it."""

    def entries(self, path: str, *, limit: int | None = None) -> list[StoreEntry] | None:
        """The entries of a folder; none if it is missing, None if it has more than the limit."""

    def put(self, source: Path, path: str, md5: str, progress: Callable[[int], None]) -> None:
        """Put a file there that a reader sees whole or not at all."""

    def open(self, path: str, start: int) -> ByteStream:
        """Its bytes from an offset on."""

    def remove(self, path: str) -> None:
        """Remove a file."""

    def erase(self, path: str) -> bool:
        """Remove a file with every version that is kept of it; False when there was none."""

    def place_exists(self) -> bool:
        """False when the store says that the place of the remote does not exist."""

    def create_place(self) -> None:
        """Create the place of the remote, if it is a folder whose parent exists."""

    def leftovers(self) -> list[UnfinishedUpload]:
        """What broken uploads left, other than files."""

    def discard(self, leftover: UnfinishedUpload) -> None:
        """Remove what a broken upload left."""


def parse_time(value: object) -> float | None:
    """A time as drivers report it, in seconds since 1970."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return aware.timestamp()
    return float(value) if isinstance(value, int | float) else None


def driver_callback(progress: Callable[[int], None]) -> object:
    """Turn the running totals of fsspec into differences."""
    from fsspec.callbacks import Callback

    told = 0

    def tell(_size: int, value: int, **_: object) -> None:
        nonlocal told
        if value > told:
            progress(value - told)
            told = value

    return Callback(hooks={"bytes": tell})


def _entry(info: Mapping[str, object]) -> StoreEntry:
    size = info.get("size")
    times = (parse_time(info[key]) for key in _TIMES if key in info)
    return StoreEntry(
        name=str(info["name"]).rstrip("/").rpartition("/")[2],
        size=size if isinstance(size, int) else None,
        modified=next((time for time in times if time is not None), None),
        is_folder=info.get("type") == "directory",
    )


class FileStore:
    """See ``ObjectStore``.

    Args:
        fs: DVC's file system.
        folder: The remote's place in it.
    """

    def __init__(self, fs: FileSystem, folder: str) -> None:
        self.fs = fs
        self.folder = folder
        self._kind = find_kind(fs.protocol)
        self._made: set[str] = set()

    @property
    def can_list(self) -> bool:
        """See ``ObjectStore.can_list``."""
        return self._kind.can_list

    @property
    def leaves_files(self) -> bool:
        """See ``ObjectStore.leaves_files``."""
        return self.can_list and not self._kind.has_buckets

    def _at(self, path: str) -> str:
        return str(self.fs.join(self.folder, *path.split("/"))) if path else self.folder

    def size(self, path: str) -> int | None:
        """See ``ObjectStore.size``."""
        # Not fs.exists(): fsspec answers False when the server cannot be reached.
        size = self.fs.info(self._at(path)).get("size")
        return size if isinstance(size, int) else None

    def entries(self, path: str, *, limit: int | None = None) -> list[StoreEntry] | None:
        """See ``ObjectStore.entries``."""
        self.fs.fs.invalidate_cache()
        try:
            found = [_entry(info) for info in self.fs.ls(self._at(path), detail=True)]
        except (FileNotFoundError, NotADirectoryError) as exc:
            if isinstance(exc, FileNotFoundError) and not is_absence(exc):
                raise
            return []
        return None if limit is not None and len(found) > limit else found

    def put(self, source: Path, path: str, md5: str, progress: Callable[[int], None]) -> None:  # noqa: ARG002 (see ObjectStore)
        """See ``ObjectStore.put``."""
        target = self._at(path)
        folder = self.fs.parent(target)
        self._make(folder)
        if not self._kind.shows_partial_files:
            self.send(source, target, progress)
            return
        temporary = self.fs.join(folder, temporary_name(Path()).name)
        try:
            self.send(source, temporary, progress)
            self.move(temporary, target)
        except BaseException:
            with suppress(
                Exception
            ):  # the rest is removed later, and the first error is the one to report
                self.fs.rm_file(temporary)
            raise

    def _make(self, folder: str) -> None:
        if folder not in self._made:
            self.fs.makedirs(folder)
            self._made.add(folder)

    def send(self, source: Path, target: str, progress: Callable[[int], None]) -> None:
        """Put a file in a place of the driver's."""
        self.fs.put_file(str(source), target, callback=driver_callback(progress))

    def move(self, source: str, target: str) -> None:
        """Move a file, replacing an existing one."""
        self.fs.move(source, target)

    def open(self, path: str, start: int) -> ByteStream:
        """See ``ObjectStore.open``."""
        place = self._at(path)
        if not self.can_list:
            return self._open_web(place, start)
        stream: ByteStream = self.fs.open(place, "rb")
        if start:
            stream.seek(start)  # type: ignore[attr-defined]  # every file of fsspec can
        return stream

    def _open_web(self, place: str, start: int) -> ByteStream:
        # One request from start to end instead of one for each block.
        ranged = {"headers": {"Range": f"bytes={start}-"}} if start else {}
        stream: ByteStream = self.fs.open(place, "rb", block_size=0, **ranged)
        answer = getattr(stream, "r", None)
        if start and getattr(answer, "status", None) != _PARTIAL:  # the server knows no ranges
            while start and (piece := stream.read(min(start, _PIECE))):
                start -= len(piece)
        return stream

    def remove(self, path: str) -> None:
        """See ``ObjectStore.remove``."""
        self.fs.rm_file(self._at(path))

    def erase(self, path: str) -> bool:
        """See ``ObjectStore.erase``."""
        try:
            self.fs.rm_file(self._at(path))
        except FileNotFoundError as exc:
            if is_absence(exc):
                return False
            raise
        return True

    def _is_there(self, folder: str) -> bool:
        try:
            self.fs.info(folder)
        except FileNotFoundError as exc:
            return not is_absence(exc)
        except PermissionError:
            return True  # who may write objects need not be allowed to look at the place itself
        return True

    def place_exists(self) -> bool:
        """See ``ObjectStore.place_exists``."""
        if self._kind.always_exists:
            return True
        if self._kind.has_buckets:
            return self._is_there(self.folder.partition("/")[0])
        return self._is_there(self.folder)

    def create_place(self) -> None:
        """See ``ObjectStore.create_place``."""
        if self._kind.has_buckets:
            raise FileNotFoundError(f"{self.folder.partition('/')[0]} does not exist")
        self.fs.fs.mkdir(self.folder, create_parents=False)

    def leftovers(self) -> list[UnfinishedUpload]:
        """See ``ObjectStore.leftovers``."""
        return []

    def discard(self, leftover: UnfinishedUpload) -> None:
        """See ``ObjectStore.discard``."""
        self.remove(leftover.path)


class WebDavStore(FileStore):
    """See ``FileStore``."""

    def send(self, source: Path, target: str, progress: Callable[[int], None]) -> None:
        """See ``FileStore.send``."""
        size = source.stat().st_size
        with source.open("rb") as stream:
            self.fs.fs.client.upload_fileobj(
                stream, target, overwrite=True, size=size, callback=progress
            )

    def move(self, source: str, target: str) -> None:
        """See ``FileStore.move``; the driver would copy and delete."""
        self.fs.fs.client.move(source, target, overwrite=True)

    def create_place(self) -> None:
        """See ``ObjectStore.create_place``."""
        self.fs.fs.client.mkdir(self.folder)
