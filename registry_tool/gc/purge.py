"""Delete the content of an erased version from the remote, and from the cache of this machine.

::

    record of the version --recorded_objects, complete_listing--> objects --plan, with who uses what--> plan --purge--> deleted

Nothing that another version uses is deleted, and nothing that an unpublished change has leased (see ``leases``) or
uploaded again after the erasure. An interrupted purge is repeated: the list of a folder's files is deleted last, so the
rest can still be found.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.dvc_files import Listed, dir_object
from registry_tool.artifacts.leases import LEASE_DAYS, Lease, deletion_notice, is_leased, leases
from registry_tool.artifacts.progress import SILENT, Progress, in_parallel, show_progress
from registry_tool.artifacts.remotes.base import Remote, read_listing
from registry_tool.errors import ConflictError, MissingObjectError, RegistryError, RemoteError
from registry_tool.gc.reachability import NeededBy, RequiredObjects
from registry_tool.manifests.data import Data, records, text, whole

__all__ = [
    "KeptObject",
    "PurgeObject",
    "PurgePlan",
    "PurgeSummary",
    "complete_listing",
    "find_shared",
    "plan",
    "purge",
    "recorded_objects",
]

_FOLDER = ".dir"


class PurgeObject(NamedTuple):
    """One object of a version.

    Attributes:
        md5: Its address; that of a folder's list of files ends in ``.dir``.
        path: The file it is, or the folder with a ``/`` at its end.
        size: In bytes; None where the record does not say.
        sha256: In hex; of a folder, its own. Empty where the record does not say.
        unlisted: True for a folder whose record does not list its files.
        listing: The sha256 of a folder's list of files, under which the cache has it; empty for a file.
    """

    md5: str
    path: str
    size: int | None
    sha256: str
    unlisted: bool = False
    listing: str = ""

    def digests(self) -> Iterator[str]:
        """What the cache may have it under."""
        yield from (digest for digest in (self.sha256, self.listing) if digest)


class KeptObject(NamedTuple):
    """An object that stays, and who needs it."""

    blob: PurgeObject
    need: NeededBy


class PurgePlan(NamedTuple):
    """What a purge would do.

    Attributes:
        going: On the remote, and to be deleted; folders' lists of files last.
        gone: To be deleted, and not on the remote any more.
        kept: Objects that other versions use.
        leases: The leases that were on the remote.
    """

    going: tuple[PurgeObject, ...]
    gone: tuple[PurgeObject, ...]
    kept: tuple[KeptObject, ...]
    leases: tuple[Lease, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that would be freed."""
        return sum(blob.size or 0 for blob in self.going)


class PurgeSummary(NamedTuple):
    """What a purge did: objects and bytes deleted from the remote, and objects taken out of the cache."""

    objects: int
    size: int
    cached: int


def _list_objects(entry: Data) -> Iterator[PurgeObject]:
    md5, path, sha256 = (text(entry, key) for key in ("md5", "path", "sha256"))
    if not md5.endswith(_FOLDER):
        yield PurgeObject(md5, path, whole(entry, "size"), sha256)
        return
    files = records(entry, "files")
    for file in files:
        inner = f"{path}/{text(file, 'path')}"
        yield PurgeObject(text(file, "md5"), inner, whole(file, "size"), text(file, "sha256"))
    listed = [Listed(text(file, "path"), text(file, "md5")) for file in files]
    yield PurgeObject(md5, f"{path}/", None, sha256, not files, _listing(listed))


def _listing(files: Sequence[Listed]) -> str:
    return hashlib.sha256(dir_object(files)).hexdigest() if files else ""


def recorded_objects(record: Data, uploads: Iterable[Data] = ()) -> list[PurgeObject]:
    """The objects that a version's record names, and files that were uploaded for it later; each once."""
    named = (*records(record, "artifacts"), *uploads)
    entries = (entry for entry in named if "md5" in entry)
    found: dict[str, PurgeObject] = {}
    for blob in (blob for entry in entries for blob in _list_objects(entry)):
        found.setdefault(blob.md5, blob)
    return list(found.values())


