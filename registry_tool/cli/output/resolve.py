"""What ``registry resolve`` answers, as a line for people and as data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_tool.manifests.data import Data, records

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.catalog.resolve import Resolved

__all__ = ["answer_data", "answer_line", "answering_commit"]


def answer_line(found: Resolved) -> str:
    """The answer for people."""
    return f"{found.version}  {found.via}, {found.state}"


def answering_commit(registry: Snapshot, found: Resolved) -> str | None:
    """The commit that gives this answer; None while it is not committed."""
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.catalog.resolve import is_answer_of

    if registry.commit is not None:
        return registry.commit
    head = registry.repository.git.head()
    if head is not None and is_answer_of(Catalog(registry.repository.tree(head)), found):
        return head
    return None


def _artifact(entry: Data) -> dict[str, object]:
    where = "path" if "path" in entry else "uri"
    return {
        "name": entry.get("name"),
        where: entry.get(where),
        "size": entry.get("size"),
        "sha256": entry.get("sha256"),
    }


def answer_data(found: Resolved, commit: str | None) -> dict[str, object]:
    """The answer for programs."""
    return {
        "reference": str(found.reference),
        "model": str(found.version.model.name),
        "version": found.version.version,
        "commit": commit,
        "state": found.state,
        "artifacts": [_artifact(e) for e in records(found.version.data, "artifacts")],
    }
