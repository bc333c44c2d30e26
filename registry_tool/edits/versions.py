"""New versions: the frozen record, its pointers, its first tags."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.stage_names import stages_written
from registry_tool.edits.aliases import add_tag
from registry_tool.edits.changeset import ChangeSet, Edit, combined
from registry_tool.errors import InvalidNameError, RefusedError, UsageError
from registry_tool.manifests.data import Data, in_order, text
from registry_tool.manifests.fields import VERSION_FIELDS, in_write_order
from registry_tool.manifests.identity import identity
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields, plain_text
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference, check_new_name, check_version, fold
from registry_tool.versioning import admits, next_version

__all__ = ["VersionRecord", "add_version", "timestamp", "version_fields"]

_EXAMPLES = {
    "integer": "7",
    "semver": "1.4.0 or 2.0.0-rc.1",
    "calver": "2026.11 or 2026.11.3",
}


@dataclass(frozen=True)
class VersionRecord:
    """What the author of a version gives.

    Attributes:
        fields: Fields of ``version.yaml`` beside those that are derived: framework, environment, source, lineage,
            parameters, signature, description, metadata, external_id, same_as, name, author, created_at.
        artifacts: Entries of its artifacts.
        pointers: The bytes of ``.dvc`` pointers by artifact path.
        metrics: Entries of its metrics.
        labels: Labels; they can be changed later, so they go into ``metadata.yaml``.
        tags: Fixed second names.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    artifacts: Sequence[Data] = ()
    pointers: Mapping[str, bytes] = field(default_factory=dict)
    metrics: Sequence[Data] = ()
    labels: Sequence[str] = ()
    tags: Sequence[str] = ()


_ORDER = ("schema", "model", "version", *in_write_order(VERSION_FIELDS, "version"))


def timestamp(moment: dt.datetime | None = None) -> str:
    """A moment as manifests write it: RFC 3339, UTC, milliseconds. Now by default."""
    utc = (moment or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def version_fields(given: Mapping[str, object]) -> dict[str, JSON]:
    """Fields of ``version.yaml`` as a program gives them, as plain data; ``created_at`` may be a time with its zone.

    Raises:
        UsageError: A value has no form in a manifest; see ``manifests.incoming``.
    """
    created = given.get("created_at")
    if isinstance(created, dt.datetime) and created.utcoffset() is not None:
        given = {**given, "created_at": timestamp(created)}
    return plain_fields(given)


def _chosen(model: ModelView, version: str | None) -> str:
    """The version's name: as given, or the next one where the scheme counts."""
    scheme = model.scheme
    if version is None:
        chosen = next_version(scheme, model.versions, [*model.tags, *model.aliases])
        if chosen is None:
            raise UsageError(
                f"{model.name} has the version scheme {scheme}, which does not count by itself",
                remedy=f"name the version: registry version add {model.name} VERSION --artifact PATH --framework TYPE",
            )
        return chosen
    check_new_name(check_version(version), "version")
    if not admits(scheme, version):
        raise InvalidNameError(
            f"{version} is not a version of the scheme {scheme}, which {model.name} has",
            remedy=f"such a version looks like {_EXAMPLES[scheme]}",
        )
    _check_not_a_stage(model, version)
    wanted = fold(version)
    twins = [v for v in model.versions if fold(v) == wanted]
    if twins:
        raise RefusedError(
            f"{model.name} has a version {twins[0]} already",
            remedy="a version never changes; choose the next one",
        )
    return version


def _check_not_a_stage(model: ModelView, version: str) -> None:
    stages = stages_written(model.catalog, model.name.namespace)
    if fold(version) in stages:
        raise RefusedError(
            f"{fold(version)} is a stage of {model.name.namespace}; a version cannot have its name",
            remedy="choose another version",
        )


def _check_open(model: ModelView) -> None:
    data = model.data
    if text(data, "state") == "archived":
        raise RefusedError(f"{model.name} is archived; it takes no new versions")
    if moved := text(data, "moved_to"):
        raise RefusedError(
            f"{model.name} moved to {moved}; it takes no new versions",
            remedy=f"registry version add {moved} --artifact PATH --framework TYPE",
        )


def _manifest(model: ModelView, version: str, record: VersionRecord) -> dict[str, JSON]:
    data: dict[str, JSON] = {"created_at": timestamp(), **version_fields(record.fields)}
    data |= {"schema": "version/v1", "model": str(model.name), "version": version}
    data["artifacts"] = [dict(entry) for entry in record.artifacts]
    if record.metrics:
        data["metrics"] = [dict(metric) for metric in in_order(record.metrics)]
    data["identity"] = identity(data)
    return {key: data[key] for key in dict.fromkeys((*_ORDER, *data)) if key in data}


def _new_version(name: ModelName, version: str | None, record: VersionRecord) -> Edit:
    def act(catalog: Catalog) -> ChangeSet:
        model = find_model(catalog, name)
        _check_open(model)
        chosen = _chosen(model, version)
        folder = catalog.layout.version(name, chosen)
        puts = {f"{folder}/version.yaml": render(_manifest(model, chosen, record))}
        puts.update({f"{folder}/{path}.dvc": source for path, source in record.pointers.items()})
        if record.labels:
            labels: list[JSON] = [plain_text(label, "labels") for label in record.labels]
            puts[f"{folder}/metadata.yaml"] = render({"schema": "metadata/v1", "labels": labels})
        return ChangeSet(f"Add {name}@{chosen}", puts)

    return act


def add_version(name: ModelName, version: str | None, record: VersionRecord) -> Edit:
    """Add a version to a model.

    Args:
        name: The model.
        version: Its name; None takes the next integer.
        record: What the author gives.

    The act raises NotFound (no such model), Refused (taken, model archived or moved), InvalidName (not of
    the scheme), UsageError.
    """
    first = _new_version(name, version, record)

    def act(catalog: Catalog) -> ChangeSet:
        change = first(catalog)
        if not record.tags:
            return change
        chosen = change.message.rpartition("@")[2]
        tagging = [add_tag(Reference(name, chosen), tag) for tag in record.tags]
        return combined([lambda _: change, *tagging], change.message)(catalog)

    return act
