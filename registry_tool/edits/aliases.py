"""Aliases and tags: names that point at a version."""

from __future__ import annotations

from registry_tool.catalog.catalog import USABLE, Catalog, ModelView
from registry_tool.catalog.resolve import find_model, resolve
from registry_tool.catalog.stage_names import stages_written
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.editor import GONE, changed
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference, check_new_name, check_pointer
from registry_tool.versioning import looks_like_version

__all__ = ["add_tag", "remove_alias", "set_alias"]


def _check_free(model: ModelView, name: str, kind: str) -> None:
    """A tag, an alias and a version of one model share one name space."""
    taken = ""
    if name.casefold() in {v.casefold() for v in model.versions}:
        taken = "a version"
    elif kind == "tag" and name in model.aliases:
        taken = "an alias"
    elif kind == "alias" and name in model.tags:
        taken = "a tag"
    if taken:
        raise RefusedError(
            f"{model.name} has {taken} named {name} already",
            remedy=f"choose another {kind}: a name means one thing in a model",
        )


def _check_not_a_version(model: ModelView, name: str, kind: str) -> None:
    """The names that versions of the model get are not given to anything else."""
    if looks_like_version(model.scheme, name):
        raise RefusedError(
            f"{name} is a version number of the scheme {model.scheme}, which {model.name} has; a new {kind} cannot"
            " have its form",
            remedy=f"choose another {kind}, such as v{name}",
        )


def _check_not_a_stage(model: ModelView, tag: str) -> None:
    if tag in stages_written(model.catalog, model.name.namespace):
        raise RefusedError(
            f"{tag} is a stage of {model.name.namespace}; only an alias can have its name",
            remedy="choose another tag",
        )


def set_alias(reference: Reference, alias: str, *, reason: str = "") -> Edit:
    """Create or move an alias to the version a reference means.

    The act raises NotFound, Refused (the name is taken, the version is not usable) or InvalidName.
    """
    check_pointer(alias, "alias")

    def act(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True)
        version, model = found.version.version, found.version.model
        if found.state not in USABLE:
            raise RefusedError(f"{found.version} is {found.state}; an alias may not point at it")
        _check_free(model, alias, "alias")
        path = catalog.layout.alias(model.name, alias)
        before = model.alias(alias)
        if before is None:
            check_new_name(alias, "alias")
        named = f"{model.name}@{alias}"
        if before is None:
            _check_not_a_version(model, alias, "alias")
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
            return ChangeSet(f"{named} is {version} already")
        new: dict[str, JSON] = {"version": version}
        edit = {**new, "reason": reason} if reason else {**new, "reason": GONE}
        source = changed(before.source, before.data, edit, path)
        return ChangeSet(f"Move {named} from {old} to {version}", {path: source})

    return act


def remove_alias(model: ModelName, alias: str) -> Edit:
    """Remove an alias; the version stays. The act raises NotFound; InvalidName when it can be no alias."""
    check_pointer(alias, "alias")

    def act(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        if alias not in view.aliases:
            names = ", ".join(view.aliases) or "none"
            raise NotFoundError(f"{model} has no alias {alias!a}", remedy=f"its aliases: {names}")
        path = catalog.layout.alias(model, alias)
        return ChangeSet(f"Remove {model}@{alias}", deletes=frozenset({path}))

    return act


def add_tag(reference: Reference, tag: str) -> Edit:
    """Give a version a fixed second name. The act raises NotFound, Refused (the name is taken) or InvalidName."""
    check_pointer(tag, "tag")

    def act(catalog: Catalog) -> ChangeSet:
        found = resolve(catalog, reference, allow_withdrawn=True)
        model = found.version.model
        _check_free(model, tag, "tag")
        before = model.tag(tag)
        if before is not None:
            old = text(before.data, "version")
            if old == found.version.version:
                return ChangeSet(f"{model.name}@{tag} is {old} already")
            raise RefusedError(
                f"{model.name} has a tag {tag} already: it names version {old}",
                remedy="a tag never moves; choose another, or use an alias",
            )
        check_new_name(tag, "tag")
        _check_not_a_stage(model, tag)
        _check_not_a_version(model, tag, "tag")
        if found.state == "erased":
            raise UsageError(f"{found.version} is erased; a tag may not name it")
        fields: dict[str, JSON] = {
            "schema": "tag/v1",
            "model": str(model.name),
            "version": found.version.version,
        }
        path = catalog.layout.tag(model.name, tag)
        return ChangeSet(f"Tag {found.version} as {tag}", {path: render(fields)})

    return act
