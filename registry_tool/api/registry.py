"""The façade: every use case of a registry, for programs, the command line, hooks and servers.

A registry is read at one commit (or one state of the work tree), so a program sees consistent data however long it
runs; ``refresh`` opens the newest state. Reading is safe from several threads. Each method imports what it needs when it
is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.api.snapshot import (
    WORK_TREE,
    Snapshot,
    StaleRegistryWarning,
    UntrustedRegistryWarning,
)
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.api.change import Change
    from registry_tool.api.views import ModelVersion, RegisteredModel
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.history import HistoryEntry
    from registry_tool.checks.findings import Report

__all__ = [
    "WORK_TREE",
    "Registry",
    "StaleRegistryWarning",
    "UntrustedRegistryWarning",
    "open_registry",
]


class Registry(Snapshot):
    """A registry at one commit, and everything that can be done with it.

    Use ``registry_tool.open`` to make one.
    """

    def models(
        self,
        *,
        namespace: str | None = None,
        task: str | None = None,
        owner: str | None = None,
        labels: Iterable[str] = (),
    ) -> Iterator[RegisteredModel]:
        """The registered models that match all filters, by name; unreadable ones are skipped."""
        from registry_tool.api.listing import matching_models

        return matching_models(self, namespace=namespace, task=task, owner=owner, labels=labels)

    def versions(self, name: str | ModelName) -> Iterator[ModelVersion]:
        """The versions of a model, lowest first.

        Raises:
            NotFoundError: No such model exists.
        """
        from registry_tool.api.listing import listed_versions

        return listed_versions(self, ModelName.parse(name) if isinstance(name, str) else name)

    def search(self, query: str) -> Iterator[ModelVersion]:
        """The versions that match a query, by model, highest first; unreadable ones are skipped.

        Args:
            query: As for ``registry search``: words, ``label:edge``, ``alias:production``, ``accuracy>=0.9`` and so on.
                Every term must match.

        Raises:
            UsageError: The query is not well formed.
        """
        from registry_tool.api.listing import found_versions

        return found_versions(self, query)

    def history(self, reference: str, *, limit: int | None = None) -> list[HistoryEntry]:
        """What happened up to this registry's commit (of a work tree: HEAD), newest first: who, when and why.

        Args:
            reference: ``model@alias`` for its moves, ``model@version`` for its life cycle, or a model for all of it.
                Deleted names have a history too.
            limit: The maximum number of entries, newest first; None for all.

        Raises:
            InvalidNameError: The text is not a reference.
            NotFoundError: No such name ever existed.
            ShallowHistoryError: The clone does not have enough history: ``git fetch --unshallow``.
        """
        from registry_tool.catalog.history import history

        tip = self.commit or self.repository.commit("HEAD")
        return history(self.repository, tip, reference, limit=limit)

    def refresh(self, *, offline: bool = False) -> Registry:
        """The registry at the newest commit of its ref, fetched, as a new object. This one does not change."""
        return open_registry(self._address, ref=self.ref, offline=offline)

    def change(
        self,
        message: str,
        *,
        commit: bool = False,
        branch: str | None = None,
        push: bool = False,
        progress: Progress | None = None,
    ) -> Change:
        """Collect changes in a ``with`` block; they are checked and written as one when it ends.

        In a checkout they are written to the work tree, unless ``commit``, ``branch`` or ``push`` request a commit. A
        registry that was opened by URL, or a bare one, has no work tree: a commit is made, and for a URL pushed.

        Args:
            message: The commit message.
            commit: Make one commit on the checked-out branch.
            branch: Make the commit on this branch, which is created at HEAD if it does not exist.
            push: Push the branch afterwards.
            progress: Receives the progress of reads and uploads.
        """
        from registry_tool.api.change import Change
        from registry_tool.api.publish import Destination
        from registry_tool.git.remote.clone_cache import is_url

        bare = self.repository.git.work_tree is None
        push = push or is_url(self.source)
        destination = Destination(commit=commit or bare, branch=branch, push=push)
        return Change(
            self.repository, self.store, message, destination=destination, progress=progress
        )

    def check(self) -> Report:
        """Check everything, as ``registry check --all`` does."""
        from registry_tool.checks.engine import check

        return check(self.catalog.tree)


def open_registry(source: str | Path, *, ref: str = "HEAD", offline: bool = False) -> Registry:
    """Open a registry.

    Args:
        source: A path in a checkout or a bare repository, or a Git URL (file, SSH, HTTPS). A URL is cloned once
            into the user's cache: the newest commit of each branch and tag, then files and history on demand. Each
            opening fetches new commits.
        ref: A branch, tag or commit; ``WORK_TREE`` for the files on disk.
        offline: Do not fetch; read the cached clone.

    Returns:
        The registry, pinned to one commit.

    Raises:
        NotARegistryError: There is no Git repository, or no ``registry.yaml`` in it.
        OperationalError: ``registry.yaml`` has a schema version that this release does not support.
        NotFoundError: No such ref exists.
        OfflineError: The URL cannot be reached and was never cloned.

    Warns:
        StaleRegistryWarning: The URL cannot be reached; results come from the last fetch.
        UntrustedRegistryWarning: The repository belongs to another user, and Git would refuse to open it.
    """
    return Registry.open(source, ref=ref, offline=offline)
