"""From the cache to the remote: missing objects are sent, existing ones get a lease (``leases``).

``restore`` uploads content that a remote lost; it must match the record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.dvc_files import is_listing
from registry_tool.artifacts.filesystem import on_disk
from registry_tool.artifacts.leases import LEASE_DAYS, renew_leases
from registry_tool.artifacts.progress import SILENT, Progress, in_parallel, show_progress
from registry_tool.artifacts.remotes.base import Remote
from registry_tool.artifacts.transfer.ingest import IngestedBlob, ingest
from registry_tool.artifacts.verify import differences
from registry_tool.errors import MissingObjectError, RefusedError, RemoteError, UsageError
from registry_tool.manifests.data import Data, text

__all__ = [
    "RestoreSummary",
    "UploadSummary",
    "restore",
    "send",
    "upload",
]


class UploadSummary(NamedTuple):
    """What an upload did.

    Attributes:
        sent: How many objects were sent.
        warning: Why objects that it had before may be deleted by ``gc`` before the change is published; mostly empty.
    """

    sent: int
    warning: str = ""


def send(
    blobs: Sequence[tuple[str, Path]],
    remote: Remote,
    *,
    relied: Collection[str] = (),
    progress: Progress = SILENT,
) -> UploadSummary:
    """Upload the objects that the remote lacks, several at a time; then check that all exist, complete.

    The remote is queried twice, each time for all objects. What an earlier try sent is not sent again: it gets
    a lease, so that it counts as uploaded now, and is queried once more after that.

    Args:
        blobs: The md5 and the file of each; a folder's list of files comes last, so that it never stands for
            files that are missing.
        remote: Where they go.
        relied: Objects that must exist already: this machine does not have them.
        progress: Receives the number of all bytes, including those that exist already.

    Raises:
        ConflictError: Another process is deleting one of the objects.
        MissingObjectError: One that is relied on does not exist.
        RemoteError: The remote refused, or does not show an object afterwards.
    """
    with on_disk("the artifact cannot be read from the cache"):
        sizes = {md5: path.stat().st_size for md5, path in blobs}
    with show_progress(progress, sum(sizes.values()), f"Uploading to {remote.name}"):
        there, warning = _renew_leases(sizes, relied, remote)
        _check_relied(relied, there, remote)
        wanting = [(md5, path) for md5, path in blobs if there.get(md5) != sizes[md5]]
        progress.advance(sum(sizes.values()) - sum(sizes[md5] for md5, _ in wanting))

        def put(blob: tuple[str, Path]) -> None:
            remote.put(*blob, progress=progress.advance)

        files = [blob for blob in wanting if not is_listing(blob[0])]
        in_parallel(put, sorted(files, key=lambda blob: -sizes[blob[0]]))
        in_parallel(put, [blob for blob in wanting if is_listing(blob[0])])
    if wanting:
        _check_arrived({md5: sizes[md5] for md5, _ in wanting}, remote)
    return UploadSummary(len(wanting), warning)


def _present_sizes(own: Collection[str], relied: Collection[str], remote: Remote) -> dict[str, int]:
    # Own objects are sent in the layout of DVC 3; relied ones may be in that of DVC 2.
    found = remote.sizes(own) if own else {}
    return {**remote.sizes(relied, legacy=True), **found} if relied else found


def _renew_leases(
    own: Collection[str], relied: Collection[str], remote: Remote
) -> tuple[dict[str, int], str]:
    """The existing ones of these objects, leased, with their sizes; and why there is no lease."""
    there = _present_sizes(own, relied, remote)
    if not there:
        return there, ""
    try:
        renew_leases(remote, there.keys())
    except RemoteError as exc:
        return there, (
            f"{len(there)} objects were already on the remote {remote.name}, and no lease could be written for them: "
            f"{exc.message}; registry gc may delete them unless the change is published within {LEASE_DAYS} days of "
            "their upload"
        )
    # An object that existed before the lease may have been deleted before it.
    return _present_sizes(own, relied, remote), ""


def _check_relied(relied: Collection[str], there: Mapping[str, int], remote: Remote) -> None:
    gone = [md5 for md5 in relied if md5 not in there]
    if gone:
        raise MissingObjectError(
            f"{len(gone)} objects that this change reuses, among them {gone[0]}, are missing from the remote "
            f"{remote.name} ({remote.url})",
            remedy="upload the files again: --artifact PATH",
        )


def _check_arrived(sizes: Mapping[str, int], remote: Remote) -> None:
    found = remote.sizes(sizes)
    wrong = sorted(md5 for md5, size in sizes.items() if found.get(md5) != size)
    if not wrong:
        return
    first = wrong[0]
    shows = f"{found[first]} bytes instead of {sizes[first]}" if first in found else "nothing"
    raise RemoteError(
        f"the remote {remote.name} ({remote.url}) lacks {len(wrong)} of {len(sizes)} objects after the "
        f"upload: for {first} it has {shows}",
        remedy="check whether another program writes there, and try again",
    )


def upload(ingested: IngestedBlob, remote: Remote, *, progress: Progress = SILENT) -> int:
    """Put every object of an artifact on the remote; how many it lacked. See ``send``."""
    return send(ingested.blobs, remote, progress=progress).sent


class RestoreSummary(NamedTuple):
    """What a restore did: how many objects the remote lacked, of how many, and their total size."""

    objects: int
    of: int
    size: int


def restore(
    entry: Data, source: Path, *, cache: Cache, remote: Remote, progress: Progress = SILENT
) -> RestoreSummary:
    """Upload what the remote lacks of a stored artifact.

    Args:
        entry: The artifact's entry in a manifest that passed its schema.
        source: The file or folder with its bytes; of an encrypted artifact, its ciphertext.
        cache: Where the bytes are kept on their way.
        remote: Where they go.
        progress: Receives the number of bytes.

    Raises:
        UsageError: The artifact is tracked elsewhere, or there is no such file.
        RefusedError: These are other bytes; nothing was uploaded.
        RemoteError: The remote refused.
    """
    name = text(entry, "name")
    if "md5" not in entry:
        raise UsageError(
            f"artifact {name} is tracked elsewhere, so the registry's remote does not store it",
            remedy=f"it is stored at {text(entry, 'uri')}",
        )
    ingested = ingest(source, cache=cache, progress=progress)
    if (ingested.md5, ingested.sha256) != (text(entry, "md5"), text(entry, "sha256")):
        whys = differences(entry, source) or [f"is md5 {ingested.md5}, not {text(entry, 'md5')}"]
        raise RefusedError(
            f"{source} is not artifact {name}: it {whys[0]}",
            remedy="use the files that were added; different content is a new version",
        )
    sent = upload(ingested, remote, progress=progress)
    return RestoreSummary(sent, len(ingested.blobs), ingested.size)
