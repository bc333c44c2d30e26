"""TrueFoundry's manifests as edits. Each function returns one edit, which becomes one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import find_draft, find_model
from registry_tool.catalog.shown_names import make_slug
from registry_tool.catalog.titles import find_models, model_slug
from registry_tool.edits.annotations import plain_annotations, replace_metadata
from registry_tool.edits.changeset import ChangeSet, Edit, combine, followed_by
from registry_tool.edits.counted_versions import add_counted_version
from registry_tool.edits.drafts import DraftChanges, edit_draft
from registry_tool.edits.models import add_model, add_namespace
from registry_tool.edits.shown_aliases import (
    find_shown_alias,
    remove_shown_alias,
    set_shown_alias,
)
from registry_tool.edits.versions import VersionRecord
from registry_tool.edits.wire import set_wire
from registry_tool.errors import RefusedError
from registry_tool.manifests.data import member, records, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.manifest import (
    API,
    MODEL_ARTIFACT,
    VersionParts,
    extra_fields,
)

if TYPE_CHECKING:
    from registry_tool.server.changes import KnownVersions

__all__ = [
    "AliasChange",
    "NewModel",
    "add_repo_model",
    "add_repo_version",
    "change_alias",
    "change_version",
    "choose_namespace",
]

_SCHEME: Final = "integer"


def choose_namespace(repo: str) -> str:
    """The namespace of a new ML repo: its name, or a path made from it."""
    return make_slug(repo, "namespace", lambda _: False)


@dataclass(frozen=True)
class NewModel:
    """A model to be added.

    Attributes:
        namespace: Its namespace.
        title: The shown name of a namespace that comes with it.
        name: Its shown name.
        owner: Its owner.
        email: Who owns a new namespace.
        created_by: Who adds it, in TrueFoundry's form.
    """

    namespace: str
    title: str
    name: str
    owner: str
    email: str
    created_by: str


def add_repo_model(new: NewModel, default_scheme: str) -> Edit:
    """Add a model, and its namespace with the first; nothing where another request was first."""
    fields: dict[str, object] = {"owner": new.owner}
    if default_scheme != _SCHEME:
        fields["version_scheme"] = _SCHEME

    def add(catalog: Catalog) -> ChangeSet:
        found = find_models(catalog, new.namespace, new.name)
        if found:
            if (found[0].title or found[0].name.name) == new.name:
                return ChangeSet(f"{found[0].name} already exists")
            raise ManifestFieldError(
                "manifest.name", f"the ML repo has the model {found[0].name.name}, which differs by case only"
            )  # fmt: skip
        path = model_slug(catalog, new.namespace, new.name)
        title = "" if path.name == new.name else new.name
        wire = {API: {"created_by": new.created_by}}
        model = add_model(path, fields, title=title, wire=wire)
        if new.namespace in catalog.namespaces():
            return model(catalog)
        shown = "" if new.title == new.namespace else new.title
        namespace = add_namespace(new.namespace, [new.email], title=shown)
        return combine([namespace, model], f"Add model {path}")(catalog)

    return add


def _find_named(catalog: Catalog, namespace: str, name: str) -> ModelName:
    found = find_models(catalog, namespace, name)
    if not found:
        raise RefusedError(f"the model {name} was removed meanwhile", remedy="try again")
    return found[0].name


def _annotation(reference: Reference, given: Mapping[str, JSON]) -> Edit:
    metadata = given.get("metadata")
    description = given.get("description")
    return replace_metadata(
        reference,
        metadata if isinstance(metadata, dict) else {},
        description=description if isinstance(description, str) else "",
    )


def add_repo_version(
    namespace: str, model: ModelName | None, given: Mapping[str, JSON], parts: VersionParts,
    *, author: str, created_by: str, known: KnownVersions,
) -> Edit:  # fmt: skip
    """Add a version: a draft, or sealed at once where the manifest has an alias.

    Args:
        namespace: The namespace.
        model: The model; None for the one that is shown by the manifest's name.
        given: The manifest, checked.
        parts: What is written of it.
        author: Who creates it.
        created_by: The same in TrueFoundry's form.
        known: Finds numbers that were used, and equal versions.
    """
    alias = text(given, "version_alias")
    wire: dict[str, JSON] = {"created_by": created_by, **parts.wire}
    if alias:
        wire["version_alias"] = alias
    fields = {key: value for key, value in parts.fields.items() if value is not None}
    said = plain_annotations(
        {**member(given, "metadata")}, description=text(given, "description") or None
    )
    record = VersionRecord(
        {**fields, "author": author}, parts.artifacts or (), parts.pointers, added=said, wire={API: wire}
    )  # fmt: skip
    number = given.get("version")

    def add(catalog: Catalog) -> ChangeSet:
        name = model or _find_named(catalog, namespace, str(given["name"]))
        if alias:
            _check_alias(find_model(catalog, name), alias, "")
        change = add_counted_version(
            name,
            record,
            gone=known.find_gone,
            find_equal=known.find_equal,
            number=str(number or ""),
            is_draft=not alias,
        )(catalog)
        (added,) = change.versions
        named = [set_shown_alias(name, str(added.selector), alias)] if alias else []
        return followed_by(catalog, change, named)

    return add


def _check_alias(view: ModelView, alias: str, version: str) -> None:
    path = find_shown_alias(view, alias)
    target = view.alias_targets().get(path, "") if path else ""
    if target not in {"", version}:
        raise ManifestFieldError(
            "manifest.version_alias", f"{alias!a} is the alias of version {target}"
        )


def _current(catalog: Catalog, reference: Reference) -> VersionView:
    draft = find_draft(catalog, reference)
    found = draft or find_model(catalog, reference.model).version(str(reference.selector))
    if found is None:
        raise RefusedError(f"{reference} was removed meanwhile", remedy="try again")
    return found


def change_version(
    reference: Reference, given: Mapping[str, JSON], parts: VersionParts | None, changed: Sequence[str]
) -> Edit:  # fmt: skip
    """Change fields of a version or draft.

    Args:
        reference: The version.
        given: The manifest, checked.
        parts: What is written of it; None leaves all that a sealed version may not change.
        changed: The fields that change.
    """
    name, version = reference.model, str(reference.selector)
    is_noted = {"metadata", "description"}.intersection(changed)

    def edit(catalog: Catalog) -> ChangeSet:
        found = _current(catalog, reference)
        edits: list[Edit] = []
        if parts is not None:
            new = parts.artifacts or ()
            kept = {text(entry, "name") for entry in new}
            own = {text(entry, "name") for entry in records(found.data, "artifacts")}
            is_same = parts.artifacts is None
            gone = [] if is_same else sorted({MODEL_ARTIFACT}.intersection(own) - kept)
            edits.append(
                edit_draft(
                    reference,
                    DraftChanges(parts.fields, new, parts.pointers, remove_artifacts=gone),
                )
            )
        before = {} if found.wire is None else (found.wire.data or {}).get(API)
        wire = _next_wire(before if isinstance(before, dict) else {}, given, parts)
        edits.append(set_wire(name, version, API, wire or None))
        if is_noted:
            edits.append(_annotation(reference, given))
        return combine(edits, f"Update {reference}")(catalog)

    return edit


def _next_wire(
    before: Mapping[str, JSON], given: Mapping[str, JSON], parts: VersionParts | None
) -> dict[str, JSON]:
    """The wire data after a change: that of who created it stays, and so does what a sealed version may not change."""
    kept = {"created_by"} if parts is not None else set(before) - {"extra", "version_alias"}
    wire = {key: value for key, value in before.items() if key in kept}
    if parts is not None:
        wire |= parts.wire
    else:
        extra = extra_fields(given)
        wire |= {"extra": extra} if extra else {}
    alias = text(given, "version_alias")
    return {**wire, "version_alias": alias} if alias else wire


@dataclass(frozen=True)
class AliasChange:
    """How the alias of a version changes.

    Attributes:
        new: The alias that it gets; empty for none.
        old: The alias that it loses; empty for none.
        moves_stage: The new alias is that of a stage.
    """

    new: str = ""
    old: str = ""
    moves_stage: bool = False


def change_alias(reference: Reference, change: AliasChange) -> Edit:
    """Give a version another alias; a draft is sealed in the same change."""
    name, version = reference.model, str(reference.selector)

    def edit(catalog: Catalog) -> ChangeSet:
        edits: list[Edit] = []
        if change.new:
            _check_alias(find_model(catalog, name), change.new, version)
            moves = change.moves_stage
            edits.append(set_shown_alias(name, version, change.new, moves_stage=moves))
        if change.old:
            edits.append(remove_shown_alias(name, change.old))
        if len(edits) == 1:
            return edits[0](catalog)
        return combine(edits, f"Set the alias of {reference} to {change.new}")(catalog)

    return edit
