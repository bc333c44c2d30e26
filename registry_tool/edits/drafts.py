"""Drafts: versions before their publication. Their files may change until they are sealed; see ``edits.sealing``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import find_draft, find_model, resolve
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.pointers import check_names
from registry_tool.edits.versions import (
    FindGone,
    VersionRecord,
    find_nothing,
    finish_record,
    timestamp,
    version_fields,
    write_record,
)
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.git.tree import walk
from registry_tool.manifests.arguments import check_fields
from registry_tool.manifests.data import Data, in_order, records, text
from registry_tool.manifests.layout import pointer_path
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference, check_pointer

__all__ = ["DraftChanges", "add_draft", "delete_draft", "edit_draft"]

# Fields that the path says, or that follow from the others.
_FIXED: Final = frozenset({"schema", "model", "version", "identity", "artifacts", "metrics"})


@dataclass(frozen=True)
class DraftChanges:
    """What an edit changes in a draft.

    Attributes:
        fields: Values of fields of ``version.yaml``, as for a new version; None removes the field.
        artifacts: Entries of artifacts; one with the name of another replaces it.
        pointers: The bytes of ``.dvc`` pointer files by artifact path.
        remove_artifacts: Names of artifacts that are removed, with their pointers.
        metrics: Entries of metrics that are added.
        tags: All tags that are reserved; None leaves them.
        aliases: All aliases that are reserved; None leaves them.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    artifacts: Sequence[Data] = ()
    pointers: Mapping[str, bytes] = field(default_factory=dict)
    remove_artifacts: Sequence[str] = ()
    metrics: Sequence[Data] = ()
    tags: Sequence[str] | None = None
    aliases: Sequence[str] | None = None


def _draft_file(tags: Sequence[str], aliases: Sequence[str], since: str) -> bytes:
    data: dict[str, JSON] = {"schema": "draft/v1"}
    if tags:
        data["tags"] = [*dict.fromkeys(tags)]
    if aliases:
        data["aliases"] = [*dict.fromkeys(aliases)]
    return render({**data, "since": since})


def add_draft(
    name: ModelName,
    version: str | None,
    record: VersionRecord,
    *,
    gone: FindGone = find_nothing,
    now: dt.datetime | None = None,
) -> Edit:
    """Add a draft to a model; its tags and aliases are reserved, and written when it is sealed.

    Args:
        name: The model.
        version: The name of the version that it becomes; None selects the next one, where the scheme counts.
        record: What the author gives; artifacts may follow.
        gone: Returns the versions and drafts of a model that were deleted, from its history.
        now: The time from which its age counts; now by default.

    The edit raises as that of ``add_version``.
    """

    def add(catalog: Catalog) -> ChangeSet:
        change = write_record(catalog, name, version, record, is_draft=True, gone=gone)
        (added,) = change.versions
        check_names(find_model(catalog, name), record.tags, record.aliases)
        path = f"{catalog.layout.draft(name, added.selector)}/draft.yaml"
        file = _draft_file(record.tags, record.aliases, timestamp(now))
        return replace(change, puts={**change.puts, path: file})

    return add


def _find(catalog: Catalog, reference: Reference) -> VersionView:
    """The draft that a reference names.

    Raises:
        NotFoundError: No such version exists.
        RefusedError: It is sealed.
    """
    draft = find_draft(catalog, reference)
    if draft is None:
        found = resolve(catalog, reference, allow_withdrawn=True).version
        raise RefusedError(
            f"{found} is sealed: a published version does not change",
            remedy=f"add a version: registry version add {found.model.name} --artifact PATH --framework TYPE",
        )
    return draft


def _check_reserved(draft: VersionView, changes: DraftChanges) -> None:
    """Check the names that a draft newly reserves."""
    tags = [tag for tag in changes.tags or () if tag not in draft.reserved_tags]
    aliases = [alias for alias in changes.aliases or () if alias not in draft.reserved_aliases]
    check_names(draft.model, tags, aliases)


def _artifacts(draft: VersionView, changes: DraftChanges) -> list[Data]:
    """The artifacts after a change, in their order."""
    before = records(draft.data, "artifacts")
    known = {text(entry, "name") for entry in before}
    missing = [name for name in changes.remove_artifacts if name not in known]
    if missing:
        raise NotFoundError(
            f"{draft} has no artifact {missing[0]!a}",
            remedy=f"its artifacts: {', '.join(sorted(known)) or 'none'}",
        )
    new = {text(entry, "name"): entry for entry in changes.artifacts}
    kept = [entry for entry in before if text(entry, "name") not in changes.remove_artifacts]
    replaced = [new.pop(text(entry, "name"), entry) for entry in kept]
    return [*replaced, *new.values()]


