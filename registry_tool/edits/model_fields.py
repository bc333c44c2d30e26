"""Edits of the fields of a published model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_model
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.models import model_schema
from registry_tool.errors import UsageError
from registry_tool.manifests.arguments import check_fields, check_license
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields
from registry_tool.manifests.yaml.editor import GONE, edit_fields
from registry_tool.names import ModelName

__all__ = ["UPDATABLE", "update_model"]

# Names are permanent, and the version scheme decides how published versions are ordered.
UPDATABLE: Final = (
    "owner", "task", "description", "labels", "license", "external_id", "links", "metadata", "moved_to",
)  # fmt: skip


def update_model(name: ModelName, fields: Mapping[str, object]) -> Edit:
    """Set or remove fields of a model's ``model.yaml``; other fields, their order and comments stay.

    Args:
        name: The model.
        fields: Values by field; None removes the field.

    The edit raises NotFoundError (no such model) or InvalidManifestError (its ``model.yaml`` cannot be read).

    Raises:
        UsageError: A field cannot be changed, or the schema does not allow a value.
    """
    for field in fields:
        if field not in UPDATABLE:
            raise UsageError(
                f"the field {field!a} of a model cannot be changed",
                remedy=f"fields that can: {', '.join(UPDATABLE)}",
            )
    given = plain_fields({key: value for key, value in fields.items() if value is not None})
    check_fields("model/v2", given)
    if "license" in given:
        check_license(str(given["license"]))
    if fields.get("owner", "") is None:
        raise UsageError("a model needs an owner", remedy="name another one")

    def edit(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, name)
        data, path = view.data, f"{view.folder}/model.yaml"
        source = b"" if view.document is None else view.document.source
        wanted: dict[str, JSON | object] = dict(given)
        wanted |= {key: GONE for key, value in fields.items() if value is None and key in data}
        changes = {key: value for key, value in wanted.items() if data.get(key, GONE) != value}
        left = {key: value for key, value in data.items() if key not in wanted}
        schema = model_schema({**left, **given})
        if changes and schema != data.get("schema"):
            changes["schema"] = schema
        if not changes:
            return ChangeSet(f"{name} already has these values")
        edited = edit_fields(source, data, changes, path)  # type: ignore[arg-type]  # GONE is one of its values
        return ChangeSet(f"Update {', '.join(sorted(changes))} of {name}", {path: edited})

    return edit
