"""The façade that programs import: open a registry, ask it, change it.

A registry answers from one commit (or one state of the work tree), so a program sees one truth however long it runs;
``refresh`` moves on. Reading is safe from several threads.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from registry_tool.api.artifact_store import ArtifactStore, identity
from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import Resolved, find_model, resolve
from registry_tool.errors import NotARegistryError, OperationalError, RegistryError
from registry_tool.git.repository import Repository, in_text
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import ModelName, Reference

if TYPE_CHECKING:
    from datetime import date

    from registry_tool.api.change import Change
    from registry_tool.api.views import ModelVersion, RegisteredModel
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.history import HistoryEntry
    from registry_tool.catalog.summary_cache import Rows
    from registry_tool.checks.findings import Report
    from registry_tool.git.tree import Tree

__all__ = [
    "WORK_TREE",
    "Registry",
    "StaleRegistryWarning",
    "UntrustedRegistryWarning",
    "open_registry",
]

# As a ref: the files as they lie on disk, committed or not.
WORK_TREE: Final = ":work-tree:"


class StaleRegistryWarning(UserWarning):
    """The registry's remote was not reached; answers come from what was fetched before."""


class UntrustedRegistryWarning(UserWarning):
    """The registry's repository belongs to somebody else: it is read, and what it configures is not obeyed."""


class Registry:
    """One registry at one commit.

    Use ``registry_tool.open`` to make one.

    Attributes:
        source: What it was opened from; of a URL no credentials.
        ref: The branch, tag or commit that was asked for.
        commit: The commit that answers; None for a work tree.
        note: Why the answers may be out of date; empty when they are not.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        ref: str,
        tree: Tree,
        commit: str | None,
        address: str | Path | None = None,
    ) -> None:
        self._address = repository.source if address is None else address
        self.repository = repository
        self.source = repository.source
        self.ref = ref
        self.commit = commit
        self.note = repository.note
        self.catalog = Catalog(tree)

    def __repr__(self) -> str:
        return f"Registry({self.source!r}, ref={self.ref!r}, commit={self.commit!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process that reads Git; the next question starts it again."""
        self.repository.close()

    @property
    def name(self) -> str:
        """The registry's name."""
        return str(self.catalog.settings.get("name", ""))

    @cached_property
    def rows(self) -> Rows:
        """What listings and queries compare, of each model and version; kept between runs in the user's cache."""
        from registry_tool.api.listing import rows_of

        return rows_of(self)

    @cached_property
    def store(self) -> ArtifactStore:
        """The registry's bytes: its remote and the shared cache."""
        from urllib.parse import unquote  # as Git reads a file:// address

        git = self.repository.git
        root = git.work_tree
        if root is None and self.source.startswith("file://"):
            root = Path(unquote(self.source.removeprefix("file://")))
        elif root is None and Path(self.source).exists():
            root = git.git_dir
        return ArtifactStore(self.catalog, root, identity(self.repository))

    def resolve(self, reference: str | Reference, *, allow_withdrawn: bool = False) -> Resolved:
        """What a reference means; see ``catalog.resolve``."""
        return resolve(self.catalog, reference, allow_withdrawn=allow_withdrawn)

    def version(
        self, reference: str | Reference, *, allow_withdrawn: bool = False, signed: bool = False
    ) -> ModelVersion:
        """The version that ``[namespace/]model[@version|tag|alias|latest]`` means.

        Raises:
            InvalidNameError: The text is not a reference.
            NotFoundError: There is no such model or version.
            WithdrawnError: The version is not served any more; ``allow_withdrawn`` gives it all the same.
            InvalidManifestError: A file on the way does not pass its schema.
            RefusedError: ``signed`` asks for a signature by an allowed signer, and there is none.
        """
        from registry_tool.api.views import ModelVersion  # `registry resolve` does without

        found = self.resolve(reference, allow_withdrawn=allow_withdrawn)
        if signed:
            from registry_tool.signing import signatures

            signatures.require_signature(self.repository, found.version)
        return ModelVersion(found.version, fetcher=self.store.fetch, notes=found.notes)

    def model(self, name: str | ModelName) -> RegisteredModel:
        """The registered model of a name, ``[namespace/]model``.

        Raises:
            InvalidNameError: The text is not a name.
            NotFoundError: There is no such model.
            InvalidManifestError: Its ``model.yaml`` does not pass the schema.
        """
        from registry_tool.api.views import RegisteredModel

        asked = ModelName.parse(name) if isinstance(name, str) else name
        return RegisteredModel(find_model(self.catalog, asked), fetcher=self.store.fetch)

    def models(
        self,
        *,
        namespace: str | None = None,
        task: str | None = None,
        owner: str | None = None,
        labels: Iterable[str] = (),
    ) -> Iterator[RegisteredModel]:
        """The registered models that match everything given, by name; unreadable ones are left out."""
        from registry_tool.api.listing import matching_models

        return matching_models(self, namespace=namespace, task=task, owner=owner, labels=labels)

    def versions(self, name: str | ModelName) -> Iterator[ModelVersion]:
        """The versions of a model, lowest first.

        Raises:
            NotFoundError: There is no such model.
        """
        from registry_tool.api.listing import listed_versions

        return listed_versions(self, ModelName.parse(name) if isinstance(name, str) else name)

    def search(self, query: str) -> Iterator[ModelVersion]:
        """The versions that a query finds, by model, highest first; what cannot be read is left out.

        Args:
            query: As for ``registry search``: words, ``label:edge``, ``alias:production``, ``accuracy>=0.9`` and so on,
                all of which must hold.

        Raises:
            UsageError: The query is not well formed.
        """
        from registry_tool.api.listing import found_versions

        return found_versions(self, query)

    def at(self, moment: str | date) -> Registry:
        """The registry as it was: at a day (its end, UTC) or an RFC 3339 time, or at a commit or tag.

        A ``date`` is that day, and a ``datetime`` with its zone that time. One without a zone is refused: in a text it
        would be UTC, and in Python it is local time.

        That is the newest commit of the first-parent line, walking back from this registry's commit, whose committer
        time is not after the moment: the order is the graph's, also within one second or with a clock that is slow.

        Raises:
            NotFoundError: The registry is younger, or there is no such revision.
            ShallowHistoryError: The clone does not reach back so far: ``git fetch --unshallow``.
            UsageError: There is no such day or time.
        """
        text = moment if isinstance(moment, str) else in_text(moment)
        commit = self.repository.commit_at(text, ref=self.commit or "HEAD")
        tree = self.repository.tree(commit)
        past = Registry(
            self.repository, ref=commit, tree=tree, commit=commit, address=self._address
        )
        return _checked(past)

    def history(self, reference: str, *, limit: int | None = None) -> list[HistoryEntry]:
        """What happened up to this registry's commit (of a work tree: HEAD), newest first: who, when and why.

        Args:
            reference: ``model@alias`` for its moves, ``model@version`` for its whole life, or a model for all of it;
                what is gone has a history too.
            limit: At most so many, the newest; None for all.

        Raises:
            InvalidNameError: The text is not a reference.
            NotFoundError: There never was such a thing.
            ShallowHistoryError: The clone does not reach back so far: ``git fetch --unshallow``.
        """
        from registry_tool.catalog.history import history

        tip = self.commit or self.repository.commit("HEAD")
        return history(self.repository, tip, reference, limit=limit)

    def refresh(self, *, offline: bool = False) -> Registry:
        """The registry as it is now, as a new object: fetched, at the newest commit of its ref. This one stays as it is."""
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

        In a checkout they go to the work tree, unless ``commit``, ``branch`` or ``push`` ask for a commit. A registry
        that was opened by URL, or a bare one, has no work tree: there a commit is made, and for a URL pushed.

        Args:
            message: What is done, for the commit.
            commit: Make one commit on the checked-out branch.
            branch: Make the commit on this branch, which is started at HEAD when it is not there.
            push: Push the branch afterwards.
            progress: Told of the bytes that are read and uploaded.
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


