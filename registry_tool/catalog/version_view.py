"""One version of a model, published or a draft: its files, read on demand and combined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from registry_tool.catalog.merged import current_evidence, merge_metrics, merged_metadata
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import Data, last_values, records, text, texts
from registry_tool.manifests.layout import Place
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import ModelView
    from registry_tool.manifests.document import Document

__all__ = ["VersionView", "list_evidence", "names_for", "require"]

_YAML = ".yaml"


def require(document: Document | None, what: str) -> Data:
    """A document's data.

    Raises:
        InvalidManifestError: There is no such file, or it does not pass its schema.
    """
    if document is None:
        raise InvalidManifestError(f"{what} has no manifest", remedy="registry check --all")
    if document.data is None:
        problem = document.problems[0]
        is_later = problem.code == "schema-version"
        raise InvalidManifestError(
            f"{document.path}:{problem.line}: {problem.message}",
            remedy=problem.remedy if is_later else "registry check --all",
        )
    return document.data


def list_evidence(model: ModelView, version: str | None, folder: str) -> Iterator[Document]:
    """The evidence files of one folder, by name."""
    for name in sorted(model.catalog.tree.folder(folder)):
        place = Place("evidence", model.name, version, name.removesuffix(_YAML))
        found = model.catalog.document(f"{folder}/{name}", place)
        if found is not None and name.endswith(_YAML):
            yield found


def names_for(version: str, targets: Mapping[str, str]) -> tuple[str, ...]:
    """The aliases or tags that point to a version."""
    return tuple(name for name, target in targets.items() if target == version)


class VersionView:
    """One version of a model, as its files say; see ``summary.VersionSummary``. A draft is one that is not sealed yet."""

    def __init__(self, model: ModelView, version: str, *, is_draft: bool = False) -> None:
        self.model = model
        self.version = version
        self.is_draft = is_draft
        self.folder = f"{model.folder}/{'drafts' if is_draft else 'versions'}/{version}"

    def __str__(self) -> str:
        return f"{self.model.name}@{self.version}"

    @property
    def title(self) -> str:
        """Its title; empty for one that is shown by its name."""
        return self.model.find_title(self.version)

    @cached_property
    def wire(self) -> Document | None:
        """``wire.yaml``: what clients of other protocols wrote about it."""
        return self._file("wire")

    @cached_property
    def deletion(self) -> Document | None:
        """``deletion.yaml``; None for a version that is not deleted."""
        return self._file("deletion")

    @property
    def is_deleted(self) -> bool:
        """True where a ``deletion.yaml`` exists."""
        return "deletion.yaml" in self.model.catalog.tree.folder(self.folder)

    def _file(self, kind: str) -> Document | None:
        place = Place(kind, self.model.name, self.version, is_draft=self.is_draft)
        return self.model.catalog.document(f"{self.folder}/{kind}{_YAML}", place)

    @cached_property
    def document(self) -> Document | None:
        """``version.yaml``."""
        return self._file("version")

    @cached_property
    def draft(self) -> Document | None:
        """``draft.yaml``; None for a published version, and for a draft that reserves no name."""
        return self._file("draft") if self.is_draft else None

    @cached_property
    def status(self) -> Document | None:
        """``status.yaml``; None while nothing was said."""
        return None if self.is_draft else self._file("status")

    @cached_property
    def metadata(self) -> Document | None:
        """``metadata.yaml``; None while nothing was added."""
        return self._file("metadata")

    @property
    def data(self) -> Data:
        """The record; InvalidManifest when it cannot be read."""
        known = None if self.document is None else self.document.data
        return require(self.document, str(self)) if known is None else known

    @property
    def state(self) -> str:
        """``draft``, ``active``, ``deprecated``, ``withdrawn``, ``deleted`` or ``erased``; an unreadable status raises InvalidManifest."""
        if self.is_draft:
            return "draft"
        status = self.status
        state = "active" if status is None else text(require(status, str(self)), "state")
        return "deleted" if state == "withdrawn" and self.is_deleted else state

    @property
    def _added(self) -> Data | None:
        return None if self.metadata is None else self.metadata.data

    @property
    def created_at(self) -> str:
        """The time in the record."""
        return text(self.data, "created_at")

    @property
    def description(self) -> str:
        """The latest description: that of ``metadata.yaml``, else that of the record."""
        return text(self._added, "description") or text(self.data, "description")

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted(texts(self._added, "labels")))

    @property
    def all_metadata(self) -> dict[str, JSON]:
        """Free metadata: that of ``metadata.yaml`` laid over that of the record, key by key, without what was deleted."""
        return merged_metadata(self.data, self._added)

    @property
    def measured(self) -> list[Data]:
        """Every measured value: of the record, then of later evidence, by the time at which it was added."""
        return merge_metrics(self.data, self.evidence())

    @property
    def metrics(self) -> dict[str, JSON]:
        """The last value of each metric, of the record and of later evidence."""
        return last_values(self.measured)

    @property
    def later_artifacts(self) -> list[Data]:
        """The artifacts that were added after the version was published: stored with the model, or tracked by evidence."""
        record = self.model.document
        stored = [] if record is None else records(record.data, "artifacts")
        found = [entry for entry in stored if text(entry, "version") == self.version]
        current = current_evidence(self.evidence())
        added = (e.data for e in current if text(e.data, "kind") == "artifacts")
        return found + [entry for data in added for entry in records(data, "artifacts")]

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases that point to this version."""
        return names_for(self.version, self.model.alias_targets())

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of this version."""
        return names_for(self.version, self.model.tag_targets())

    @property
    def reserved_tags(self) -> tuple[str, ...]:
        """The tags that a draft gets when it is sealed."""
        return () if self.draft is None else tuple(texts(self.draft.data, "tags"))

    @property
    def reserved_aliases(self) -> tuple[str, ...]:
        """The aliases that a draft gets when it is sealed."""
        return () if self.draft is None else tuple(texts(self.draft.data, "aliases"))

    def pointer(self, artifact_path: str) -> Document | None:
        """The ``.dvc`` pointer of an artifact's path."""
        place = Place("dvc", self.model.name, self.version, artifact_path, self.is_draft)
        return self.model.catalog.document(f"{self.folder}/{artifact_path}.dvc", place)

    def evidence(self) -> Iterator[Document]:
        """The evidence files, by name."""
        if self.is_draft:  # evidence seals it first
            return iter(())
        return list_evidence(self.model, self.version, f"{self.folder}/evidence")
