"""What can change in a registry, as values: one event for each thing that came, went, moved or was edited.

An event is a fact about two states. Who did it and when is the history's to say, and how it is told is another module's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar, Final, Literal, NamedTuple

from registry_tool.manifests.problems import JSON

__all__ = [
    "Act",
    "AliasEvent",
    "ArtifactEvent",
    "CardEvent",
    "DeletionEvent",
    "DraftEvent",
    "Event",
    "EvidenceEvent",
    "FileEvent",
    "MetadataEvent",
    "ModelEvent",
    "ModelEvidenceEvent",
    "NamespaceEvent",
    "ObjectEvent",
    "PolicyEvent",
    "StatusEvent",
    "StoredEvent",
    "TagEvent",
    "TitleEvent",
    "VersionEvent",
    "WaiverEvent",
    "WireEvent",
]

# ``moved`` is for what points at a version and ``changed`` for its state; ``edited`` is said of all else that was there.
Act = Literal["added", "moved", "changed", "edited", "removed"]


class StoredEvent(NamedTuple):
    """One artifact of a version, in short.

    Attributes:
        name: Unique in its version.
        role: ``model``, ``tokenizer``, ``document`` and so on.
        size: In bytes; None when it is not known.
        sha256: Hex digest; empty when it is not known.
        uri: Where it lies; empty for bytes in the registry's remote.
    """

    name: str
    role: str
    size: int | None
    sha256: str
    uri: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that changed.

    Attributes:
        kind: What it is; part of the type of a CloudEvent, so it is never renamed.
        path: The file that says so.
        act: What happened to it.
    """

    kind: ClassVar[str] = ""
    path: str
    act: Act

    @property
    def reference(self) -> str:
        """What it happened to: a reference where there is one, else a name or the path."""
        return self.path

    def data(self) -> dict[str, JSON]:
        """The fields of this kind of event as plain data, without ``path`` and ``act``."""
        found: dict[str, JSON] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in _OF_ALL:
                found[one.name] = _plain(value)
        return found


_OF_ALL: Final = frozenset({"path", "act"})


def _plain(value: object) -> JSON:
    if isinstance(value, StoredEvent):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)


@dataclass(frozen=True, kw_only=True)
class PolicyEvent(Event):
    """``registry.yaml``; ``fields`` are those that differ, such as ``stages.production``."""

    kind: ClassVar[str] = "policy"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NamespaceEvent(Event):
    """A namespace's owners and policy."""

    kind: ClassVar[str] = "namespace"
    namespace: str
    owners: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The namespace."""
        return self.namespace


@dataclass(frozen=True, kw_only=True)
class ModelEvent(Event):
    """A model; what is removed with it is told too, as far as programs use it."""

    kind: ClassVar[str] = "model"
    model: str
    owner: str = ""
    task: str = ""
    fields: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The model."""
        return self.model


@dataclass(frozen=True, kw_only=True)
class _OfVersion(Event):
    model: str
    version: str

    @property
    def reference(self) -> str:
        """The version."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class VersionEvent(_OfVersion):
    """A version's record. An added one is told with what it holds; ``fields`` are those of an edited one that differ."""

    kind: ClassVar[str] = "version"
    author: str = ""
    framework: str = ""
    framework_version: str = ""
    artifacts: tuple[StoredEvent, ...] = ()
    metrics: Mapping[str, JSON] = field(default_factory=dict)
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DraftEvent(_OfVersion):
    """A file of a draft. Sealing one is a ``VersionEvent``; ``fields`` are those of an edited file that differ."""

    kind: ClassVar[str] = "draft"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StatusEvent(_OfVersion):
    """Where a version is in its life: ``active``, ``deprecated``, ``withdrawn`` or ``erased``."""

    kind: ClassVar[str] = "status"
    state: str
    before: str
    reason: str = ""
    replaced_by: str = ""


