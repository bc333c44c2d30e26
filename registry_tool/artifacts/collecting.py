"""What lies on the remote and nobody needs: objects of versions that were never published, and of broken uploads.

Needed is what any ref of this registry, or of another one that is named, needs; in doubt an object stays. What is
younger than a grace period stays too: an upload comes before the manifest that names it. Objects that an old version
of DVC keeps apart are the same objects.

An object that has lain there for long, unneeded, may be taken up by an upload in the moment in which it is collected.
``collect`` asks once more, right before it deletes, whether anybody needs what it is about to delete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from registry_tool.artifacts.folders import is_listing
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.purging import shared
from registry_tool.artifacts.remote import Held, Leftover, Remote
from registry_tool.artifacts.threads import in_parallel
from registry_tool.catalog.needs import Needs
from registry_tool.errors import Conflict, RegistryError, RemoteTrouble

__all__ = ["Audit", "Collected", "audit", "collect"]

Ask = Callable[[Iterable[str]], Needs]


class Audit(NamedTuple):
    """What a remote holds.

    Attributes:
        needed: What somebody needs.
        orphans: What nobody needs, the largest first.
        young: What nobody needs yet: too young to tell, or of an age that the remote does not tell.
        leftovers: What broken uploads left, old enough to go.
    """

    needed: tuple[Held, ...]
    orphans: tuple[Held, ...]
    young: tuple[Held, ...]
    leftovers: tuple[Leftover, ...]


class Collected(NamedTuple):
    """What was deleted: objects, their bytes, and rests of broken uploads."""

    objects: int
    size: int
    leftovers: int


def _merged(objects: Iterable[Held]) -> Iterator[Held]:
    """Each object once: one that lies there in both layouts is as young as the younger, and takes the place of both."""
    found: dict[str, Held] = {}
    for one in objects:
        other = found.get(one.md5)
        if other is not None:
            times = [time for time in (one.modified, other.modified) if time is not None]
            size = (one.size or 0) + (other.size or 0)
            both = max(times) if len(times) > 1 else None
            found[one.md5] = Held(one.md5, size, both)
        else:
            found[one.md5] = one
    yield from found.values()


def _is_old(modified: float | None, before: float) -> bool:
    return modified is not None and modified < before


def audit(remote: Remote, ask: Ask, *, before: float) -> Audit:
    """Tell what a remote holds, and who needs it.

    Args:
        remote: Listed as a whole.
        ask: Says who needs some objects; see ``catalog.needs``.
        before: What was put there later is left alone, in seconds since 1970.

    Raises:
        RemoteTrouble: The remote cannot list what it holds, or lacks the list of files of a folder, so that nobody
            can tell which of its objects that folder needs.
    """
    objects = list(_merged(remote.objects()))
    taken = shared(ask(one.md5 for one in objects), remote)
    free = [one for one in objects if one.md5 not in taken]
    old = [one for one in free if _is_old(one.modified, before)]
    return Audit(
        needed=tuple(one for one in objects if one.md5 in taken),
        orphans=tuple(sorted(old, key=lambda one: (-(one.size or 0), one.md5))),
        young=tuple(one for one in free if not _is_old(one.modified, before)),
        leftovers=tuple(one for one in remote.leftovers() if _is_old(one.modified, before)),
    )


def collect(found: Audit, remote: Remote, ask: Ask, *, progress: Progress = SILENT) -> Collected:
    """Delete the orphans and the leftovers of an audit; lists of files go last, so that a broken run is made again.

    Raises:
        Conflict: Somebody came to need one of them meanwhile; nothing was deleted.
        RemoteTrouble: The remote refused or broke off; what was deleted stays so.
    """
    taken = shared(ask(one.md5 for one in found.orphans), remote)
    if taken:
        need = next(iter(taken.values()))
        raise Conflict(
            f"{need.subject} in {need.ref} came to need an object that was about to be deleted: nothing was deleted",
            remedy="run it again",
        )
    deleted: list[Held] = []

    def delete(one: Held) -> None:
        if remote.delete(one.md5):
            deleted.append(one)
        progress.advance(one.size or 0)

    total = sum(one.size or 0 for one in found.orphans)
    try:
        with shown(progress, total, f"Deleting from {remote.name}"):
            in_parallel(delete, [one for one in found.orphans if not is_listing(one.md5)])
            in_parallel(delete, [one for one in found.orphans if is_listing(one.md5)])
            in_parallel(remote.discard, found.leftovers)
    except RegistryError as exc:
        raise RemoteTrouble(
            f"{exc.message}; {len(deleted)} of {len(found.orphans)} objects had been deleted",
            remedy="; ".join(part for part in (exc.remedy, "then run it again") if part),
        ) from exc
    return Collected(len(deleted), sum(one.size or 0 for one in deleted), len(found.leftovers))
