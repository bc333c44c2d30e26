"""Changing a registry from a program: edits are collected in a ``with`` block, checked, and written as one change.

::

    with reg.change("Add lang-id 4") as change:
        model = change.new_model("lang-id", namespace="nlp", owner="speech", task="Language ID")
        version = model.new_version(framework={"type": "fasttext"}, artifacts=["lid.176.ftz"])
        version.log_metrics({"accuracy": 0.97}, step=10)

Nothing is written before the block ends; an exception in it leaves no trace.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from registry_tool.api.changes.drafts import ModelDraft, PublishedModel, PublishedVersion
from registry_tool.api.changes.publish import Destination, Publication, publish, read_base
from registry_tool.api.views import Artifact
from registry_tool.edits.aliases import add_tag, remove_alias, set_alias
from registry_tool.edits.changeset import Edit, combine
from registry_tool.edits.lifecycle import archive, set_state
from registry_tool.errors import GitError, UsageError
from registry_tool.manifests.arguments import check_fields, check_license
from registry_tool.manifests.values import plain_fields, plain_text
from registry_tool.names import (
    DEFAULT_NAMESPACE,
    ModelName,
    Reference,
    check_model,
    check_namespace,
    check_new_name,
    check_pointer,
)

if TYPE_CHECKING:
    from types import TracebackType

    from registry_tool.api.changes.artifact_store import ArtifactStore, StagedArtifact
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.git.repository import Repository

__all__ = ["Change"]


class Change:
    """Edits that are collected, checked and published together at the end of the ``with`` block.

    Use ``Registry.change`` to make one.

    Attributes:
        publication: The result; None before the block has ended.
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
        self._edits: list[Edit] = []
        self._uploads: list[StagedArtifact] = []
        self._drafts: dict[ModelName, ModelDraft] = {}
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
                combine(self._edits, self._message),
                self._destination,
                before=self._upload if self._uploads else None,
            )

    def _upload(self) -> None:
        uploads, self._uploads = self._uploads, []
        sent = self.store.upload(uploads, progress=self.progress)
        if sent.warning:
            warnings.warn(sent.warning, RuntimeWarning, stacklevel=4)

    def add(self, edit: Edit) -> None:
        """Add an edit of ``registry_tool.edits``."""
        self._edits.append(edit)

    @cached_property
    def author(self) -> str:
        """Who makes the change, as ``Name <email>``; empty when Git does not know and no commit needs it."""
        from registry_tool.git.commit import identity

        if self._destination.author is not None:
            return str(self._destination.author)
        try:
            return identity(self._repository.git)
        except GitError:
            return ""

    @cached_property
    def base(self) -> Catalog:
        """The registry that the change is made on."""
        return read_base(self._repository, self._destination).catalog

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

        The bytes of an artifact of a published version are in the remote already: they are neither read nor sent.

        Raises:
            UsageError: There is no such file, it changed while it was read, or two of several get one path.
            RemoteError: A URL cannot be read, or the remote lacks the bytes that are taken over.
            RefusedError: Its content is refused; ``allow`` as in ``VersionDraft.upload_artifact``.
        """
        store, progress = self.store, self.progress
        if isinstance(source, Artifact):
            taken = store.take_again(source.entry, name=name, role=role)
        elif isinstance(source, str):
            taken = store.take_url(source, name=name, role=role, progress=progress, allow=allow)
        else:
            taken = store.take_in(
                source, name=name, role=role, path=path, progress=progress, allow=allow
            )
        self._uploads.append(taken)
        return taken

    def new_model(
        self,
        name: str,
        *,
        owner: str | None = None,
        task: str | None = None,
        description: str | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        card: str = "",
        **fields: object,
    ) -> ModelDraft:
        """Add a registered model, and its namespace when it is the first there.

        Args:
            name: The model's name without namespace.
            owner: The user or team that is responsible for it; the author of the change by default.
            task: What it does, in your own words, such as ``English ASR``. Filters and schemas compare tasks without
                regard to case, blanks, ``-`` and ``_``.
            description: What it is, in words.
            namespace: Where it is.
            card: The text of its ``CARD.md``.
            fields: Further fields of ``model.yaml``: labels, license, external_id, version_scheme, continues, links,
                metadata.

        Raises:
            InvalidNameError: The name is not a model's, or the namespace not a namespace's.
            UsageError: There is no owner, a field is unknown, or a value cannot be valid.
        """
        full = ModelName(check_namespace(namespace), check_new_name(check_model(name), "model"))
        said = {"owner": owner or self._author_as_owner(), "task": task, "description": description}
        given = plain_fields({**{k: v for k, v in said.items() if v is not None}, **fields})
        check_fields("model/v2", given)
        if "license" in given:
            check_license(str(given["license"]))
        if full in self._drafts:
            raise UsageError(
                f"this change adds {full} already", remedy=f'take that one: change.model("{full}")'
            )
        draft = ModelDraft(self, full, fields=given, card=plain_text(card, "card"))
        self._drafts[full] = draft
        return draft

    def _author_as_owner(self) -> str:
        if not self.author:
            raise UsageError(
                "the model needs an owner, and Git does not know who you are",
                remedy='name one: owner="@team"',
            )
        return self.author

    def model(self, name: str) -> ModelDraft | PublishedModel:
        """A registered model, to add to: a published one, or one that this change adds.

        Raises:
            InvalidNameError: The text is not a name.
        """
        full = ModelName.parse(name)
        return self._drafts.get(full) or PublishedModel(self, full)

    def version(self, reference: str) -> PublishedVersion:
        """A published version: metadata, metrics, tracked artifacts and evidence can be added to it.

        Raises:
            InvalidNameError: The text is not a reference.
        """
        return PublishedVersion(self, Reference.for_change(reference))

    def set_alias(self, reference: str, alias: str, *, reason: str = "") -> None:
        """Create or move an alias.

        Raises:
            InvalidNameError: The reference or the alias is not well formed.
            UsageError: The reason is too long.
        """
        check_fields("alias/v1", {"reason": reason} if reason else {})
        self.add(set_alias(Reference.for_change(reference), alias, reason=reason))

    def remove_alias(self, model: str, alias: str) -> None:
        """Remove an alias; the version stays.

        Raises:
            InvalidNameError: The model or the alias is not well formed.
        """
        self.add(remove_alias(ModelName.parse(model), check_pointer(alias, "alias")))

    def add_tag(self, reference: str, tag: str) -> None:
        """Give a version a fixed second name.

        Raises:
            InvalidNameError: The reference or the tag is not well formed.
        """
        check_new_name(check_pointer(tag, "tag"), "tag")
        self.add(add_tag(Reference.for_change(reference), tag))

    def deprecate(self, reference: str, *, reason: str, replaced_by: str = "") -> None:
        """Mark a version as not to be used for new work.

        Raises:
            InvalidNameError: The reference is not well formed.
            UsageError: There is no reason, or ``replaced_by`` is neither a version nor a reference.
        """
        self._set_state(reference, "deprecated", reason, replaced_by)

    def withdraw(self, reference: str, *, reason: str, replaced_by: str = "") -> None:
        """Take a version out of service; no alias may point at it.

        Raises:
            InvalidNameError: The reference is not well formed.
            UsageError: There is no reason, or ``replaced_by`` is neither a version nor a reference.
        """
        self._set_state(reference, "withdrawn", reason, replaced_by)

    def _set_state(
        self,
        reference: str,
        state: Literal["deprecated", "withdrawn"],
        reason: str,
        replaced_by: str,
    ) -> None:
        said = plain_fields({"reason": reason})
        check_fields("status/v1", {**said, **({"replaced_by": replaced_by} if replaced_by else {})})
        asked = Reference.for_change(reference)
        self.add(set_state(asked, state, reason=reason, replaced_by=replaced_by))

    def archive(self, model: str) -> None:
        """Archive a model: it keeps its versions and takes no new ones.

        Raises:
            InvalidNameError: The text is not a model's name.
        """
        self.add(archive(ModelName.parse(model)))
