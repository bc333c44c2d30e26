"""A cache of artifacts by sha256, shared between models, registries and processes.

::

    objects/sha256/ab/cdef…          one read-only file for each content
    artifacts/ab/abcdef…/<name>      a stable path for an artifact: a link to its object, or a folder of links
    folders/ab/cdef…                 which files a folder holds, for folders whose manifest does not list them
    tmp/                             files in the making

Nothing appears in its place before it is complete and verified. A crash leaves a file in ``tmp`` at most; what is
older than a day there is swept. The bytes in the cache are read-only: copy them (``transfer.place``) to change them.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from registry_tool.artifacts.disk import (
    READ_ONLY,
    copy_file,
    fresh_name,
    on_disk,
    remove,
    sweep,
)
from registry_tool.artifacts.folders import Member, check_paths, folder_sha256
from registry_tool.artifacts.hashing import Digest, Readable, check_sha256, digest_stream, ignore
from registry_tool.errors import CorruptObject

__all__ = ["Cache", "Stored"]

_NO_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
)


class Stored(NamedTuple):
    """Bytes that are in the cache, and where."""

    path: Path
    digest: Digest


def _is_whole(path: Path, size: int) -> bool:
    """True for a regular file of that size."""
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(info.st_mode) and info.st_size == size


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as exc:
        if exc.errno not in _NO_LINK:
            raise
        copy_file(source, target, progress=ignore)
        target.chmod(READ_ONLY)


@dataclass(frozen=True)
class Cache:
    """The cache below one folder. All methods may be called from several threads and processes.

    Every method raises EnvironmentTrouble when the folder cannot be read or written.
    """

    root: Path

    def _trouble(self) -> str:
        return f"the cache {self.root} cannot be used"

    def _object(self, sha256: str) -> Path:
        check_sha256(sha256)
        return self.root / "objects" / "sha256" / sha256[:2] / sha256[2:]

    def _artifact(self, sha256: str, name: str) -> Path:
        check_sha256(sha256)
        if name in {"", ".", ".."} or "/" in name or "\0" in name:
            raise CorruptObject(f"{name!a} cannot be the name of a file")
        return self.root / "artifacts" / sha256[:2] / sha256 / name

    def _temporary(self, name: str = "") -> Path:
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return fresh_name(folder, name)

    def sweep(self) -> None:
        """Remove what crashed processes left behind more than a day ago."""
        with on_disk(self._trouble()):
            sweep(self.root / "tmp", now=time.time())

    def find(self, sha256: str, size: int) -> Path | None:
        """The object, if it is there whole; one of the wrong size counts as absent, and adding it replaces it."""
        path = self._object(sha256)
        with on_disk(self._trouble()):
            return path if _is_whole(path, size) else None

    def add_stream(
        self,
        stream: Readable,
        *,
        check: Callable[[Digest], None],
        expected: int = 0,
        limit: int | None = None,
        progress: Callable[[int], None] = ignore,
    ) -> Stored:
        """Keep a stream's bytes.

        Args:
            stream: The bytes.
            check: Told what they were before they are kept; raises to refuse them.
            expected: About how many bytes will come.
            limit: Stop after more than this many; ``check`` then sees a larger size.
            progress: Told the number of bytes after each buffer.
        """
        with on_disk(self._trouble()):
            temporary = self._temporary()
            try:
                with temporary.open("xb") as sink:
                    digest = digest_stream(
                        stream, sink=sink, progress=progress, expected=expected, limit=limit
                    )
                check(digest)
                return Stored(self._keep(temporary, digest), digest)
            finally:
                remove(temporary)

    def _keep(self, temporary: Path, digest: Digest) -> Path:
        path = self._object(digest.sha256)
        if _is_whole(path, digest.size):
            return path
        temporary.chmod(READ_ONLY)
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link, not a rename, over what another process may have just placed: link(2) from an object fails while
        # that object is being replaced.
        with suppress(OSError):
            os.link(temporary, path)
        if not _is_whole(path, digest.size):
            temporary.replace(path)
        return path

    def find_file(self, sha256: str, size: int, name: str) -> Path | None:
        """The stable path of a file artifact, if it is there."""
        path = self._artifact(sha256, name)
        with on_disk(self._trouble()):
            return path if _is_whole(path, size) else None

    def place_file(self, sha256: str, size: int, name: str) -> Path:
        """Give an object its stable path.

        Raises:
            EnvironmentTrouble: The object vanished meanwhile, or the cache cannot be written.
        """
        path = self._artifact(sha256, name)
        if self.find_file(sha256, size, name):
            return path
        with on_disk(self._trouble()):
            temporary = self._temporary()
            try:
                _link(self._object(sha256), temporary)
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir() and not path.is_symlink():
                    self._clear(path)
                temporary.replace(path)
            finally:
                remove(temporary)
        return path

    def _clear(self, path: Path) -> None:
        """Move a broken artifact out of the way; whoever holds it open keeps it."""
        aside = self._temporary()
        with suppress(FileNotFoundError):
            path.rename(aside)
        remove(aside)

    def find_folder(self, sha256: str, members: Sequence[Member], name: str) -> Path | None:
        """The stable path of a folder artifact, if it is there with all its files."""
        path = self._artifact(sha256, name)
        with on_disk(self._trouble()):
            return path if all(_is_whole(path / m.path, m.size) for m in members) else None

    def place_folder(self, sha256: str, members: Sequence[Member], name: str) -> Path:
        """Give a folder whose objects are all here its stable path; it appears complete or not at all.

        Raises:
            EnvironmentTrouble: An object vanished meanwhile, or the cache cannot be written.
        """
        path = self._artifact(sha256, name)
        check_paths([m.path for m in members], label=name)
        with on_disk(self._trouble()):
            temporary = self._temporary()
            try:
                for member in members:
                    target = temporary / member.path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _link(self._object(member.sha256), target)
                path.parent.mkdir(parents=True, exist_ok=True)
                self._move_in(temporary, path, sha256, members)
            finally:
                remove(temporary)
        return path

    def _move_in(self, temporary: Path, path: Path, sha256: str, members: Sequence[Member]) -> None:
        try:
            temporary.rename(path)
        except OSError:
            # Another process placed the same folder in between, which is as good, or it is broken.
            if not self.find_folder(sha256, members, path.name):
                self._clear(path)
                temporary.rename(path)

    def _listing(self, sha256: str) -> Path:
        check_sha256(sha256)
        return self.root / "folders" / sha256[:2] / sha256[2:]

    def keep_members(self, sha256: str, members: Sequence[Member]) -> None:
        """Remember which files a folder holds."""
        data = json.dumps([list(member) for member in members]).encode()
        path = self._listing(sha256)
        with on_disk(self._trouble()):
            temporary = self._temporary()
            try:
                temporary.write_bytes(data)
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary.replace(path)
            finally:
                remove(temporary)

    def find_members(self, sha256: str) -> list[Member] | None:
        """Which files a folder holds, if it is known and the record is sound."""
        try:
            raw = json.loads(self._listing(sha256).read_bytes())
            members = [Member(str(p), int(n), str(s), str(m)) for p, n, s, m in raw]
        except (OSError, ValueError, TypeError):
            return None
        return members if folder_sha256(members) == sha256 else None

    def forget(self, sha256: str) -> bool:
        """Remove an object, its stable paths and what is known of it as a folder; False when nothing was here."""
        links = self._artifact(sha256, "x").parent
        with on_disk(self._trouble()):
            found = os.path.lexists(links)
            if found:
                shutil.rmtree(links)
            for path in (self._object(sha256), self._listing(sha256)):
                with suppress(FileNotFoundError):
                    path.unlink()
                    found = True
        return found
