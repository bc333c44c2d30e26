"""One state of a registry: a commit or the work tree, opened for reading.

What ``registry resolve`` needs and no more. ``api.registry`` adds the use cases.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from registry_tool.api.changes.artifact_store import ArtifactStore, identity
from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import Resolved, find_model, resolve
from registry_tool.errors import NotARegistryError, OperationalError, RegistryError
from registry_tool.git.remote.url import is_url, without_credentials
from registry_tool.git.repository import Repository, in_text
from registry_tool.manifests.layout import REGISTRY
from registry_tool.names import UNNAMED, ModelName, Reference

if TYPE_CHECKING:
    from datetime import date

    from registry_tool.api.views import ModelVersion, RegisteredModel
    from registry_tool.catalog.search.summary_cache import Rows
    from registry_tool.git.tree import Tree
    from registry_tool.manifests.models.registry import RegistryManifest

__all__ = [
    "WORK_TREE",
    "Snapshot",
    "StaleRegistryWarning",
    "UntrustedRegistryWarning",
    "is_trusted_folder",
    "is_url",
    "without_credentials",
]

# As a ref: the files on disk, committed or not.
WORK_TREE: Final = ":work-tree:"


class StaleRegistryWarning(UserWarning):
    """The registry's remote could not be reached; results come from the last fetch."""


class UntrustedRegistryWarning(UserWarning):
    """The registry's repository belongs to another user: it is read, and its configuration is ignored."""


