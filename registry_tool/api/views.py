"""What programs hold in their hands: registered models, model versions and artifacts, typed and frozen.

They are views of one commit. Asking for bytes is the only thing here that leaves the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.catalog import (
    ModelView,
    VersionView,
)
from registry_tool.catalog.resolve import in_order as versions_in_order
from registry_tool.errors import NotFoundError
from registry_tool.manifests.data import (
    Data,
    in_order,
    member,
    metric_value,
    records,
    text,
    texts,
)
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    import datetime as dt

    from registry_tool.artifacts.progress import Progress
    from registry_tool.catalog.search.summary import VersionRow, VersionSummary
    from registry_tool.manifests.models.model import ModelManifest, ModelManifestV2
    from registry_tool.manifests.models.version import (
        Environment,
        Framework,
        Lineage,
        VersionManifest,
        VersionSource,
    )

__all__ = ["Artifact", "Fetcher", "MetricPoint", "ModelVersion", "RegisteredModel"]

# Brings an artifact's bytes, or those of one file of a folder, to a local path; the registry knows remote and cache.
Fetcher = Callable[[Data, str, "Progress | None"], Path]


# So that an artifact's id is the same wherever it is computed; a random UUID, chosen once.
_ARTIFACT_IDS: Final = "5b3c2a0e-6f0e-4c55-9d0c-3f6a0d8c9b51"


@dataclass(frozen=True)
class Artifact:
    """One artifact of a version or a model.

    Attributes:
        name: Unique in its version or model.
        role: ``model``, ``tokenizer``, ``document`` and so on.
        path: The file or folder name, for bytes in the registry's remote; for an artifact tracked elsewhere its address,
            as ``uri``.
        uri: The address of an artifact tracked elsewhere; empty for bytes in the registry's remote.
        size: In bytes; None when it is not known.
        sha256: Hex digest, of a folder over its listing; None when it is not known.
        mime_type: The IANA media type, as the manifest says or as the name suggests; None when neither does.
        entry: The artifact's entry in its manifest.
    """

    name: str
    role: str
    path: str
    uri: str
    size: int | None
    sha256: str | None
    mime_type: str | None
    entry: Data
    _parent: str | Callable[[], str]
    _fetcher: Fetcher

    @property
    def parent(self) -> str:
        """The version or model that it belongs to, such as ``nlp/lang-id@4`` or ``nlp/lang-id``.

        Raises:
            UsageError: It belongs to a version in the making that gets its number when the change is published.
        """
        return self._parent if isinstance(self._parent, str) else self._parent()

    @property
    def checksum(self) -> str | None:
        """What its bytes are verified with: ``sha256``. None when it is not known."""
        return self.sha256

    @property
    def id(self) -> str:
        """A UUID that is the same in every clone: another parent, name, path or checksum gives another one.

        Raises:
            UsageError: As ``parent``.
        """
        from uuid import UUID, uuid5

        said = "\n".join((self.parent, self.name, self.path, self.checksum or ""))
        return str(uuid5(UUID(_ARTIFACT_IDS), said))

    def fetch(self, *, file: str = "", progress: Progress | None = None) -> Path:
        """The verified bytes as a local path in the shared cache; treat it as read-only.

        Args:
            file: Of a folder only this file, by its path in it; by default all of it.
            progress: Receives the progress of the download.

        Raises:
            RemoteError: The remote cannot be used, lacks the bytes, or has others.
            NotFoundError: The artifact is tracked elsewhere, so the registry has no bytes of it; or the file does not exist.
        """
        if self.uri:
            raise NotFoundError(
                f"artifact {self.name} is tracked elsewhere; the registry has no bytes of it",
                remedy=f"read it at {self.uri}",
            )
        return self._fetcher(self.entry, file, progress)

    @classmethod
    def of(cls, entry: Data, fetcher: Fetcher, parent: str | Callable[[], str]) -> Artifact:
        """The artifact of a manifest's entry.

        Args:
            entry: The entry.
            fetcher: Fetches its bytes.
            parent: What it belongs to, or a function that returns it once it is known.
        """
        size = entry.get("size")
        uri = text(entry, "uri")
        return cls(
            name=text(entry, "name"),
            role=text(entry, "role"),
            path=uri or text(entry, "path"),
            uri=uri,
            size=size if isinstance(size, int) else None,
            sha256=text(entry, "sha256") or None,
            mime_type=text(entry, "media_type") or _guessed_type(uri or text(entry, "path")),
            entry=entry,
            _parent=parent,
            _fetcher=fetcher,
        )


def _guessed_type(path: str) -> str | None:
    """What the end of a path suggests; programs of older releases recorded no type of what is tracked elsewhere."""
    if "." not in path.rpartition("/")[2]:
        return None
    import mimetypes

    return mimetypes.guess_type(path)[0]


class MetricPoint(NamedTuple):
    """One measured value of a series.

    Attributes:
        value: A number, a text or bytes, as it was logged; NaN and infinity are the texts ``NaN`` and ``Infinity``.
        step: The training step; None when it was not given.
        timestamp: Milliseconds since 1970-01-01 UTC; None when it was not given.
    """

    value: float | str | bytes
    step: int | None
    timestamp: int | None

    @property
    def time(self) -> dt.datetime | None:
        """The timestamp as a time in UTC; None when it was not given, or no calendar has it."""
        if self.timestamp is None:
            return None
        import datetime as dt  # not needed to resolve a reference

        try:
            return dt.datetime.fromtimestamp(self.timestamp / 1000, tz=dt.UTC)
        except (OverflowError, ValueError, OSError):
            return None


def _whole(entry: Data, key: str) -> int | None:
    value = entry.get(key)
    return int(value) if isinstance(value, int | float) else None


class _Measured:
    """What models and versions share: metrics, each with its last value and as a series."""

    def __init__(self, view: VersionView | ModelView, name: str) -> None:
        self._measured = view
        self._name = name

    def metric_history(self, key: str) -> tuple[MetricPoint, ...]:
        """Every value of one metric, by step; values without a step come first, by time.

        Raises:
            NotFoundError: It was never measured.
            InvalidManifestError: The record cannot be read.
        """
        entries = in_order(self._measured.measured)
        found = tuple(
            MetricPoint(metric_value(e.get("value")), _whole(e, "step"), _whole(e, "timestamp"))
            for e in entries
            if text(e, "key") == key
        )
        if not found:
            names = ", ".join(dict.fromkeys(text(entry, "key") for entry in entries)) or "none"
            raise NotFoundError(
                f"{self._name} has no metric {key!a}", remedy=f"its metrics: {names}"
            )
        return found


def _pick(
    own: tuple[Artifact, ...], later: tuple[Artifact, ...], name: str | None, owner: str
) -> Artifact:
    """The artifact with a name; without a name one that the version was published with."""
    if name is None:
        models = [a for a in own if a.role == "model"] or list(own)
        if len(models) == 1:
            return models[0]
    for artifact in (*own, *later):
        if artifact.name == name:
            return artifact
    names = ", ".join(a.name for a in (*own, *later)) or "none"
    what = "one artifact to pick" if name is None else f"artifact {name}"
    raise NotFoundError(f"{owner} has no {what}", remedy=f"its artifacts: {names}")


class ModelVersion(_Measured):
    """One version of a registered model.

    Args:
        view: Its files; its record is read now, unless a row is given.
        fetcher: Fetches bytes.
        notes: Notes for the caller: deprecated, pinned and so on.
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
        super().__init__(view, f"{self.model}@{self.version}")

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
        """``active``, ``deprecated``, ``withdrawn``, ``deleted`` or ``erased``."""
        return self._summary.state

    @property
    def title(self) -> str:
        """The shown name: the title, else the version."""
        return self._view.title or self.version

    @property
    def is_deleted(self) -> bool:
        """True for a version that was deleted: it is withdrawn permanently and not listed."""
        return self._view.is_deleted

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
    def source(self) -> VersionSource | None:
        """Where the version comes from."""
        return self.manifest.source

    @property
    def created_at(self) -> str:
        """When it was made: RFC 3339, UTC, milliseconds."""
        return self._summary.created_at

    @property
    def author(self) -> str:
        """Who made it; empty when it is not recorded."""
        return text(self.data, "author")

    @property
    def parameters(self) -> Mapping[str, JSON]:
        """The inference parameters."""
        return member(self.data, "parameters")

    @property
    def description(self) -> str:
        """The latest one: that of ``metadata.yaml``, else that of the record."""
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
    def metrics(self) -> Mapping[str, float | str | bytes]:
        """The last value of each metric, of the record and of later evidence: by step, without steps by time."""
        return {key: metric_value(value) for key, value in self._summary.metrics.items()}

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that name this version."""
        return self._summary.tags

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases that name this version."""
        return self._summary.aliases

    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts of the record, in its order, and then those that were added after it was published.

        Raises:
            InvalidManifestError: The record cannot be read.
        """
        return (*self.record_artifacts(), *self._later_artifacts())

    def record_artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts that the version was published with: what a signature of it covers.

        Raises:
            InvalidManifestError: The record cannot be read.
        """
        entries = records(self.data, "artifacts")
        return tuple(Artifact.of(entry, self._fetcher, self._name) for entry in entries)

    def _later_artifacts(self) -> tuple[Artifact, ...]:
        entries = self._view.later_artifacts
        return tuple(Artifact.of(entry, self._fetcher, self._name) for entry in entries)

    def artifact(self, name: str | None = None) -> Artifact:
        """One artifact by name; without a name the one of role ``model``, or the only one, of its record.

        Raises:
            NotFoundError: There is none, or several could be meant.
        """
        return _pick(self.record_artifacts(), self._later_artifacts(), name, self._name)

    def record_artifact(self, name: str | None = None) -> Artifact:
        """As ``artifact``, of those that the version was published with.

        Raises:
            NotFoundError: There is none, or several could be meant.
        """
        return _pick(self.record_artifacts(), (), name, self._name)

    def evidence(self) -> Iterator[Data]:
        """The evidence records, by file name."""
        return (d.data for d in self._view.evidence() if d.data is not None)


