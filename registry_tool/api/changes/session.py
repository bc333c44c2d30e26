"""One change in the making: the state it is made on, the artifacts it needs, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Unpack

from registry_tool.api.changes.publish import Destination, Person, Publication, publish, read_base
from registry_tool.artifacts.progress import SILENT
from registry_tool.errors import GitError, ShallowHistoryError, UsageError
from registry_tool.git.commit import identity
from registry_tool.git.refs import find_target
from registry_tool.git.remote.url import is_url
from registry_tool.git.transaction.lock import ignore_message

if TYPE_CHECKING:
    from registry_tool.api.changes.artifact_store import (
        ArtifactStore,
        StagedArtifact,
        UploadSummary,
    )
    from registry_tool.api.changes.publish import WriteOptions
    from registry_tool.api.changes.staging import ArtifactSource
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.catalog.catalog import Catalog, ModelView
    from registry_tool.edits.changeset import Edit
    from registry_tool.encryption import Package
    from registry_tool.manifests.problems import JSON

__all__ = ["ChangeSession", "Staged", "destination_for", "write"]


class Staged(NamedTuple):
    """Artifacts that were read and digested for a change; they are uploaded after its check.

    Attributes:
        entries: Their entries for the manifest.
        pointers: The bytes of their pointer files by path.
    """

    entries: list[dict[str, JSON]]
    pointers: dict[str, bytes]


def destination_for(registry: Snapshot, options: WriteOptions) -> Destination:
    """Where a change of a registry is written. One without a work tree takes commits; one opened by URL is pushed to.

    Raises:
        UsageError: The message is empty, or an author or committer is not well formed.
    """
    message = options.get("message")
    if message is not None and not message.strip():
        raise UsageError("the commit message is empty")
    author, committer = options.get("author"), options.get("committer")
    return Destination(
        commit=options.get("commit", False) or registry.repository.git.work_tree is None,
        branch=options.get("branch"),
        push=options.get("push", False) or is_url(registry.source),
        message=None if message is None else message.strip(),
        author=None if author is None else Person.parse(author),
        committer=None if committer is None else Person.parse(committer),
    )


def _ignore(_: StagedArtifact) -> None:
    pass


class ChangeSession:
    """A registry opened for one change.

    Args:
        registry: The registry.
        options: How the change is written.

    Attributes:
        registry: The registry.
        destination: Where the change is written.
        catalog: The state that the change is made on: the work tree, or the branch's tip.
        store: The artifact storage that this state configures: readers will look for the artifacts there.
        progress: Receives the progress of reads and uploads.
    """

    def __init__(self, registry: Snapshot, **options: Unpack[WriteOptions]) -> None:
        self.registry = registry
        self.destination = destination_for(registry, options)
        self.progress = options.get("progress", SILENT)
        self._notify: Callable[[str], None] = options.get("notify", ignore_message)
        self._base = read_base(registry.repository, self.destination, notify=self._notify)
        self.catalog: Catalog = self._base.catalog
        self.store: ArtifactStore = registry.open_store(self.catalog)
        self._on_staged = options.get("on_staged", _ignore)
        self._staged: list[StagedArtifact] = []
        self._uploaded: UploadSummary | None = None

    def removed_versions(self, model: ModelView) -> frozenset[str]:
        """The versions and drafts of a model that existed in the history that the change is made on, and were deleted.

        None are known where a shallow clone hides that; the check says so.
        """
        from registry_tool.git.history import FirstParentHistory

        git, layout = self.registry.repository.git, self.catalog.layout
        tip = git.head()
        if self.destination.commits:
            tip = find_target(git, self.destination.branch).parent
        try:
            line = None if tip is None else FirstParentHistory(git, tip)
            paths = () if line is None else line.removed_names(model.folder)
        except ShallowHistoryError:
            return frozenset()
        places = filter(None, map(layout.locate, paths))
        return frozenset(
            place.version for place in places if place.model == model.name and place.version
        )

    def author(self, by: str | None = None) -> str:
        """Who makes the change, as ``Name <email>``; empty where that is unknown and no commit is made.

        Args:
            by: Who is named explicitly.

        Raises:
            GitError: A commit is requested, and no author is configured in Git.
        """
        if by:
            return by
        if self.destination.author is not None:
            return str(self.destination.author)
        try:
            return identity(self.registry.repository.git)
        except GitError:
            if self.destination.commits:
                raise
            return ""

    def require_author(self, by: str | None = None) -> str:
        """As ``author``, for a record that must name one.

        Raises:
            UsageError: The author is unknown.
        """
        if who := self.author(by):
            return who
        raise UsageError(
            "the author is unknown: Git has no user.name and user.email",
            remedy='name the author: --by WHO; or: git config --global user.name "NAME"',
        )

    def stage(
        self,
        sources: Sequence[ArtifactSource],
        *,
        roles: Mapping[str, str] | None = None,
        allow: Collection[str] = (),
        package: Package | None = None,
    ) -> Staged:
        """Read and digest artifacts; they are uploaded once the change has passed its check.

        Args:
            sources: Where their bytes come from.
            roles: Roles by name; guessed from the file's name by default.
            allow: Mistakes that are meant: ``empty``, ``mislabelled``.
            package: Encrypts them; None stores them as they are.

        Raises:
            UsageError: Two have the same name or path, a file is missing, or one contains the registry.
            NoRemoteError: No remote is configured.
            RemoteError: The remote cannot be used.
        """
        from registry_tool.api.changes.staging import check_distinct, check_outside, read_sources

        check_distinct([(one.name, one.path) for one in sources])
        check_outside(sources, self.registry.repository.git.work_tree)
        if not sources:
            return Staged([], {})
        self.store.reach()  # its problems are reported before large files are read
        store = self.store if package is None else self.store.encrypting(package)
        found = read_sources(sources, store, self.catalog, roles or {}, self.progress, allow=allow)
        return self.add_staged(found)

    def add_staged(self, staged: Sequence[StagedArtifact]) -> Staged:
        """Add artifacts that were read and digested; as ``stage``."""
        self._staged += staged
        for one in staged:
            self._on_staged(one)
        pointers = {str(one.entry["path"]): one.pointer for one in staged}
        return Staged([one.entry for one in staged], pointers)

    def _upload(self) -> None:
        staged, self._staged = self._staged, []
        self._uploaded = self.store.upload(staged, progress=self.progress)

    def publish(self, edit: Edit, *, confirm: Callable[[], None] | None = None) -> Publication:
        """Check the edit, upload its artifacts, and write it; see ``api.publish.publish``.

        Args:
            edit: The change.
            confirm: Called after the check and before anything is written or uploaded; it may raise.
        """
        done = publish(
            self.registry.repository,
            edit,
            self.destination,
            base=self._base,
            before=self._upload if self._staged else confirm,
            notify=self._notify,
        )
        return done._replace(uploaded=self._uploaded)


def write(registry: Snapshot, edit: Edit, options: WriteOptions) -> Publication:
    """Write an edit that needs no artifacts."""
    return ChangeSession(registry, **options).publish(edit)
