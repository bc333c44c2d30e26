"""Endpoints of registered models and model versions."""

from __future__ import annotations

from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.bare_names import find_model_named, read_bare_name
from registry_tool.server.changes import KnownVersions
from registry_tool.server.kubeflow.bodies import ModelVersionBody, RegisteredModelBody, read_body
from registry_tool.server.kubeflow.listing import list_records, read_options
from registry_tool.server.kubeflow.map import (
    add_registered_model,
    add_version_draft,
    update_registered_model,
    update_version,
)
from registry_tool.server.kubeflow.requests import Call, now_ms

__all__ = [
    "create_model",
    "create_version",
    "create_version_of_model",
    "find_model",
    "find_version",
    "get_model",
    "get_version",
    "list_models",
    "list_versions",
    "list_versions_of_model",
    "read_model",
    "read_version",
    "update_model",
    "update_model_version",
]

Found = tuple[int, JSON]
_MODEL: Final = "registered model"
_VERSION: Final = "model version"
# Kubeflow keeps ``<id of the model>:<name>`` in a column of 255 characters.
_LONGEST: Final = 255


def read_model(call: Call, written: object) -> ModelRecord:
    """The model with an id; raises as ``Call.find``."""
    return call.find(ModelRecord, written, _MODEL)


def read_version(call: Call, written: object) -> VersionRecord:
    """The version with an id; raises as ``Call.find``."""
    return call.find(VersionRecord, written, _VERSION)


async def list_models(call: Call) -> Found:
    """``GET registered_models``."""
    options = read_options(call.params, "registered_models")
    found = list_records(call.renderer, "model", RegisteredModelBody, options, accept=call.sees)
    return 200, found


async def get_model(call: Call) -> Found:
    """``GET registered_models/{id}``."""
    found = read_model(call, call.id)
    call.follow(found)
    return 200, call.renderer.show(found)


async def find_model(call: Call) -> Found:
    """``GET registered_model``: by name or external id."""
    name, external = call.params.get("name"), call.params.get("externalId")
    if bool(name) == bool(external):
        raise UsageError("invalid parameters call, supply either name or externalId")
    if name:
        found = find_model_named(call.snapshot, name, call.home, call.namespaces())
        models = [] if found is None else [found]
        if found is not None:
            call.follow(found)
    else:
        records = call.snapshot.find("model", "external_id", str(external))
        models = [record for record in records if isinstance(record, ModelRecord)]
    return 200, call.renderer.show(call.one(models, _MODEL))


async def create_model(call: Call) -> Found:
    """``POST registered_models``."""
    body = read_body(RegisteredModelBody, await call.body(), partial=False)
    name = str(body["name"])
    if len(name) > _LONGEST:
        raise UsageError(f"the name has {len(name)} characters; at most {_LONGEST} are possible")
    target = read_bare_name(name, call.home, call.namespaces())
    if call.snapshot.model_shown(call.home, name) is not None:
        target = target._replace(namespace=call.home, shown=name)
    subject = call.subject
    owner = f"{subject.name} <{subject.email}>"
    add = add_registered_model(target, body, owner=owner, email=subject.email)
    with call.claims.claim("context", body.get("externalId")):
        written = await call.write(_checked(call, add, body), target.namespace)
    path = next(path for path in written.change.puts if path.endswith("/model.yaml"))
    place = call.snapshot.layout.locate(path)
    record = None if place is None or place.model is None else call.snapshot.model(place.model)
    if record is None:
        raise NotFoundError(f"{_MODEL} {name!a} not found: it was removed meanwhile")
    return 201, call.renderer.show(record)


def _checked(call: Call, edit: Edit, body: dict[str, JSON], *, but: int = 0) -> Edit:
    """An edit that refuses an external id that is in use when it is made."""

    def check(catalog: Catalog) -> ChangeSet:
        call.check_external(body.get("externalId"), but=but)
        return edit(catalog)

    return check


async def update_model(call: Call) -> Found:
    """``PATCH registered_models/{id}``."""
    record = read_model(call, call.id)
    body = read_body(RegisteredModelBody, await call.body(), partial=True)
    edit = update_registered_model(record.name, body, now_ms())
    with call.claims.claim("context", body.get("externalId")):
        await call.write(_checked(call, edit, body, but=record.id), record.name.namespace)
    return 200, call.renderer.show(read_model(call, call.id))


async def list_versions(call: Call) -> Found:
    """``GET model_versions``."""
    options = read_options(call.params, "model_versions")
    found = list_records(call.renderer, "version", ModelVersionBody, options, accept=call.sees)
    return 200, found


async def list_versions_of_model(call: Call) -> Found:
    """``GET registered_models/{id}/versions``."""
    model = read_model(call, call.id)
    call.follow(model)
    name, external = call.params.get("name"), call.params.get("externalId")
    options = read_options(call.params, f"{model.id} {name} {external}")

    def accept(record: object) -> bool:
        if not isinstance(record, VersionRecord) or (name and record.shown != name):
            return False
        return not external or record.external_id == external

    found = list_records(
        call.renderer, "version", ModelVersionBody, options, ids=model.version_ids, accept=accept
    )
    return 200, found


async def get_version(call: Call) -> Found:
    """``GET model_versions/{id}``."""
    found = read_version(call, call.id)
    call.follow(call.snapshot.model_with(found))
    return 200, call.renderer.show(found)


async def find_version(call: Call) -> Found:
    """``GET model_version``: by name and model, or by external id."""
    name, parent = call.params.get("name"), call.params.get("parentResourceId")
    external = call.params.get("externalId")
    if external:
        records = call.snapshot.find("version", "external_id", external)
        found = [record for record in records if isinstance(record, VersionRecord)]
        return 200, call.renderer.show(call.one(found, _VERSION))
    if not name or not parent:
        raise UsageError(
            "invalid parameters call, supply either (name and parentResourceId), or externalId"
        )
    model = read_model(call, parent)
    call.follow(model)
    version = call.snapshot.version_shown(model.name, name)
    return 200, call.renderer.show(call.one([] if version is None else [version], _VERSION))


async def create_version(call: Call) -> Found:
    """``POST model_versions``."""
    return await _add_version(call, await call.body())


async def create_version_of_model(call: Call) -> Found:
    """``POST registered_models/{id}/versions``."""
    return await _add_version(call, {**await call.body(), "registeredModelId": call.id})


async def _add_version(call: Call, data: dict[str, JSON]) -> Found:
    body = read_body(ModelVersionBody, data, partial=False)
    model = read_model(call, body["registeredModelId"])
    if len(f"{model.id}:{body['name']}") > _LONGEST:
        raise UsageError(
            f"the name is too long: at most {_LONGEST - 1 - len(str(model.id))} characters"
        )
    add = add_version_draft(model.name, body, KnownVersions(lambda: call.newest).find_gone)
    with call.claims.claim("context", body.get("externalId")):
        written = await call.write(_checked(call, add, body), model.name.namespace)
    (added,) = written.change.versions
    record = call.snapshot.version(added.model, str(added.selector))
    if record is None:
        raise NotFoundError(f"{_VERSION} {added} not found: it was removed meanwhile")
    return 201, call.renderer.show(record)


async def update_model_version(call: Call) -> Found:
    """``PATCH model_versions/{id}``."""
    record = read_version(call, call.id)
    body = read_body(ModelVersionBody, await call.body(), partial=True)
    edit = update_version(Reference(record.model, record.version), body, now_ms())
    with call.claims.claim("context", body.get("externalId")):
        await call.write(_checked(call, edit, body, but=record.id), record.model.namespace)
    return 200, call.renderer.show(read_version(call, call.id))
