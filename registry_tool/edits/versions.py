"""New versions: the frozen record, pointer files, first tags and aliases, and the key of an encrypted one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from registry_tool.catalog.catalog import Catalog, ModelView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.stage_names import stages_written
from registry_tool.edits.changeset import ChangeSet, Edit, followed_by
from registry_tool.edits.pointers import write_alias, write_tag
from registry_tool.edits.titles import check_selector_title, check_title, title_bytes
from registry_tool.edits.wire import wire_bytes
from registry_tool.errors import InvalidNameError, RefusedError, UsageError
from registry_tool.manifests.data import Data, in_order, text
from registry_tool.manifests.fields import VERSION_FIELDS, in_write_order
from registry_tool.manifests.identity import identity
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.values import plain_fields, plain_text
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import ModelName, Reference, check_new_name, check_version, fold
from registry_tool.versioning import admits, next_version

__all__ = [
    "FindGone",
    "VersionRecord",
    "add_version",
    "check_accepts_versions",
    "find_nothing",
    "finish_record",
    "select_name",
    "timestamp",
    "version_fields",
    "write_record",
]

_EXAMPLES = {
    "integer": "7",
    "semver": "1.4.0 or 2.0.0-rc.1",
    "calver": "2026.11 or 2026.11.3",
}


@dataclass(frozen=True)
class VersionRecord:
    """What the author of a version gives.

    Attributes:
        fields: Fields of ``version.yaml`` other than those that are derived: framework, environment, source, lineage,
            parameters, signature, description, metadata, external_id, same_as, name, author, created_at.
        artifacts: Entries of its artifacts.
        pointers: The bytes of ``.dvc`` pointer files by artifact path.
        metrics: Entries of its metrics.
        labels: Labels; they can be changed later, so they go into ``metadata.yaml``.
        added: Further fields of ``metadata.yaml``: metadata and a description that can be changed later.
        tags: Immutable second names.
        aliases: Aliases that will point to it.
        key: Returns the bytes of its ``key.yaml``, for a version that is stored encrypted.
        title: Its shown name, where that is not the version.
        wire: What clients of other protocols say of it, by protocol.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    artifacts: Sequence[Data] = ()
    pointers: Mapping[str, bytes] = field(default_factory=dict)
    metrics: Sequence[Data] = ()
    labels: Sequence[str] = ()
    added: Data = field(default_factory=dict)
    tags: Sequence[str] = ()
    aliases: Sequence[str] = ()
    key: Callable[[Catalog], bytes] | None = None
    title: str = ""
    wire: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


_ORDER = ("schema", "model", "version", *in_write_order(VERSION_FIELDS, "version"))


FindGone = Callable[[ModelView], Collection[str]]


def find_nothing(_: ModelView) -> Collection[str]:
    """For a registry without history."""
    return ()


