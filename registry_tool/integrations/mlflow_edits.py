"""What MLflow's calls change in a registry, as edits; without a server, and without MLflow. See ``mlflow_mapping``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.titles import find_models, model_slug
from registry_tool.edits import aliases as alias_edits
from registry_tool.edits.annotations import annotate, plain_annotations
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.counted_versions import FindEqual, add_counted_version
from registry_tool.edits.model_fields import update_model
from registry_tool.edits.models import add_model
from registry_tool.edits.shown_aliases import set_shown_alias
from registry_tool.edits.titles import set_title
from registry_tool.edits.versions import FindGone, VersionRecord
from registry_tool.edits.wire import set_wire
from registry_tool.errors import ConflictError, NotFoundError, RefusedError
from registry_tool.integrations.mlflow_mapping import (
    API,
    NO_DESCRIPTION,
    MlflowName,
    VersionOrigin,
    read_stage,
    split_origin,
)
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName, Reference

__all__ = [
    "NameInUseError",
    "NewVersion",
    "create_model",
    "create_version",
    "delete_model_tag",
    "delete_version_tag",
    "describe_model",
    "describe_version",
    "move_stage",
    "rename_model",
    "set_model_tag",
    "set_version_tag",
]


class NameInUseError(ConflictError):
    """A model of the namespace is already shown by the name.

    Attributes:
        is_prompt: True where that is a prompt.
    """

    def __init__(self, shown: str, *, is_prompt: bool) -> None:
        super().__init__(f"a model is already shown as {shown!a}", remedy="choose another name")
        self.is_prompt = is_prompt


def _is_prompt(model: ModelView) -> bool:
    return str(member(model.data, "metadata").get("mlflow.prompt.is_prompt")).lower() == "true"


def _check_free(catalog: Catalog, name: MlflowName, own: ModelName | None = None) -> None:
    for other in find_models(catalog, name.namespace, name.shown):
        if other.name != own:
            raise NameInUseError(name.shown, is_prompt=_is_prompt(other))


def create_model(
    name: MlflowName,
    *,
    owner: str,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    deployment_job_id: str = "",
) -> Edit:
    """Add a model. The edit raises NameInUseError: another one is shown by this name."""

    def create(catalog: Catalog) -> ChangeSet:
        _check_free(catalog, name)
        path = model_slug(catalog, name.namespace, name.shown)
        fields: dict[str, object] = {"owner": owner}
        fields |= {k: v for k, v in (("description", description), ("metadata", tags)) if v}
        wire = {API: {"deployment_job_id": deployment_job_id}} if deployment_job_id else None
        return add_model(path, fields, title=name.shown, wire=wire)(catalog)

    return create


def rename_model(model: ModelName, name: MlflowName) -> Edit:
    """Show a model by another name of its namespace. The edit raises NameInUseError or RefusedError."""

    def rename(catalog: Catalog) -> ChangeSet:
        if name.namespace != model.namespace:
            raise RefusedError(
                f"{model} cannot move to the namespace {name.namespace}",
                remedy=f"choose a name in the namespace {model.namespace}",
            )
        _check_free(catalog, name, model)
        return set_title(model, name.shown)(catalog)

    return rename


def describe_model(
    model: ModelName, description: str | None, deployment_job_id: str | None = None
) -> Edit:
    """Set the description of a model, and its deployment job; None leaves one, and empty removes it."""

    def describe(catalog: Catalog) -> ChangeSet:
        edits: list[Edit] = []
        if description is not None:
            edits.append(update_model(model, {"description": description or None}))
        if deployment_job_id is not None:
            view = find_model(catalog, model)
            edits.append(
                _set_wire(model, None, _wire(view), {"deployment_job_id": deployment_job_id})
            )
        return combine(edits, f"Update {model}")(catalog)

    return describe


def set_model_tag(model: ModelName, key: str, value: str) -> Edit:
    """Set one key of a model's metadata."""

    def edit(catalog: Catalog) -> ChangeSet:
        before = member(find_model(catalog, model).data, "metadata")
        return update_model(model, {"metadata": {**before, key: value}})(catalog)

    return edit


def delete_model_tag(model: ModelName, key: str) -> Edit:
    """Remove one key of a model's metadata, if it is there."""

    def edit(catalog: Catalog) -> ChangeSet:
        before = member(find_model(catalog, model).data, "metadata")
        left = {k: v for k, v in before.items() if k != key}
        return update_model(model, {"metadata": left or None})(catalog)

    return edit


@dataclass(frozen=True)
class NewVersion:
    """A version to be created.

    Attributes:
        origin: Where it comes from.
        description: What is said of it.
        tags: Its tags.
        author: Who creates it.
        fields: Further fields of ``version.yaml``, such as the framework.
        artifacts: Entries of its artifacts, where the registry has its files.
        pointers: Their pointers by artifact path.
    """

    origin: VersionOrigin
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    author: str = ""
    fields: Mapping[str, JSON] = field(default_factory=dict)
    artifacts: Sequence[Data] = ()
    pointers: Mapping[str, bytes] = field(default_factory=dict)