class Snapshot:
    """A registry at one commit, or the files of its work tree.

    Use ``Snapshot.open`` to make one.

    Attributes:
        source: The path or URL it was opened from, without credentials.
        ref: The branch, tag or commit that was requested.
        commit: The commit that is read; None for a work tree.
        note: Why the results may be out of date; empty when they are current.
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

    @classmethod
    def open(cls, source: str | Path, *, ref: str = "HEAD", offline: bool = False) -> Self:
        """Open a registry for reading; see ``registry_tool.open``."""
        repository = Repository.open(source, offline=offline)
        try:
            opened = cls._read(repository, ref, source)
        except RegistryError:
            repository.close()
            raise
        if opened.note and not offline:
            warnings.warn(opened.note, StaleRegistryWarning, stacklevel=3)
        if repository.caution:
            warnings.warn(repository.caution, UntrustedRegistryWarning, stacklevel=3)
        return opened

    @classmethod
    def _read(cls, repository: Repository, ref: str, address: str | Path) -> Self:
        on_disk = repository.on_disk() if ref == WORK_TREE else None
        if on_disk is not None:
            opened = cls(repository, ref=ref, tree=on_disk, commit=None, address=address)
            opened._check_schema_version()
            return opened
        commit = repository.commit("HEAD" if ref == WORK_TREE else ref)
        tree = repository.tree(commit)
        opened = cls(repository, ref=ref, tree=tree, commit=commit, address=address)
        opened.check_registry()
        return opened

    def check_registry(self) -> None:
        """Check that there is a registry, in a format that this release reads.

        Raises:
            NotARegistryError: There is no ``registry.yaml``.
            OperationalError: Its schema version is newer than this release.
        """
        if self.catalog.tree.entry(REGISTRY) is None:
            where = f"{self.source} at {self.ref}" if self.commit else self.source
            raise NotARegistryError(
                f"{where} is a Git repository but not a registry: it has no {REGISTRY}",
                remedy="create one: registry init DIR --name NAME",
            )
        self._check_schema_version()

    def _check_schema_version(self) -> None:
        # registry.yaml names the folder layout and the policy: with defaults, files would be missed and rules skipped.
        found = self.catalog.registry
        for problem in () if found is None else found.problems:
            if problem.code == "schema-version":
                raise OperationalError(f"{REGISTRY}: {problem.message}", remedy=problem.remedy)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r}, ref={self.ref!r}, commit={self.commit!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the process that reads Git; the next read starts it again."""
        self.repository.close()

    @property
    def name(self) -> str:
        """The registry's name."""
        return str(self.catalog.settings.get("name", ""))

    @cached_property
    def manifest(self) -> RegistryManifest:
        """The settings and policy, ``registry.yaml``, typed; an unreadable file raises InvalidManifestError."""
        from registry_tool.catalog.catalog import require
        from registry_tool.manifests.models.registry import RegistryManifest

        return RegistryManifest.from_data(
            dict(require(self.catalog.registry, REGISTRY)), path=REGISTRY
        )

    @cached_property
    def rows(self) -> Rows:
        """Summaries of all models and versions, for listings and queries; cached between runs in the user's cache."""
        from registry_tool.api.rows import load_rows

        return load_rows(self.catalog, self.repository)

    @cached_property
    def store(self) -> ArtifactStore:
        """The registry's artifact storage: its remote and the shared cache."""
        return self.open_store(self.catalog)

    def open_store(self, catalog: Catalog) -> ArtifactStore:
        """The artifact storage that another state of this registry configures."""
        from urllib.parse import unquote  # as Git reads a file:// address

        git = self.repository.git
        root = git.work_tree
        if root is None and self.source.startswith("file://"):
            root = Path(unquote(self.source.removeprefix("file://")))
        elif root is None and Path(self.source).exists():
            root = git.git_dir
        return ArtifactStore(catalog, root, identity(self.repository))

    def with_tree(self, tree: Tree) -> Self:
        """Another state of this registry."""
        return type(self)(
            self.repository, ref=self.ref, tree=tree, commit=None, address=self._address
        )

    @property
    def work_tree(self) -> Path | None:
        """The folder that is checked out; None for a bare repository or a URL."""
        return self.repository.git.work_tree

    @property
    def caution(self) -> str:
        """Why the repository is not trusted; empty where it is."""
        return self.repository.caution

    @property
    def interrupted(self) -> str:
        """The command that was interrupted in this work tree; empty for none."""
        from registry_tool.git.transaction.journal import describe_interrupted

        return describe_interrupted(self.repository.git)

    def require_signature(
        self, reference: str | Reference, *, signers: bytes | None = None
    ) -> None:
        """Check that an allowed signer signed the version that a reference names.

        Raises:
            RefusedError: None did.
        """
        from registry_tool.signing import require_signature

        version = self.resolve(reference, allow_withdrawn=True).version
        require_signature(self.repository, version, signers=signers)

    def ignored_paths(self, paths: Iterable[str]) -> list[str]:
        """The paths among those given that Git ignores in the work tree."""
        from registry_tool.git.worktree import ignored_among

        return ignored_among(self.repository.git, paths)

    def resolve(
        self,
        reference: str | Reference,
        *,
        allow_withdrawn: bool = False,
        allow_draft: bool = False,
    ) -> Resolved:
        """The version that a reference names; see ``catalog.resolve``."""
        return resolve(
            self.catalog, reference, allow_withdrawn=allow_withdrawn, allow_draft=allow_draft
        )

    def by_title(self, words: str) -> Reference:
        """The reference that ``[NAMESPACE/]TITLE[@TITLE]`` means, with the names in paths; its ``str`` is a model without ``@``.

        Raises:
            NotFoundError: Nothing has these titles.
            UsageError: Several things have them.
        """
        from registry_tool.catalog.titles import read_title_reference

        return read_title_reference(self.catalog, words, unnamed=UNNAMED)

    def find_commit(self, found: Resolved) -> str | None:
        """The commit at which a reference resolves to this version; None while that is not committed."""
        from registry_tool.catalog.resolve import is_same_answer

        if self.commit is not None:
            return self.commit
        head = self.repository.git.head()
        if head is not None and is_same_answer(Catalog(self.repository.tree(head)), found):
            return head
        return None

    def version(
        self,
        reference: str | Reference = "",
        *,
        title: str = "",
        allow_withdrawn: bool = False,
        allow_draft: bool = False,
        signed: bool = False,
    ) -> ModelVersion:
        """The version that ``[namespace/]model[@version|tag|alias|latest]`` names.

        Args:
            reference: The reference; empty where a title is given.
            title: ``[NAMESPACE/]TITLE[@TITLE]`` instead: shown names.
            allow_withdrawn: Return a version too that is no longer served.
            allow_draft: Return a draft too, named by its version; without it, one raises ``DraftError``.
            signed: Require a signature by an allowed signer.

        Raises:
            InvalidNameError: The text is not a reference.
            NotFoundError: No such model or version exists.
            WithdrawnError: The version is no longer served; ``allow_withdrawn`` returns it anyway.
            InvalidManifestError: A manifest that is read does not match its schema.
            RefusedError: ``signed`` requires a signature by an allowed signer, and the version has none.
        """
        from registry_tool.api.views import ModelVersion  # `registry resolve` does without

        asked = str(self.by_title(title)) if title else reference
        found = self.resolve(asked, allow_withdrawn=allow_withdrawn, allow_draft=allow_draft)
        if signed:
            from registry_tool.signing import require_signature

            require_signature(self.repository, found.version)
        return ModelVersion(found.version, fetcher=self.store.fetch, notes=found.notes)

    def model(self, name: str | ModelName = "", *, title: str = "") -> RegisteredModel:
        """The registered model of a name, ``[namespace/]model``.

        Args:
            name: The name; empty where a title is given.
            title: ``[NAMESPACE/]TITLE`` instead: its shown name.

        Raises:
            InvalidNameError: The text is not a name.
            NotFoundError: No such model exists.
            InvalidManifestError: Its ``model.yaml`` does not match the schema.
        """
        from registry_tool.api.views import RegisteredModel

        if title:
            name = self.by_title(title).model
        full = ModelName.parse(name) if isinstance(name, str) else name
        return RegisteredModel(find_model(self.catalog, full), fetcher=self.store.fetch)

    def at(self, moment: str | date) -> Self:
        """The registry at an earlier point: a day (its end, UTC), an RFC 3339 time, a commit or a tag.

        A ``date`` is that day, and a ``datetime`` with a zone that time. A ``datetime`` without a zone is refused: text
        without a zone is UTC, and Python means local time.

        This selects the newest commit of the first-parent history, walking back from this registry's commit, whose
        committer time is not after the moment. Order comes from the commit graph, not from clocks.

        Raises:
            NotFoundError: The registry did not exist yet, or no such revision exists.
            ShallowHistoryError: The clone does not have enough history: ``git fetch --unshallow``.
            UsageError: The day or time does not exist.
        """
        text = moment if isinstance(moment, str) else in_text(moment)
        commit = self.repository.commit_at(text, ref=self.commit or "HEAD")
        tree = self.repository.tree(commit)
        past = type(self)(
            self.repository, ref=commit, tree=tree, commit=commit, address=self._address
        )
        past.check_registry()
        return past


def is_trusted_folder(source: str | Path) -> bool:
    """True for a folder in a Git repository of this user."""
    from registry_tool.git.command import find_repository

    git = None if isinstance(source, str) and is_url(source) else find_repository(Path(source))
    return git is not None and git.is_trusted
