"""The files of aliases and tags: names that point to a published version. See ``edits.aliases`` for drafts."""

from __future__ import annotations

from collections.abc import Sequence

from registry_tool.catalog.catalog import USABLE, Catalog, ModelView
from registry_tool.catalog.resolve import resolve
from registry_tool.catalog.stage_names import stages_written
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.titles import check_selector_title
from registry_tool.errors import RefusedError, UsageError
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference, check_new_name, check_pointer
from registry_tool.versioning import looks_like_version

__all__ = ["check_names", "write_alias", "write_tag"]


def _check_free(model: ModelView, name: str, kind: str) -> None:
    """Tags, aliases, versions and drafts of a model share one name space."""
    taken = ""
    if name.casefold() in {v.casefold() for v in model.versions}:
        taken = "a version"
    elif name.casefold() in {v.casefold() for v in model.drafts}:
        taken = "a draft"
    elif kind == "tag" and name in model.aliases:
        taken = "an alias"
    elif kind == "alias" and name in model.tags:
        taken = "a tag"
    if not taken and model.titled:
        check_selector_title(model, name, model.find_title(name) or name)
    if taken:
        raise RefusedError(
            f"{model.name} already has {taken} named {name}",
            remedy=f"choose another {kind}: tags, aliases and versions of a model share one name space",
        )


def _check_not_reserved(model: ModelView, name: str, kind: str) -> None:
    """A new tag or alias has no name that a draft gets when it is sealed."""
    for draft in filter(None, map(model.draft, model.drafts)):
        if name in (*draft.reserved_tags, *draft.reserved_aliases):
            raise RefusedError(
                f"{name} is reserved for the draft {draft}",
                remedy=f"seal the draft: registry seal {draft}; or choose another {kind}",
            )


def _check_not_a_version(model: ModelView, name: str, kind: str) -> None:
    """Names of the form that the model's versions have are reserved for them."""
    if looks_like_version(model.scheme, name):
        raise RefusedError(
            f"{name} has the form of a version in the scheme {model.scheme}, which {model.name} uses; a new {kind} cannot"
            " have it",
            remedy=f"choose another {kind}, such as v{name}",
        )


def _check_not_a_stage(model: ModelView, tag: str) -> None:
    if tag in stages_written(model.catalog, model.name.namespace):
        raise RefusedError(
            f"{tag} is a stage of {model.name.namespace}; only an alias can have that name",
            remedy="choose another tag",
        )


def _check_new_tag(model: ModelView, tag: str) -> None:
    check_new_name(tag, "tag")
    _check_not_a_stage(model, tag)
    _check_not_a_version(model, tag, "tag")
    _check_not_reserved(model, tag, "tag")


def _check_new_alias(model: ModelView, alias: str) -> None:
    check_new_name(alias, "alias")
    _check_not_a_version(model, alias, "alias")
    _check_not_reserved(model, alias, "alias")


def check_names(model: ModelView, tags: Sequence[str], aliases: Sequence[str]) -> None:
    """Check the tags and aliases that a new version will get, before its artifacts are read.

    Raises:
        InvalidNameError: One is not a tag or alias.
        RefusedError: One is taken, or reserved for versions or stages.
    """
    for tag in tags:
        check_pointer(tag, "tag")
        _check_free(model, tag, "tag")
        if (before := model.tag(tag)) is not None:
            raise _tag_exists(model, tag, text(before.data, "version"))
        _check_new_tag(model, tag)
    for alias in aliases:
        check_pointer(alias, "alias")
        _check_free(model, alias, "alias")
        if model.alias(alias) is None:
            _check_new_alias(model, alias)


def _tag_exists(model: ModelView, tag: str, version: str) -> RefusedError:
    return RefusedError(
        f"{model.name} already has a tag {tag}: it points to version {version}",
        remedy="a tag never moves; choose another name, or use an alias",
    )


def _prefetch_names(catalog: Catalog, name: ModelName) -> None:
    """Read with one request what resolving a reference and comparing a new name with the others reads."""
    if (model := catalog.model(name)) is not None:
        model.prefetch_names()


def write_alias(reference: Reference, alias: str, *, reason: str = "") -> Edit:
    """Create an alias, or move it, to the version that a reference names.

    The edit raises NotFound, Refused (the name is taken, the version is not usable) or InvalidName.
    """
    check_pointer(alias, "alias")

    def edit(catalog: Catalog) -> ChangeSet:
        _prefetch_names(catalog, reference.model)
        found = resolve(catalog, reference, allow_withdrawn=True)
        version, model = found.version.version, found.version.model
        if found.state not in USABLE:
            raise RefusedError(f"{found.version} is {found.state}; an alias cannot point to it")
        _check_free(model, alias, "alias")
        path = catalog.layout.alias(model.name, alias)
        before = model.alias(alias)
        named = f"{model.name}@{alias}"
        if before is None:
            _check_new_alias(model, alias)
        if before is None or before.data is None:
            fields: dict[str, JSON] = {
                "schema": "alias/v1",
                "model": str(model.name),
                "version": version,
            }
            if reason:
                fields["reason"] = reason
            return ChangeSet(f"Set {named} to {version}", {path: render(fields)})
        old = text(before.data, "version")
        if old == version and (not reason or text(before.data, "reason") == reason):
            return ChangeSet(f"{named} is already {version}")
        new: dict[str, JSON] = {"version": version}
        changes = {**new, "reason": reason} if reason else {**new, "reason": GONE}
        source = edit_fields(before.source, before.data, changes, path)
        return ChangeSet(f"Move {named} from {old} to {version}", {path: source})

    return edit


def write_tag(reference: Reference, tag: str) -> Edit:
    """Add an immutable tag to a version. The edit raises NotFound, Refused (the name is taken) or InvalidName."""
    check_pointer(tag, "tag")

    def edit(catalog: Catalog) -> ChangeSet:
        _prefetch_names(catalog, reference.model)
        found = resolve(catalog, reference, allow_withdrawn=True)
        model = found.version.model
        _check_free(model, tag, "tag")
        before = model.tag(tag)
        if before is not None:
            old = text(before.data, "version")
            if old == found.version.version:
                return ChangeSet(f"{model.name}@{tag} is already {old}")
            raise _tag_exists(model, tag, old)
        _check_new_tag(model, tag)
        if found.state in {"erased", "deleted"}:
            raise UsageError(f"{found.version} is {found.state}; a tag cannot point to it")
        fields: dict[str, JSON] = {
            "schema": "tag/v1",
            "model": str(model.name),
            "version": found.version.version,
        }
        path = catalog.layout.tag(model.name, tag)
        return ChangeSet(f"Tag {found.version} as {tag}", {path: render(fields)})

    return edit
