"""Files on a remote that say which objects are in use by unpublished changes, and which are about to be deleted.

Content comes before the manifest that names it, so a collector leaves young objects alone. A change that uploads
nothing, because the remote has the content already, has no young objects: it writes a *lease*, a small file that lists
them, and they count as uploaded when the lease was. A collector writes a *notice* of what it deletes.

::

    add:      lease    -> read notices -> check that the objects exist    -> manifest
    collect:  notice   -> read leases  -> check that the objects are old  -> delete

Each side writes first and reads then, so of an add and a collector at the same moment at least one sees the other
(Dekker's algorithm) and gives way: the collector deletes nothing, the add reports the notice and stops before a manifest
is written. See docs/decisions/0029.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.artifacts.progress import in_parallel
from registry_tool.errors import ConflictError, MissingObjectError, RemoteError

if TYPE_CHECKING:
    from registry_tool.artifacts.remotes.base import Remote, RemoteNote

__all__ = [
    "LEASE_DAYS",
    "Lease",
    "deletion_notice",
    "drop",
    "is_leased",
    "leases",
    "renew_leases",
]

LEASE_DAYS: Final = 7
"""The default lifetime of a lease, which is as long as ``gc`` leaves young objects alone."""

_LEASES: Final = "registry-tool/leases"
_NOTICES: Final = "registry-tool/collections"
_DIGEST: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9a-f]{32}(?:\.dir)?(?![0-9A-Za-z])")
_LIMIT: Final = 64 << 20  # a million digests and more
_MOST_NOTES: Final = 100_000
# A collector that was killed leaves its notice. None deletes for so long.
_NOTICE_SECONDS: Final = 6 * 3600


class Lease(NamedTuple):
    """Objects that a change relies on.

    Attributes:
        path: Where the note is, below the remote's URL.
        modified: When it was put there, in seconds since 1970 by the remote's clock; None where it is unknown.
        objects: Their md5; those of folders end in ``.dir``.
    """

    path: str
    modified: float | None
    objects: frozenset[str]

    def counts(self, since: float) -> bool:
        """True when it was written after a moment, or at an unknown one."""
        return self.modified is None or self.modified >= since

    @property
    def words(self) -> str:
        """For messages."""
        day = (
            "" if self.modified is None else f" of {time.strftime('%Y-%m-%d', time.gmtime(self.modified))}"
        )  # fmt: skip
        return f"the lease{day} ({self.path})"


def _read(remote: Remote, notes: Sequence[RemoteNote]) -> list[Lease]:
    if len(notes) > _MOST_NOTES:
        raise RemoteError(
            f"the remote {remote.name} ({remote.url}) has {len(notes)} files in {_LEASES}, more than this command reads",
            remedy=f"delete old files from that folder on the remote: {_LEASES}",
        )

    def one(note: RemoteNote) -> Lease | None:
        try:
            data = remote.read_note(note.path, limit=_LIMIT)
        except MissingObjectError:
            return None  # it was deleted meanwhile
        if len(data) > _LIMIT:
            raise RemoteError(
                f"{note.path} on the remote {remote.name} ({remote.url}) is larger than {_LIMIT} bytes, so the "
                "objects that it protects are unknown",
                remedy="delete that file on the remote if no recent change needs it",
            )
        # Whatever it says: a digest in its text is kept.
        return Lease(note.path, note.modified, frozenset(m.decode() for m in _DIGEST.findall(data)))

    return [lease for lease in in_parallel(one, notes) if lease is not None]


def leases(remote: Remote, *, besides: Collection[str] = ()) -> list[Lease]:
    """The leases on a remote, the expired ones too, besides those at some paths.

    Raises:
        RemoteError: One of them cannot be read.
    """
    return _read(remote, [note for note in remote.notes(_LEASES) if note.path not in besides])


def is_leased(found: Iterable[Lease], since: float) -> dict[str, Lease]:
    """The objects that leases younger than a moment keep, each with such a lease."""
    return {md5: lease for lease in found if lease.counts(since) for md5 in lease.objects}


def _write(remote: Remote, folder: str, objects: Iterable[str]) -> str:
    now = dt.datetime.now(dt.UTC)
    path = f"{folder}/{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}.json"
    note = {"schema": "lease/v1", "made": f"{now:%Y-%m-%dT%H:%M:%SZ}", "objects": sorted(objects)}
    remote.put_note(path, json.dumps(note, indent=0).encode())
    return path


def _is_dead(notice: RemoteNote) -> bool:
    return notice.modified is not None and notice.modified < time.time() - _NOTICE_SECONDS


def _check_unnoticed(remote: Remote, objects: Collection[str], *, besides: str = "") -> None:
    """Check that no process is deleting any of these objects."""
    wanted = frozenset(objects)
    others = (note for note in remote.notes(_NOTICES) if note.path != besides)
    for notice in _read(remote, [note for note in others if not _is_dead(note)]):
        if common := wanted & notice.objects:
            raise ConflictError(
                f"another process is deleting {len(common)} of these objects from the remote {remote.name} "
                f"({remote.url}), as its notice {notice.path} says: nothing was written",
                remedy="wait until it finishes and run the command again; if it was killed, delete the notice on the "
                f"remote, or wait {_NOTICE_SECONDS // 3600} hours",
            )


def renew_leases(remote: Remote, objects: Collection[str]) -> None:
    """Have objects that are on the remote count as uploaded now.

    Whether they exist is checked afterwards.

    Raises:
        ConflictError: They are being deleted.
        RemoteError: The remote takes no note.
    """
    if objects:
        _write(remote, _LEASES, objects)
        _check_unnoticed(remote, objects)


@contextmanager
def deletion_notice(remote: Remote, objects: Collection[str]) -> Iterator[None]:
    """Write a notice of a deletion, and remove it afterwards.

    Raises:
        ConflictError: Another process deletes some of them.
        RemoteError: The remote takes no note.
    """
    if not objects:
        yield
        return
    path = _write(remote, _NOTICES, objects)
    try:
        _check_unnoticed(remote, objects, besides=path)
        drop(remote, [note.path for note in remote.notes(_NOTICES) if _is_dead(note)])
        yield
    finally:
        drop(remote, [path])


def drop(remote: Remote, paths: Iterable[str]) -> None:
    """Delete notes that count no more; where the remote does not let them go, they stay."""

    def one(path: str) -> None:
        with suppress(RemoteError, MissingObjectError):
            remote.remove_note(path)

    in_parallel(one, list(paths))
