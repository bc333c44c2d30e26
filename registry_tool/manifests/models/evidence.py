"""``evidence/<id>.yaml`` as a type: what was found out about a version after it was made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from registry_tool.manifests.models.base import (
    Line,
    Manifest,
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

__all__ = ["EvidenceManifest", "Subject"]

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "evaluation": ("suite", "verdict", "metrics"),
        "metrics": ("metrics",),
        "approval": ("stage", "decision"),
        "scan": ("tool", "verdict"),
        "signature": ("format",),
        "note": ("text",),
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


class EvidenceManifest(Manifest):
    """One piece of evidence; which fields it has follows from ``kind``. Any kind may have ``text``, a remark."""

    schema_: Literal["evidence/v1"] = Field(alias="schema")
    kind: Literal["evaluation", "metrics", "approval", "scan", "signature", "note"]
    subject: Subject
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

    @model_validator(mode="after")
    def _has_what_its_kind_has(self) -> Self:
        needed, optional = _NEEDED[self.kind], _OPTIONAL.get(self.kind, ())
        needs(self, *needed, why=f"evidence of kind {self.kind} has it")
        foreign = sorted(_SPECIAL.difference(needed, optional))
        refuses(self, *foreign, why=f"evidence of kind {self.kind} does not have it")
        return self

    @model_validator(mode="after")
    def _signs_once(self) -> Self:
        if self.kind == "signature" and self.uri is None:
            needs(self, "value", why="a signature is given by value or by uri")
        if self.uri is not None:
            refuses(self, "value", why="a signature is given by value or by uri, not both")
        return self
