"""Where the content of one registry is read from: its own remote, or others that are tried in turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.entry import ArtifactRequest, StoredEntry
from registry_tool.artifacts.progress import SILENT, Progress, say_nothing
from registry_tool.artifacts.remotes.base import ObjectSource
from registry_tool.artifacts.remotes.config import DvcSettings
from registry_tool.artifacts.remotes.open import open_source
from registry_tool.artifacts.transfer.fetch import Fetcher

__all__ = ["REMOTE_VARIABLE", "ArtifactSources"]

REMOTE_VARIABLE: Final = "REGISTRY_REMOTE"


class ArtifactSources:
    """Remotes for reading, each opened once, and the cache they fill.

    Args:
        settings: Reads DVC's configuration.
        name: The remote of the registry; None is DVC's default one.
        cache: Where the bytes are kept.
    """

    def __init__(self, settings: Callable[[], DvcSettings], name: str | None, cache: Cache) -> None:
        self._settings, self._name, self._cache = settings, name, cache
        self._guard = Lock()
        self._opened: dict[str | None, ObjectSource] = {}

    def source(self, name: str | None = None) -> ObjectSource:
        """A remote by its name in DVC's configuration, else the registry's own.

        Raises:
            NoRemoteError: None has that name, or none is configured.
            RemoteError: Its configuration cannot be used.
        """
        with self._guard:
            if name not in self._opened:
                self._opened[name] = open_source(self._settings(), name or self._name)
            return self._opened[name]

    def fetcher(
        self,
        *,
        remotes: Sequence[str] = (),
        offline: bool = False,
        progress: Progress = SILENT,
        tell: Callable[[str], None] = say_nothing,
    ) -> Fetcher:
        """Fetches artifacts into the cache.

        Args:
            remotes: Names of remotes that are tried in turn; by default those of ``$REGISTRY_REMOTE``, else the
                registry's own.
            offline: Ask none.
            progress: Receives the number of bytes.
            tell: Receives notices: what it waits for, why it tries another remote.
        """
        named = [*remotes] or os.environ.get(REMOTE_VARIABLE, "").split()
        names: Sequence[str | None] = named or [None]
        sources = [] if offline else [partial(self.source, name) for name in names]
        return Fetcher(sources, self._cache, progress, tell)

    def fetch(self, entry: Mapping[str, object], file: str = "", *, progress: Progress) -> Path:
        """The verified bytes of an artifact's entry, or of one file of a folder, in the cache.

        Raises:
            RemoteError: The remote cannot be used, lacks the content, or has different content.
            NotFoundError: The folder has no such file.
        """
        return self.fetcher(progress=progress).path(ArtifactRequest(StoredEntry.read(entry), file))
