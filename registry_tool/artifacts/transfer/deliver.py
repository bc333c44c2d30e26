"""From remotes to destinations of the user: through the shared cache, or directly where it cannot be written."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.cache.eviction import NO_ROOM, cache_limit, make_room
from registry_tool.artifacts.dvc_files import Member
from registry_tool.artifacts.entry import ArtifactRequest
from registry_tool.artifacts.filesystem import on_disk
from registry_tool.artifacts.transfer.fetch import CachedArtifact, Fetcher
from registry_tool.artifacts.transfer.place import (
    PlacedFile,
    PlaceFunction,
    copy_into,
    move_into,
    place_files,
    staging_folder,
)
from registry_tool.errors import OperationalError, RemoteError
from registry_tool.paths import is_guarded

__all__ = ["Delivery", "deliver"]

_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Delivery(NamedTuple):
    """A requested artifact and its destination."""

    request: ArtifactRequest
    destination: Path


def _files(content: CachedArtifact, cache: Cache) -> list[PlacedFile]:
    def place_member(member: Member) -> PlacedFile:
        source = cache.objects.place(member.sha256)
        is_safe = is_guarded(os.path.dirname(source))  # noqa: PTH120 - text
        return PlacedFile(member.path, source, member.size, "" if is_safe else member.sha256)

    return [place_member(member) for member in content.members]


def _moving(files: Sequence[PlacedFile]) -> PlaceFunction:
    """Moves what has one place and copies what has several."""
    places = Counter(file.source for file in files)

    def put(source: str, target: str, told: Callable[[int], None]) -> None:
        (copy_into if places[source] > 1 else move_into)(source, target, told)

    return put


def _bypass_cache(fetcher: Fetcher, delivery: Delivery, *, overwrite: bool) -> CachedArtifact:
    """Through a temporary cache next to the destination."""
    destination = delivery.destination
    with on_disk(f"{destination} cannot be written"):
        destination.parent.mkdir(parents=True, exist_ok=True)
        with staging_folder(destination) as folder:
            cache = Cache(folder / "new")
            content = replace(fetcher, cache=cache, bounded=False).fetch([delivery.request])[0]
            files = _files(content, cache)
            put = _moving(files)
            place_files(files, destination, put=put, overwrite=overwrite, progress=fetcher.progress)
    return content


def _why_not_cached(cache: Cache, size: int) -> str:
    limit = cache_limit()
    if limit is not None and size > limit:
        return f"{size} bytes exceed its limit ({limit}, REGISTRY_CACHE_SIZE)"
    if why := cache.why_read_only():
        return why
    return "" if make_room(cache, size) else NO_ROOM


def _is_denied(exc: OperationalError) -> bool:
    return isinstance(exc.__cause__, OSError) and exc.__cause__.errno in _DENIED


def deliver(
    fetcher: Fetcher,
    deliveries: Sequence[Delivery],
    *,
    put: PlaceFunction = copy_into,
    overwrite: bool = False,
) -> list[CachedArtifact]:
    """Fetch artifacts and place them; each complete or not at all.

    Args:
        fetcher: Fetches the content.
        deliveries: What, and where to.
        put: How the files get there: ``copy_into`` or ``linked``.
        overwrite: Replace different content.

    Returns:
        The placed artifacts, in the order of the deliveries.

    Raises:
        ConflictError: A destination has different content and ``overwrite`` is not set.
        OperationalError: A destination cannot be written; or as ``Fetcher.fetch``.
    """
    cache, requests = fetcher.cache, [delivery.request for delivery in deliveries]
    lacking = fetcher.lacking(requests)
    why = _why_not_cached(cache, sum(entry.size for entry in lacking)) if lacking else ""
    contents: list[CachedArtifact] = []
    if not why:
        try:
            contents = replace(fetcher, bounded=False).fetch(requests)
        except OperationalError as exc:
            # Another user made some of its folders, and closed them.
            if isinstance(exc, RemoteError) or not _is_denied(exc):
                raise
            why = exc.message
    if why:
        fetcher.tell(f"not using the cache {cache.root}: {why}")
        return [_bypass_cache(fetcher, delivery, overwrite=overwrite) for delivery in deliveries]
    for delivery, content in zip(deliveries, contents, strict=True):
        files, progress = _files(content, cache), fetcher.progress
        place_files(files, delivery.destination, put=put, overwrite=overwrite, progress=progress)
    return contents
