"""Which names of versions a model ever had: a number is not used again."""

from __future__ import annotations

from collections.abc import Collection

from registry_tool.catalog.catalog import ModelView
from registry_tool.live.records import VersionRecord
from registry_tool.live.snapshot import Snapshot

__all__ = ["list_used_versions"]


def list_used_versions(snapshot: Snapshot, view: ModelView) -> Collection[str]:
    """The names of all versions and drafts that a model ever had."""
    model = snapshot.model(view.name)
    records = (snapshot.records.get(number) for number in (model.all_ids if model else ()))
    return [record.version for record in records if isinstance(record, VersionRecord)]
