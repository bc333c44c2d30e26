"""The catalog: the content of one tree, read on demand.

Listings come from folders, so a query costs the folders it opens and the files it reads. A file that does not match its
schema is a document with problems; ``require`` returns a document's data or raises. A view combines the files of one
model or version: the last values of metrics, metadata laid over the record, the names that point to a version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from registry_tool.catalog.documents import find_plain_part, list_evidence, names_for, require
from registry_tool.catalog.merged import current_evidence, merge_metrics, merged_metadata
from registry_tool.git.tree import FOLDER
from registry_tool.manifests.data import Data, last_values, records, text, texts
from registry_tool.manifests.layout import MODELS, REGISTRY, Layout, Place
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName

if TYPE_CHECKING:
    from registry_tool.catalog.shown_names import ShownNames
    from registry_tool.git.tree import Tree
    from registry_tool.manifests.document import Document

__all__ = [
    "USABLE",
    "Catalog",
    "ModelView",
    "VersionView",
    "names_for",
    "require",
]

_YAML = ".yaml"
# States in which an alias may point at a version.
USABLE = frozenset({"active", "deprecated"})


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

    @cached_property
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

    @cached_property
    def metrics(self) -> Mapping[str, JSON]:
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
        if self.is_draft:
            return iter(())
        return list_evidence(
            self.model.catalog, self.model.name, self.version, f"{self.folder}/evidence"
        )


class ModelView:
    """One registered model."""

    def __init__(self, catalog: Catalog, name: ModelName) -> None:
        self.catalog = catalog
        self.name = name
        self.folder = catalog.layout.model(name)
        self._versions: dict[str, VersionView] = {}
        self._drafts: dict[str, VersionView] = {}

    @property
    def title(self) -> str:
        """Its title; empty for one that is shown by the name in its path."""
        return self._title(self.catalog.layout.title(self.name), Place("title", self.name))

    def find_title(self, name: str) -> str:
        """The title of a version, tag or alias; empty for one that is shown by its name."""
        if "titles" not in self.catalog.tree.folder(self.folder):
            return ""
        place = Place("title", self.name, None, name)
        return self._title(self.catalog.layout.title(self.name, name), place)

    def _title(self, path: str, place: Place) -> str:
        found = self.catalog.document(path, place)
        return "" if found is None else text(found.data, "title")

    @cached_property
    def titled(self) -> frozenset[str]:
        """The names of the versions, tags and aliases that have a file with a title."""
        return frozenset(self._names("titles"))

    def selectors(self) -> list[str]:
        """The names of all versions, drafts, tags and aliases."""
        return [*self.versions, *self.drafts, *self.tags, *self.aliases]

    @cached_property
    def wire(self) -> Document | None:
        """``wire.yaml``: what clients of other protocols wrote about it."""
        return self.catalog.document(self.catalog.layout.wire(self.name), Place("wire", self.name))

    @cached_property
    def deletion(self) -> Document | None:
        """``deletion.yaml``; None for a model that is not deleted."""
        path = self.catalog.layout.deletion(self.name)
        return self.catalog.document(path, Place("deletion", self.name))

    @property
    def is_deleted(self) -> bool:
        """True where a ``deletion.yaml`` exists."""
        return "deletion.yaml" in self.catalog.tree.folder(self.folder)

    @property
    def state(self) -> str:
        """``live``, ``archived`` or ``deleted``; an unreadable record raises InvalidManifest."""
        return "deleted" if self.is_deleted else text(self.data, "state") or "live"

    def prefetch(self, *folders: str) -> None:
        """Say that the manifests in some folders of this model will be read, in the order of their paths.

        They are read ahead, and a partial clone brings them in one request.
        """
        from registry_tool.git.tree import walk

        tree = self.catalog.tree
        files = (path for folder in folders for path, _ in walk(tree, f"{self.folder}/{folder}"))
        tree.prefetch(path for path in files if path.endswith(_YAML))

    def prefetch_names(self) -> None:
        """Say that the record and the names of versions, tags and aliases will be asked for: they are read together."""
        parts = ("model.yaml", "versions", "tags", "aliases")
        self.catalog.tree.prefetch(f"{self.folder}/{part}" for part in parts)

    @cached_property
    def document(self) -> Document | None:
        """``model.yaml``."""
        return self.catalog.document(f"{self.folder}/model.yaml", Place("model", self.name))

    @property
    def data(self) -> Data:
        """The record; InvalidManifest when it cannot be read."""
        return require(self.document, str(self.name))

    @cached_property
    def scheme(self) -> str:
        """The version scheme: the model's own, else the registry's."""
        own = self.document.data if self.document is not None else None
        return text(own, "version_scheme") or self.catalog.scheme

    def _names(self, folder: str) -> list[str]:
        found = self.catalog.tree.folder(f"{self.folder}/{folder}")
        return sorted(
            n.removesuffix(_YAML) for n, e in found.items() if n.endswith(_YAML) and not e.is_folder
        )

    @cached_property
    def versions(self) -> list[str]:
        """The names of the version folders, in text order."""
        return self._folders("versions")

    @cached_property
    def drafts(self) -> list[str]:
        """The names of the folders of drafts, in text order; no version has any of them."""
        return self._folders("drafts")

    def _folders(self, home: str) -> list[str]:
        found = self.catalog.tree.folder(f"{self.folder}/{home}")
        return sorted([name for name, entry in found.items() if entry.mode == FOLDER])

    @cached_property
    def aliases(self) -> list[str]:
        """The names of the alias files."""
        return self._names("aliases")

    @cached_property
    def tags(self) -> list[str]:
        """The names of the tag files."""
        return self._names("tags")

    def version(self, version: str) -> VersionView | None:
        """One version, or None when it has no folder."""
        if version not in self._versions:
            # The version's own folder, not the listing of versions/: a model may have thousands.
            if not self.catalog.tree.folder(f"{self.folder}/versions/{version}"):
                return None
            self._versions[version] = VersionView(self, version)
        return self._versions[version]

    def draft(self, version: str) -> VersionView | None:
        """One draft, or None when it has no folder."""
        if version not in self._drafts:
            if not self.catalog.tree.folder(f"{self.folder}/drafts/{version}"):
                return None
            self._drafts[version] = VersionView(self, version, is_draft=True)
        return self._drafts[version]

    def alias(self, alias: str) -> Document | None:
        """An alias's file, or None."""
        place = Place("alias", self.name, None, alias)
        return self.catalog.document(self.catalog.layout.alias(self.name, alias), place)

    def tag(self, tag: str) -> Document | None:
        """A tag's file, or None."""
        place = Place("tag", self.name, None, tag)
        return self.catalog.document(self.catalog.layout.tag(self.name, tag), place)

    def evidence(self) -> Iterator[Document]:
        """The files of evidence about the model itself, by name."""
        return list_evidence(self.catalog, self.name, None, f"{self.folder}/evidence")

    @property
    def measured(self) -> list[Data]:
        """Every value that was measured of the model itself, by the time at which its evidence was added."""
        self.prefetch("evidence")
        return merge_metrics({}, self.evidence())

    @property
    def metrics(self) -> dict[str, JSON]:
        """The last value of each metric of the model itself."""
        return last_values(self.measured)

    def alias_targets(self) -> dict[str, str]:
        """The version of each alias; unreadable aliases are left out."""
        found = {name: self.alias(name) for name in self.aliases}
        return {n: text(d.data, "version") for n, d in found.items() if d and d.data is not None}

    def tag_targets(self) -> dict[str, str]:
        """The version of each tag; unreadable tags are left out."""
        found = {name: self.tag(name) for name in self.tags}
        return {n: text(d.data, "version") for n, d in found.items() if d and d.data is not None}

    def pointer(self, artifact_path: str) -> Document | None:
        """The ``.dvc`` pointer of an artifact that belongs to the model."""
        place = Place("dvc", self.name, None, artifact_path)
        return self.catalog.document(f"{self.folder}/{artifact_path}.dvc", place)


