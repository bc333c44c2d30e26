"""The identities of a model's versions, from a snapshot: what a check of a new version would read the files of all others for."""

from __future__ import annotations

from collections.abc import Mapping

from registry_tool.live.records import VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import text
from registry_tool.names import ModelName

__all__ = ["find_identities"]


def find_identities(
    snapshot: Snapshot, commit: str, model: ModelName
) -> Mapping[str, list[str]] | None:
    """The records of a model's versions and drafts, in any state, by the identity that they give.

    Args:
        snapshot: The state to look in.
        commit: The full id of the commit that is asked about.
        model: The model.

    Returns:
        Paths of ``version.yaml`` files by identity; None where the snapshot is at another commit, or has no such model.
    """
    record = snapshot.models.get(model)
    if snapshot.commit != commit or record is None:
        return None
    found: dict[str, list[str]] = {}
    for number in record.version_ids:
        version = snapshot.records.get(number)
        if isinstance(version, VersionRecord) and (value := text(version.data, "identity")):
            home = snapshot.layout.draft if version.is_draft else snapshot.layout.version
            path = f"{home(version.model, version.version)}/version.yaml"
            found.setdefault(value, []).append(path)
    return found
