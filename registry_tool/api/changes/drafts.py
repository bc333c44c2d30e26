"""Models and versions in a change: those it adds, and published ones that it adds to.

All four share one set of methods: ``log_metrics``, ``update_metadata``, ``upload_artifact``, ``track_artifacts`` and
``artifacts``. Where the values go differs:

===================  =========================  =================  ==================================
of                   metrics                    metadata           artifacts
===================  =========================  =================  ==================================
a new version        its record                 its record         its record
a published version  evidence of the version    ``metadata.yaml``  the model's, for this version; evidence
a new model          evidence of the model      ``model.yaml``     ``model.yaml``
a published model    evidence of the model      ``model.yaml``     ``model.yaml``
===================  =========================  =================  ==================================

Arguments that cannot be valid are refused in the call; what depends on the registry is found when the change ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from registry_tool.api.changes.change_target import ChangeContext, ChangeTarget, Source, portions
from registry_tool.api.views import Artifact
from registry_tool.catalog.catalog import VersionView
from registry_tool.catalog.resolve import find_model, resolve
from registry_tool.edits.annotations import add_evidence, add_model_evidence, annotate
from registry_tool.edits.changeset import ChangeSet, Edit, combine, followed_by
from registry_tool.edits.models import add_model, extend_model
from registry_tool.edits.versions import VersionRecord, add_version, version_fields
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.manifests.arguments import check_fields
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_text
from registry_tool.names import ModelName, Reference, check_new_name, check_pointer, check_version

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import Catalog

__all__ = ["ModelDraft", "PublishedModel", "PublishedVersion", "VersionDraft"]


class _ModelTarget(ChangeTarget):
    """A model in a change: versions can be added to it."""

    def __init__(self, change: ChangeContext, name: ModelName) -> None:
        super().__init__(change)
        self.name = name

    def _parent(self) -> str:
        return str(self.name)

    def _evidence(self) -> list[Edit]:
        """What adds the metrics that were logged: files of evidence about the model."""
        by = self._change.author
        return [
            add_model_evidence(self.name, "metrics", {"metrics": portion}, by=by)
            for portion in portions(self._metrics)
        ]

    def new_version(
        self,
        version: str | None = None,
        *,
        artifacts: Source | Sequence[Source] = (),
        unique_tags: Iterable[str] = (),
        labels: Iterable[str] = (),
        **fields: object,
    ) -> VersionDraft:
        """Add a version.

        Args:
            version: Its name; by default the next one, where the scheme counts.
            artifacts: Files and folders to upload.
            unique_tags: Fixed second names.
            labels: Labels; they can be changed later.
            fields: Fields of ``version.yaml``: description, framework, environment, source, lineage, parameters,
                signature, metadata, external_id, same_as, name, author, created_at. Values of NumPy, PyTorch and such
                become plain data; see ``manifests.values``.

        Raises:
            InvalidNameError: The version or a tag is not well formed.
            UsageError: A file is missing, two artifacts have one name, or a field is unknown or cannot be valid.
        """
        if version is not None:
            check_new_name(check_version(version), "version")
        tags, words = tuple(unique_tags), [plain_text(label, "labels") for label in labels]
        for tag in tags:
            check_new_name(check_pointer(tag, "tag"), "tag")
        if words:
            check_fields("metadata/v1", {"labels": [*words]})
        record = version_fields(fields)
        check_fields("version/v1", record)
        draft = VersionDraft(
            self._change, self.name, version, fields=record, tags=tags, labels=tuple(words)
        )
        draft.begin(artifacts)
        return draft


class ModelDraft(_ModelTarget):
    """A model that the change adds.

    Args:
        change: The change.
        name: The model's name.
        fields: Fields of its ``model.yaml``.
        card: The text of its ``CARD.md``.
    """

    def __init__(
        self, change: ChangeContext, name: ModelName, *, fields: Mapping[str, JSON], card: str
    ) -> None:
        super().__init__(change, name)
        self._fields = dict(fields)
        self._card = card
        self._register()

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Add the model, and evidence of its metrics."""
        own = _with_metadata(self._fields, self._metadata)
        if self._entries:
            own["artifacts"] = [dict(entry) for entry in self._entries]
        added = add_model(self.name, own, card=self._card, files=self._pointers)
        return combine([added, *self._evidence()], f"Add model {self.name}")(catalog)


def _with_metadata(fields: Mapping[str, JSON], more: Mapping[str, JSON]) -> dict[str, JSON]:
    """Fields with keys laid over their free metadata."""
    free = fields.get("metadata")
    merged: JSON = {**(free if isinstance(free, dict) else {}), **more}
    return {**fields, "metadata": merged} if more else dict(fields)


