"""The bytes of one registry: its DVC remote and the shared cache, opened when they are first needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.artifacts.progress import SILENT
from registry_tool.manifests.data import text

if TYPE_CHECKING:
    from registry_tool.artifacts.cache import Cache
    from registry_tool.artifacts.progress import Progress
    from registry_tool.artifacts.remote import Remote
    from registry_tool.catalog.index import Catalog
    from registry_tool.manifests.data import Data

__all__ = ["Store"]

_CONFIG = ".dvc/config"
_CONFIG_LIMIT = 64 * 1024


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
