"""Endpoints of artifacts: those of versions, and those that stand alone or belong to a run of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import ConflictError, NotFoundError, UsageError
from registry_tool.live.records import ArtifactRecord, ModelRecord, ObjectRecord, VersionRecord
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.kubeflow.artifact_edits import Said, attach_object, put_artifact
from registry_tool.server.kubeflow.bodies import ARTIFACTS, READ_ONLY, read_artifact
from registry_tool.server.kubeflow.contexts import read_version
from registry_tool.server.kubeflow.entries import OWN
from registry_tool.server.kubeflow.listing import list_items, read_options
from registry_tool.server.kubeflow.object_edits import (
    add_object,
    history_place,
    random_name,
    update_object,
)
from registry_tool.server.kubeflow.render import API, ARTIFACT, Renderer
from registry_tool.server.kubeflow.requests import Call, now_ms, read_id

__all__ = [
    "create_artifact",
    "create_model_artifact",
    "find_artifact",
    "find_model_artifact",
    "get_artifact",
    "get_model_artifact",
    "list_artifacts",
    "list_model_artifacts",
    "list_run_artifacts",
    "list_version_artifacts",
    "put_run_artifact",
    "put_version_artifact",
    "update_artifact",
    "update_model_artifact",
]

Found = tuple[int, JSON]
Artifact = ArtifactRecord | ObjectRecord
_MODEL: Final = "model-artifact"
# Fields that the server shows and that no request sets.
_SHOWN_ONLY: Final = READ_ONLY | {"experimentId", "experimentRunId"}


def _is_attached_entry(item: ArtifactRecord) -> bool:
    metadata = item.data.get("metadata")
    own = metadata.get(OWN) if isinstance(metadata, dict) else None
    return isinstance(own, dict) and "object" in own


def _of_version(call: Call, version: VersionRecord) -> list[Artifact]:
    own = [one for one in call.snapshot.artifacts(version) if not _is_attached_entry(one)]
    return sorted([*own, *call.snapshot.attached(version)], key=lambda one: one.id)


def _of_run(call: Call, run: ObjectRecord) -> list[Artifact]:
    found = call.snapshot.standalone_artifacts()
    return [one for one in found if one.parent == f"run/{run.slug}"]


def _all(call: Call) -> Iterator[Artifact]:
    for record in call.snapshot.listed("version"):
        if isinstance(record, VersionRecord) and call.sees(record):
            yield from (
                one for one in call.snapshot.artifacts(record) if not _is_attached_entry(one)
            )
    if call.subject.sees(call.home):
        yield from (one for one in call.snapshot.standalone_artifacts() if one.api == API)


def _type(renderer: Renderer, item: Artifact) -> str:
    return str(renderer.show(item)["artifactType"])


def _listed(
    call: Call, items: Iterator[Artifact] | list[Artifact], scope: str, kind: str = ""
) -> Found:
    wanted = kind or call.params.get("artifactType", "")
    if wanted and wanted not in ARTIFACTS:
        raise UsageError(f"artifactType {wanted[:60]!a} is not one of {', '.join(ARTIFACTS)}")
    renderer = call.renderer
    chosen = (one for one in items if not wanted or _type(renderer, one) == wanted)
    bodies = [ARTIFACTS[wanted]] if wanted else [*ARTIFACTS.values()]
    return 200, list_items(renderer, chosen, bodies, read_options(call.params, scope))


async def list_artifacts(call: Call) -> Found:
    """``GET artifacts``."""
    return _listed(call, _all(call), "artifacts")


async def list_model_artifacts(call: Call) -> Found:
    """``GET model_artifacts``."""
    return _listed(call, _all(call), "model_artifacts", _MODEL)


async def list_version_artifacts(call: Call) -> Found:
    """``GET model_versions/{id}/artifacts``."""
    version = read_version(call, call.id)
    return _listed(call, _of_version(call, version), f"version {version.id}")


def read_run(call: Call, written: object) -> ObjectRecord:
    """The run with an id; raises as ``Call.find``."""
    return call.find(ObjectRecord, written, "experiment run", object_kind="run")


async def list_run_artifacts(call: Call) -> Found:
    """``GET experiment_runs/{id}/artifacts``."""
    run = read_run(call, call.id)
    return _listed(call, _of_run(call, run), f"run {run.id}")


def _read(call: Call, written: object, kind: str = "") -> Artifact:
    found = call.artifact(read_id(written))
    what = kind.replace("-", " ") or "artifact"
    if isinstance(found, ArtifactRecord) and not call.sees(found.owner):
        found = None
    if isinstance(found, ObjectRecord) and not call.sees(found):
        found = None
    if found is None or (kind and _type(call.renderer, found) != kind):
        raise NotFoundError(f"{what} with id {str(written)[:60]} not found")
    return found


async def get_artifact(call: Call) -> Found:
    """``GET artifacts/{id}``."""
    return 200, call.renderer.show(_read(call, call.id))


async def get_model_artifact(call: Call) -> Found:
    """``GET model_artifacts/{id}``."""
    return 200, call.renderer.show(_read(call, call.id, _MODEL))


async def find_artifact(call: Call) -> Found:
    """``GET artifact``: by name and parent, or by external id."""
    return 200, call.renderer.show(_find(call, ""))


async def find_model_artifact(call: Call) -> Found:
    """``GET model_artifact``: by name and version, or by external id."""
    return 200, call.renderer.show(_find(call, _MODEL))


def _find(call: Call, kind: str) -> Artifact:
    name, parent = call.params.get("name"), call.params.get("parentResourceId")
    external = call.params.get("externalId")
    renderer = call.renderer
    if external:
        found = [one for one in _with_external(call, external) if _sees(call, one)]
    elif name and parent:
        record = call.record(read_id(parent))
        if isinstance(record, ObjectRecord) and record.kind == "run":
            items = _of_run(call, record)
        else:
            items = _of_version(call, read_version(call, parent))
        found = [one for one in items if renderer.show(one)["name"] == name]
    else:
        raise UsageError(
            "invalid parameters call, supply either (name and parentResourceId), or externalId"
        )
    found = [one for one in found if not kind or _type(renderer, one) == kind]
    if not found and name and parent:
        found = _find_as_client_names_it(call, name, parent)
    if len(found) != 1:
        raise NotFoundError(
            "multiple artifacts found: not found as one" if found else "artifact not found"
        )
    return found[0]


def _find_as_client_names_it(call: Call, name: str, parent: str) -> list[Artifact]:
    """The model artifacts of a version, if the name is that of their model.

    Kubeflow's client calls a model artifact like its model, and ``get_model_artifact`` asks by that name alone; who came in by
    another way chose another name.
    """
    version = call.record(read_id(parent))
    if not isinstance(version, VersionRecord):
        return []
    model = call.renderer.show(call.snapshot.models[version.model])
    if model["name"] != name:
        return []
    return [one for one in _of_version(call, version) if _type(call.renderer, one) == _MODEL]


def _sees(call: Call, item: Artifact) -> bool:
    return call.sees(item.owner if isinstance(item, ArtifactRecord) else item)


def _with_external(call: Call, external: str) -> list[Artifact]:
    """The artifacts with an external id. The bytes of records are searched first: no index has them."""
    snapshot, renderer = call.newest, call.renderer
    found: list[Artifact] = [
        one for one in snapshot.standalone_artifacts() if one.external_id == external
    ]
    sought = orjson.dumps(external)[1:-1]
    for record in snapshot.listed("version"):
        if not isinstance(record, VersionRecord):
            continue
        if sought in record.record or any(sought in part for part in record.files.values()):
            own = (one for one in snapshot.artifacts(record) if not _is_attached_entry(one))
            found += (one for one in own if renderer.show(one).get("externalId") == external)
    return found


def _checked(call: Call, edit: Edit, body: dict[str, JSON], *, but: int = 0) -> Edit:
    """An edit that refuses an external id that another artifact has when it is made."""

    def check(catalog: Catalog) -> ChangeSet:
        external = body.get("externalId")
        others = _with_external(call, external) if isinstance(external, str) and external else []
        if any(one.id != but for one in others):
            raise ConflictError(f"externalId {str(external)[:60]!a} is already used")
        return edit(catalog)

    return check


def _current(call: Call, item: Artifact) -> dict[str, JSON]:
    """All fields of an artifact that a request could set."""
    shown = Renderer(call.snapshot, call.home, is_alpha=True).show(item)
    found = {key: value for key, value in shown.items() if key not in _SHOWN_ONLY}
    if isinstance(found.get("step"), str):
        found["step"] = int(str(found["step"]))
    return _without_unknown(found)


def _without_unknown(body: dict[str, JSON]) -> dict[str, JSON]:
    """The fields without the state that an artifact has that has none."""
    return {k: v for k, v in body.items() if (k, v) != ("state", "UNKNOWN")}


async def _update(call: Call, item: Artifact, data: dict[str, JSON]) -> Artifact:
    """Change an artifact and return it as it is then."""
    before = _current(call, item)
    kind = str(before["artifactType"])
    given = data.get("artifactType", kind)
    if given != kind:
        words = {_MODEL: "model", "doc-artifact": "doc"}.get(kind, kind)
        raise UsageError(
            f"the artifact with id {item.id} is a {words} artifact: its type cannot change to {given!a}"
        )
    if data.get("name") == before["name"]:
        data = {key: value for key, value in data.items() if key != "name"}
    body = read_artifact({"artifactType": kind, **data}, partial=True)
    with call.claims.claim("artifact", body.get("externalId")):
        if isinstance(item, ObjectRecord):
            edit = update_object(item.slug, item.kind, body, now_ms())
            await call.write(_checked(call, edit, body, but=item.id), call.home)
            if kind == "metric":
                call.note_series(history_place(item))
        else:
            await _update_entry(call, item, _without_unknown({**before, **body}), body)
    return _read(call, str(item.id))


async def _update_entry(
    call: Call, item: ArtifactRecord, whole: dict[str, JSON], body: dict[str, JSON]
) -> None:
    if isinstance(item.owner, ModelRecord):
        raise UsageError(f"the artifact with id {item.id} belongs to the model, not to a version")
    now = max(now_ms(), call.snapshot.time(item.created) + 1)
    if "path" in item.data:
        raise UsageError(
            f"the artifact with id {item.id} is stored in the registry and does not change"
        )
    edit = put_artifact(
        Reference(item.owner.model, item.owner.version),
        whole,
        name=item.name,
        said=Said(call.subject.name, now),
    )
    await call.write(_checked(call, edit, body, but=item.id), item.owner.model.namespace)


async def update_artifact(call: Call) -> Found:
    """``PATCH artifacts/{id}``."""
    item = _read(call, call.id)
    found = await _update(call, item, await call.body())
    return 200, call.renderer.show(found)


async def update_model_artifact(call: Call) -> Found:
    """``PATCH model_artifacts/{id}``."""
    item = _read(call, call.id, _MODEL)
    found = await _update(call, item, await call.body())
    return 200, call.renderer.show(found)


async def create_artifact(call: Call) -> Found:
    """``POST artifacts``: a standalone artifact, or with an id an update."""
    return await _create(call, await call.body(), "")


async def create_model_artifact(call: Call) -> Found:
    """``POST model_artifacts``."""
    return await _create(call, await call.body(), _MODEL)


async def _create(call: Call, data: dict[str, JSON], default: str) -> Found:
    if data.get("id"):
        item = _read(call, data["id"], default)
        found = await _update(call, item, data)
        return 200, call.renderer.show(found)
    body = _without_unknown(read_artifact(data, default=default))
    record = await _add_object(call, body, parent="")
    return 201, call.renderer.show(record)


async def _add_object(call: Call, body: dict[str, JSON], *, parent: str) -> ObjectRecord:
    with call.claims.claim("artifact", body.get("externalId")):
        edit = add_object(ARTIFACT, body, parent=parent)
        written = await call.write(_checked(call, edit, body), call.home)
    slug = next(iter(written.change.puts)).rpartition("/")[2].removesuffix(".yaml")
    record = call.snapshot.object(API, ARTIFACT, slug)
    if record is None:
        raise NotFoundError("artifact not found: it was removed meanwhile")
    return record


async def put_version_artifact(call: Call) -> Found:
    """``POST model_versions/{id}/artifacts``: create; with an id, update or attach."""
    version = read_version(call, call.id)
    data = await call.body()
    if data.get("id"):
        return await _put_known(call, version, data)
    body = _without_unknown(read_artifact(data))
    if not body.get("name"):
        body["name"] = random_name()
    before = _same(call, _of_version(call, version), body)
    reference = Reference(version.model, version.version)
    edit = put_artifact(reference, body, name=None, said=Said(call.subject.name, now_ms()))
    but = before.id if before is not None else 0
    with call.claims.claim("artifact", body.get("externalId")):
        await call.write(_checked(call, edit, body, but=but), version.model.namespace)
    found = _same(call, _of_version(call, read_version(call, call.id)), body)
    if found is None:
        raise NotFoundError("artifact not found: it was removed meanwhile")
    return 200 if before is not None else 201, call.renderer.show(found)


def _same(call: Call, items: list[Artifact], body: dict[str, JSON]) -> Artifact | None:
    """The artifact of the name and type of a request."""
    for one in items:
        shown = call.renderer.show(one)
        if (shown["name"], shown["artifactType"]) == (body["name"], body["artifactType"]):
            return one
    return None


async def _put_known(call: Call, version: VersionRecord, data: dict[str, JSON]) -> Found:
    item = _read(call, data["id"])
    mine = {one.id for one in _of_version(call, version)}
    if item.id in mine:
        found = await _update(call, item, data)
        return 200, call.renderer.show(found)
    if not isinstance(item, ObjectRecord):
        raise UsageError(f"the artifact with id {item.id} belongs to another model version")
    before = _current(call, item)
    body = read_artifact({**before, **data})
    edit = attach_object(Reference(version.model, version.version), item.slug, body)
    await call.write(edit, version.model.namespace)
    differs = any(before.get(key) != value for key, value in body.items())
    found = await _update(call, item, data) if differs else _read(call, str(item.id))
    return 200, call.renderer.show(found)


async def put_run_artifact(call: Call) -> Found:
    """``POST experiment_runs/{id}/artifacts``: create; with an id or the name of a metric or parameter, update."""
    run = read_run(call, call.id)
    data = await call.body()
    if data.get("id"):
        item = _read(call, data["id"])
        found = await _update(call, item, data)
        return 200, call.renderer.show(found)
    body = _without_unknown(read_artifact(data))
    if not body.get("name"):
        body["name"] = random_name()
    before = _same(call, _of_run(call, run), body)
    if before is not None:
        if body["artifactType"] not in {"metric", "parameter"}:
            raise ConflictError(
                f"{body['artifactType']} {body['name']!a} of the run already exists"
            )
        found = await _update(call, before, data)
        return 200, call.renderer.show(found)
    record = await _add_object(call, body, parent=f"run/{run.slug}")
    return 201, call.renderer.show(record)
