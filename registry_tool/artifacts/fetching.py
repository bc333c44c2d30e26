"""From a manifest's entry to verified bytes in the cache.

Size, md5 and sha256 are checked while the bytes stream in; nothing gets a path before all of it was right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path, PurePosixPath

from registry_tool.artifacts.cache import Cache
from registry_tool.artifacts.folders import (
    Listed,
    Member,
    check_paths,
    dir_md5,
    dir_object,
    folder_sha256,
)
from registry_tool.artifacts.hashing import Digest
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.remote import Remote, read_listing
from registry_tool.artifacts.threads import in_parallel
from registry_tool.errors import CorruptObject, InvalidManifest, MissingObject, UsageError

__all__ = ["fetch"]


@dataclass(frozen=True)
class _Entry:
    """A stored artifact, as its manifest describes it."""

    label: str
    name: str
    size: int
    sha256: str
    md5: str
    nfiles: int | None
    members: tuple[Member, ...]  # empty for a file, and for a folder of many files

    @property
    def is_folder(self) -> bool:
        return self.md5.endswith(".dir")


@dataclass(frozen=True)
class _Job:
    """What all steps of one fetch share."""

    entry: _Entry
    remote: Callable[[], Remote]
    cache: Cache
    progress: Progress


def _text(data: Mapping[str, object], key: str, label: str) -> str:
    value = data.get(key)
    if isinstance(value, str) and value:
        return value
    raise InvalidManifest(f"{label}: `{key}` must be text")


def _count(data: Mapping[str, object], key: str, label: str) -> int:
    value = data.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise InvalidManifest(f"{label}: `{key}` must be a whole number, zero or more")


def _members(data: Mapping[str, object], label: str) -> tuple[Member, ...]:
    files = data.get("files")
    if files is None:
        return ()
    if not isinstance(files, list) or not all(isinstance(one, dict) for one in files):
        raise InvalidManifest(f"{label}: `files` must be a list of files")
    members = tuple(
        Member(
            _text(one, "path", label),
            _count(one, "size", label),
            _text(one, "sha256", label),
            _text(one, "md5", label),
        )
        for one in files
    )
    check_paths([m.path for m in members], label=label)
    return members


def _entry(data: Mapping[str, object]) -> _Entry:
    label = str(data.get("name") or data.get("path") or "the artifact")
    if "uri" in data and "path" not in data:
        raise UsageError(
            f"{label} is tracked elsewhere and has no bytes here",
            remedy=f"get it from {data['uri']}",
        )
    path = _text(data, "path", label)
    entry = _Entry(
        label=f"{label} ({path})" if label != path else path,
        name=PurePosixPath(path).name,
        size=_count(data, "size", label),
        sha256=_text(data, "sha256", label),
        md5=_text(data, "md5", label),
        nfiles=None if data.get("nfiles") is None else _count(data, "nfiles", label),
        members=_members(data, label),
    )
    if entry.members and not entry.is_folder:
        raise InvalidManifest(f"{label}: `files` stands with an md5 that is not a folder's")
    return entry


def _corrupt(label: str, what: str, expected: object, found: object) -> CorruptObject:
    return CorruptObject(
        f"{label} is not what its manifest says: expected {what} {expected}, found {found}",
        remedy="nothing was kept; ask the owner of the remote to restore the object",
    )


def _checker(
    label: str, *, size: int | None, md5: str, sha256: str | None
) -> Callable[[Digest], None]:
    def check(found: Digest) -> None:
        if size is not None and found.size != size:
            shown_size = f"more than {size}" if found.size > size else found.size
            raise _corrupt(label, "size", size, shown_size)
        if found.md5 != md5:
            raise _corrupt(label, "md5", md5, found.md5)
        if sha256 is not None and found.sha256 != sha256:
            raise _corrupt(label, "sha256", sha256, found.sha256)

    return check


def _missing(label: str, size: int, remote: Remote, md5: str) -> MissingObject:
    return MissingObject(
        f"the bytes of {label} ({size} bytes) are not on the remote {remote.name} ({remote.url}):"
        f" there is no object {md5}",
        remedy="ask its author to upload them again (registry version add, or dvc push)",
    )


def _download(job: _Job, label: str, *, size: int | None, md5: str, sha256: str | None) -> Digest:
    """One object into the cache; ``size`` and ``sha256`` are None where only the whole folder's are known."""
    remote = job.remote()
    limit = job.entry.size if size is None else size
    try:
        with remote.download(md5) as stream:
            return job.cache.add_stream(
                stream,
                check=_checker(label, size=size, md5=md5, sha256=sha256),
                expected=limit if job.entry.nfiles is None else 0,
                limit=limit,
                progress=job.progress.advance,
            ).digest
    except MissingObject as exc:
        raise _missing(label, limit, remote, md5) from exc