def create_version(
    model: ModelName, new: NewVersion, *, gone: FindGone, find_equal: FindEqual
) -> Edit:
    """Add a version, sealed at once; ``same_as`` names an equal one.

    Args:
        model: The model.
        new: The version.
        gone: Returns the versions and drafts of the model that were deleted.
        find_equal: Finds an earlier version with an identity.

    The edit raises NotFoundError (no such model) or RefusedError (the model takes no versions, or its scheme has no next one).

    Raises:
        UsageError: A tag or the description has no form in a manifest.
    """
    parts = split_origin(new.origin, is_stored=bool(new.artifacts))
    artifacts = [*new.artifacts] or parts.artifacts
    fields: dict[str, JSON] = {**parts.fields, **new.fields, "author": new.author}
    wire = {API: parts.wire} if parts.wire else {}
    said = plain_annotations(new.tags, description=new.description or None)
    record = VersionRecord(fields, artifacts, new.pointers, added=said, wire=wire)
    return add_counted_version(model, record, gone=gone, find_equal=find_equal)


def _version(catalog: Catalog, model: ModelName, version: str) -> VersionView:
    view = find_model(catalog, model)
    found = view.version(version) or view.draft(version)
    if found is None:
        raise NotFoundError(f"{model} has no version {version!a}")
    return found


def _wire(owner: ModelView | VersionView) -> Data:
    return member(None if owner.wire is None else owner.wire.data, API)


def _set_wire(
    model: ModelName, version: str | None, before: Data, changes: Mapping[str, str]
) -> Edit:
    """Set values of MLflow's wire data; an empty one is removed."""
    left = {key: value for key, value in before.items() if key not in changes}
    data = {**left, **{key: value for key, value in changes.items() if value}}
    return set_wire(model, version, API, data or None)


def describe_version(model: ModelName, version: str, description: str) -> Edit:
    """Set the description of a version; an empty one hides that of the record."""

    def describe(catalog: Catalog) -> ChangeSet:
        found = _version(catalog, model, version)
        hidden = NO_DESCRIPTION if not description and found.description else ""
        edits: list[Edit] = []
        if description:
            edits.append(annotate(Reference(model, version), description=description))
        if text(_wire(found), "description") != hidden:
            edits.append(_set_wire(model, version, _wire(found), {"description": hidden}))
        return combine(edits, f"Describe {model}@{version}")(catalog)

    return describe


def set_version_tag(model: ModelName, version: str, key: str, value: str) -> Edit:
    """Set one key of a version's metadata."""
    return annotate(Reference(model, version), metadata={key: value})


def delete_version_tag(model: ModelName, version: str, key: str) -> Edit:
    """Remove one key of a version's metadata, if it is there."""

    def edit(catalog: Catalog) -> ChangeSet:
        found = _version(catalog, model, version)
        if key not in found.all_metadata:
            return ChangeSet(f"{found} has no tag {key!a}")
        return annotate(Reference(model, version), remove=[key])(catalog)

    return edit


def _leave_stages(
    view: ModelView, version: str, aliases: Mapping[str, str], stage: str
) -> list[Edit]:
    """Remove the aliases of other stages from a version."""
    targets = view.alias_targets()
    gone = {alias for one, alias in aliases.items() if one != stage and alias != aliases.get(stage)}
    return [
        alias_edits.remove_alias(view.name, alias)
        for alias in sorted(gone)
        if targets.get(alias) == version
    ]


def _stage(found: VersionView, aliases: Mapping[str, str]) -> str:
    return read_stage(_wire(found), found.state, found.aliases, aliases)


def move_stage(
    model: ModelName,
    version: str,
    stage: str,
    *,
    stage_aliases: Mapping[str, str],
    archives: Sequence[str] = (),
) -> Edit:
    """Move a version to a stage, and others that have it to ``Archived``, as one change.

    Args:
        model: The model.
        version: The version.
        stage: The stage.
        stage_aliases: ``mlflow.stages`` of ``serve.yaml``: a stage with an alias is that alias, gates included.
        archives: Versions that go to ``Archived``.

    The edit raises NotFoundError or RefusedError.
    """

    def move(catalog: Catalog) -> ChangeSet:
        view = find_model(catalog, model)
        edits = _leave_stages(view, version, stage_aliases, stage)
        if stage in stage_aliases:
            edits.append(set_shown_alias(model, version, stage_aliases[stage], moves_stage=True))
        else:
            edits.append(_write_stage(catalog, model, version, stage))
        for other in archives:
            found = _version(catalog, model, other)
            if stage not in stage_aliases and _stage(found, stage_aliases) == stage:
                edits.append(_write_stage(catalog, model, other, "Archived"))
        return combine(edits, f"Move {model}@{version} to the stage {stage}")(catalog)

    return move


def _write_stage(catalog: Catalog, model: ModelName, version: str, stage: str) -> Edit:
    found = _version(catalog, model, version)
    return _set_wire(model, version, _wire(found), {"stage": stage})
