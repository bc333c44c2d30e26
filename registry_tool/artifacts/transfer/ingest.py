"""From a user's files, folders or streams into the cache.

The bytes are hashed while they are copied into the cache, and uploaded from that copy: the stored bytes are the
described ones, even if the user's file changes a moment later.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.cache.cache import Cache, CachedObject
from registry_tool.artifacts.dvc_files import (
    Member,
    check_paths,
    dir_md5,
    dir_object,
    folder_sha256,
    walk,
)
from registry_tool.artifacts.filesystem import on_disk
from registry_tool.artifacts.hashing import ByteReader, Digest
from registry_tool.artifacts.progress import SILENT, Progress, in_parallel, show_progress
from registry_tool.errors import ConflictError, NotFoundError, UsageError

__all__ = ["FILES_LIMIT", "IngestedBlob", "describe_folder", "ingest", "ingest_stream", "merge"]

FILES_LIMIT: Final = 1000


@dataclass(frozen=True)
class IngestedBlob:
    """An artifact in the cache, ready to be uploaded and described.

    Attributes:
        size: Bytes, of all files together.
        md5: DVC's address; ends in ``.dir`` for a folder.
        sha256: Of the bytes; for a folder see ``dvc_files.folder_sha256``.
        nfiles: Files in the folder; None for a file.
        members: The folder's files, sorted; empty for a file.
        blobs: Every object that the remote must have, by md5, with its place in the cache; a folder's own object last.
        relied: The md5 of objects of which nothing is in the cache: the remote must have them already.
    """

    size: int
    md5: str
    sha256: str
    nfiles: int | None = None
    members: tuple[Member, ...] = ()
    blobs: tuple[tuple[str, Path], ...] = field(default=(), repr=False)
    relied: frozenset[str] = field(default=frozenset(), repr=False)

    def describe(self) -> dict[str, object]:
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


class _SourceFile(NamedTuple):
    """A file that goes into a folder: its path there, where it is now, and what the system says of it."""

    path: str
    place: Path
    info: os.stat_result

    def state(self) -> tuple[object, ...]:
        """Changes when the file changes; reading it does not count."""
        return (self.path, self.info.st_size, self.info.st_mtime_ns, self.info.st_ino)


@dataclass(frozen=True)
class _SourceStream:
    """The user's file; its errors are not the cache's."""

    raw: ByteReader
    label: str

    def read(self, size: int, /) -> bytes:
        with on_disk(f"{self.label} cannot be read"):
            return self.raw.read(size)


@contextmanager
def _open_regular(
    path: Path, flags: int
) -> Iterator[tuple[_SourceStream, Callable[[], os.stat_result]]]:
    """A regular file for reading, and its current state; a pipe or device is never waited for."""
    with on_disk(f"{path} cannot be read"):
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | flags)
    with os.fdopen(handle, "rb", buffering=0) as raw:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"{path} is neither a file nor a folder")
        yield _SourceStream(raw, str(path)), lambda: os.fstat(handle)


def _changed_error(path: Path) -> ConflictError:
    return ConflictError(
        f"{path} changed while it was read",
        remedy="wait until it is complete and try again",
    )


def _ingest_one(path: Path, cache: Cache, progress: Progress, *, flags: int = 0) -> CachedObject:
    with _open_regular(path, flags) as (source, state):
        before = state()

        def check(digest: Digest) -> None:
            after = state()
            unchanged = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
            if not unchanged or digest.size != before.st_size:
                raise _changed_error(path)

        return cache.add_stream(
            source,
            check=check,
            expected=before.st_size,
            limit=before.st_size,
            progress=progress.advance,
        )


def _files(sources: Sequence[Path]) -> list[_SourceFile]:
    """Several files and folders merged into one folder: files under their own names, folders by their content."""
    found: list[_SourceFile] = []
    for source in sources:
        with on_disk(f"{source} cannot be read"):
            if not source.exists():
                raise NotFoundError(f"{source} does not exist")
            is_folder, info = source.is_dir(), source.stat()
        if is_folder:
            found += (_SourceFile(path, source / path, info) for path, info in walk(source))
        else:
            found.append(_SourceFile(source.name, source, info))
    return sorted(found, key=lambda file: file.path)


def _check_overlap(files: Sequence[_SourceFile]) -> None:
    seen: dict[str, Path] = {}
    for path, place, _ in files:
        parts = path.split("/")
        above = ("/".join(parts[:n]) for n in range(1, len(parts) + 1))
        other = next((seen[one] for one in above if one in seen), None)
        if other is not None:
            raise UsageError(
                f"{other} and {place} would both be stored as {path!a}",
                remedy="rename one of them, or leave it out",
            )
        seen[path] = place


def _ingest_files(
    sources: Sequence[Path], cache: Cache, progress: Progress, name: str
) -> IngestedBlob:
    files = _files(sources)
    if len(sources) > 1:
        _check_overlap(files)
    no_links = getattr(os, "O_NOFOLLOW", 0) if len(sources) == 1 else 0

    def one(file: _SourceFile) -> CachedObject:
        return _ingest_one(file.place, cache, progress, flags=no_links)

    with show_progress(progress, sum(file.info.st_size for file in files), f"Reading {name}"):
        stored = in_parallel(one, files)
    # Each file was whole when it was read; this sees that all of them belong together.
    if [file.state() for file in _files(sources)] != [file.state() for file in files]:
        raise _changed_error(sources[0] if len(sources) == 1 else Path(name))
    members = tuple(
        Member(file.path, kept.digest.size, kept.digest.sha256, kept.digest.md5)
        for file, kept in zip(files, stored, strict=True)
    )
    places = {kept.digest.md5: kept.path for kept in stored}
    return describe_folder(members, places, cache)


def describe_folder(
    members: Sequence[Member], places: Mapping[str, Path], cache: Cache
) -> IngestedBlob:
    """A folder of files that are in the cache.

    Args:
        members: Its files.
        places: Where each file is, by md5.
        cache: Where the folder's own object is kept.

    Raises:
        CorruptObjectError: A path is unsafe, listed twice, or both a file and a folder.
    """
    ordered = tuple(sorted(members, key=lambda member: member.path))
    check_paths([member.path for member in ordered], label="the folder")
    listing = dir_object(ordered)
    own = cache.add_stream(io.BytesIO(listing), check=lambda _: None)
    blobs = {**places, dir_md5(listing): own.path}
    if len(ordered) > FILES_LIMIT:  # no manifest will list them, and a purge has to find them here
        cache.keep_members(folder_sha256(ordered), ordered)
    return IngestedBlob(
        size=sum(member.size for member in ordered),
        md5=dir_md5(listing),
        sha256=folder_sha256(ordered),
        nfiles=len(ordered),
        members=ordered,
        blobs=tuple(blobs.items()),
    )


def _as_file(kept: CachedObject) -> IngestedBlob:
    return IngestedBlob(*kept.digest, blobs=((kept.digest.md5, kept.path),))


def ingest(source: Path, *, cache: Cache, progress: Progress = SILENT) -> IngestedBlob:
    """Copy a file or a folder into the cache and say what it is.

    A link given as the source itself is followed; links inside a folder are refused.

    Raises:
        NotFoundError: There is nothing at that path.
        UsageError: It is not a file or folder, or contains what an artifact cannot contain.
        ConflictError: It changed while it was read.
        OperationalError: It cannot be read, or the cache cannot be written.
    """
    cache.sweep()
    with on_disk(f"{source} cannot be read"):
        if not source.exists():
            raise NotFoundError(f"{source} does not exist")
        is_folder, size = source.is_dir(), source.stat().st_size
    if is_folder:
        return _ingest_files([source], cache, progress, source.name)
    with show_progress(progress, size, f"Reading {source.name}"):
        return _as_file(_ingest_one(source, cache, progress))


def merge(
    sources: Sequence[Path], name: str, *, cache: Cache, progress: Progress = SILENT
) -> IngestedBlob:
    """Copy several files and folders into the cache, as one folder, and say what it is.

    A file keeps its name, a folder contributes its content.

    Raises:
        UsageError: Two would get the same place; otherwise as ``ingest``.
    """
    cache.sweep()
    return _ingest_files(sources, cache, progress, name)


def ingest_stream(
    stream: ByteReader,
    label: str,
    *,
    cache: Cache,
    size: int | None = None,
    progress: Progress = SILENT,
) -> IngestedBlob:
    """Copy a stream into the cache and say what it was.

    Args:
        stream: The bytes.
        label: What messages call it.
        cache: Where they are kept.
        size: How many there must be, where that is known.
        progress: Receives the number of bytes.

    Raises:
        UsageError: There were none.
        ConflictError: There were more or fewer than there must be.
        OperationalError: It cannot be read, or the cache cannot be written.
    """

    def check(digest: Digest) -> None:
        if size is not None and digest.size != size:
            raise ConflictError(
                f"{label}: expected {size} bytes, received {digest.size}",
                remedy="try again: the transfer ended early, or the file changed",
            )
        if not digest.size:
            raise UsageError(f"{label} is empty", remedy="check the program that writes it")

    cache.sweep()
    with show_progress(progress, size or 0, f"Reading {label}"):
        kept = cache.add_stream(
            _SourceStream(stream, label), check=check, expected=size or 0, progress=progress.advance
        )
    return _as_file(kept)
