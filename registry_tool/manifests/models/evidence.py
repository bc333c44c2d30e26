"""``evidence/<id>.yaml``, as types; generated from ``schemas/`` by ``python -m registry_tool.devtools.models``."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from registry_tool.manifests.models.base import Manifest, Part
from registry_tool.manifests.models.parts import Dataset, Metric

__all__ = [
    "EvidenceManifest",
    "EvidenceSubject",
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
