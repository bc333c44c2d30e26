"""What programs hold in their hands: registered models, model versions and artifacts, typed and frozen.

They are views of one commit. Asking for bytes is the only thing here that leaves the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.catalog.catalog import (
    ModelView,
    VersionView,
)
from registry_tool.catalog.resolve import in_order
from registry_tool.errors import NotFoundError
from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.summary import VersionRow, VersionSummary
    from registry_tool.manifests.models.model import ModelManifest
    from registry_tool.manifests.models.version import (
        Environment,
        Framework,
        Lineage,
        Source,
        VersionManifest,
    )

__all__ = ["Artifact", "Fetcher", "ModelVersion", "RegisteredModel"]

# Brings an artifact's bytes, or those of one file of a folder, to a local path; the registry knows remote and cache.
Fetcher = Callable[[Data, str, "Progress | None"], Path]


@dataclass(frozen=True)
class Artifact:
    """One artifact of a version or a model.

    Attributes:
        name: Unique in its version.
        role: ``model``, ``tokenizer``, ``document`` and so on.
        path: The file or folder name, for bytes in the registry's remote; empty for an artifact tracked elsewhere.
        uri: Where an artifact tracked elsewhere lies; empty for bytes in the registry's remote.
        size: In bytes; None when it is not known.
        sha256: Hex digest, of a folder over its listing; None when it is not known.
        entry: The artifact's entry in its manifest.
    """

    name: str
    role: str
    path: str
    uri: str
    size: int | None
    sha256: str | None
    entry: Data
    _fetcher: Fetcher

    def fetch(self, *, file: str = "", progress: Progress | None = None) -> Path:
        """The verified bytes as a local path in the shared cache; treat it as read-only.

        Args:
            file: Of a folder only this file, by its path in it; by default all of it.
            progress: Told of the bytes that have to be fetched.

        Raises:
            RemoteError: The remote cannot be used, lacks the bytes, or holds others.
            NotFoundError: The artifact is tracked elsewhere, so the registry has no bytes of it; or there is no such file.
        """
        if self.uri:
            raise NotFoundError(
                f"artifact {self.name} is tracked elsewhere, the registry holds no bytes of it",
                remedy=f"read it at {self.uri}",
            )
        return self._fetcher(self.entry, file, progress)

    @classmethod
    def of(cls, entry: Data, fetcher: Fetcher) -> Artifact:
        """The artifact of a manifest's entry."""
        size = entry.get("size")
        return cls(
            name=text(entry, "name"),
            role=text(entry, "role"),
            path=text(entry, "path"),
            uri=text(entry, "uri"),
            size=size if isinstance(size, int) else None,
            sha256=text(entry, "sha256") or None,
            entry=entry,
            _fetcher=fetcher,
        )


def _pick(artifacts: tuple[Artifact, ...], name: str | None, owner: str) -> Artifact:
    if name is None:
        models = [a for a in artifacts if a.role == "model"] or list(artifacts)
        if len(models) == 1:
            return models[0]
    for artifact in artifacts:
        if artifact.name == name:
            return artifact
    names = ", ".join(a.name for a in artifacts) or "none"
    what = "one artifact to pick" if name is None else f"artifact {name}"
    raise NotFoundError(f"{owner} has no {what}", remedy=f"its artifacts: {names}")


