"""Drafts: listed, changed, deleted and sealed. See ``edits.drafts`` and ``edits.sealing`` for what is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from registry_tool.api.changes.session import ChangeSession, write
from registry_tool.errors import UsageError
from registry_tool.manifests.data import records, text
from registry_tool.names import Reference

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.catalog.catalog import Catalog, VersionView
    from registry_tool.edits.changeset import ChangeSet
    from registry_tool.edits.drafts import DraftChanges

__all__ = ["DraftRow", "delete_draft", "edit_draft", "list_drafts", "seal", "seal_older"]


@dataclass(frozen=True)
class DraftRow:
    """A draft in a listing.

    Attributes:
        model: The model, ``namespace/model``.
        version: The version that it becomes.
        since: The time of its last change by a program, RFC 3339; empty where it cannot be read.
        artifacts: The number of its artifacts.
        has_model: True when one of them is the model itself: without it, time does not seal the draft.
        tags: Tags that are reserved for it.
        aliases: Aliases that are reserved for it.
    """

    model: str
    version: str
    since: str
    artifacts: int
    has_model: bool
    tags: tuple[str, ...]
    aliases: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The draft, as a reference."""
        return f"{self.model}@{self.version}"

    def is_older_than(self, age: dt.timedelta, now: dt.datetime) -> bool:
        """True when its last change by a program is at least so long ago; False where the time cannot be read."""
        try:
            since = dt.datetime.fromisoformat(self.since)
        except ValueError:
            return False
        return since.tzinfo is not None and now - since >= age


def _row(draft: VersionView) -> DraftRow:
    record = None if draft.document is None else draft.document.data
    file = None if draft.draft is None else draft.draft.data
    artifacts = records(record, "artifacts")
    return DraftRow(
        str(draft.model.name), draft.version,
        text(file, "since") or text(record, "created_at"), len(artifacts),
        any(text(entry, "role") == "model" for entry in artifacts),
        draft.reserved_tags, draft.reserved_aliases,
    )  # fmt: skip


def _rows(catalog: Catalog, namespace: str | None) -> Iterator[DraftRow]:
    for name in catalog.model_names(namespace):
        model = catalog.model(name)
        if model is not None:
            yield from (_row(draft) for draft in filter(None, map(model.draft, model.drafts)))


def list_drafts(registry: Snapshot, what: str | None = None) -> list[DraftRow]:
    """The drafts of a registry, of a namespace, or of a model, by name.

    Args:
        registry: The registry.
        what: A namespace or ``namespace/model``; None for all.
    """
    namespace, _, model = (what or "").partition("/")
    found = _rows(registry.catalog, namespace or None)
    return [row for row in found if not model or row.model == what]


def edit_draft(
    registry: Snapshot, reference: str, changes: DraftChanges, **options: Unpack[WriteOptions]
) -> Publication:
    """Change a draft: fields, artifacts, metrics, reserved names; see ``edits.drafts.DraftChanges``."""
    from registry_tool.edits.drafts import edit_draft as edit

    return write(registry, edit(Reference.for_change(reference), changes), options)


def delete_draft(
    registry: Snapshot, reference: str, **options: Unpack[WriteOptions]
) -> Publication:
    """Delete a draft; its version is not used again, and its reserved names are free."""
    from registry_tool.edits.drafts import delete_draft as edit

    return write(registry, edit(Reference.for_change(reference)), options)


def seal(
    registry: Snapshot,
    reference: str,
    *,
    tags: Sequence[str] = (),
    aliases: Sequence[str] = (),
    **options: Unpack[WriteOptions],
) -> Publication:
    """Publish a draft: it becomes a version and gets its reserved tags and aliases. It cannot be undone.

    Args:
        registry: The registry.
        reference: The draft.
        tags: Tags that it gets in addition.
        aliases: Aliases that it gets in addition.
        options: How it is written.
    """
    from registry_tool.edits.sealing import seal as seal_edit

    edit = seal_edit(Reference.for_change(reference), tags=tags, aliases=aliases)
    return write(registry, edit, options)


def seal_older(
    registry: Snapshot,
    age: dt.timedelta,
    *,
    now: dt.datetime | None = None,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Seal every draft that has a model and did not change for some time, as one change.

    Args:
        registry: The registry.
        age: The time since its last change by a program.
        now: The time; now by default.
        options: How it is written.
    """
    from registry_tool.edits.changeset import combine
    from registry_tool.edits.sealing import seal as seal_edit

    if age < dt.timedelta():
        raise UsageError("the age of a draft is not negative")
    moment = dt.datetime.now(dt.UTC) if now is None else now

    def edit(catalog: Catalog) -> ChangeSet:
        ready = [
            row for row in _rows(catalog, None) if row.has_model and row.is_older_than(age, moment)
        ]
        names = ", ".join(row.reference for row in ready)
        edits = [seal_edit(Reference.parse(row.reference)) for row in ready]
        return combine(edits, f"Seal {names}" if ready else "no draft is ready to be sealed")(
            catalog
        )

    return ChangeSession(registry, **options).publish(edit)