def timestamp(moment: dt.datetime | None = None) -> str:
    """A moment as manifests write it: RFC 3339, UTC, milliseconds. Now by default."""
    utc = (moment or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def version_fields(given: Mapping[str, object]) -> dict[str, JSON]:
    """Fields of ``version.yaml`` as a program gives them, as plain data; ``created_at`` may be a time with its zone.

    Raises:
        UsageError: A value cannot be written to a manifest; see ``manifests.values``.
    """
    created = given.get("created_at")
    if isinstance(created, dt.datetime) and created.utcoffset() is not None:
        given = {**given, "created_at": timestamp(created)}
    return plain_fields(given)


def select_name(model: ModelView, version: str | None, gone: Collection[str] = ()) -> str:
    """The name of a new version: as given, or the next one where the scheme counts.

    Args:
        model: The model.
        version: The name as given; None for the next one.
        gone: Versions and drafts that were deleted: their numbers are passed over.

    Raises:
        UsageError: The scheme does not count, and no name is given.
        InvalidNameError: The name does not match the scheme.
        RefusedError: The name is taken, or is that of a stage.
    """
    scheme = model.scheme
    if version is None:
        chosen = next_version(
            scheme,
            [*model.versions, *model.drafts],
            [
                *model.tags,
                *model.aliases,
                *_shown_names(model),
                *gone,
                *model.catalog.proposed_versions(model.name),
            ],
        )
        if chosen is None:
            raise UsageError(
                f"the version scheme of {model.name} is {scheme}, which has no next version",
                remedy=f"name the version: registry version add {model.name} VERSION --artifact PATH --framework TYPE",
            )
        return chosen
    check_new_name(check_version(version), "version")
    if not admits(scheme, version):
        raise InvalidNameError(
            f"{version} is not a version of the scheme {scheme}, which {model.name} uses",
            remedy=f"use a version such as {_EXAMPLES[scheme]}",
        )
    _check_not_a_stage(model, version)
    if model.titled:
        check_selector_title(model, version, version)
    if twin := _find_twin(model, version):
        raise RefusedError(
            f"{model.name} already has a version {twin}",
            remedy="a version never changes; choose the next one",
        )
    if draft := next((one for one in model.drafts if fold(one) == fold(version)), ""):
        raise RefusedError(
            f"{model.name} already has a draft {draft}",
            remedy=f"seal it: registry seal {model.name}@{draft}; or choose another version",
        )
    return version


def _shown_names(model: ModelView) -> Collection[str]:
    """The titles of a model's versions, tags and aliases; a number that is one of them is passed over."""
    if not model.titled:
        return ()
    from registry_tool.catalog.titles import shown_selectors  # few models have titles

    return shown_selectors(model).titles()


def _find_twin(model: ModelView, version: str) -> str:
    """A version whose name differs at most by case; empty for none."""
    if (
        version.lower() == version.upper()
    ):  # only itself: no need to list the versions, which may be thousands
        return version if model.version(version) is not None else ""
    wanted = fold(version)
    return next((other for other in model.versions if fold(other) == wanted), "")


def _check_not_a_stage(model: ModelView, version: str) -> None:
    stages = stages_written(model.catalog, model.name.namespace)
    if fold(version) in stages:
        raise RefusedError(
            f"{fold(version)} is a stage of {model.name.namespace}; a version cannot have that name",
            remedy="choose another version",
        )


def check_accepts_versions(model: ModelView) -> None:
    """See that new versions can be added.

    Raises:
        RefusedError: The model is archived or was renamed.
    """
    data = model.data
    if text(data, "state") == "archived":
        raise RefusedError(f"{model.name} is archived and accepts no new versions")
    if moved := text(data, "moved_to"):
        raise RefusedError(
            f"{model.name} was renamed to {moved} and accepts no new versions",
            remedy=f"registry version add {moved} --artifact PATH --framework TYPE",
        )


def _manifest(model: ModelView, version: str, record: VersionRecord) -> dict[str, JSON]:
    data: dict[str, JSON] = {"created_at": timestamp(), **version_fields(record.fields)}
    data |= {"schema": "version/v1", "model": str(model.name), "version": version}
    data["artifacts"] = [dict(entry) for entry in record.artifacts]
    if record.metrics:
        data["metrics"] = [dict(metric) for metric in in_order(record.metrics)]
    return finish_record(data)


def finish_record(data: Mapping[str, JSON]) -> dict[str, JSON]:
    """The fields of a ``version.yaml`` in the order in which they are written, with their identity."""
    whole = {**data, "identity": identity(data)}
    return {key: whole[key] for key in dict.fromkeys((*_ORDER, *whole)) if key in whole}


def write_record(
    catalog: Catalog,
    name: ModelName,
    version: str | None,
    record: VersionRecord,
    *,
    is_draft: bool = False,
    gone: FindGone = find_nothing,
) -> ChangeSet:
    """The change set of a version or draft alone, without tags and aliases.

    Raises:
        NotFoundError: No such model exists.
        RefusedError: The name is taken, or the model accepts no versions.
        UsageError: The name does not fit, or a value has no form in a manifest.
    """
    model = find_model(catalog, name)
    model.prefetch_names()
    check_accepts_versions(model)
    chosen = select_name(model, version, () if version else gone(model))
    if record.title:
        check_selector_title(model, chosen, check_title(record.title))
    layout = catalog.layout
    folder = layout.draft(name, chosen) if is_draft else layout.version(name, chosen)
    puts = {f"{folder}/version.yaml": render(_manifest(model, chosen, record))}
    puts.update({f"{folder}/{path}.dvc": source for path, source in record.pointers.items()})
    if record.labels or record.added:
        labels: list[JSON] = [plain_text(label, "labels") for label in record.labels]
        said = {**({"labels": labels} if labels else {}), **record.added}
        puts[f"{folder}/metadata.yaml"] = render({"schema": "metadata/v1", **said})
    if record.key is not None:
        puts[f"{folder}/key.yaml"] = record.key(catalog)
    if record.title not in {"", chosen}:
        puts[catalog.layout.title(name, chosen)] = title_bytes(record.title)
    if record.wire:
        puts[f"{folder}/wire.yaml"] = wire_bytes(record.wire)
    what = "draft " if is_draft else ""
    return ChangeSet(f"Add {what}{name}@{chosen}", puts, versions=(Reference(name, chosen),))


def add_version(
    name: ModelName, version: str | None, record: VersionRecord, *, gone: FindGone = find_nothing
) -> Edit:
    """Add a version to a model, with its first tags and aliases.

    Args:
        name: The model.
        version: Its name; None selects the next one, where the scheme counts.
        record: What the author gives.
        gone: Returns the versions and drafts of a model that were deleted, from its history.

    The edit raises NotFoundError (no such model), RefusedError (the name is taken, the model is archived or was
    renamed), InvalidNameError (not of the scheme), UsageError.
    """

    def add(catalog: Catalog) -> ChangeSet:
        change = write_record(catalog, name, version, record, gone=gone)
        (added,) = change.versions
        names = [
            *(write_tag(added, tag) for tag in record.tags),
            *(write_alias(added, alias) for alias in record.aliases),
        ]
        return followed_by(catalog, change, names)

    return add
