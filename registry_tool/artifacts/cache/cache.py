"""A cache of artifacts by sha256, shared between models, registries and processes.

::

    objects/sha256/ab/cdef…          one read-only file for each content
    artifacts/ab/abcdef…/<name>      a stable path for an artifact: a link to its object, or a folder of links
    folders/ab/cdef…                 the files of a folder, for folders whose manifest does not list them
    partial/abcdef…                  unfinished downloads, each locked by the process that downloads it
    uses/                            what running processes use
    tmp/                             files in the making

Nothing appears in its place before it is complete and verified, and a file that was modified afterwards is verified again
before it is used (``verified``). A crash leaves a file in ``tmp`` at most, which is swept after a day, and an unfinished
download, which the next fetch resumes. The bytes in the cache are read-only: copy them (``transfer.place``) to
change them.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from registry_tool.artifacts.cache.locks import (
    DownloadLock,
    download_lock,
    get_uses,
    sweep_partials,
)
from registry_tool.artifacts.cache.objects import CachedObject, Objects
from registry_tool.artifacts.cache.verified import is_verified, link
from registry_tool.artifacts.dvc_files import Member, check_paths, folder_sha256
from registry_tool.artifacts.filesystem import (
    NO_SPACE,
    describe_os_error,
    on_disk,
    remove,
    sweep,
    temporary_name,
)
from registry_tool.artifacts.hashing import ByteReader, Digest, check_sha256, ignore_progress
from registry_tool.errors import CorruptObjectError

__all__ = ["Cache", "CachedObject"]

_MAKE_ROOM: Final = "free space: registry cache clean; or move the cache: REGISTRY_CACHE=DIR"


@dataclass(frozen=True)
class Cache:
    """The cache below one folder. All methods may be called from several threads and processes.

    Every method raises EnvironmentTrouble when the folder cannot be read or written.
    """

    root: Path

    def usable(self) -> AbstractContextManager[None]:
        """A context in which the cache is used; what the system says of it becomes EnvironmentTrouble."""
        return on_disk(f"the cache {self.root} cannot be used", full=_MAKE_ROOM)

    @cached_property
    def objects(self) -> Objects:
        """What it keeps, by content."""
        return Objects(self.root)

    def _artifact(self, sha256: str, name: str) -> Path:
        check_sha256(sha256)
        if name in {"", ".", ".."} or "/" in name or "\0" in name:
            raise CorruptObjectError(f"{name!a} is not a valid file name")
        return self.root / "artifacts" / sha256[:2] / sha256 / name

    def _temporary(self, name: str = "") -> Path:
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return temporary_name(folder, name)

    def sweep(self) -> None:
        """Remove what crashed processes left behind: after a day, unfinished downloads after a week."""
        with self.usable():
            sweep(self.root / "tmp", now=time.time())
            sweep_partials(self.root / "partial")

    def why_read_only(self) -> str:
        """Why nothing can be added to it; empty when it is writable, apart from a full disk."""
        try:
            probe = self._temporary()
            probe.touch()
        except OSError as exc:
            return "" if exc.errno in NO_SPACE else describe_os_error(exc)[0]
        remove(probe)
        return ""

    def _use(self, path: Path, sha256: str) -> None:
        """Protect a path from eviction; check afterwards whether it exists."""
        if os.path.lexists(path):
            get_uses(self.root).add(sha256)

    def find(self, sha256: str, size: int) -> Path | None:
        """The object, if it exists complete; an incomplete one counts as missing, and adding replaces it."""
        place = self.objects.place(sha256)
        with self.usable():
            self._use(Path(place), sha256)
            return Path(place) if is_verified(place, sha256, size) else None

    def lacking(self, members: Sequence[Member]) -> list[Member]:
        """Those files whose bytes are not here, once for each content."""
        with self.usable():
            return self.objects.lacking(members)

    @contextmanager
    def claim(
        self,
        name: str,
        *,
        is_done: Callable[[], bool],
        waiting: Callable[[int], None] = ignore_progress,
    ) -> Iterator[DownloadLock | None]:
        """Be the one process that makes something; see ``claims.claimed``.

        Args:
            name: What it is: a digest.
            is_done: Whether the object exists now.
            waiting: Called repeatedly with the size so far, while another process downloads.
        """
        path = self.root / "partial" / name
        with ExitStack() as held:
            with self.usable():
                claim = held.enter_context(download_lock(path, is_done=is_done, waiting=waiting))
            yield claim

    def add_stream(
        self,
        stream: ByteReader,
        *,
        check: Callable[[Digest], None],
        expected: int = 0,
        limit: int | None = None,
        progress: Callable[[int], None] = ignore_progress,
    ) -> CachedObject:
        """Keep a stream's bytes.

        Args:
            stream: The bytes.
            check: Called with their digest before they are kept; raises to refuse them.
            expected: About how many bytes will come.
            limit: Stop after more than this many; ``check`` then sees a larger size.
            progress: Called with the number of bytes after each buffer.
        """
        with self.usable():
            return self.objects.add(
                stream, check=check, expected=expected, limit=limit, progress=progress
            )

    def adopt(self, claim: DownloadLock, digest: Digest) -> None:
        """Keep a finished file, whose bytes were verified, as an object."""
        with self.usable():
            self.objects.adopt(claim.path, digest, claim.handle)

    def find_file(self, sha256: str, size: int, name: str) -> Path | None:
        """The stable path of a file artifact, if it exists."""
        path = self._artifact(sha256, name)
        with self.usable():
            self._use(path, sha256)
            return path if is_verified(str(path), sha256, size) else None

    def place_file(self, sha256: str, size: int, name: str) -> Path:
        """Give an object its stable path.

        Raises:
            OperationalError: The object vanished meanwhile, or the cache cannot be written.
        """
        path = self._artifact(sha256, name)
        if self.find_file(sha256, size, name):
            return path
        with self.usable():
            # In a folder: by its own times the link would look like something left over years ago.
            making = self._temporary()
            making.mkdir()
            try:
                get_uses(self.root).add(sha256)
                link(self.objects.place(sha256), f"{making}/new", sha256)
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir() and not path.is_symlink():
                    self._clear(path)
                (making / "new").replace(path)
            finally:
                remove(making)
        return path

    def _clear(self, path: Path) -> None:
        """Move a broken artifact aside; processes that have it open keep it."""
        aside = self._temporary()
        with suppress(FileNotFoundError):
            path.rename(aside)
        remove(aside)

    def find_folder(self, sha256: str, members: Sequence[Member], name: str) -> Path | None:
        """The stable path of a folder artifact, if it exists with all its files."""
        path = self._artifact(sha256, name)
        with self.usable():
            self._use(path, sha256)
            whole = path.is_dir() and all(
                is_verified(f"{path}/{m.path}", m.sha256, m.size) for m in members
            )
            return path if whole else None

    def place_folder(self, sha256: str, members: Sequence[Member], name: str) -> Path:
        """Give a folder whose objects are all here its stable path; it appears complete or not at all.

        Raises:
            OperationalError: An object vanished meanwhile, or the cache cannot be written.
        """
        path = self._artifact(sha256, name)
        check_paths([m.path for m in members], label=name)
        with self.usable():
            get_uses(self.root).add(sha256)
            temporary = self._temporary()
            try:
                for folder in sorted({m.path.rpartition("/")[0] for m in members}):
                    (temporary / folder).mkdir(parents=True, exist_ok=True)
                for member in members:
                    link(
                        self.objects.place(member.sha256),
                        f"{temporary}/{member.path}",
                        member.sha256,
                    )
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
        """Record the files of a folder."""
        data = json.dumps([list(member) for member in members]).encode()
        path = self._listing(sha256)
        with self.usable():
            temporary = self._temporary()
            try:
                temporary.write_bytes(data)
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary.replace(path)
            finally:
                remove(temporary)

    def find_members(self, sha256: str) -> list[Member] | None:
        """The files of a folder, if they are known and the record is valid."""
        try:
            raw = json.loads(self._listing(sha256).read_bytes())
            members = [Member(str(p), int(n), str(s), str(m)) for p, n, s, m in raw]
        except (OSError, ValueError, TypeError):
            return None
        return members if folder_sha256(members) == sha256 else None

    def forget(self, sha256: str) -> bool:
        """Remove an object, its stable paths and its list of files; False when nothing existed."""
        links = self._artifact(sha256, "x").parent
        with self.usable():
            found = os.path.lexists(links)
            if found:
                shutil.rmtree(links)
            for path in (Path(self.objects.place(sha256)), self._listing(sha256)):
                with suppress(FileNotFoundError):
                    path.unlink()
                    found = True
        return found
