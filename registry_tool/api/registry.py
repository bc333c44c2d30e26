"""The façade: every use case of a registry, for programs, the command line, hooks and servers.

A registry is read at one commit (or one state of the work tree), so a program sees consistent data however long it
runs; ``refresh`` opens the newest state. Reading is safe from several threads. Each method imports what it needs when it
is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from registry_tool.api.snapshot import (
    WORK_TREE,
    StaleRegistryWarning,
    UntrustedRegistryWarning,
)
from registry_tool.api.writing import WritableRegistry
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.api.changes.change import Change
    from registry_tool.api.changes.drafting import DraftRow
    from registry_tool.api.changes.encryption import Decrypted, KeyHolder
    from registry_tool.api.describe import Description
    from registry_tool.api.export import ExportedPackage
    from registry_tool.api.fetch import FetchedVersion
    from registry_tool.api.history import Comparison, Diff, Holding
    from registry_tool.api.interface.options import ExportOptions, FetchOptions, VerifyOptions
    from registry_tool.api.listing import Listing, ModelOrder, SearchResult, VersionOrder
    from registry_tool.api.lockfile import LockedReferences
    from registry_tool.api.scanning import Scan
    from registry_tool.api.signatures import Verification
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


def _ignore(_: object) -> None:
    pass


class Registry(WritableRegistry):
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
        order: ModelOrder = "name",
        limit: int | None = None,
        after: str | None = None,
    ) -> Iterator[RegisteredModel]:
        """The registered models that match all filters; unreadable and deleted ones are skipped.

        Args:
            namespace: Only models of this namespace.
            task: Only models with this task.
            owner: Only models of this owner.
            labels: Only models with all of these labels.
            order: By name, or ``-name`` for the reverse.
            limit: The maximum number of models; None for all.
            after: Start after the model of this name, ``namespace/model``: the last one of the page before.

        Raises:
            NotFoundError: No model of the listing is named ``after``.
        """
        from registry_tool.api.listing import matching_models, page

        found: Iterable[RegisteredModel] = matching_models(
            self, namespace=namespace, task=task, owner=owner, labels=labels
        )
        if order == "-name":
            found = reversed([*found])
        return page(found, lambda one: one.name, limit=limit, after=after)

    def versions(
        self,
        name: str | ModelName,
        *,
        order: VersionOrder = "version",
        limit: int | None = None,
        after: str | None = None,
    ) -> Iterator[ModelVersion]:
        """The versions of a model that are not deleted.

        Args:
            name: The model.
            order: ``version`` is lowest first; ``created_at`` is oldest first; ``-`` reverses.
            limit: The maximum number of versions; None for all.
            after: Start after this version: the last one of the page before.

        Raises:
            NotFoundError: No such model exists, or it has no version ``after``.
        """
        from registry_tool.api.listing import listed_versions, order_versions, page

        full = ModelName.parse(name) if isinstance(name, str) else name
        found = order_versions(listed_versions(self, full), order)
        return page(found, lambda one: one.version, limit=limit, after=after)

    def drafts(self, what: str | None = None) -> list[DraftRow]:
        """The drafts of all models, of a namespace, or of a model; ``seal`` publishes one."""
        from registry_tool.api.changes.drafting import list_drafts

        return list_drafts(self, what)

    def model_by_external_id(self, external_id: str) -> RegisteredModel:
        """The model that has an identifier of another system.

        Raises:
            NotFoundError: None has it.
        """
        from registry_tool.api.listing import model_by_external_id

        return model_by_external_id(self, external_id)

    def version_by_external_id(self, external_id: str, model: str | None = None) -> ModelVersion:
        """The version that has an identifier of another system, of one model or of all.

        Raises:
            NotFoundError: None has it.
        """
        from registry_tool.api.listing import version_by_external_id

        return version_by_external_id(self, external_id, model)

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

    def namespaces(self) -> list[str]:
        """The names of the namespaces."""
        return self.catalog.namespaces()

    def model_names(self, namespace: str | None = None) -> Iterator[str]:
        """The names of the models, ``namespace/model``, of one namespace or of all."""
        return (str(name) for name in self.catalog.model_names(namespace))

    def selectors(self, model: str) -> list[str]:
        """What may follow ``@`` in a reference to a model: aliases, tags, ``latest``, versions."""
        from registry_tool.names import LATEST

        found = self.catalog.model(ModelName.parse(model))
        return [] if found is None else [*found.aliases, *found.tags, LATEST, *found.versions]

    def alias_names(self, model: str | None = None) -> list[str]:
        """The stages of the registry, and the aliases of a model."""
        from registry_tool.manifests.data import member

        found = self.catalog.model(ModelName.parse(model)) if model else None
        return sorted({*member(self.catalog.settings, "stages"), *(found.aliases if found else ())})

    # What one model or version is, and how versions differ.

    def describe(self, reference: str) -> Description:
        """A model or a version as plain data, with everything that later files add; see ``api.describe``."""
        from registry_tool.api.describe import describe

        return describe(self, reference)

    def listing(
        self,
        what: str | None = None,
        *,
        labels: Iterable[str] = (),
        task: str | None = None,
        owner: str | None = None,
        deleted: bool = False,
    ) -> Listing:
        """The models of a registry or namespace, or the versions of a model, as plain data; see ``api.listing``."""
        from registry_tool.api.listing import list_rows

        return list_rows(self, what, labels=labels, task=task, owner=owner, deleted=deleted)

    def find(
        self,
        query: Sequence[str],
        *,
        versions: bool = False,
        limit: int = 50,
        workers: int | None = 1,
    ) -> SearchResult:
        """The models and versions that match a query, as plain data; see ``api.listing``."""
        from registry_tool.api.listing import search_rows

        return search_rows(self, query, versions=versions, limit=limit, workers=workers)

    def compare(self, left: str, right: str) -> Comparison:
        """Compare two versions: metrics, artifacts, framework, environment, parameters, lineage, labels."""
        from registry_tool.api.history import compare_versions

        return compare_versions(self, left, right)

    def diff(self, base: str, head: str | None = None, *, with_report: bool = False) -> Diff:
        """The changes that a revision (the work tree by default) made since it left another; see ``api.history``."""
        from registry_tool.api.history import diff

        return diff(self.repository, base, head, with_report=with_report)

    def events(self, base: str | None) -> list[HistoryEntry]:
        """What happened between a revision and this registry's commit, oldest first; None from the first commit."""
        from registry_tool.api.history import events

        return events(self, base)

    def audit(
        self, *, model: str | None = None, since: str | None = None, until: str | None = None
    ) -> list[Holding]:
        """Which alias pointed to which version, from when to when, who moved it and why; see ``api.history``."""
        from registry_tool.api.history import audit

        return audit(self, model=model, since=since, until=until)

    # Files: fetch, lock, verify, scan.

    def served_version(self, reference: str, *, allow_withdrawn: bool = False) -> ModelVersion:
        """As ``version``; an erased one is refused, since its files are deleted."""
        from registry_tool.api.fetch import find_served

        return find_served(self, reference, allow_withdrawn=allow_withdrawn)

    def fetch(
        self, versions: Sequence[ModelVersion], **options: Unpack[FetchOptions]
    ) -> list[FetchedVersion]:
        """Fetch the stored artifacts of versions, verified; see ``api.fetch``."""
        from registry_tool.api.fetch import fetch

        return fetch(self, versions, **options)

    def export_package(
        self, reference: str, target: Path, **options: Unpack[ExportOptions]
    ) -> ExportedPackage:
        """Write a version as one of MLSteam's packages, ``.mlarchive``; see ``api.export``."""
        from registry_tool.api.export import export_package

        return export_package(self, reference, target, **options)

    def lock(self, references: Sequence[str]) -> LockedReferences:
        """Pin references to versions, commits and digests; ``api.lockfile.write_lock`` writes them to a file."""
        from registry_tool.api.lockfile import lock

        return lock(self, references)

    def locked_versions(self, path: str, reference: str | None = None) -> list[ModelVersion]:
        """The versions that a lock file pins, or that of one reference."""
        from registry_tool.api.lockfile import locked_versions

        return locked_versions(self, path, reference)

    def verify(self, reference: str, **options: Unpack[VerifyOptions]) -> Verification:
        """Verify the signatures of a version, and that files match its record; see ``api.signatures``."""
        from registry_tool.api.signatures import verify

        return verify(self, reference, **options)

    def scan(
        self,
        reference: str,
        *,
        label: str = "",
        progress: Progress | None = None,
        on_skipped: Callable[[str], None] = _ignore,
    ) -> Scan:
        """Scan the stored artifacts of a version without loading them; see ``api.scanning``."""
        from registry_tool.api.interface.progress import SILENT
        from registry_tool.api.scanning import scan_version

        return scan_version(
            self, reference, label=label, progress=progress or SILENT, on_skipped=on_skipped
        )

    def decrypt(
        self,
        reference: str,
        folder: Path,
        *,
        holder: KeyHolder,
        names: Sequence[str] = (),
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Decrypted:
        """Fetch a version and decrypt it into a folder; see ``api.changes.encryption``."""
        from registry_tool.api.changes.encryption import decrypt
        from registry_tool.api.interface.progress import SILENT

        return decrypt(
            self, reference, folder,
            holder=holder, names=names, overwrite=overwrite, progress=progress or SILENT,
        )  # fmt: skip

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
        from registry_tool.api.changes.change import Change
        from registry_tool.api.changes.publish import Destination
        from registry_tool.git.remote.url import is_url

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