class PublishedModel(_ModelTarget):
    """A published model that the change adds to."""

    def _list_published(self) -> list[Data]:
        with suppress(NotFoundError):  # an edit of this change may add it
            return records(find_model(self._change.base, self.name).data, "artifacts")
        return []

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Add metadata and artifacts to the record, and evidence of metrics."""
        edits = self._evidence()
        if self._metadata or self._entries:
            extend = extend_model(
                self.name, metadata=self._metadata, artifacts=self._entries, files=self._pointers
            )
            edits.insert(0, extend)
        return combine(edits, f"Update model {self.name}")(catalog)


class VersionDraft(ChangeTarget):
    """A version that the change adds; frozen when the change is published.

    Attributes:
        model: The model.
        version: Its name; of a version that gets its number when the change is published, None before that.
    """

    def __init__(
        self,
        change: ChangeContext,
        model: ModelName,
        version: str | None,
        *,
        fields: Mapping[str, JSON],
        tags: tuple[str, ...],
        labels: tuple[str, ...],
    ) -> None:
        super().__init__(change)
        self.model = model
        self.version = version
        self._asked = version
        self._fields = dict(fields)
        self._tags = tags
        self._labels = labels

    def begin(self, artifacts: Source | Sequence[Source]) -> None:
        """Take in the first artifacts, and make the version part of the change if that succeeds."""
        self._is_registered = True
        if artifacts:
            self.upload_artifact(artifacts)
        self._change.add(self.edit)

    def _parent(self) -> str:
        if self.version is None:
            raise UsageError(
                f"the new version of {self.model} has no number until the change is published",
                remedy='ask after the `with` block, or name the version: new_version("4")',
            )
        return f"{self.model}@{self.version}"

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Add the version; what of a long series does not fit into its record becomes evidence."""
        author = self._change.author
        fields: dict[str, JSON] = {"author": author} if author else {}
        first, *rest = [*portions(self._metrics)] or [[]]
        record = VersionRecord(
            fields=_with_metadata({**fields, **self._fields}, self._metadata),
            artifacts=tuple(self._entries),
            pointers=dict(self._pointers),
            metrics=tuple(first),
            labels=self._labels,
            tags=self._tags,
        )
        added = add_version(self.model, self._asked, record)(catalog)
        (exact,) = added.versions
        self.version = exact.selector
        later = [
            add_evidence(exact, "metrics", {"metrics": portion}, by=author) for portion in rest
        ]
        return followed_by(catalog, added, later)


def _check_not_erased(version: VersionView) -> None:
    if version.state == "erased":
        raise RefusedError(
            f"{version} is erased; no file can be uploaded for it",
            remedy=f"registry version add {version.model.name} --artifact PATH --framework TYPE",
        )


class PublishedVersion(ChangeTarget):
    """A published version: its record is frozen, and the change adds next to it."""

    def __init__(self, change: ChangeContext, reference: Reference) -> None:
        super().__init__(change)
        self.reference = reference
        self._taken: list[Data] = []

    def _view(self) -> VersionView | None:
        """The version as it is published; None where only an edit of this change may add it."""
        with suppress(NotFoundError):
            return resolve(self._change.base, self.reference, allow_withdrawn=True).version
        return None

    def _parent(self) -> str:
        return str(self._view() or self.reference)

    def _list_published(self) -> list[Data]:
        view = self._view()
        return [] if view is None else [*records(view.data, "artifacts"), *view.later_artifacts]

    def _names(self) -> Iterator[str]:
        yield from super()._names()
        yield from (text(entry, "name") for entry in self._taken)

    def upload_artifact(
        self,
        sources: Source | Sequence[Source],
        *,
        name: str = "",
        role: str = "",
        path: str = "",
        allow: Collection[str] = (),
    ) -> tuple[Artifact, ...]:
        """Store files for a published version; see ``VersionDraft.upload_artifact`` for the arguments.

        The record and its files never change: a file that is uploaded now is stored with the model, so its name and file name
        are unique there. Signatures of the version do not cover it, and ``registry fetch`` leaves it out.

        Raises:
            UsageError: As for a new version; or another artifact of the model has this name.
            RefusedError: The content is refused; or the version is erased; or it is encrypted, and this would be stored
                in plain.
        """
        view = self._view()
        if view is not None:
            _check_not_erased(view)
        if view is not None and any("encryption" in e for e in records(view.data, "artifacts")):
            raise RefusedError(
                f"{view} is encrypted, and a file that is added later would not be",
                remedy="add the file to a new version that is encrypted: registry version add --encrypt-to",
            )
        self._taken = [] if view is None else records(view.model.data, "artifacts")
        return super().upload_artifact(
            sources, name=name, role=role, path=path or name, allow=allow
        )

    def add_evidence(
        self, kind: str, fields: Mapping[str, object], *, by: str = "", name: str = ""
    ) -> None:
        """Add a record of evidence; see ``schemas/evidence``.

        Args:
            kind: evaluation, metrics, artifacts, approval, scan, signature or note.
            fields: What that kind says.
            by: Who says it; the Git identity by default.
            name: The file's name; made from date and content by default.

        Raises:
            UsageError: A value has no form in a manifest, or the schema does not allow it.
        """
        who = by or self._change.author
        self._change.add(add_evidence(self.reference, kind, fields, by=who, name=name))

    def annotate(self, *, labels: Sequence[str] = (), description: str | None = None) -> None:
        """Add labels, or set the description that replaces the record's.

        Raises:
            UsageError: The schema does not allow a label or the description.
        """
        self._change.add(annotate(self.reference, labels=labels, description=description))

    def edit(self, catalog: Catalog) -> ChangeSet:
        """Add metadata, and evidence of metrics and tracked artifacts."""
        by, edits = self._change.author, list[Edit]()
        if self._metadata:
            edits.append(annotate(self.reference, metadata=self._metadata))
        for portion in portions(self._metrics):
            edits.append(add_evidence(self.reference, "metrics", {"metrics": portion}, by=by))
        tracked = [entry for entry in self._entries if "uri" in entry]
        if tracked:
            edits.append(add_evidence(self.reference, "artifacts", {"artifacts": tracked}, by=by))
        if self._pointers:
            edits.append(self._store(catalog))
        return combine(edits, f"Update {self.reference}")(catalog)

    def _store(self, catalog: Catalog) -> Edit:
        """The edit that lists what was uploaded among the artifacts of the model, for this version."""
        version = resolve(catalog, self.reference, allow_withdrawn=True).version
        _check_not_erased(version)
        stored = [
            {"name": entry["name"], "role": entry["role"], "version": version.version, **entry}
            for entry in self._entries
            if "uri" not in entry
        ]
        return extend_model(version.model.name, artifacts=stored, files=self._pointers)
