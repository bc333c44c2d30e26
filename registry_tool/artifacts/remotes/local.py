"""A DVC remote in a local folder (or on a mounted file system).

A missing folder may be a file system that is not mounted. So it is created only for a registry that stores nothing yet,
and only the last part of its path.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from registry_tool.artifacts.filesystem import (
    READ_ONLY,
    copy_file,
    on_disk,
    remove,
    sweep,
    sync_folder,
    temporary_name,
)
from registry_tool.artifacts.hashing import ByteReader, ignore_progress
from registry_tool.artifacts.remotes.base import (
    OBJECTS,
    PREFIX,
    RemoteNote,
    RemoteObject,
    UnfinishedUpload,
    legacy_path,
    never_used,
    object_md5,
    object_path,
)
from registry_tool.errors import MissingObjectError, RemoteError

__all__ = ["LocalRemote"]

_GROUP_FOLDER = 0o2775
# Uploads in the making, in one place where DVC does not look and those of killed processes are found at once.
_MAKING = "tmp"


@dataclass(frozen=True)
class LocalRemote:
    """See ``Remote``.

    Attributes:
        name: Its name in DVC's configuration.
        folder: Where it is.
        shared: Folders are made writable for the group, as DVC does with ``shared = group``.
        in_use: Whether objects were stored there before, so that the folder must exist.
    """

    name: str
    folder: Path
    shared: bool = False
    in_use: Callable[[], bool] = never_used

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def _label(self) -> str:
        return f"the remote {self.name} ({self.folder})"

    def sizes(self, md5s: Iterable[str], *, legacy: bool = False) -> dict[str, int]:
        """See ``Remote.sizes``."""
        found: dict[str, int] = {}
        for md5 in md5s:
            size = self._size(object_path(md5))
            if size is None and legacy:
                size = self._size(legacy_path(md5))
            if size is None:
                self._check_not_lost()
            else:
                found[md5] = size
        return found

    def exists(self, md5s: Iterable[str], *, legacy: bool = False) -> set[str]:
        """See ``Remote.exists``."""
        return set(self.sizes(md5s, legacy=legacy))

    def size(self, md5: str) -> int | None:
        """See ``Remote.size``."""
        return self.sizes([md5]).get(md5)

    def modified(self, md5s: Iterable[str]) -> dict[str, float]:
        """See ``Remote.modified``."""
        found: dict[str, float] = {}
        with on_disk(f"{self._label} cannot be read", kind=RemoteError):
            for md5 in md5s:
                for path in (object_path(md5), legacy_path(md5)):
                    with suppress(FileNotFoundError):
                        time = (self.folder / path).stat().st_mtime
                        found[md5] = max(time, found.get(md5, time))
        return found

    def _size(self, path: str) -> int | None:
        with on_disk(f"{self._label} cannot be read", kind=RemoteError):
            try:
                return (self.folder / path).stat().st_size
            except FileNotFoundError:
                return None

    def put(
        self, md5: str, source: Path,
        *, progress: Callable[[int], None] = ignore_progress, legacy: bool = False,
    ) -> None:  # fmt: skip
        """See ``Remote.put``."""

        def copy(temporary: Path) -> None:
            copy_file(source, temporary, progress=progress, sync=True)
            sweep(temporary.parent, now=temporary.stat().st_mtime)

        self._place(legacy_path(md5) if legacy else object_path(md5), copy)

    def _place(self, path: str, write: Callable[[Path], None]) -> None:
        """Put a file there that a reader sees whole or not at all."""
        target, making = self.folder / path, self.folder / _MAKING
        self._check_place()
        with on_disk(f"{self._label} cannot be written", kind=RemoteError):
            self._make_folder(target.parent)
            self._make_folder(making)
            temporary = temporary_name(making, target.name)
            try:
                write(temporary)
                temporary.chmod(READ_ONLY)
                temporary.replace(target)
            finally:
                remove(temporary)
            sync_folder(target.parent)

    def notes(self, folder: str) -> list[RemoteNote]:
        """See ``Remote.notes``."""
        found = []
        with on_disk(f"{self._label} cannot be read", kind=RemoteError):
            for name in _names(self.folder / folder):
                with suppress(FileNotFoundError):  # deleted meanwhile
                    info = (self.folder / folder / name).lstat()
                    if stat.S_ISREG(info.st_mode):
                        found.append(RemoteNote(f"{folder}/{name}", info.st_mtime))
        return found

    def put_note(self, path: str, data: bytes) -> None:
        """See ``Remote.put_note``."""
        self._place(path, lambda temporary: _write_new(temporary, data))

    def read_note(self, path: str, *, limit: int) -> bytes:
        """See ``Remote.read_note``."""
        with on_disk(f"{self._label} cannot be read", kind=RemoteError):
            try:
                with (self.folder / path).open("rb") as stream:
                    return stream.read(limit + 1)
            except FileNotFoundError as exc:
                raise MissingObjectError(f"{self._label} has no {path}") from exc

    def remove_note(self, path: str) -> None:
        """See ``Remote.remove_note``."""
        with on_disk(f"cannot delete {path} from {self._label}", kind=RemoteError):
            (self.folder / path).unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            if self.shared:
                one.chmod(_GROUP_FOLDER)
            sync_folder(one.parent)

    @contextmanager
    def download(self, md5: str, *, start: int = 0) -> Iterator[ByteReader]:
        """See ``Remote.download``."""
        with on_disk(f"{self._label} cannot be read", kind=RemoteError):
            handle = self._opened(md5)
        with os.fdopen(handle, "rb", buffering=0) as stream:
            stream.seek(start)
            yield _FileStream(stream, self._label)

    def _opened(self, md5: str) -> int:
        for path in (object_path(md5), legacy_path(md5)):
            try:
                return os.open(f"{self.folder}/{path}", os.O_RDONLY)
            except FileNotFoundError:
                continue
        self._check_there()
        raise MissingObjectError(f"{self._label} does not have the object {md5}")

    def _check_there(self) -> None:
        if not self.folder.is_dir():
            raise RemoteError(
                f"{self._label} does not exist",
                remedy="mount it, or set its location: dvc remote modify --local "
                f"{self.name} url PATH",
            )

    def _check_not_lost(self) -> None:
        """Where bytes were stored before, a missing folder is not an empty one."""
        if not self.folder.is_dir() and self.in_use():
            self._check_there()

    def _check_place(self) -> None:
        """See that a file has a place to go to: the folder, or one to make it in."""
        self._check_not_lost()
        if not self.folder.parent.is_dir():
            raise RemoteError(
                f"{self._label} does not exist, and neither does its parent folder",
                remedy=f"mount it, or create the parent folder: mkdir -p {shlex.quote(str(self.folder.parent))}",
            )

    def delete(self, md5: str) -> bool:
        """See ``Remote.delete``."""
        found = False
        with on_disk(f"cannot delete {md5} from {self._label}", kind=RemoteError):
            self._check_there()
            for path in (object_path(md5), legacy_path(md5)):
                with suppress(FileNotFoundError):
                    (self.folder / path).unlink()
                    found = True
                    sync_folder((self.folder / path).parent)
        return found

    def erase(self, md5: str) -> bool:
        """See ``Remote.erase``; snapshots of the file system are its owner's."""
        return self.delete(md5)

    def objects(self) -> Iterator[RemoteObject]:
        """See ``Remote.objects``."""
        with on_disk(f"{self._label} cannot be read", kind=RemoteError):
            self._check_there()
            for top in (self.folder / OBJECTS, self.folder):
                for prefix in (name for name in _names(top) if PREFIX.fullmatch(name)):
                    yield from _objects(top / prefix, prefix)

    def leftovers(self) -> list[UnfinishedUpload]:
        """See ``Remote.leftovers``."""
        making = self.folder / _MAKING
        with on_disk(f"{self._label} cannot be read", kind=RemoteError):
            found = [(making / name, (making / name).lstat()) for name in _names(making)]
        return [UnfinishedUpload(str(path), info.st_size, info.st_mtime) for path, info in found]

    def discard(self, leftover: UnfinishedUpload) -> None:
        """See ``Remote.discard``."""
        remove(Path(leftover.path))


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _objects(folder: Path, prefix: str) -> Iterator[RemoteObject]:
    for name in _names(folder):
        if md5 := object_md5(prefix, name):
            with suppress(FileNotFoundError):  # deleted meanwhile
                info = (folder / name).stat()
                yield RemoteObject(md5, info.st_size, info.st_mtime)


@dataclass(frozen=True)
class _FileStream:
    raw: ByteReader
    label: str

    def read(self, size: int, /) -> bytes:
        with on_disk(f"{self.label} cannot be read", kind=RemoteError):
            return self.raw.read(size)
