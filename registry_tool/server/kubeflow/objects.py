"""Endpoints of serving environments, inference services, serve actions, experiments and runs."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.errors import ConflictError, NotFoundError, UsageError
from registry_tool.live.records import ModelRecord, ObjectRecord, VersionRecord
from registry_tool.manifests.data import member, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.server.kubeflow.bodies import read_body
from registry_tool.server.kubeflow.contexts import read_model, read_version
from registry_tool.server.kubeflow.listing import list_records, read_options
from registry_tool.server.kubeflow.object_edits import KINDS, ObjectKind, add_object, update_object
from registry_tool.server.kubeflow.render import API, PARENT_FIELDS
from registry_tool.server.kubeflow.requests import Call, now_ms

__all__ = [
    "ObjectEndpoints",
    "show_served_model",
    "show_served_version",
]

Found = tuple[int, JSON]
_PARENTS: Final = {
    "inference-service": "serving-environment", "run": "experiment", "serve": "inference-service",
}  # fmt: skip
_WORDS: Final = {"serve": "serve model", "run": "experiment run"}


def _words(kind: str) -> str:
    return _WORDS.get(kind, kind.replace("-", " "))


class ObjectEndpoints(NamedTuple):
    """The endpoints of one kind of object.

    Attributes:
        kind: What it is.
    """

    kind: ObjectKind

    def _read(self, call: Call, written: object) -> ObjectRecord:
        name = self.kind.name
        return call.find(ObjectRecord, written, _words(name), object_kind=name)

    def _parent(self, call: Call, written: object) -> ObjectRecord:
        name = _PARENTS[self.kind.name]
        return call.find(ObjectRecord, written, _words(name), object_kind=name)

    async def get(self, call: Call) -> Found:
        """``GET …/{id}``."""
        return 200, call.renderer.show(self._read(call, call.id))

    async def list_all(self, call: Call) -> Found:
        """``GET …``."""
        return 200, self._list(call, None, self.kind.name)

    async def list_of_parent(self, call: Call) -> Found:
        """``GET <parent>/{id}/…``."""
        parent = self._parent(call, call.id)
        found = call.snapshot.find(
            f"{API}/{self.kind.name}", "parent", f"{parent.kind}/{parent.slug}"
        )
        ids = array("q", (record.id for record in found))
        return 200, self._list(call, ids, f"{self.kind.name} {parent.id}")

    def _list(self, call: Call, ids: array[int] | None, scope: str) -> dict[str, JSON]:
        options = read_options(call.params, scope)
        return list_records(
            call.renderer,
            f"{API}/{self.kind.name}",
            self.kind.body,
            options,
            ids=ids,
            accept=call.sees,
        )

    async def find(self, call: Call) -> Found:
        """``GET <one>``: by name, with the parent where it has one, or by external id."""
        name, external = call.params.get("name"), call.params.get("externalId")
        kind = f"{API}/{self.kind.name}"
        parent = call.params.get("parentResourceId")
        if bool(name) == bool(external) or (
            name and self.kind.name in PARENT_FIELDS and not parent
        ):
            needs = "(name and parentResourceId)" if self.kind.name in PARENT_FIELDS else "name"
            raise UsageError(f"invalid parameters call, supply either {needs} or externalId")
        found = call.snapshot.find(kind, "shown" if name else "external_id", str(name or external))
        records = [record for record in found if isinstance(record, ObjectRecord)]
        if name and parent and self.kind.name in PARENT_FIELDS:
            above = self._parent(call, parent)
            records = [one for one in records if one.parent == f"{above.kind}/{above.slug}"]
        return 200, call.renderer.show(call.one(records, _words(self.kind.name)))

    async def create(self, call: Call) -> Found:
        """``POST …``."""
        return await self._add(call, await call.body(), None)

    async def create_of_parent(self, call: Call) -> Found:
        """``POST <parent>/{id}/…``."""
        data = await call.body()
        if (field := PARENT_FIELDS.get(self.kind.name)) is not None:
            data[field] = call.id
        return await self._add(call, data, call.id)

    async def _add(self, call: Call, data: dict[str, JSON], parent_id: object) -> Found:
        body = read_body(self.kind.body, data, partial=False)
        field = PARENT_FIELDS.get(self.kind.name, "")
        parent = ""
        if self.kind.name in _PARENTS:
            above = self._parent(call, parent_id or body.get(field))
            parent = f"{above.kind}/{above.slug}"
        edit = add_object(self.kind.name, body, parent=parent, about=_about(call, body))
        with call.claims.claim("context", body.get("externalId")):
            written = await call.write(self._checked(call, edit, body, parent), call.home)
        slug = next(iter(written.change.puts)).rpartition("/")[2].removesuffix(".yaml")
        record = call.snapshot.object(API, self.kind.name, slug)
        if record is None:
            raise NotFoundError(f"{_words(self.kind.name)} not found: it was removed meanwhile")
        return 201, call.renderer.show(record)

    def _checked(
        self, call: Call, edit: Edit, body: dict[str, JSON], parent: str, *, but: int = 0
    ) -> Edit:
        def check(catalog: Catalog) -> ChangeSet:
            call.check_external(body.get("externalId"), but=but)
            name = body.get("name")
            if self.kind.is_unique and isinstance(name, str) and name:
                found = call.newest.find(f"{API}/{self.kind.name}", "shown", name)
                if any(
                    isinstance(r, ObjectRecord) and r.parent == parent and r.id != but
                    for r in found
                ):
                    raise ConflictError(f"{_words(self.kind.name)} {name[:60]!a} already exists")
            return edit(catalog)

        return check

    async def update(self, call: Call) -> Found:
        """``PATCH …/{id}``."""
        record = self._read(call, call.id)
        body = read_body(self.kind.body, await call.body(), partial=True)
        edit = update_object(record.slug, record.kind, body, now_ms(), about=_about(call, body))
        with call.claims.claim("context", body.get("externalId")):
            await call.write(
                self._checked(call, edit, body, record.parent, but=record.id), call.home
            )
        return 200, call.renderer.show(self._read(call, call.id))


def _about(call: Call, body: dict[str, JSON]) -> dict[str, str]:
    """The model and version that a body names by id, by path."""
    found = {}
    if "registeredModelId" in body:
        found["model"] = str(read_model(call, body["registeredModelId"]).name)
    if "modelVersionId" in body:
        version = read_version(call, body["modelVersionId"])
        found["version"] = f"{version.model}@{version.version}"
    return found


_SERVICES: Final = ObjectEndpoints(KINDS["inference_services"])


def _served_model(call: Call) -> ModelRecord:
    service = call.find(ObjectRecord, call.id, "inference service", object_kind="inference-service")
    name = text(member(service.data, "about"), "model")
    model = call.snapshot.model(ModelName.parse(name)) if name else None
    if model is None or not call.sees(model):
        raise NotFoundError("registered model not found")
    return model


async def show_served_model(call: Call) -> Found:
    """``GET inference_services/{id}/model``."""
    return 200, call.renderer.show(_served_model(call))


async def show_served_version(call: Call) -> Found:
    """``GET inference_services/{id}/version``: the version that it names, else the newest of its model."""
    model = _served_model(call)
    service = call.find(ObjectRecord, call.id, "inference service", object_kind="inference-service")
    _, _, version = text(member(service.data, "about"), "version").partition("@")
    found: VersionRecord | None = None
    if version:
        found = call.snapshot.version(model.name, version)
    else:
        found = next(reversed([*call.snapshot.versions(model)]), None)
    return 200, call.renderer.show(call.one([] if found is None else [found], "model version"))


Endpoint = Callable[[Call], Awaitable[Found]]
