"""``evidence/<id>.yaml`` as a type: what was found out about a version after it was made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from registry_tool.manifests.models.artifact import TrackedArtifact
from registry_tool.manifests.models.base import (
    Line,
    Manifest,
    ModelReference,
    Part,
    PointerName,
    Reason,
    Sha256,
    Text,
    Timestamp,
    Uri,
    Verdict,
    VersionName,
    listed,
    needs,
    refuses,
)
from registry_tool.manifests.models.version import Dataset, Metric

__all__ = ["EvidenceManifest", "EvidenceManifestV2", "EvidenceSubject", "Subject"]

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "evaluation": ("suite", "verdict", "metrics"),
        "metrics": ("metrics",),
        "approval": ("stage", "decision"),
        "scan": ("tool", "verdict"),
        "signature": ("format",),
        "note": ("text",),
        "artifacts": ("artifacts",),
    }
)
_OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"evaluation": ("dataset",), "scan": ("findings",), "signature": ("value", "uri")}
)
_SPECIAL: Final = frozenset(
    name for names in (*_NEEDED.values(), *_OPTIONAL.values()) for name in names
) - {"text"}


class Subject(Part):
    """The version the evidence is about, and the SHA-256 of the bytes of its ``version.yaml``."""

    version: VersionName
    sha256: Sha256


class EvidenceSubject(Part):
    """What the evidence is about: a version, with the SHA-256 of its ``version.yaml``, or a model."""

    version: VersionName | None = None
    sha256: Sha256 | None = None
    model: ModelReference | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.model is None:
            needs(self, "version", "sha256", why="evidence about a version names its record")
        else:
            refuses(self, "version", "sha256", why="evidence about a model names no version")
        return self


class _EvidenceFields(Manifest):
    """The fields that every version of the schema has."""

    by: Line
    at: Timestamp
    suite: Line | None = None
    dataset: Dataset | None = None
    metrics: Annotated[tuple[Metric, ...], listed(least=1, most=10000)] = ()
    verdict: Verdict | None = None
    stage: PointerName | None = None
    decision: Literal["approve", "reject"] | None = None
    tool: Line | None = None
    findings: Annotated[tuple[Reason, ...], listed(most=1000)] = ()
    format: Line | None = None
    value: Annotated[str, StringConstraints(min_length=1, max_length=16384)] | None = None
    uri: Uri | None = None
    text: Text | None = None

    def _check_fields(self, kind: str) -> None:
        needed, optional = _NEEDED[kind], _OPTIONAL.get(kind, ())
        needs(self, *needed, why=f"evidence of kind {kind} has it")
        foreign = sorted(_SPECIAL.difference(needed, optional))
        refuses(self, *foreign, why=f"evidence of kind {kind} does not have it")
        if kind == "signature" and self.uri is None:
            needs(self, "value", why="a signature is given by value or by uri")
        if self.uri is not None:
            refuses(self, "value", why="a signature is given by value or by uri, not both")


class EvidenceManifest(_EvidenceFields):
    """One piece of evidence; which fields it has follows from ``kind``. Any kind may have ``text``, a remark."""

    schema_: Literal["evidence/v1"] = Field(alias="schema")
    kind: Literal["evaluation", "metrics", "approval", "scan", "signature", "note"]
    subject: Subject

    @model_validator(mode="after")
    def _has_what_its_kind_has(self) -> Self:
        self._check_fields(self.kind)
        return self


class EvidenceManifestV2(_EvidenceFields):
    """As ``EvidenceManifest``; its subject may be a model, and a version may get artifacts that are elsewhere."""

    schema_: Literal["evidence/v2"] = Field(alias="schema")
    kind: Literal["evaluation", "metrics", "artifacts", "approval", "scan", "signature", "note"]
    subject: EvidenceSubject
    artifacts: Annotated[tuple[TrackedArtifact, ...], listed(least=1, most=1000)] = ()

    @model_validator(mode="after")
    def _has_what_its_kind_has(self) -> Self:
        self._check_fields(self.kind)
        if self.subject.model is not None and self.kind not in {"evaluation", "metrics", "note"}:
            raise ValueError(f"evidence of kind {self.kind} is about a version, not a model")
        return self
