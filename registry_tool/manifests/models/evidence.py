"""``evidence/<id>.yaml``, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from registry_tool.manifests.models.base import Manifest, Part
from registry_tool.manifests.models.parts import ArtifactFormat, Dataset, Metric

__all__ = [
    "EvidenceManifest",
    "EvidenceManifestV2",
    "EvidenceManifestV3",
    "EvidenceSubject",
    "EvidenceSubjectV2",
    "TrackedArtifact",
]


class EvidenceSubject(Part):
    """The subject of the evidence.

    Attributes:
        version: The version.
        sha256: SHA-256 of its version.yaml.
    """

    version: str
    sha256: str


class EvidenceManifest(Manifest):
    """evidence/<id>.yaml: a fact about a version that was recorded after its publication.

    Add-only.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        kind: The kind of evidence.
        subject: The version, and the digest of its record.
        by: The person or job that recorded it.
        at: The time of recording.
        suite: evaluation: the test suite.
        dataset: evaluation: the dataset that was used.
        metrics: evaluation, metrics: the measured values.
        verdict: evaluation, scan: the outcome.
        stage: approval: the stage.
        decision: approval: the decision.
        tool: scan: the scanner and its release.
        findings: scan: the findings.
        format: signature: its format, such as ssh or sigstore.
        value: signature: the signature itself.
        uri: signature: the address of the signature.
        text: note: the text. For any other kind, a comment.
    """

    schema_id: ClassVar[str] = "evidence/v1"

    schema_: Literal["evidence/v1"] = Field(alias="schema")
    kind: Literal["evaluation", "metrics", "approval", "scan", "signature", "note"]
    subject: EvidenceSubject
    by: str
    at: str
    suite: str | None = None
    dataset: Dataset | None = None
    metrics: tuple[Metric, ...] = ()
    verdict: Literal["pass", "fail"] | None = None
    stage: str | None = None
    decision: Literal["approve", "reject"] | None = None
    tool: str | None = None
    findings: tuple[str, ...] = ()
    format: str | None = None
    value: str | None = None
    uri: str | None = None
    text: str | None = None


class EvidenceSubjectV2(Part):
    """What the evidence is about: a version, or a model.

    Attributes:
        version: The version.
        sha256: SHA-256 of the bytes of its version.yaml.
        model: The model, for evidence that belongs to all of its versions.
    """

    version: str | None = None
    sha256: str | None = None
    model: str | None = None


class TrackedArtifact(Part):
    """A file that is stored elsewhere: its address and other known facts.

    Attributes:
        name: What the artifact is called; unique among the artifacts of the version.
        role: Its purpose.
        file_type: The type of content.
        media_type: The IANA media type.
        format: The format and its version.
        uri: Where the bytes are.
        size: Bytes.
        sha256: SHA-256 of the bytes.
        etag: The store's entity tag.
        description: A description.
        metadata: Free-form data.
    """

    name: str
    role: Literal[
        "model",
        "checkpoint",
        "document",
        "dataset",
        "tokenizer",
        "code",
        "metrics",
        "signature",
        "other",
    ]
    file_type: (
        Literal["model", "checkpoint", "text", "image", "audio", "video", "undefined"] | None
    ) = None
    media_type: str | None = None
    format: ArtifactFormat | None = None
    uri: str
    size: int | None = None
    sha256: str | None = None
    etag: str | None = None
    description: str | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class EvidenceManifestV2(Manifest):
    """evidence/<id>.yaml: facts about a version or a model that were recorded after it was published.

    Added, never changed. Unlike evidence/v1, the subject may be a model, and a version may get
    artifacts that are stored elsewhere.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        kind: What kind of evidence.
        subject: The version and the digest of its record, or the model.
        by: The person or job that recorded it.
        at: The time of recording.
        suite: evaluation: the test suite.
        dataset: evaluation: the dataset that was used.
        metrics: evaluation, metrics: the measured values.
        artifacts: artifacts: where files about the version are; the registry has no bytes of them.
        verdict: evaluation, scan: the outcome.
        stage: approval: the stage.
        decision: approval: the decision.
        tool: scan: the scanner and its release.
        findings: scan: the findings.
        format: signature: its format, such as ssh or sigstore.
        value: signature: the signature itself.
        uri: signature: the address of the signature.
        text: note: the text. For any other kind, a comment.
    """

    schema_id: ClassVar[str] = "evidence/v2"

    schema_: Literal["evidence/v2"] = Field(alias="schema")
    kind: Literal["evaluation", "metrics", "artifacts", "approval", "scan", "signature", "note"]
    subject: EvidenceSubjectV2
    by: str
    at: str
    suite: str | None = None
    dataset: Dataset | None = None
    metrics: tuple[Metric, ...] = ()
    artifacts: tuple[TrackedArtifact, ...] = ()
    verdict: Literal["pass", "fail"] | None = None
    stage: str | None = None
    decision: Literal["approve", "reject"] | None = None
    tool: str | None = None
    findings: tuple[str, ...] = ()
    format: str | None = None
    value: str | None = None
    uri: str | None = None
    text: str | None = None


class EvidenceManifestV3(Manifest):
    """evidence/<id>.yaml: facts about a version or a model that were recorded after it was published.

    Added, never changed. Unlike evidence/v2, it may revise earlier evidence.

    Attributes:
        schema_: The kind of this manifest and the version of its schema.
        kind: What kind of evidence.
        subject: The version and the digest of its record, or the model.
        by: The person or job that recorded it.
        at: The time of recording.
        revises: artifacts, metrics: the name of earlier evidence of the same kind and subject that
            this one replaces.
        suite: evaluation: the test suite.
        dataset: evaluation: the dataset that was used.
        metrics: evaluation, metrics: the measured values.
        artifacts: artifacts: where files about the version are; the registry has no bytes of them.
        verdict: evaluation, scan: the outcome.
        stage: approval: the stage.
        decision: approval: the decision.
        tool: scan: the scanner and its release.
        findings: scan: the findings.
        format: signature: its format, such as ssh or sigstore.
        value: signature: the signature itself.
        uri: signature: the address of the signature.
        text: note: the text. For any other kind, a comment.
    """

    schema_id: ClassVar[str] = "evidence/v3"

    schema_: Literal["evidence/v3"] = Field(alias="schema")
    kind: Literal["evaluation", "metrics", "artifacts", "approval", "scan", "signature", "note"]
    subject: EvidenceSubjectV2
    by: str
    at: str
    revises: str | None = None
    suite: str | None = None
    dataset: Dataset | None = None
    metrics: tuple[Metric, ...] = ()
    artifacts: tuple[TrackedArtifact, ...] = ()
    verdict: Literal["pass", "fail"] | None = None
    stage: str | None = None
    decision: Literal["approve", "reject"] | None = None
    tool: str | None = None
    findings: tuple[str, ...] = ()
    format: str | None = None
    value: str | None = None
    uri: str | None = None
    text: str | None = None