class Catalog:
    """What one tree holds. Safe for reading from several threads: the worst case is that a file is read twice."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._documents: dict[str, Document | None] = {}
        self.shown: dict[tuple[str, str], ShownNames] = {}  # see `catalog.titles`
        # Every model that was asked for: what a verdict may depend on.
        self.asked: set[ModelName] = set()

    def document(self, path: str, place: Place, *, keep: bool = True) -> Document | None:
        """One manifest; None when there is no such file.

        Args:
            path: From the root.
            place: What the path is about.
            keep: Keep what was read; sweeps over many do not.
        """
        if path in self._documents:
            return self._documents[path]
        from registry_tool.manifests.document import READ_LIMIT, parse_document

        source = self.tree.read(path, limit=READ_LIMIT)
        found = None if source is None else parse_document(path, place, source)
        if keep:
            self._documents[path] = found
        return found

    def forget_models(self) -> None:
        """Let go of what was read of models: a sweep over all of them would keep every file of the registry."""
        kept = ((p, d) for p, d in self._documents.items() if d is not None)
        self._documents = {path: found for path, found in kept if found.place.model is None}

    def apart(self) -> Catalog:
        """The same tree in a catalog of its own: what is read of one model is let go of with it."""
        other = Catalog(self.tree)
        other._documents[REGISTRY] = self.registry
        return other

    def after(self, paths: Collection[str], tree: Tree | None = None) -> Catalog:
        """The state after some files changed: what was read of the others is kept.

        Args:
            paths: The files that changed.
            tree: That state; None for this tree, which shows it already.
        """
        other = Catalog(self.tree if tree is None else tree)
        # Another registry.yaml may give all files other meanings.
        if REGISTRY not in paths:
            other._documents = self._documents.copy()
        for path in paths:
            other._documents.pop(path, None)
            other.shown = self.shown_after(paths)
        return other

    def shown_after(self, paths: Collection[str]) -> dict[tuple[str, str], ShownNames]:
        """What is known of shown names, after some files changed."""
        if not self.shown:  # few ask for titles
            return {}
        from registry_tool.catalog.shown_names import carry_names

        return carry_names(self.shown, self.layout, paths)

    def find_mentions(self, values: Sequence[str], *, under: Sequence[str]) -> Iterator[str]:
        """Paths of manifests that may give one of the values to a unique field; all those that do are among them."""
        return self.tree.grep(sorted(set(map(find_plain_part, values))), under=under)

    @cached_property
    def registry(self) -> Document | None:
        """``registry.yaml``."""
        return self.document(REGISTRY, Place("registry"))

    @property
    def settings(self) -> Data:
        """The data of ``registry.yaml``; empty when it cannot be read."""
        found = self.registry
        return {} if found is None or found.data is None else found.data

    @cached_property
    def layout(self) -> Layout:
        """Where files lie in this registry."""
        shard = self.settings.get("shard")
        return Layout(shard if isinstance(shard, int) else 0)

    @cached_property
    def scheme(self) -> str:
        """The registry's version scheme."""
        return text(self.settings, "version_scheme") or "integer"

    def namespaces(self) -> list[str]:
        """The names of the namespaces."""
        return sorted(n for n, e in self.tree.folder(MODELS).items() if e.is_folder)

    def namespace_title(self, namespace: str) -> str:
        """The title of a namespace; empty for one that is shown by its name."""
        path = f"{self.layout.namespace(namespace)}/title.yaml"
        found = self.document(path, Place("title", name=namespace))
        return "" if found is None else text(found.data, "title")

    def namespace(self, namespace: str) -> Document | None:
        """A namespace's ``namespace.yaml``."""
        path = f"{self.layout.namespace(namespace)}/namespace.yaml"
        return self.document(path, Place("namespace", name=namespace))

    def model_names(self, namespace: str | None = None) -> Iterator[ModelName]:
        """The models of one namespace, or of all, in order."""
        chosen = self.namespaces() if namespace is None else [namespace]
        if len(chosen) > 1:
            self.tree.prefetch(map(self.layout.namespace, chosen))
        for found in chosen:
            folder = self.layout.namespace(found)
            folders = [folder]
            if self.layout.shard:
                folders = [f"{folder}/{s}" for s in self._folders(folder)]
            names = sorted(name for f in folders for name in self._folders(f))
            yield from (ModelName(found, name) for name in names)

    def _folders(self, path: str) -> list[str]:
        return sorted(n for n, e in self.tree.folder(path).items() if e.is_folder)

    def model(self, name: ModelName) -> ModelView | None:
        """One model, or None when it has no folder."""
        self.asked.add(name)
        self.tree.gather([self.layout.model(name)])
        return ModelView(self, name) if self.tree.folder(self.layout.model(name)) else None

    def proposed_versions(self, model: ModelName) -> Collection[str]:  # noqa: ARG002 (a writer knows)
        """Versions that other branches add to a model: a next version passes over their names."""
        return ()

    def models(self, namespace: str | None = None) -> Iterator[ModelView]:
        """The models of one namespace, or of all, in order."""
        views = [ModelView(self, name) for name in self.model_names(namespace)]
        self.tree.prefetch(f"{view.folder}/model.yaml" for view in views)
        return iter(views)