def _open_folder(folder: PurgeObject, remote: Remote, cache: Cache) -> list[PurgeObject]:
    """A folder's files and the folder itself."""
    remembered = cache.find_members(folder.sha256) or []
    known = {member.md5: member for member in remembered}
    try:
        listed = read_listing(remote, folder.md5, label=f"the list of files of {folder.path}")
    except MissingObjectError:
        listed = [Listed(member.path, member.md5) for member in remembered]
    files = [
        PurgeObject(
            md5,
            f"{folder.path}{path}",
            known[md5].size if md5 in known else None,
            known[md5].sha256 if md5 in known else "",
        )
        for path, md5 in listed
    ]
    return [*files, folder._replace(listing=_listing(listed))]


def complete_listing(
    blobs: Iterable[PurgeObject], remote: Remote, cache: Cache
) -> list[PurgeObject]:
    """The objects of a version with those that its record does not list: the files of large folders.

    They are taken from the list on the remote, else from what the cache remembers. Where neither knows, the folder
    was purged before, and there is nothing to find.

    Raises:
        CorruptObjectError: A list on the remote is not what its name says.
        RemoteError: The remote cannot be queried.
    """
    found: dict[str, PurgeObject] = {}
    for blob in blobs:
        for one in _open_folder(blob, remote, cache) if blob.unlisted else (blob,):
            found.setdefault(one.md5, one)
    return list(found.values())


def _list_files(folder: tuple[str, NeededBy], remote: Remote) -> frozenset[str]:
    md5, need = folder
    try:
        listed = read_listing(remote, md5, label=f"the list of files {md5} of {need.subject}")
    except MissingObjectError as exc:
        raise RemoteError(
            f"{need.subject} in {need.ref} uses the folder {md5}, and its list of files is missing from the remote, so "
            "its files are unknown: nothing was deleted",
            remedy="restore it with `dvc push`, erase that version too, or delete the ref",
        ) from exc
    return frozenset(file.md5 for file in listed)


def find_shared(needs: RequiredObjects, remote: Remote) -> dict[str, NeededBy]:
    """Who needs what, with the files of folders that no manifest lists.

    Raises:
        RemoteError: The remote lacks the list of files of such a folder, or cannot be queried.
    """
    taken = dict(needs.objects)
    wanted = needs.wanted or frozenset()
    if all(md5 in taken or md5.endswith(_FOLDER) for md5 in wanted):
        return taken
    folders = list(needs.folders.items())
    found = in_parallel(lambda folder: _list_files(folder, remote), folders)
    for (_, need), files in zip(folders, found, strict=True):
        for md5 in files & wanted:
            taken.setdefault(md5, need)
    return taken


def _check_reachable(remote: Remote, md5: str) -> None:
    """An empty answer may be that of a folder that is not mounted."""
    try:
        with remote.download(md5):
            return
    except MissingObjectError:
        return


def _folders_last(blobs: Sequence[PurgeObject]) -> tuple[PurgeObject, ...]:
    return tuple(sorted(blobs, key=lambda blob: blob.md5.endswith(_FOLDER)))


def plan(
    blobs: Sequence[PurgeObject],
    needs: RequiredObjects,
    remote: Remote,
    *,
    erased: float | None = None,
) -> PurgePlan:
    """Which objects may be deleted, are deleted already, or stay.

    Args:
        blobs: The objects of the version.
        needs: Who else uses them; all of them were searched for.
        remote: Asked what it has, and for the lists of folders that others need.
        erased: When the version was erased, in seconds since 1970; None where that is not known.

    Raises:
        RemoteError: The remote cannot be queried, or lacks a list of files that decides.
    """
    notes = leases(remote)
    taken = {**_find_leased(notes), **find_shared(needs, remote)}
    free = [blob for blob in blobs if blob.md5 not in taken]
    there = remote.exists([blob.md5 for blob in free], legacy=True)
    if free and not there:
        _check_reachable(remote, free[0].md5)
    if again := _uploaded_again(remote, there, erased):
        taken |= again
        free = [blob for blob in free if blob.md5 not in again]

    def add_size(blob: PurgeObject) -> PurgeObject:
        return blob if blob.size is not None else blob._replace(size=remote.size(blob.md5))

    going = in_parallel(add_size, [blob for blob in free if blob.md5 in there])
    return PurgePlan(
        going=_folders_last(going),
        gone=_folders_last([blob for blob in free if blob.md5 not in there]),
        kept=tuple(KeptObject(blob, taken[blob.md5]) for blob in blobs if blob.md5 in taken),
        leases=tuple(notes),
    )