class ModelVersion:
    """One version of a registered model.

    Args:
        view: Its files; its record is read now, unless there is a row.
        fetcher: Brings bytes.
        notes: What whoever asked should know.
        row: Its kept summary: the values in it are not read from the files again.
    """

    def __init__(
        self,
        view: VersionView,
        *,
        fetcher: Fetcher,
        notes: tuple[str, ...] = (),
        row: VersionRow | None = None,
    ) -> None:
        self._view = view
        self._summary: VersionSummary = view if row is None else row
        self._data = view.data if row is None else None
        self._fetcher = fetcher
        self.notes = notes
        self.model = str(view.model.name)
        self.version = view.version

    def __repr__(self) -> str:
        return f"ModelVersion({self.model}@{self.version})"

    @property
    def data(self) -> Data:
        """The frozen record, as its file says it."""
        if self._data is None:
            self._data = self._view.data
        return self._data

    @cached_property
    def manifest(self) -> VersionManifest:
        """The frozen record, ``version.yaml``, typed."""
        from registry_tool.manifests.models.version import VersionManifest

        return VersionManifest.from_data(dict(self.data), path=f"{self._view.folder}/version.yaml")

    @property
    def state(self) -> str:
        """``active``, ``deprecated``, ``withdrawn`` or ``erased``."""
        return self._summary.state

    @property
    def framework(self) -> Framework | None:
        """The framework, with its type and version."""
        return self.manifest.framework

    @property
    def environment(self) -> Environment | None:
        """The environment the version runs in."""
        return self.manifest.environment

    @property
    def lineage(self) -> Lineage | None:
        """What the version was made from."""
        return self.manifest.lineage

    @property
    def source(self) -> Source | None:
        """Where the version comes from."""
        return self.manifest.source

    @property
    def created_at(self) -> str:
        """When it was made: RFC 3339, UTC, milliseconds."""
        return self._summary.created_at

    @property
    def author(self) -> str:
        """Who made it; empty when it was not said."""
        return text(self.data, "author")

    @property
    def parameters(self) -> Mapping[str, JSON]:
        """The inference parameters."""
        return member(self.data, "parameters")

    @property
    def description(self) -> str:
        """What was said last: ``metadata.yaml`` over the record."""
        return self._summary.description

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return self._summary.labels

    @property
    def metadata(self) -> Mapping[str, JSON]:
        """Free metadata: ``metadata.yaml`` laid over the record, key by key."""
        return self._view.all_metadata

    @cached_property
    def metrics(self) -> Mapping[str, JSON]:
        """The last value of each metric, of the record and of later evidence: by step, without steps by time."""
        return dict(self._summary.metrics)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that name this version."""
        return self._summary.tags

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases that name this version."""
        return self._summary.aliases

    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts, in the order of the manifest."""
        return tuple(Artifact.of(e, self._fetcher) for e in records(self.data, "artifacts"))

    def artifact(self, name: str | None = None) -> Artifact:
        """One artifact by name; without a name the one of role ``model``, or the only one.

        Raises:
            NotFoundError: There is none, or several could be meant.
        """
        return _pick(self.artifacts(), name, f"{self.model}@{self.version}")

    def evidence(self) -> Iterator[Data]:
        """The evidence records, by file name."""
        return (d.data for d in self._view.evidence() if d.data is not None)


class RegisteredModel:
    """One registered model."""

    def __init__(self, view: ModelView, *, fetcher: Fetcher) -> None:
        self._view = view
        self._fetcher = fetcher
        self.name = str(view.name)
        self.data: Data = view.data

    def __repr__(self) -> str:
        return f"RegisteredModel({self.name})"

    @cached_property
    def manifest(self) -> ModelManifest:
        """The record, ``model.yaml``, typed."""
        from registry_tool.manifests.models.model import ModelManifest

        return ModelManifest.from_data(dict(self.data), path=f"{self._view.folder}/model.yaml")

    @property
    def owner(self) -> str:
        """Who answers for the model."""
        return text(self.data, "owner")

    @property
    def task(self) -> str:
        """What the model does."""
        return text(self.data, "task")

    @property
    def description(self) -> str:
        """What the model is."""
        return text(self.data, "description")

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted(texts(self.data, "labels")))

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions, lowest first."""
        return tuple(in_order(self._view))

    @property
    def aliases(self) -> Mapping[str, str]:
        """The version each alias names."""
        return self._view.alias_targets()

    @property
    def tags(self) -> Mapping[str, str]:
        """The version each tag names."""
        return self._view.tag_targets()

    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts that belong to all versions."""
        return tuple(Artifact.of(e, self._fetcher) for e in records(self.data, "artifacts"))
