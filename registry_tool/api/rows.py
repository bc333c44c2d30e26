"""Summaries of all models and versions of a registry, cached between runs in the user's cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.git.repository import Repository
from registry_tool.git.worktree import FolderTree, work_tree
from registry_tool.paths import cache_folder

__all__ = ["load_rows", "rows_folder"]


def rows_folder() -> Path:
    """The folder that caches summaries between runs."""
    return cache_folder() / "rows"


def load_rows(
    catalog: Catalog, repository: Repository, *, many: Callable[[], object] = lambda: None
) -> Rows:
    """The summaries of a registry; for a work tree, those of HEAD with its changes, since HEAD has object ids.

    Args:
        catalog: The registry's content.
        repository: Its repository.
        many: See ``Rows``.
    """
    if isinstance(catalog.tree, FolderTree):
        catalog = Catalog(work_tree(repository.git, repository.reader))
    return Rows(catalog, rows_folder(), many=many)