def _find_leased(found: Iterable[Lease]) -> dict[str, NeededBy]:
    """What changes that are not published yet rely on."""
    kept = is_leased(found, time.time() - LEASE_DAYS * 24 * 3600)
    return {md5: NeededBy("an unpublished change", lease.words) for md5, lease in kept.items()}


def _uploaded_again(
    remote: Remote, md5s: Iterable[str], erased: float | None
) -> dict[str, NeededBy]:
    """Objects that were uploaded again after the erasure, for a change that this clone cannot see yet.

    A purge that is made again finds them under the names of those that it deleted.
    """
    if erased is None:
        return {}
    # A commit has whole seconds: an upload in that second may have come after it.
    since = max(erased, time.time() - LEASE_DAYS * 24 * 3600)
    found = remote.modified(md5s)
    return {md5: NeededBy(_again_words(when), "") for md5, when in found.items() if when >= since}


def _again_words(when: float) -> str:
    day, until = (
        time.strftime("%Y-%m-%d", time.gmtime(moment))
        for moment in (when, when + LEASE_DAYS * 24 * 3600)
    )
    return f"uploaded again on {day}, after the erasure; kept until {until}"


def _check_still_free(planned: PurgePlan, remote: Remote) -> None:
    """See that no change has come to rely on what goes; asked after a notice was left."""
    going = {blob.md5 for blob in planned.going}
    for lease in leases(remote, besides={one.path for one in planned.leases}) if going else ():
        if not lease.objects.isdisjoint(going):
            raise ConflictError(
                f"{lease.words} names an object that was about to be deleted: nothing was deleted",
                remedy="run it again",
            )


def _delete(
    blobs: Iterable[PurgeObject], remote: Remote, deleted: list[PurgeObject], progress: Progress
) -> None:
    def one(blob: PurgeObject) -> None:
        if remote.erase(blob.md5):
            deleted.append(blob)
        progress.advance(blob.size or 0)

    in_parallel(one, list(blobs))


def purge(
    plan: PurgePlan, remote: Remote, cache: Cache, *, progress: Progress = SILENT
) -> PurgeSummary:
    """Delete what a plan says.

    Raises:
        ConflictError: A change came to rely on an object, or another process deletes it; nothing was deleted.
        RemoteError: The remote refused or disconnected; deleted objects stay deleted, and the rest is found again.
        OperationalError: The cache cannot be written.
    """
    deleted: list[PurgeObject] = []
    files = (blob for blob in plan.going if not blob.md5.endswith(_FOLDER))
    folders = (blob for blob in plan.going if blob.md5.endswith(_FOLDER))
    try:
        with deletion_notice(remote, [blob.md5 for blob in plan.going]):
            _check_still_free(plan, remote)
            with show_progress(progress, plan.size, f"Deleting from {remote.name}"):
                _delete(files, remote, deleted, progress)
                _delete(folders, remote, deleted, progress)
    except ConflictError:
        raise
    except RegistryError as exc:
        raise RemoteError(
            f"{exc.message}; {len(deleted)} of {len(plan.going)} objects had been deleted",
            remedy="; ".join(
                part for part in (exc.remedy, "then run the same command again") if part
            ),
        ) from exc
    # The cache last: it knows the files of a folder, for a purge that has to be repeated.
    blobs = (*plan.going, *plan.gone)
    cached = sum(cache.forget(digest) for blob in blobs for digest in blob.digests())
    return PurgeSummary(len(deleted), sum(blob.size or 0 for blob in deleted), cached)
