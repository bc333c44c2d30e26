"""Changing a registry from a program: collected in a ``with`` block, checked, then written as one.

::

    with reg.change("Add lang-id 4") as change:
        model = change.new_model("lang-id", namespace="nlp", owner="speech", task="language-identification",
                                 description="Which language is this text in?")
        version = model.new_version(framework={"type": "fasttext"}, artifacts=["lid.176.ftz"])
        version.log_metrics({"accuracy": 0.97}, step=10)

Nothing is written before the block ends; an exception in it leaves no trace.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from registry_tool.api.drafts import ModelDraft, PublishedVersion
from registry_tool.api.publish import Destination, Publication, publish
from registry_tool.api.views import Artifact
from registry_tool.edits.aliases import add_tag, remove_alias, set_alias
from registry_tool.edits.changeset import ChangeSet, Edit, combined
from registry_tool.edits.lifecycle import archive, set_state
from registry_tool.edits.models import add_model
from registry_tool.errors import GitError
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields
from registry_tool.names import (
    DEFAULT_NAMESPACE,
    ModelName,
    Reference,
    check_model,
    check_namespace,
)

if TYPE_CHECKING:
    from types import TracebackType

    from registry_tool.api.artifact_store import ArtifactStore, StagedArtifact
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.git.repository import Repository

__all__ = ["Change"]


class Change:
    """Acts that are collected, and published together at the end of the ``with`` block.

    Use ``Registry.change`` to make one.

    Attributes:
        publication: What was done; None before the block has ended.
    """

    def __init__(
        self,
        repository: Repository,
        store: ArtifactStore,
        message: str,
        *,
        destination: Destination,
        progress: Progress | None = None,
    ) -> None:
        self._repository = repository
        self.store = store
        self.progress = progress
        self._message = message
        self._destination = destination
        self._acts: list[Edit] = []
        self._uploads: list[StagedArtifact] = []
        self.publication: Publication | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.publication = publish(
                self._repository,
                combined(self._acts, self._message),
                self._destination,
                before=self._upload if self._uploads else None,
            )

    def _upload(self) -> None:
        uploads, self._uploads = self._uploads, []
        sent = self.store.upload(uploads, progress=self.progress)
        if sent.warning:
            warnings.warn(sent.warning, RuntimeWarning, stacklevel=4)

    def add(self, act: Edit) -> None:
        """Add an act of ``registry_tool.edits``."""
        self._acts.append(act)

    @cached_property
    def author(self) -> str:
        """Who makes the change, as ``Name <email>``; empty when Git does not know and no commit needs it."""
        from registry_tool.git.commit import identity

        try:
            return identity(self._repository.git)
        except GitError:
            return ""

    def take_in(
        self,
        source: Path | Sequence[Path] | str | Artifact,
        *,
        name: str = "",
        role: str = "",
        path: str = "",
        allow: Collection[str] = (),
    ) -> StagedArtifact:
        """Read and digest a file, a folder, several of them or a URL; it is uploaded when the change is published.

        An artifact of a published version is taken over: nothing of it is read or sent.

        Raises:
            UsageError: There is no such file, it changed while it was read, or two of several get one path.
            RemoteError: A URL cannot be read, or the remote lacks the bytes that are taken over.
            RefusedError: Its content is refused; ``allow`` as in ``VersionDraft.upload_artifact``.
        """
        store, told = self.store, self.progress
        if isinstance(source, Artifact):
            taken = store.take_again(source.entry, name=name, role=role)
        elif isinstance(source, str):
            taken = store.take_url(source, name=name, role=role, progress=told, allow=allow)
        else:
            taken = store.take_in(
                source, name=name, role=role, path=path, progress=told, allow=allow
            )
        self._uploads.append(taken)
        return taken

    def new_model(
        self,
        name: str,
        *,
        owner: str,
        task: str,
        description: str,
        namespace: str = DEFAULT_NAMESPACE,
        card: str = "",
        **fields: object,
    ) -> ModelDraft:
        """Add a registered model, and its namespace when it is the first there.

        Args:
            name: The model's name without namespace.
            owner: The user or team that answers for it.
            task: What it does, such as ``language-identification``.
            description: What it is, in words.
            namespace: Where it lives.
            card: The text of its ``CARD.md``.
            fields: Further fields of ``model.yaml``: labels, license, external_id, version_scheme, continues, links,
                metadata.

        Raises:
            InvalidNameError: The name is not a model's, or the namespace not a namespace's.
            UsageError: A value has no form in a manifest; see ``manifests.incoming``.
        """
        full = ModelName(check_namespace(namespace), check_model(name))
        given = plain_fields({"owner": owner, "task": task, "description": description, **fields})
        draft = ModelDraft(self, full)

        def act(catalog: Catalog) -> ChangeSet:
            own: dict[str, JSON] = {"artifacts": [dict(e) for e in draft.entries()]}
            filled = {**given, **own} if draft.entries() else given
            return add_model(full, filled, card=card, files=draft.pointers())(catalog)

        self.add(act)
        return draft

    def model(self, name: str) -> ModelDraft:
        """A registered model that is there, to add versions to.

        Raises:
            InvalidNameError: The text is not a name.
        """
        return ModelDraft(self, ModelName.parse(name))

    def version(self, reference: str) -> PublishedVersion:
        """A published version: metadata, metrics and evidence can be added to it.

        Raises:
            InvalidNameError: The text is not a reference.
        """
        return PublishedVersion(self, Reference.for_change(reference))

    def set_alias(self, reference: str, alias: str, *, reason: str = "") -> None:
        """Create or move an alias.

        Raises:
            InvalidNameError: The reference or the alias is not well formed.
        """
        self.add(set_alias(Reference.for_change(reference), alias, reason=reason))

    def remove_alias(self, model: str, alias: str) -> None:
        """Remove an alias; the version stays."""
        self.add(remove_alias(ModelName.parse(model), alias))

    def add_tag(self, reference: str, tag: str) -> None:
        """Give a version a fixed second name."""
        self.add(add_tag(Reference.for_change(reference), tag))

    def deprecate(self, reference: str, *, reason: str, replaced_by: str = "") -> None:
        """Mark a version as not to be used for new work."""
        act = set_state(
            Reference.for_change(reference), "deprecated", reason=reason, replaced_by=replaced_by
        )
        self.add(act)

    def withdraw(self, reference: str, *, reason: str, replaced_by: str = "") -> None:
        """Take a version out of service; no alias may point at it."""
        act = set_state(
            Reference.for_change(reference), "withdrawn", reason=reason, replaced_by=replaced_by
        )
        self.add(act)

    def archive(self, model: str) -> None:
        """Archive a model: it keeps its versions and takes no new ones."""
        self.add(archive(ModelName.parse(model)))
