"""Values that several files of a version decide together: metadata laid over metadata, evidence that later evidence revises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.manifests.document import Document

__all__ = ["current_evidence", "merge_metrics", "merged_metadata"]


def merged_metadata(record: Data, added: Data | None) -> dict[str, JSON]:
    """The free metadata of a record under that of ``metadata.yaml``, without the keys that were deleted."""
    without = frozenset(texts(added, "without"))
    own = member(record, "metadata")
    kept = own if not without else {k: v for k, v in own.items() if k not in without}
    return {**kept, **member(added, "metadata")}


def current_evidence(evidence: Iterable[Document]) -> list[Document]:
    """The evidence that no later evidence revises, in the same order."""
    found = list(evidence)
    revised = frozenset(filter(None, (text(one.data, "revises") for one in found)))
    return [one for one in found if one.place.name not in revised] if revised else found


def merge_metrics(data: Data, evidence: Iterable[Document]) -> list[Data]:
    """Every measured value: of a record, where it has some, then of later evidence, in the order of its ``at``.

    Evidence of one time keeps its order, by file name. A file name is no order: it ends in a digest of the content. Evidence that
    later evidence revises does not count.
    """
    found = [*records(data, "metrics")]
    for document in sorted(current_evidence(evidence), key=lambda one: text(one.data, "at")):
        if text(document.data, "kind") == "metrics":
            found += records(document.data, "metrics")
    return found
