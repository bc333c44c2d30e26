"""Models and versions: the edits that create them, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.resolve import find_model
from registry_tool.catalog.titles import find_models, find_selectors
from registry_tool.edits.annotations import replace_metadata
from registry_tool.edits.changeset import ChangeSet, Edit, followed_by
from registry_tool.edits.shown import NewNamespace, add_shown_draft, add_shown_model
from registry_tool.edits.versions import VersionRecord
from registry_tool.errors import ConflictError
from registry_tool.manifests.arguments import fits
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.server.modelbox.entries import (
    GivenFile,
    find_equal_file,
    list_model_entries,
    list_version_entries,
    track_file,
)
from registry_tool.server.modelbox.parents import API
from registry_tool.server.rpc.guard import TakenError

__all__ = [
    "GivenModel",
    "GivenVersion",
    "create_model",
    "create_version",
    "show_framework",
    "show_owner",
    "show_words",
]

_TYPES: Final = {"PYTORCH": "pytorch", "KERAS": "keras"}
_SHOWN: Final = {"pytorch": "PYTORCH", "keras": "KERAS", "tensorflow": "KERAS"}


class GivenModel(NamedTuple):
    """A model as a client describes it."""

    name: str
    owner: str
    task: str
    description: str
    metadata: Mapping[str, JSON]
    files: Sequence[GivenFile]


class GivenVersion(NamedTuple):
    """A version as a client describes it; ``framework`` is one of ``FRAMEWORKS``."""

    version: str
    name: str
    description: str
    framework: str
    metadata: Mapping[str, JSON]
    tags: Sequence[str]
    files: Sequence[GivenFile]


def show_owner(data: Data, wire: Data) -> str:
    """The owner that a client gave; empty where the server had to choose one."""
    chosen = text(member(wire, "defaults"), "owner")
    owner = text(wire, "owner") or text(data, "owner")
    return "" if owner == chosen else owner


def show_words(field: str, *data: Data) -> str:
    """A field from the first of some data that has it."""
    return next((found for one in data if (found := text(one, field))), "")


def show_framework(data: Data) -> str:
    """The framework of a version: one of ``FRAMEWORKS``."""
    return _SHOWN.get(text(member(data, "framework"), "type"), "UNKNOWN")


def _check_same(what: str, **fields: tuple[object, object]) -> None:
    """Compare what a client says of something that exists with what it is; an empty field says nothing.

    Raises:
        TakenError: They differ.
    """
    for field, (given, known) in fields.items():
        if given and given != known:
            raise TakenError(
                f"{what} already exists with another {field}",
                remedy="choose another name, or leave the field out",
            )


def _check_metadata(what: str, given: Mapping[str, JSON], known: Data) -> None:
    for key, value in given.items():
        if known.get(key) != value:
            raise TakenError(
                f"{what} already exists with other metadata {key[:60]!a}",
                remedy="change it with UpdateMetadata",
            )


def _check_files(what: str, given: Sequence[GivenFile], known: Collection[Data]) -> None:
    for file in given:
        if find_equal_file(known, file) is None:
            raise TakenError(
                f"{what} already exists without the file {file.path[:200]!a}",
                remedy="add it with TrackArtifacts",
            )


def _wire(view: ModelView | VersionView) -> Data:
    return member(None if view.wire is None else view.wire.data, API)


def _track_all(files: Sequence[GivenFile]) -> list[JSON]:
    entries: list[JSON] = []
    names: list[str] = []
    for file in files:
        entry = track_file(file, names)
        names.append(text(entry, "name"))
        entries.append(entry)
    return entries


def _split_model(given: GivenModel, owner: str) -> tuple[dict[str, object], dict[str, JSON]]:
    """The fields of ``model.yaml``, and what has no field there."""
    fields: dict[str, object] = {"version_scheme": "free", "owner": owner}
    wire: dict[str, JSON] = {}
    for name in ("owner", "task", "description"):
        value: str = getattr(given, name)
        if value and fits("model/v2", name, value):
            fields[name] = value
        elif value:
            wire[name] = value
        elif name == "owner":
            wire["defaults"] = {"owner": owner}
    if given.metadata:
        fields["metadata"] = dict(given.metadata)
    if given.files:
        fields["artifacts"] = _track_all(given.files)
    return fields, wire


def create_model(namespace: NewNamespace, given: GivenModel, *, owner: str) -> Edit:
    """Add a model, unless there is an equal one: one that is what the client says of it.

    Args:
        namespace: Its namespace.
        given: What the client says.
        owner: The owner where the client names none.

    The edit raises TakenError: a model of the name is another one.
    """
    fields, wire = _split_model(given, owner)
    add = add_shown_model(namespace, given.name, fields, wire={API: wire} if wire else None)

    def create(catalog: Catalog) -> ChangeSet:
        found = next(iter(find_models(catalog, namespace.name, given.name)), None)
        if found is None:
            return add(catalog)
        what = f"model {given.name!a}"
        _check_same(
            what,
            name=(given.name, found.title or found.name.name),
            owner=(given.owner, show_owner(found.data, _wire(found))),
            task=(given.task, show_words("task", _wire(found), found.data)),
            description=(given.description, show_words("description", _wire(found), found.data)),
        )
        _check_metadata(what, given.metadata, member(found.data, "metadata"))
        _check_files(what, given.files, list(list_model_entries(found)))
        return ChangeSet(f"{found.name} already exists")

    return create


def _find_version(model: ModelView, shown: str) -> VersionView | None:
    """The version or draft that is shown by a name.

    Raises:
        TakenError: A tag or alias is.
    """
    for path in find_selectors(model, shown):
        found = model.version(path) or model.draft(path)
        if found is not None and (model.find_title(path) or path) == shown:
            return found
        raise TakenError(
            f"{model.name} already has {model.find_title(path) or path!a}, which means the same",
            remedy="choose another version",
        )
    return None


def _check_equal_version(found: VersionView, given: GivenVersion) -> None:
    what = f"version {given.version!a} of {found.model.name}"
    added = None if found.metadata is None else found.metadata.data
    words = show_words("description", _wire(found), added or {}, found.data)
    _check_same(
        what,
        name=(given.name, show_words("name", _wire(found), found.data)),
        description=(given.description, words),
        framework=(given.framework.removeprefix("UNKNOWN"), show_framework(found.data)),
    )
    _check_metadata(what, given.metadata, found.all_metadata)
    names = (*found.reserved_tags, *found.reserved_aliases, *found.tags, *found.aliases)
    shown = {found.model.find_title(name) or name for name in names}
    missing = next((tag for tag in given.tags if tag not in shown), "")
    if missing:
        raise TakenError(
            f"{what} already exists without the tag {missing!a}", remedy="choose another version"
        )
    _check_files(what, given.files, list_version_entries(found))


def _split_version(given: GivenVersion, author: str) -> tuple[VersionRecord, str]:
    """The record of a new version, and its description."""
    fields: dict[str, object] = {"author": author}
    wire: dict[str, JSON] = {}
    if given.name and fits("version/v1", "name", given.name):
        fields["name"] = given.name
    elif given.name:
        wire["name"] = given.name
    if given.framework in _TYPES:
        fields["framework"] = {"type": _TYPES[given.framework]}
    has_place = fits("metadata/v2", "description", given.description)
    if given.description and not has_place:
        wire["description"] = given.description
    entries = [dict(entry) for entry in _track_all(given.files) if isinstance(entry, dict)]
    record = VersionRecord(fields, artifacts=entries, wire={API: wire})
    return record, given.description if has_place else ""


def create_version(
    model: ModelName,
    given: GivenVersion,
    *,
    author: str,
    gone: Callable[[ModelView], Collection[str]],
) -> Edit:
    """Add a version as a draft, unless there is an equal one; its tags are reserved, so no other version gets them.

    Args:
        model: The model.
        given: What the client says.
        author: Who says it.
        gone: Returns the versions and drafts of the model that were deleted.

    The edit raises TakenError: a version of the name is another one, or a tag is that of another version.
    """
    record, description = _split_version(given, author)
    tags = [*dict.fromkeys(given.tags)]
    add = add_shown_draft(model, given.version, record, gone=gone, tags=tags)

    def create(catalog: Catalog) -> ChangeSet:
        found = _find_version(find_model(catalog, model), given.version)
        if found is not None:
            _check_equal_version(found, given)
            return ChangeSet(f"{found} already exists")
        try:
            change = add(catalog)
        except ConflictError as exc:
            raise TakenError(exc.message, remedy="choose another tag") from exc
        said: list[Edit] = []
        if given.metadata or description:
            reference = change.versions[0]
            said.append(
                replace_metadata(reference, given.metadata, description=description or None)
            )
        return followed_by(catalog, change, said)

    return create
