"""What a version or a model was made from, as edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from registry_tool.errors import InvalidNameError
from registry_tool.manifests.data import Data, member, records, text
from registry_tool.names import Reference

__all__ = ["LineageEdge", "list_lineage"]

EdgeKind = Literal[
    "dataset", "code", "base model", "experiment", "checkpoint", "source", "continues"
]


@dataclass(frozen=True)
class LineageEdge:
    """One thing that went into a version.

    Attributes:
        kind: ``dataset``, ``code``, ``base model``, ``experiment``, ``checkpoint``, ``source`` or ``continues``.
        target: Its address or name, as the record says.
        detail: Its revision, digest or commit; empty where it is not recorded.
        model: The model of this registry that it is, ``namespace/model``; empty for other things.
        version: The version of that model; empty where none is named.
    """

    kind: EdgeKind
    target: str
    detail: str = ""
    model: str = ""
    version: str = ""


def _read_reference(words: str) -> tuple[str, str]:
    """The model and version that a text names in this registry; empty texts for an address."""
    if ":" in words:
        return "", ""
    try:
        found = Reference.parse(words)
    except InvalidNameError:
        return "", ""
    return str(found.model), found.selector if "@" in words else ""


def list_lineage(record: Data) -> Iterator[LineageEdge]:
    """What a version's record says it was made from: datasets, code, base model, experiment, checkpoint, source."""
    lineage = member(record, "lineage")
    for dataset in records(lineage, "datasets"):
        detail = text(dataset, "revision") or text(dataset, "digest")
        yield LineageEdge("dataset", text(dataset, "name") or text(dataset, "uri"), detail)
    code = member(lineage, "code")
    if code:
        yield LineageEdge("code", text(code, "repository"), text(code, "commit"))
    base = text(lineage, "base_model")
    if base:
        yield LineageEdge("base model", base, "", *_read_reference(base))
    if text(lineage, "experiment"):
        yield LineageEdge("experiment", text(lineage, "experiment"))
    if text(lineage, "checkpoint"):
        yield LineageEdge("checkpoint", text(lineage, "checkpoint"))
    origin = member(record, "source")
    if origin:
        target = text(origin, "uri") or text(origin, "type")
        yield LineageEdge("source", target, text(origin, "commit") or text(origin, "run_id"))