def _checked(registry: Registry) -> Registry:
    if registry.catalog.tree.entry(REGISTRY) is None:
        where = f"{registry.source} at {registry.ref}" if registry.commit else registry.source
        raise NotARegistryError(
            f"{where} is a Git repository but not a registry: it has no {REGISTRY}",
            remedy="make one: registry init DIR --name NAME",
        )
    return _known(registry)


def _known(registry: Registry) -> Registry:
    # Where files lie, and what the policy is, stands there: by a guess everything would be missing, or free.
    found = registry.catalog.registry
    for problem in () if found is None else found.problems:
        if problem.code == "schema-version":
            raise OperationalError(f"{REGISTRY}: {problem.message}", remedy=problem.remedy)
    return registry


def open_registry(source: str | Path, *, ref: str = "HEAD", offline: bool = False) -> Registry:
    """Open a registry for reading.

    Args:
        source: A path in a checkout or a bare repository, or a Git URL (file, SSH, HTTPS). A URL is cloned once
            into the user's cache, the newest commit of each branch and tag; what is read of it is brought then, history
            when it is asked for. Each opening looks for what is new.
        ref: A branch, tag or commit; ``WORK_TREE`` for the files as they lie on disk.
        offline: Do not fetch; answer from the cached clone.

    Returns:
        The registry, pinned to one commit.

    Raises:
        NotARegistryError: There is no Git repository, or no ``registry.yaml`` in it.
        OperationalError: ``registry.yaml`` is of a schema that a later release knows.
        NotFoundError: There is no such ref.
        OfflineError: The URL cannot be reached and was never cloned.

    Warns:
        StaleRegistryWarning: The URL cannot be reached; answers come from what was fetched before.
        UntrustedRegistryWarning: The repository belongs to somebody else, and Git would not open it.
    """
    repository = Repository.open(source, offline=offline)
    try:
        opened = _opened(repository, ref, source)
    except RegistryError:
        repository.close()
        raise
    if opened.note and not offline:
        warnings.warn(opened.note, StaleRegistryWarning, stacklevel=2)
    if repository.caution:
        warnings.warn(repository.caution, UntrustedRegistryWarning, stacklevel=2)
    return opened


def _opened(repository: Repository, ref: str, address: str | Path) -> Registry:
    on_disk = repository.on_disk() if ref == WORK_TREE else None
    if on_disk is not None:
        return _known(Registry(repository, ref=ref, tree=on_disk, commit=None, address=address))
    commit = repository.commit("HEAD" if ref == WORK_TREE else ref)
    tree = repository.tree(commit)
    return _checked(Registry(repository, ref=ref, tree=tree, commit=commit, address=address))
