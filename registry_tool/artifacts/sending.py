"""From a user's file or folder into the cache, and from there to the remote.

The bytes are hashed while they are copied into the cache, and uploaded from that copy: what is described is what is
stored, even if the user's file changes a moment later.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from registry_tool.artifacts.cache import Cache, Stored
from registry_tool.artifacts.disk import on_disk
from registry_tool.artifacts.folders import Member, dir_md5, dir_object, folder_sha256, walk
from registry_tool.artifacts.hashing import Digest, Readable
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.remote import Remote
from registry_tool.artifacts.threads import in_parallel
from registry_tool.errors import Conflict, NotFound, RemoteTrouble, UsageError

__all__ = ["FILES_LIMIT", "Ingested", "ingest", "upload"]

FILES_LIMIT: Final = 1000


@dataclass(frozen=True)
class Ingested:
    """An artifact in the cache, ready to be uploaded and described.

    Attributes:
        size: Bytes, of all files together.
        md5: DVC's address; ends in ``.dir`` for a folder.
        sha256: Of the bytes; for a folder see ``folders.folder_sha256``.
        nfiles: Files in the folder; None for a file.
        members: The folder's files, sorted; empty for a file.
        blobs: Every object the remote must hold, by md5, with its place in the cache; a folder's own object last.
    """

    size: int
    md5: str
    sha256: str
    nfiles: int | None = None
    members: tuple[Member, ...] = ()
    blobs: tuple[tuple[str, Path], ...] = field(default=(), repr=False)

    def described(self) -> dict[str, object]:
        """The fields of the artifact's entry in a manifest; a folder of many files is not listed file by file."""
        fields: dict[str, object] = {"size": self.size, "sha256": self.sha256, "md5": self.md5}
        if self.nfiles is not None:
            fields["nfiles"] = self.nfiles
            if self.nfiles <= FILES_LIMIT:
                fields["files"] = [
                    {"path": m.path, "size": m.size, "sha256": m.sha256, "md5": m.md5}
                    for m in self.members
                ]
        return fields


@dataclass(frozen=True)
class _Source:
    """The user's file; its errors are not the cache's."""

    raw: Readable
    path: Path

    def read(self, size: int, /) -> bytes:
        with on_disk(f"{self.path} cannot be read"):
            return self.raw.read(size)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[tuple[_Source, Callable[[], os.stat_result]]]:
    """A regular file for reading, and its current state; a pipe or device is never waited for."""
    with on_disk(f"{path} cannot be read"):
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | flags)
    with os.fdopen(handle, "rb", buffering=0) as raw:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"{path} is neither a file nor a folder")
        yield _Source(raw, path), lambda: os.fstat(handle)


def _changed(path: Path) -> Conflict:
    return Conflict(
        f"{path} changed while it was read",
        remedy="let whatever writes it finish, and try again",
    )


def _ingest_one(path: Path, cache: Cache, progress: Progress, *, flags: int = 0) -> Stored:
    with _opened(path, flags) as (source, state):
        before = state()

        def check(digest: Digest) -> None:
            after = state()
            unchanged = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
            if not unchanged or digest.size != before.st_size:
                raise _changed(path)

        return cache.add_stream(
            source,
            check=check,
            expected=before.st_size,
            limit=before.st_size,
            progress=progress.advance,
        )


def _ingest_folder(folder: Path, cache: Cache, progress: Progress) -> Ingested:
    found = walk(folder)
    no_links = getattr(os, "O_NOFOLLOW", 0)

    def one(path: str) -> Stored:
        return _ingest_one(folder / path, cache, progress, flags=no_links)

    with shown(progress, sum(info.st_size for _, info in found), f"Reading {folder.name}"):
        stored = in_parallel(one, [path for path, _ in found])
    if [path for path, _ in walk(folder)] != [path for path, _ in found]:
        raise _changed(folder)
    members = tuple(
        Member(path, kept.digest.size, kept.digest.sha256, kept.digest.md5)
        for (path, _), kept in zip(found, stored, strict=True)
    )
    listing = dir_object(members)
    own = cache.add_stream(io.BytesIO(listing), check=lambda _: None)
    blobs = {kept.digest.md5: kept.path for kept in stored} | {dir_md5(listing): own.path}
    if len(members) > FILES_LIMIT:  # no manifest will list them, and a purge has to find them here
        cache.keep_members(folder_sha256(members), members)
    return Ingested(
        size=sum(m.size for m in members),
        md5=dir_md5(listing),
        sha256=folder_sha256(members),
        nfiles=len(members),
        members=members,
        blobs=tuple(blobs.items()),
    )


def ingest(source: Path, *, cache: Cache, progress: Progress = SILENT) -> Ingested:
    """Copy a file or a folder into the cache and say what it is.

    A link given as the source itself is followed; links inside a folder are refused.

    Raises:
        NotFound: There is nothing at that path.
        UsageError: It is no file or folder, or holds what an artifact cannot hold.
        Conflict: It changed while it was read.
        EnvironmentTrouble: It cannot be read, or the cache cannot be written.
    """
    cache.sweep()
    with on_disk(f"{source} cannot be read"):
        if not source.exists():
            raise NotFound(f"there is no file or folder {source}")
        is_folder, size = source.is_dir(), source.stat().st_size
    if is_folder:
        return _ingest_folder(source, cache, progress)
    with shown(progress, size, f"Reading {source.name}"):
        kept = _ingest_one(source, cache, progress)
    return Ingested(*kept.digest, blobs=((kept.digest.md5, kept.path),))


def upload(ingested: Ingested, remote: Remote, *, progress: Progress = SILENT) -> int:
    """Put every object of an artifact on the remote, a folder's own object last, and see that all are there.

    Returns:
        How many objects were sent; those that were there already are not sent again.

    Raises:
        RemoteTrouble: The remote refused, or does not show an object afterwards.
    """
    with on_disk("the artifact vanished from the cache"):
        sizes = {md5: path.stat().st_size for md5, path in ingested.blobs}

    def send(blob: tuple[str, Path]) -> bool:
        md5, path = blob
        if remote.upload(md5, path, progress=progress.advance):
            return True
        progress.advance(sizes[md5])
        return False

    *first, last = ingested.blobs
    with shown(progress, sum(sizes.values()), f"Uploading to {remote.name}"):
        sent = sum(in_parallel(send, first)) + send(last)
    if missing := sizes.keys() - remote.exists(sizes):
        raise RemoteTrouble(
            f"the remote {remote.name} ({remote.url}) does not show {len(missing)} of {len(sizes)} objects "
            f"after the upload, {min(missing)} among them",
            remedy="try again",
        )
    return sent
