"""Objects on the remote that no version uses: content of versions that were never published, and of broken uploads.

An object is used when any ref of this registry, or of another one that is named, uses it; in doubt it stays. Objects
younger than a grace period stay too: an upload comes before the manifest that names it. A change whose content was
already on the remote leaves a lease instead, which counts as an upload; see ``leases``. Objects that an old version of
DVC stores separately are the same objects.

An old unused object may be adopted by an upload at the moment of its collection. So ``collect`` first leaves a notice of
what it is about to delete, then checks leases, the age of the objects, and their uses again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from registry_tool.artifacts.dvc_files import is_listing
from registry_tool.artifacts.leases import Lease, deletion_notice, drop, is_leased, leases
from registry_tool.artifacts.progress import SILENT, Progress, in_parallel, show_progress
from registry_tool.artifacts.remotes.base import Remote, RemoteObject, UnfinishedUpload
from registry_tool.errors import ConflictError, RegistryError, RemoteError
from registry_tool.gc.purge import find_shared
from registry_tool.gc.reachability import RequiredObjects

__all__ = ["CollectSummary", "RemoteAudit", "audit", "collect"]

Ask = Callable[[Iterable[str]], RequiredObjects]


class RemoteAudit(NamedTuple):
    """The content of a remote.

    Attributes:
        needed: The objects in use.
        orphans: The unused objects, the largest first.
        young: Unused objects that stay: too young, of unknown age, or leased.
        leftovers: What broken uploads left, old enough to go.
        leases: The leases that existed.
        expired: Those of them that count no more.
    """

    needed: tuple[RemoteObject, ...]
    orphans: tuple[RemoteObject, ...]
    young: tuple[RemoteObject, ...]
    leftovers: tuple[UnfinishedUpload, ...]
    leases: tuple[Lease, ...] = ()
    expired: tuple[Lease, ...] = ()


class CollectSummary(NamedTuple):
    """What a collection deleted: objects, their bytes, and parts of broken uploads."""

    objects: int
    size: int
    leftovers: int


def _merge_layouts(objects: Iterable[RemoteObject]) -> Iterator[RemoteObject]:
    """Each object once: one in both layouts is as young as the younger, with the size of both."""
    found: dict[str, RemoteObject] = {}
    for one in objects:
        other = found.get(one.md5)
        if other is not None:
            times = [time for time in (one.modified, other.modified) if time is not None]
            size = (one.size or 0) + (other.size or 0)
            both = max(times) if len(times) > 1 else None
            found[one.md5] = RemoteObject(one.md5, size, both)
        else:
            found[one.md5] = one
    yield from found.values()


def _is_old(modified: float | None, before: float) -> bool:
    return modified is not None and modified < before


def audit(remote: Remote, ask: Ask, *, before: float) -> RemoteAudit:
    """List the objects of a remote, and which are used.

    Args:
        remote: Listed as a whole.
        ask: Says who needs some objects; see ``catalog.needs``.
        before: Objects that were stored later are left alone, in seconds since 1970.

    Raises:
        RemoteError: The remote cannot list its objects, or lacks the list of files of a folder, so that it is
            unknown which of its objects that folder uses.
    """
    objects = list(_merge_layouts(remote.objects()))
    notes = leases(remote)
    leased = is_leased(notes, before)
    taken = find_shared(ask(one.md5 for one in objects), remote)
    free = [one for one in objects if one.md5 not in taken]
    old = [one for one in free if one.md5 not in leased and _is_old(one.modified, before)]
    gone = {one.md5 for one in old}
    return RemoteAudit(
        needed=tuple(one for one in objects if one.md5 in taken),
        orphans=tuple(sorted(old, key=lambda one: (-(one.size or 0), one.md5))),
        young=tuple(one for one in free if one.md5 not in gone),
        leftovers=tuple(one for one in remote.leftovers() if _is_old(one.modified, before)),
        leases=tuple(notes),
        expired=tuple(one for one in notes if not one.counts(before)),
    )


def _check_still_free(found: RemoteAudit, remote: Remote, ask: Ask) -> None:
    """Check that the audit is still valid, after the notice was left."""
    orphans = {one.md5: one for one in found.orphans}
    if not orphans:
        return
    known = {lease.path for lease in found.leases}
    for lease in leases(remote, besides=known):
        if not lease.objects.isdisjoint(orphans):
            raise _reuse_error(f"{lease.words} names")
    if any(one.modified != orphans[one.md5].modified for one in _again(orphans, remote)):
        raise _reuse_error("an upload renewed")
    taken = find_shared(ask(orphans), remote)
    if taken:
        need = next(iter(taken.values()))
        raise _reuse_error(f"{need.subject} in {need.ref} now uses")


def _again(orphans: Collection[str], remote: Remote) -> Iterator[RemoteObject]:
    return (one for one in _merge_layouts(remote.objects()) if one.md5 in orphans)


def _reuse_error(by: str) -> ConflictError:
    return ConflictError(
        f"{by} an object that was about to be deleted: nothing was deleted", remedy="run it again"
    )


def collect(
    found: RemoteAudit, remote: Remote, ask: Ask, *, progress: Progress = SILENT
) -> CollectSummary:
    """Delete the orphans and the leftovers of an audit; lists of files go last, so that a broken run is made again.

    Raises:
        ConflictError: One of them came to be needed or leased meanwhile, or another process deletes it; nothing was deleted.
        RemoteError: The remote refused or disconnected; deleted objects stay deleted.
    """
    deleted: list[RemoteObject] = []

    def delete(one: RemoteObject) -> None:
        if remote.delete(one.md5):
            deleted.append(one)
        progress.advance(one.size or 0)

    total = sum(one.size or 0 for one in found.orphans)
    with deletion_notice(remote, [one.md5 for one in found.orphans]):
        _check_still_free(found, remote, ask)
        try:
            with show_progress(progress, total, f"Deleting from {remote.name}"):
                in_parallel(delete, [one for one in found.orphans if not is_listing(one.md5)])
                in_parallel(delete, [one for one in found.orphans if is_listing(one.md5)])
                in_parallel(remote.discard, found.leftovers)
        except RegistryError as exc:
            raise RemoteError(
                f"{exc.message}; {len(deleted)} of {len(found.orphans)} objects had been deleted",
                remedy="; ".join(part for part in (exc.remedy, "then run it again") if part),
            ) from exc
    drop(remote, [lease.path for lease in found.expired])
    return CollectSummary(len(deleted), sum(one.size or 0 for one in deleted), len(found.leftovers))
