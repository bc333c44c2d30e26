"""New models, and the namespaces they live in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_model
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import RefusedError
from registry_tool.manifests.fields import MODEL_FIELDS, in_write_order
from registry_tool.manifests.layout import Layout
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, check_new_name, fold_model

__all__ = ["add_model", "check_new_model"]

_HANDLE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


_ORDER = in_write_order(MODEL_FIELDS, "model")


def _owner_handle(owner: str) -> str:
    """An owner as namespace.yaml names them: a bare word is taken for a team or user of the Git host."""
    return f"@{owner}" if _HANDLE.fullmatch(owner) else owner


def check_new_model(catalog: Catalog, name: ModelName) -> None:
    """Check that no model has this name, or one that differs only by case or separators.

    Raises:
        RefusedError: One has.
    """
    twins = [
        m
        for m in catalog.model_names(name.namespace)
        if fold_model(m.name) == fold_model(name.name)
    ]
    if twins:
        same = twins[0] == name
        raise RefusedError(
            f"there is a model {twins[0]} already",
            remedy=f"add a version to it: registry version add {twins[0]} --artifact PATH --framework TYPE"
            if same
            else f"{name} differs only by case, or by - _ and .; choose another name",
        )


def add_model(
    name: ModelName,
    fields: Mapping[str, object],
    *,
    card: str = "",
    files: Mapping[str, bytes] | None = None,
) -> Edit:
    """Add a model; its namespace too, when this is its first.

    Args:
        name: The model's full name.
        fields: What its ``model.yaml`` says beside the names.
        card: The text of its ``CARD.md``; a short one is written when empty.
        files: Pointers of its own artifacts, by artifact path.

    The act raises Refused when the name is taken, InvalidName when no file can be called so on every system.

    Raises:
        UsageError: A value has no form in a manifest; see ``manifests.incoming``.
    """
    given = plain_fields(fields)

    def act(catalog: Catalog) -> ChangeSet:
        check_new_model(catalog, name)
        check_new_name(name.name, "model")
        if name.namespace not in catalog.namespaces():
            check_new_name(name.namespace, "namespace")
        if "continues" in given:
            find_model(catalog, ModelName.parse(str(given["continues"])))
        layout: Layout = catalog.layout
        folder = layout.model(name)
        data: dict[str, JSON] = {
            "schema": "model/v1",
            "name": name.name,
            "namespace": name.namespace,
        }
        data.update({key: given[key] for key in _ORDER if key in given})
        data.update({key: value for key, value in given.items() if key not in data})
        puts = {
            f"{folder}/model.yaml": render(data),
            f"{folder}/CARD.md": _card(name, given, card),
        }
        puts.update({f"{folder}/{path}.dvc": source for path, source in (files or {}).items()})
        notes: tuple[str, ...] = ()
        if name.namespace not in catalog.namespaces():
            owner = _owner_handle(str(given.get("owner", "")))
            space: dict[str, JSON] = {"schema": "namespace/v1", "owners": [owner]}
            puts[f"{layout.namespace(name.namespace)}/namespace.yaml"] = render(space)
            notes = (f"new namespace {name.namespace}, owned by {owner}",)
        return ChangeSet(f"Add model {name}", puts, notes=notes)

    return act


def _card(name: ModelName, fields: Mapping[str, JSON], card: str) -> bytes:
    text = card or f"# {name.name}\n\n{fields.get('description', '')}\n"
    return (text if text.endswith("\n") else text + "\n").encode()
