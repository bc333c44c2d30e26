"""Fetch one artifact of a manifest's entry into a cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.artifacts.remotes.base import ObjectSource
from registry_tool.artifacts.transfer.fetch import Fetcher

__all__ = ["fetch"]


def fetch(
    entry: Mapping[str, object],
    open_source: Callable[[], ObjectSource],
    cache: Cache,
    *,
    progress: Progress = SILENT,
) -> Path:
    """Its verified bytes, at a stable path in the cache; the remote is opened when it is needed."""
    fetcher = Fetcher((open_source,), cache, progress)
    return fetcher.path(ArtifactRequest(StoredEntry.read(entry)))
