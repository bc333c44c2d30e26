"""The bytes of one registry: its DVC remote and the shared cache, opened when they are first needed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from registry_tool.artifacts.progress import SILENT
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.names import check_artifact_name

if TYPE_CHECKING:
    from registry_tool.artifacts.cache import Cache
    from registry_tool.artifacts.progress import Progress
    from registry_tool.artifacts.remote import Remote
    from registry_tool.artifacts.ingesting import Ingested
    from registry_tool.catalog.index import Catalog
    from registry_tool.manifests.data import Data

__all__ = ["Store", "Taken"]

_CONFIG = ".dvc/config"
_CONFIG_LIMIT = 64 * 1024


class Taken(NamedTuple):
    """An artifact that was read and digested, and is not uploaded yet.

    Attributes:
        entry: Its entry in a manifest.
        pointer: The bytes of its ``.dvc`` pointer.
        ingested: Its bytes in the cache.
    """

    entry: dict[str, JSON]
    pointer: bytes
    ingested: Ingested


class Store:
    """Where a registry's bytes are.

    Args:
        catalog: The tree that holds ``.dvc/config`` and ``registry.yaml``.
        root: The registry's folder on this machine, for relative remotes and local credentials; None without one.
    """

    def __init__(self, catalog: Catalog, root: Path | None) -> None:
        self._catalog = catalog
        self._root = root

    @cached_property
    def cache(self) -> Cache:
        """The cache that all registries of this user share."""
        from registry_tool.artifacts.cache import Cache
        from registry_tool.places import cache_folder

        return Cache(cache_folder())

    @cached_property
    def remote(self) -> Remote:
        """The remote that ``registry.yaml`` names, else DVC's default.

        Raises:
            NoRemote: None is configured.
            RemoteTrouble: Its configuration cannot be used.
        """
        from registry_tool.artifacts.remote import open_remote
        from registry_tool.artifacts.settings import DvcSettings

        config = self._catalog.tree.read(_CONFIG, limit=_CONFIG_LIMIT) or b""
        local = None if self._root is None else self._root / ".dvc" / "config.local"
        settings = DvcSettings(config=config, local_config=local, root=self._root)
        return open_remote(settings, text(self._catalog.settings, "remote") or None)

    def fetch(self, entry: Data, progress: Progress | None = None) -> Path:
        """The verified bytes of an artifact's entry, in the cache.

        Raises:
            RemoteTrouble: The remote cannot be used, lacks the bytes, or holds others.
        """
        from registry_tool.artifacts.transfer import fetch

        return fetch(entry, lambda: self.remote, self.cache, progress=progress or SILENT)

    def take_in(
        self,
        source: Path,
        *,
        name: str = "",
        role: str = "",
        path: str = "",
        progress: Progress | None = None,
    ) -> Taken:
        """Read and digest a file or folder into the cache; nothing is uploaded.

        Args:
            source: The file or folder.
            name: The artifact's name; the file's own by default.
            role: Its role; guessed from the file's name by default.
            path: What it is called beside the manifest; the file's own name by default.
            progress: Told of the bytes.

        Raises:
            UsageError: There is no such file, it is no file or folder, or it changed while it was read.
        """
        from registry_tool.artifacts.pointers import Pointer, render_pointer
        from registry_tool.artifacts.transfer import ingest
        from registry_tool.edits.entries import artifact_words

        # A link is taken in under its own name: in caches of models the target's is often a digest.
        called = path or Path(os.path.abspath(source)).name  # noqa: PTH100 (resolve follows links)
        check_artifact_name(name or called)
        ingested = ingest(source, cache=self.cache, progress=progress or SILENT)
        fields = cast("dict[str, JSON]", ingested.described())
        entry: dict[str, JSON] = {"name": name or called, "role": role}
        entry.update(artifact_words(called, role=role))
        entry.update({"path": called, **fields})
        pointer = Pointer(called, ingested.md5, ingested.size, ingested.nfiles)
        return Taken(entry, render_pointer(pointer), ingested)

    def upload(self, taken: Iterable[Taken], *, progress: Progress | None = None) -> None:
        """Upload what was taken in, and see that the remote has it.

        Raises:
            NoRemote: None is configured.
            RemoteTrouble: The remote cannot be used, or does not have the bytes afterwards.
        """
        from registry_tool.artifacts.transfer import upload

        for one in taken:
            upload(one.ingested, self.remote, progress=progress or SILENT)