def _fetch_file(job: _Job) -> Path:
    entry = job.entry
    if ready := job.cache.find_file(entry.sha256, entry.size, entry.name):
        return ready
    if job.cache.find(entry.sha256, entry.size) is None:
        with shown(job.progress, entry.size, f"Fetching {entry.name}"):
            _download(job, entry.label, size=entry.size, md5=entry.md5, sha256=entry.sha256)
    return job.cache.place_file(entry.sha256, entry.size, entry.name)


def _check_folder(entry: _Entry, members: Sequence[Member]) -> None:
    if entry.nfiles not in {None, len(members)}:
        raise _corrupt(entry.label, "number of files", entry.nfiles, len(members))
    if (size := sum(m.size for m in members)) != entry.size:
        raise _corrupt(entry.label, "size", entry.size, size)
    if (found := folder_sha256(members)) != entry.sha256:
        raise _corrupt(entry.label, "sha256", entry.sha256, found)


def _fetch_members(job: _Job, members: Sequence[Member]) -> Path:
    """The files of a folder that are not here yet, then the folder."""
    entry = job.entry
    if ready := job.cache.find_folder(entry.sha256, members, entry.name):
        return ready
    wanted = {m.sha256: m for m in members if job.cache.find(m.sha256, m.size) is None}

    def one(member: Member) -> None:
        label = f"{entry.label}: {member.path}"
        _download(job, label, size=member.size, md5=member.md5, sha256=member.sha256)

    if wanted:
        job.remote()  # opened here, so that the threads share one
        total = sum(m.size for m in wanted.values())
        with shown(job.progress, total, f"Fetching {entry.name}"):
            in_parallel(one, list(wanted.values()))
    return job.cache.place_folder(entry.sha256, members, entry.name)


def _fetch_listed(job: _Job) -> Path:
    """A folder whose files the manifest lists; what plain ``dvc pull`` would restore must be the same."""
    entry = job.entry
    _check_folder(entry, entry.members)
    if (found := dir_md5(dir_object(entry.members))) != entry.md5:
        raise _corrupt(entry.label, "md5", entry.md5, found)
    return _fetch_members(job, entry.members)


def _listed_files(job: _Job) -> list[Listed]:
    """The files of a folder, as DVC's object of it lists them; its md5 must be the manifest's."""
    entry, remote = job.entry, job.remote()
    label = f"{entry.label}: its list of files"
    try:
        listed = read_listing(remote, entry.md5, label=label)
    except MissingObject as exc:
        raise _missing(label, entry.size, remote, entry.md5) from exc
    if entry.nfiles not in {None, len(listed)}:
        raise _corrupt(entry.label, "number of files", entry.nfiles, len(listed))
    return listed


def _fetch_unlisted(job: _Job) -> Path:
    """A folder of many files: sizes and sha256 of its files are only known once they are here."""
    entry = job.entry
    known = job.cache.find_members(entry.sha256)
    if known is not None:
        _check_folder(entry, known)
        return _fetch_members(job, known)
    listed = _listed_files(job)

    def one(item: tuple[str, str]) -> Digest:
        return _download(job, f"{entry.label}: {item[1]}", size=None, md5=item[0], sha256=None)

    unique = {item.md5: item.path for item in listed}
    with shown(job.progress, entry.size, f"Fetching {entry.name}"):
        digests = dict(zip(unique, in_parallel(one, list(unique.items())), strict=True))
    members = [Member(path, digests[md5].size, digests[md5].sha256, md5) for path, md5 in listed]
    _check_folder(entry, members)
    job.cache.keep_members(entry.sha256, members)
    return job.cache.place_folder(entry.sha256, members, entry.name)


def fetch(
    entry: Mapping[str, object],
    remote_factory: Callable[[], Remote],
    cache: Cache,
    *,
    progress: Progress = SILENT,
) -> Path:
    """The verified bytes of an artifact, at a stable read-only path in the cache.

    What is in the cache already is not asked of the remote; ``remote_factory`` is called at most once, and only when
    something is missing.

    Args:
        entry: The artifact's entry in a manifest: ``path``, ``size``, ``sha256``, ``md5``, ``nfiles``, ``files``.
        remote_factory: Opens the remote the bytes are on.
        cache: Where they are kept.
        progress: Told about the bytes that had to be fetched.

    Raises:
        CorruptObject: A byte is not what the manifest says; nothing was placed.
        MissingObject: The remote does not have an object.
        RemoteTrouble: The remote cannot be used.
        UsageError: The artifact is tracked elsewhere.
        InvalidManifest: The entry is not well formed.
        EnvironmentTrouble: The cache cannot be written.
    """

    @once
    def remote() -> Remote:
        cache.sweep()
        return remote_factory()

    job = _Job(_entry(entry), remote, cache, progress)
    if not job.entry.is_folder:
        return _fetch_file(job)
    return _fetch_listed(job) if job.entry.members else _fetch_unlisted(job)
