"""A DVC remote in a local folder (or on a mounted file system)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from registry_tool.artifacts.disk import (
    READ_ONLY,
    copy_file,
    fresh_name,
    on_disk,
    remove,
    sweep,
    sync_folder,
)
from registry_tool.artifacts.hashing import Readable, ignore
from registry_tool.artifacts.remote import legacy_path, object_path
from registry_tool.errors import MissingObject, RemoteTrouble

__all__ = ["LocalRemote"]

_GROUP_FOLDER = 0o2775
# Uploads in the making, in one place where DVC does not look and those of killed processes are found at once.
_MAKING = "tmp"


@dataclass(frozen=True)
class LocalRemote:
    """See ``Remote``. ``shared``: folders are made writable for the group, as DVC does with ``shared = group``."""

    name: str
    folder: Path
    shared: bool = False

    @property
    def url(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def _label(self) -> str:
        return f"the remote {self.name} ({self.folder})"

    def exists(self, md5s: Iterable[str], *, legacy: bool = False) -> set[str]:
        """See ``Remote.exists``."""
        return {
            md5
            for md5 in md5s
            if self._size(object_path(md5)) is not None
            or (legacy and self._size(legacy_path(md5)) is not None)
        }

    def size(self, md5: str) -> int | None:
        """See ``Remote.size``."""
        return self._size(object_path(md5))

    def _size(self, path: str) -> int | None:
        with on_disk(f"{self._label} cannot be read", kind=RemoteTrouble):
            try:
                return (self.folder / path).stat().st_size
            except FileNotFoundError:
                return None

    def upload(self, md5: str, source: Path, *, progress: Callable[[int], None] = ignore) -> bool:
        """See ``Remote.upload``."""
        target = self.folder / object_path(md5)
        with on_disk(f"{self._label} cannot be written", kind=RemoteTrouble):
            size = source.stat().st_size
            if self.size(md5) == size:
                return False
            self._make_folder(target.parent)
            making = self.folder / _MAKING
            self._make_folder(making)
            temporary = fresh_name(making, md5)
            try:
                copy_file(source, temporary, progress=progress, sync=True)
                sweep(making, now=temporary.stat().st_mtime)
                temporary.chmod(READ_ONLY)
                temporary.replace(target)
            finally:
                remove(temporary)
            sync_folder(target.parent)
        if (arrived := self.size(md5)) != size:
            raise RemoteTrouble(
                f"{self._label} holds {arrived} bytes of {md5} after an upload of {size}",
                remedy="see whether something else writes there, and try again",
            )
        return True

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
    def download(self, md5: str) -> Iterator[Readable]:
        """See ``Remote.download``."""
        with on_disk(f"{self._label} cannot be read", kind=RemoteTrouble):
            handle = self._opened(md5)
        with os.fdopen(handle, "rb", buffering=0) as stream:
            yield _Stream(stream, self._label)

    def _opened(self, md5: str) -> int:
        for path in (object_path(md5), legacy_path(md5)):
            try:
                return os.open(self.folder / path, os.O_RDONLY)
            except FileNotFoundError:
                continue
        self._check_there()
        raise MissingObject(f"{self._label} does not have the object {md5}")

    def _check_there(self) -> None:
        if not self.folder.is_dir():
            raise RemoteTrouble(
                f"{self._label} is not there",
                remedy="mount it, or set its place with: dvc remote modify --local "
                f"{self.name} url PATH",
            )

    def delete(self, md5: str) -> bool:
        """See ``Remote.delete``."""
        found = False
        with on_disk(f"{self._label} does not let {md5} be deleted", kind=RemoteTrouble):
            self._check_there()
            for path in (object_path(md5), legacy_path(md5)):
                with suppress(FileNotFoundError):
                    (self.folder / path).unlink()
                    found = True
                    sync_folder((self.folder / path).parent)
        return found


@dataclass(frozen=True)
class _Stream:
    raw: Readable
    label: str

    def read(self, size: int, /) -> bytes:
        with on_disk(f"{self.label} cannot be read", kind=RemoteTrouble):
            return self.raw.read(size)
