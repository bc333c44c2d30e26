"""``registry.yaml`` and ``namespace.yaml`` as types: what a registry is, and which policy holds in it."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from registry_tool.manifests.models.base import (
    FrameworkType,
    Key,
    Line,
    Manifest,
    ModelName,
    NamespaceName,
    Number,
    Owner,
    Part,
    PointerName,
    RemoteName,
    RuleId,
    Task,
    Text,
    Verdict,
    VersionScheme,
    Whole,
    listed,
    matching,
    needs,
    refuses,
)

__all__ = [
    "AutomergeKind",
    "Gate",
    "MetadataSchema",
    "NamespaceManifest",
    "RegistryManifest",
    "ScanPolicy",
    "Stage",
]

_LEADING: Final = ("metric", "evidence", "approvals", "artifacts", "signed")
_LIMITS: Final = ("min", "max", "not_worse_than")
_SEGMENT: Final = "[A-Za-z0-9_-][A-Za-z0-9._-]*"


class Gate(Part):
    """One condition of a stage; it begins with exactly one of metric, evidence, approvals, artifacts, signed.

    ``tolerance`` is a share: 0.05 lets the metric be five per cent worse; ``better`` says which way that is.
    """

    metric: Key | None = None
    min: Number | None = None
    max: Number | None = None
    not_worse_than: Literal["current"] | None = None
    tolerance: Annotated[Number, Field(ge=0, le=1)] | None = None
    better: Literal["higher", "lower"] | None = None
    evidence: Literal["evaluation", "metrics", "scan", "signature", "note"] | None = None
    suite: Line | None = None
    tool: Line | None = None
    verdict: Verdict | None = None
    approvals: Annotated[Whole, Field(ge=1, le=16)] | None = None
    not_: Literal["author"] | None = Field(default=None, alias="not")
    by: Literal["signers"] | None = None
    artifacts: Literal["available"] | None = None
    signed: Literal["commit"] | None = None

    @model_validator(mode="after")
    def _begins_with_one_word(self) -> Self:
        given = self.model_fields_set
        if not given:
            raise ValueError(f"a gate begins with one of {', '.join(_LEADING)}")
        for first, second in combinations(_LEADING, 2):
            if first in given:
                refuses(self, second, why=f"the gate already begins with {first}")
        return self

    @model_validator(mode="after")
    def _limits_its_metric(self) -> Self:
        if self.metric is None:
            refuses(self, *_LIMITS, why="only with metric")
        elif not self.model_fields_set.intersection(_LIMITS):
            raise ValueError("a metric's gate has min, max or not_worse_than")
        if self.not_worse_than is None:
            refuses(self, "tolerance", "better", why="only with not_worse_than")
        return self

    @model_validator(mode="after")
    def _qualifies_its_own_word(self) -> Self:
        if self.evidence != "evaluation":
            refuses(self, "suite", why="only with evidence: evaluation")
        if self.evidence != "scan":
            refuses(self, "tool", why="only with evidence: scan")
        if self.evidence not in {"evaluation", "scan"}:
            refuses(self, "verdict", why="only with evidence: evaluation or scan")
        if self.approvals is None:
            refuses(self, "not_", "by", why="only with approvals")
        return self


class Stage(Part):
    """An alias with gates: ``from_`` must hold the version now, for at least ``soak`` (such as ``2d``)."""

    description: Text | None = None
    from_: PointerName | None = Field(default=None, alias="from")
    soak: Annotated[str, matching("[0-9]+[mhdw]", 8)] | None = None
    require: Annotated[tuple[Gate, ...], listed(most=64)] = ()

    @model_validator(mode="after")
    def _soaks_somewhere(self) -> Self:
        if self.soak is not None:
            needs(self, "from_", why="a version soaks in the stage it comes from")
        return self


# Never policy, waivers and mixed changes: those decide how all others are judged.
AutomergeKind = Literal["model", "version", "alias", "tag", "status", "evidence", "edit"]
_Stages = Annotated[dict[PointerName, Stage], Field(max_length=64)]


class MetadataSchema(Part):
    """A team's own JSON Schema for a free field."""

    schema_: Annotated[
        str, matching(rf"schemas/(?:{_SEGMENT}/)*{_SEGMENT}\.json", 256), Field(alias="schema")
    ]
    applies_to: Literal["models", "versions"]
    field: Literal["metadata", "parameters"]
    namespace: NamespaceName | None = None
    task: Task | None = None
    framework: FrameworkType | None = None

    @model_validator(mode="after")
    def _fits_its_manifests(self) -> Self:
        if self.applies_to == "models":
            refuses(self, "framework", why="a model has no framework")
            if self.field == "parameters":
                raise ValueError("a model has no parameters")
        return self


_ScanAnswer = Literal["refuse", "warn", "off"]


class ScanPolicy(Part):
    """What happens when a scan of new artifacts finds something, by its level."""

    dangerous: _ScanAnswer = "refuse"
    unknown: _ScanAnswer = "warn"
    unread: _ScanAnswer = "warn"
    unsafe: _ScanAnswer = "warn"


class RegistryManifest(Manifest):
    """``registry.yaml``: what this registry is and which policy holds."""

    schema_: Literal["registry/v1"] = Field(alias="schema")
    name: ModelName
    description: Text | None = None
    owners: Annotated[tuple[Owner, ...], listed(most=64)] = ()
    version_scheme: VersionScheme = "integer"
    remote: RemoteName | None = None
    stages: _Stages = Field(default_factory=dict)
    rules: Annotated[
        dict[RuleId, Literal["refuse", "review", "warn", "off"]], Field(max_length=500)
    ] = Field(default_factory=dict)
    automerge: Annotated[tuple[AutomergeKind, ...], listed(most=16)] = ()
    scan: ScanPolicy = Field(default_factory=ScanPolicy)
    metadata_schemas: Annotated[tuple[MetadataSchema, ...], listed(most=200)] = ()
    shard: Annotated[Whole, Field(ge=0, le=4)] = 0


class NamespaceManifest(Manifest):
    """``namespace.yaml``: who owns a namespace and which policy it adds."""

    schema_: Literal["namespace/v1"] = Field(alias="schema")
    owners: Annotated[tuple[Owner, ...], listed(least=1, most=64)]
    description: Text | None = None
    contact: Line | None = None
    stages: _Stages = Field(default_factory=dict)
