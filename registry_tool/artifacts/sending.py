"""From the cache to the remote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from registry_tool.artifacts.disk import on_disk
from registry_tool.artifacts.folders import is_listing
from registry_tool.artifacts.ingesting import Ingested
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.remote import Remote
from registry_tool.artifacts.threads import in_parallel
from registry_tool.errors import RemoteTrouble

__all__ = ["send", "upload"]


def send(blobs: Sequence[tuple[str, Path]], remote: Remote, *, progress: Progress = SILENT) -> int:
    """Put objects on the remote: all that it lacks, several at a time; then see that all are there, whole.

    The remote is asked twice, each time for all objects together. What an earlier try sent is not sent again.

    Args:
        blobs: The md5 and the file of each; a folder's list of files comes last, so that it never stands for
            files that are not there.
        remote: Where they go.
        progress: Told of all bytes, those that are there already too.

    Returns:
        How many objects were sent.

    Raises:
        RemoteTrouble: The remote refused, or does not show an object afterwards.
    """
    with on_disk("the artifact vanished from the cache"):
        sizes = {md5: path.stat().st_size for md5, path in blobs}
    with shown(progress, sum(sizes.values()), f"Uploading to {remote.name}"):
        there = remote.sizes(sizes)
        wanting = [(md5, path) for md5, path in blobs if there.get(md5) != sizes[md5]]
        progress.advance(sum(sizes.values()) - sum(sizes[md5] for md5, _ in wanting))

        def put(blob: tuple[str, Path]) -> None:
            remote.put(*blob, progress=progress.advance)

        files = [blob for blob in wanting if not is_listing(blob[0])]
        in_parallel(put, sorted(files, key=lambda blob: -sizes[blob[0]]))
        in_parallel(put, [blob for blob in wanting if is_listing(blob[0])])
    if wanting:
        _check_arrived({md5: sizes[md5] for md5, _ in wanting}, remote)
    return len(wanting)


def _check_arrived(sizes: Mapping[str, int], remote: Remote) -> None:
    found = remote.sizes(sizes)
    wrong = sorted(md5 for md5, size in sizes.items() if found.get(md5) != size)
    if not wrong:
        return
    first = wrong[0]
    shows = f"{found[first]} bytes instead of {sizes[first]}" if first in found else "nothing"
    raise RemoteTrouble(
        f"the remote {remote.name} ({remote.url}) does not show {len(wrong)} of {len(sizes)} objects after the "
        f"upload: of {first} it has {shows}",
        remedy="see whether something else writes there, and try again",
    )


def upload(ingested: Ingested, remote: Remote, *, progress: Progress = SILENT) -> int:
    """Put every object of an artifact on the remote; see ``send``."""
    return send(ingested.blobs, remote, progress=progress)
