"""Every manifest as a type, and the table from a ``schema:`` line to its class.

The larger ones have modules of their own; import all of them from here, and only where a typed manifest is needed:
this module costs the import of pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from registry_tool.manifests.models.artifact import (
    Artifact,
    FileEntry,
    Format,
    ModelArtifact,
    PointerManifest,
    PointerOutput,
    TrackedArtifact,
)
from registry_tool.manifests.models.base import (
    Date,
    ExternalId,
    Free,
    Label,
    Line,
    Manifest,
    ModelName,
    ModelReference,
    NamespaceName,
    Part,
    Reason,
    RuleId,
    Successor,
    Task,
    TaskWords,
    Text,
    VersionName,
    VersionScheme,
    listed,
    matching,
    needs,
)
from registry_tool.manifests.models.encryption import (
    Encryption,
    KeyManifest,
    RecipientsManifest,
    Wrap,
)
from registry_tool.manifests.models.evidence import (
    EvidenceManifest,
    EvidenceManifestV2,
    EvidenceSubject,
    Subject,
)
from registry_tool.manifests.models.registry import (
    Gate,
    MetadataSchema,
    NamespaceManifest,
    RegistryManifest,
    ScanPolicy,
    Stage,
)
from registry_tool.manifests.models.version import (
    Code,
    Column,
    Dataset,
    Environment,
    Framework,
    Lineage,
    Metric,
    MetricBytes,
    ModelSchema,
    Parameter,
    Signature,
    Source,
    VersionManifest,
)

__all__ = [
    "MANIFESTS",
    "AliasManifest",
    "Artifact",
    "Code",
    "Column",
    "Dataset",
    "Encryption",
    "Environment",
    "EvidenceManifest",
    "EvidenceManifestV2",
    "EvidenceSubject",
    "FileEntry",
    "Format",
    "Framework",
    "Gate",
    "KeyManifest",
    "Lineage",
    "Link",
    "Manifest",
    "MetadataManifest",
    "MetadataSchema",
    "Metric",
    "MetricBytes",
    "ModelArtifact",
    "ModelManifest",
    "ModelManifestV2",
    "ModelSchema",
    "NamespaceManifest",
    "Parameter",
    "Part",
    "PointerManifest",
    "PointerOutput",
    "RecipientsManifest",
    "RegistryManifest",
    "ScanPolicy",
    "Signature",
    "Source",
    "Stage",
    "StatusManifest",
    "Subject",
    "TagManifest",
    "TrackedArtifact",
    "VersionManifest",
    "WaiverManifest",
    "Wrap",
]


def _each_once(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(labels)) != len(labels):
        raise ValueError("a label stands twice")
    return labels


_Labels = Annotated[tuple[Label, ...], listed(most=64), AfterValidator(_each_once)]


class Link(Part):
    """A page about a model."""

    title: Line
    url: Annotated[str, matching(r"https?://[^\x00-\x20\x7f]+", 2048)]


class _ModelFields(Manifest):
    """The fields that every version of the schema has."""

    name: ModelName
    namespace: NamespaceName
    owner: Line
    labels: _Labels = ()
    license: (
        Annotated[str, matching("[A-Za-z0-9(](?:[A-Za-z0-9.+:() -]*[A-Za-z0-9.+)])?", 256)] | None
    ) = None
    external_id: ExternalId | None = None
    version_scheme: VersionScheme | None = None
    state: Literal["live", "archived"] = "live"
    continues: ModelReference | None = None
    moved_to: ModelReference | None = None
    links: Annotated[tuple[Link, ...], listed(most=64)] = ()
    metadata: Free = Field(default_factory=dict)


class ModelManifest(_ModelFields):
    """``model.yaml``: what a model is. It lists no versions."""

    schema_: Literal["model/v1"] = Field(alias="schema")
    task: Task
    description: Text
    artifacts: Annotated[tuple[Artifact, ...], listed(most=1000)] = ()


class ModelManifestV2(_ModelFields):
    """``model.yaml`` with a task in the team's own words; task and description are optional."""

    schema_: Literal["model/v2"] = Field(alias="schema")
    task: TaskWords | None = None
    description: Text | None = None
    artifacts: Annotated[tuple[ModelArtifact, ...], listed(most=1000)] = ()


class MetadataManifest(Manifest):
    """``metadata.yaml``: words about a version that may change."""

    schema_: Literal["metadata/v1"] = Field(alias="schema")
    description: Text | None = None
    labels: _Labels = ()
    metadata: Free = Field(default_factory=dict)


class StatusManifest(Manifest):
    """``status.yaml``: where a version is in its life."""

    schema_: Literal["status/v1"] = Field(alias="schema")
    state: Literal["active", "deprecated", "withdrawn", "erased"]
    reason: Reason | None = None
    since: Date | None = None
    replaced_by: Successor | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.state != "active":
            needs(self, "reason", why=f"a {self.state} version says why")
        return self


class TagManifest(Manifest):
    """``tags/<tag>.yaml``: a fixed second name of one version."""

    schema_: Literal["tag/v1"] = Field(alias="schema")
    model: ModelReference
    version: VersionName


class AliasManifest(Manifest):
    """``aliases/<alias>.yaml``: a name that moves; ``pinned`` keeps automatic promotions from moving it."""

    schema_: Literal["alias/v1"] = Field(alias="schema")
    model: ModelReference
    version: VersionName
    reason: Reason | None = None
    pinned: bool = False


class WaiverManifest(Manifest):
    """``waivers/<date>-<rule>-<slug>.yaml``: one rule waived for one subject until a day."""

    schema_: Literal["waiver/v1"] = Field(alias="schema")
    rule: RuleId
    subject: Annotated[str, matching(r"[^\x00-\x1f\x7f]+", 1024)]
    reason: Reason
    expires: Date
    approved_by: Line


# A pointer is DVC's and has no `schema:` line; it is listed under the name of its schema.
MANIFESTS: Final[Mapping[str, type[Manifest]]] = MappingProxyType(
    {
        "alias/v1": AliasManifest,
        "dvc/v1": PointerManifest,
        "evidence/v1": EvidenceManifest,
        "evidence/v2": EvidenceManifestV2,
        "key/v1": KeyManifest,
        "metadata/v1": MetadataManifest,
        "model/v1": ModelManifest,
        "model/v2": ModelManifestV2,
        "namespace/v1": NamespaceManifest,
        "recipients/v1": RecipientsManifest,
        "registry/v1": RegistryManifest,
        "status/v1": StatusManifest,
        "tag/v1": TagManifest,
        "version/v1": VersionManifest,
        "waiver/v1": WaiverManifest,
    }
)