def _edited_record(draft: VersionView, changes: DraftChanges) -> dict[str, JSON]:
    """The fields of ``version.yaml`` after a change, with their identity."""
    given = version_fields({k: v for k, v in changes.fields.items() if v is not None})
    gone = {key for key, value in changes.fields.items() if value is None}
    data = {key: value for key, value in draft.data.items() if key not in gone} | given
    data["artifacts"] = [dict(entry) for entry in _artifacts(draft, changes)]
    if changes.metrics:
        metrics = in_order([*records(draft.data, "metrics"), *changes.metrics])
        data["metrics"] = [dict(metric) for metric in metrics]
    return finish_record(data)


def _rewritten(draft: VersionView, data: Mapping[str, JSON]) -> bytes:
    """The ``version.yaml`` with other values; what a person wrote around the fields that stay is kept."""
    source = b"" if draft.document is None else draft.document.source
    if source == render(draft.data):
        return render(data)
    fields: dict[str, JSON | object] = {
        key: value for key, value in data.items() if draft.data.get(key, GONE) != value
    }
    fields |= {key: GONE for key in draft.data if key not in data}
    return edit_fields(source, draft.data, fields, f"{draft.folder}/version.yaml")  # type: ignore[arg-type]  # GONE is one of its values


def edit_draft(
    reference: Reference, changes: DraftChanges, *, now: dt.datetime | None = None
) -> Edit:
    """Change a draft: fields, artifacts, metrics, reserved names. Its identity is computed again.

    Args:
        reference: The draft.
        changes: What changes.
        now: The time from which its age counts; now by default.

    The edit raises NotFoundError (no such draft or artifact), RefusedError (it is sealed, or a name is taken) or
    InvalidManifestError (a file cannot be read).

    Raises:
        UsageError: A field cannot be changed, or the schema does not allow a value.
    """
    for key in changes.fields:
        if key in _FIXED:
            raise UsageError(f"the field {key!a} of a draft cannot be set")
    given = version_fields({k: v for k, v in changes.fields.items() if v is not None})
    check_fields("version/v1", given)
    for tag in changes.tags or ():
        check_pointer(tag, "tag")
    for alias in changes.aliases or ():
        check_pointer(alias, "alias")

    def edit(catalog: Catalog) -> ChangeSet:
        draft = _find(catalog, reference)
        _check_reserved(draft, changes)
        data = _edited_record(draft, changes)
        tags = draft.reserved_tags if changes.tags is None else changes.tags
        aliases = draft.reserved_aliases if changes.aliases is None else changes.aliases
        names = (tuple(tags), tuple(aliases)) != (draft.reserved_tags, draft.reserved_aliases)
        if data == draft.data and not changes.pointers and not names:
            return ChangeSet(f"draft {draft} already has these values")
        stored = {pointer_path(draft.folder, text(e, "path")) for e in records(data, "artifacts")}
        pointers = {pointer_path(draft.folder, p): s for p, s in changes.pointers.items()}
        gone = {p for p in _pointers(draft) if p not in stored and p not in pointers}
        puts = {
            **pointers,
            f"{draft.folder}/draft.yaml": _draft_file(tags, aliases, timestamp(now)),
        }
        if data != draft.data:
            puts[f"{draft.folder}/version.yaml"] = _rewritten(draft, data)
        return ChangeSet(f"Edit draft {draft}", puts, frozenset(gone))

    return edit


def _pointers(draft: VersionView) -> list[str]:
    files = draft.model.catalog.tree.folder(draft.folder)
    return [f"{draft.folder}/{name}" for name in files if name.endswith(".dvc")]


def delete_draft(reference: Reference) -> Edit:
    """Delete a draft; its version is not used again, and its reserved names are free.

    The edit raises NotFoundError (no such draft) or RefusedError (it is sealed).
    """

    def edit(catalog: Catalog) -> ChangeSet:
        draft = _find(catalog, reference)
        gone = {path for path, _ in walk(catalog.tree, draft.folder)}
        names = {draft.version, *draft.reserved_tags, *draft.reserved_aliases}
        names -= {*draft.model.tags, *draft.model.aliases}  # an alias that exists keeps its title
        titles = (catalog.layout.title(draft.model.name, name) for name in names)
        gone.update(title for title in titles if catalog.tree.entry(title) is not None)
        return ChangeSet(f"Delete draft {draft}", deletes=frozenset(gone))

    return edit