@dataclass(frozen=True, kw_only=True)
class EvidenceEvent(_OfVersion):
    """Evidence about a version; ``verdict`` is an approval's decision too, ``evidence_by`` who says so in the file."""

    kind: ClassVar[str] = "evidence"
    evidence: str
    evidence_kind: str = ""
    topic: str = ""
    verdict: str = ""
    evidence_by: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelEvidenceEvent(Event):
    """Evidence about a model. A kind of its own: what follows evidence about a version needs a version."""

    kind: ClassVar[str] = "model-evidence"
    model: str
    evidence: str
    evidence_kind: str = ""
    topic: str = ""
    verdict: str = ""
    evidence_by: str = ""

    @property
    def reference(self) -> str:
        """The model."""
        return self.model


@dataclass(frozen=True, kw_only=True)
class MetadataEvent(_OfVersion):
    """Words and labels laid over a version's record."""

    kind: ClassVar[str] = "metadata"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _OfModelOrVersion(Event):
    model: str
    version: str | None = None

    @property
    def reference(self) -> str:
        """The version, or the model where it belongs to all versions."""
        return self.model if self.version is None else f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class CardEvent(_OfModelOrVersion):
    """The card of a model or a version."""

    kind: ClassVar[str] = "card"


@dataclass(frozen=True, kw_only=True)
class WireEvent(_OfModelOrVersion):
    """What clients of other protocols wrote about a model or a version; ``fields`` are those that differ."""

    kind: ClassVar[str] = "wire"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeletionEvent(_OfModelOrVersion):
    """A model or version is deleted."""

    kind: ClassVar[str] = "deletion"
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TitleEvent(Event):
    """The shown name of a namespace, a model, or a version, tag or alias.

    Attributes:
        named: What has it: a namespace, a model, or a reference.
        title: The title now; None where it was removed.
        before: The title before; None where there was none.
    """

    kind: ClassVar[str] = "title"
    named: str
    title: str | None
    before: str | None

    @property
    def reference(self) -> str:
        """What has the title."""
        return self.named


@dataclass(frozen=True, kw_only=True)
class ObjectEvent(Event):
    """An object of a protocol: an experiment, a run, a serving environment."""

    kind: ClassVar[str] = "object"
    object: str
    title: str = ""
    fields: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The object: ``<api>/<kind>/<slug>``."""
        return self.object


@dataclass(frozen=True, kw_only=True)
class ArtifactEvent(_OfModelOrVersion):
    """The pointer to an artifact's bytes, where more than a new record brought or took it."""

    kind: ClassVar[str] = "artifact"
    artifact: str


@dataclass(frozen=True, kw_only=True)
class TagEvent(Event):
    """A fixed second name of a version. ``version`` is None where it went, empty where its file cannot be read."""

    kind: ClassVar[str] = "tag"
    model: str
    tag: str
    version: str | None
    before: str | None

    @property
    def reference(self) -> str:
        """The model and the tag."""
        return f"{self.model}@{self.tag}"


@dataclass(frozen=True, kw_only=True)
class AliasEvent(Event):
    """A movable name of a version.

    Attributes:
        model: The model.
        alias: The name.
        version: What it names now; None where it was removed, empty where its file cannot be read.
        before: What it named before; None where it is new.
        pinned: True when an automatic promotion leaves it where it is.
        reason: Why it was moved, as its file says.
    """

    kind: ClassVar[str] = "alias"
    model: str
    alias: str
    version: str | None
    before: str | None
    pinned: bool = False
    reason: str = ""

    @property
    def reference(self) -> str:
        """The model and the alias."""
        return f"{self.model}@{self.alias}"


@dataclass(frozen=True, kw_only=True)
class WaiverEvent(Event):
    """One rule waived for one subject."""

    kind: ClassVar[str] = "waiver"
    waiver: str
    rule: str = ""
    waived: str = ""
    reason: str = ""
    expires: str = ""
    approved_by: str = ""

    @property
    def reference(self) -> str:
        """The waiver's name."""
        return self.waiver


@dataclass(frozen=True, kw_only=True)
class FileEvent(Event):
    """Any other file."""

    kind: ClassVar[str] = "file"
