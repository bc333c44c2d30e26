"""The output of ``registry resolve``: a line for people, data for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_tool.api.interface.data import Data, records

if TYPE_CHECKING:
    from registry_tool.api.interface.types import Resolved

__all__ = ["resolved_data", "resolved_line"]


def resolved_line(found: Resolved) -> str:
    """For people."""
    return f"{found.version}  {found.via}, {found.state}"


def _artifact(entry: Data) -> dict[str, object]:
    where = "path" if "path" in entry else "uri"
    return {
        "name": entry.get("name"),
        where: entry.get(where),
        "size": entry.get("size"),
        "sha256": entry.get("sha256"),
    }


def resolved_data(found: Resolved, commit: str | None) -> dict[str, object]:
    """For programs."""
    return {
        "reference": str(found.reference),
        "model": str(found.version.model.name),
        "version": found.version.version,
        "commit": commit,
        "state": found.state,
        "artifacts": [_artifact(e) for e in records(found.version.data, "artifacts")],
    }