class RegisteredModel(_Measured):
    """One registered model."""

    def __init__(self, view: ModelView, *, fetcher: Fetcher) -> None:
        self._view = view
        self._fetcher = fetcher
        self.name = str(view.name)
        self.data: Data = view.data
        super().__init__(view, self.name)

    def __repr__(self) -> str:
        return f"RegisteredModel({self.name})"

    @cached_property
    def manifest(self) -> ModelManifest | ModelManifestV2:
        """The record, ``model.yaml``, typed."""
        from registry_tool.manifests.models.model import ModelManifest, ModelManifestV2

        is_first = text(self.data, "schema") == "model/v1"
        manifest = ModelManifest if is_first else ModelManifestV2
        return manifest.from_data(dict(self.data), path=f"{self._view.folder}/model.yaml")

    @property
    def title(self) -> str:
        """The shown name: the title, else the name without the namespace."""
        return self._view.title or self._view.name.name

    @property
    def state(self) -> str:
        """``live``, ``archived`` or ``deleted``."""
        return self._view.state

    @property
    def owner(self) -> str:
        """The user or team that is responsible for the model."""
        return text(self.data, "owner")

    @property
    def task(self) -> str | None:
        """What the model does, as it was written; None when it is not recorded."""
        return text(self.data, "task") or None

    @property
    def description(self) -> str | None:
        """What the model is; None when it is not recorded."""
        return text(self.data, "description") or None

    @property
    def metadata(self) -> Mapping[str, JSON]:
        """Free metadata."""
        return member(self.data, "metadata")

    @cached_property
    def metrics(self) -> Mapping[str, float | str | bytes]:
        """The last value of each metric of the model itself: by step, without steps by time."""
        return {key: metric_value(value) for key, value in self._view.metrics.items()}

    def evidence(self) -> Iterator[Data]:
        """The evidence records about the model itself, by file name."""
        return (d.data for d in self._view.evidence() if d.data is not None)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted(texts(self.data, "labels")))

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions, lowest first."""
        return tuple(versions_in_order(self._view))

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
        entries = [e for e in records(self.data, "artifacts") if "version" not in e]
        return tuple(Artifact.of(entry, self._fetcher, self.name) for entry in entries)
