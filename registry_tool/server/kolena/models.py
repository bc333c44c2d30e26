"""Kolena's calls about models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.edits.shown import NewNamespace
from registry_tool.errors import NotFoundError
from registry_tool.live.records import VersionRecord
from registry_tool.manifests.data import member, texts
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.bare_names import read_bare_name
from registry_tool.server.changes import KnownVersions, find_added_model, render_owner
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.kolena.bodies import (
    CreateModelBody,
    EditModelBody,
    LoadAllBody,
    LoadBody,
    check_name,
    read_body,
)
from registry_tool.server.kolena.errors import IncorrectUsageError, NameConflictError
from registry_tool.server.kolena.lookup import API, Lookup, look_up
from registry_tool.server.kolena.model_edits import GivenModel, create_model, edit_model

if TYPE_CHECKING:
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.service import Service

__all__ = ["ModelCalls", "render_model"]

_SHOWN = 120


def render_model(lookup: Lookup, version: VersionRecord) -> dict[str, JSON]:
    """A model, as clients see it."""
    labels = texts(version.file("metadata.yaml"), "labels")
    others = texts(member(version.file("wire.yaml"), API), "tags")
    return {
        "id": version.id,
        "name": lookup.model_name(version),
        "metadata": {**version.metadata},
        "tags": [*dict.fromkeys([*labels, *others])],
        "workflow": lookup.model_workflow(version),
    }


class ModelCalls:
    """The calls, over a service.

    Args:
        service: What they answer from.
        changes: Writes.
    """

    def __init__(self, service: Service, changes: ChangeWriter) -> None:
        self._service = service
        self._changes = changes

    async def create(self, request: Request) -> Response:
        """``POST generic/model/create``: a model with the version ``1``."""
        body = await read_body(request, CreateModelBody)
        lookup = look_up(self._service, request)
        name = check_name(body.name, "model")
        self._check_free(lookup, name)
        visible = {one for one in lookup.snapshot.namespaces if lookup.subject.sees(one)}
        namespace, shown = read_bare_name(name, lookup.home, visible)
        subject = lookup.subject
        edit = create_model(
            NewNamespace(namespace, subject.email),
            GivenModel(shown, body.metadata, body.workflow, body.tags or ()),
            owner=render_owner(subject),
            author=subject.name,
            known=KnownVersions(lambda: self._service.snapshot_for(subject)),
            default_scheme=lookup.snapshot.default_scheme,
        )
        written = await self._changes.write(request, namespace, edit)
        lookup = look_up(self._service, request)
        added = find_added_model(lookup.snapshot.layout, written)
        model = None if added is None else lookup.snapshot.model(added)
        version = None if model is None else lookup.choose_version(model)
        if version is None:
            raise NameConflictError(f"{name!a} was changed by another request", remedy="try again")
        return JsonResponse(render_model(lookup, version))

    @staticmethod
    def _check_free(lookup: Lookup, name: str) -> None:
        """Refuse a name that means a version of an existing model; only a person or another protocol adds versions to it.

        Raises:
            IncorrectUsageError: It does.
        """
        start, at, selector = name.rpartition("@")
        if at and lookup.find_registered(start) is not None:
            raise IncorrectUsageError(
                f"the model {start!a} has no version, tag or alias {selector[:_SHOWN]!a}",
                remedy=f"choose a name without @, or add the version: registry version add {start} --track URI --framework TYPE",
            )

    async def load(self, request: Request) -> Response:
        """``PUT generic/model/load``."""
        body = await read_body(request, LoadBody)
        lookup = look_up(self._service, request)
        version = lookup.find_model(body.name)
        if version is None:
            raise NotFoundError(f"model {body.name[:_SHOWN]!a} not found")
        return JsonResponse(render_model(lookup, version))

    async def load_all(self, request: Request) -> Response:
        """``PUT generic/model/load-all``: the models of a workflow that have all of some tags."""
        body = await read_body(request, LoadAllBody)
        lookup = look_up(self._service, request)
        wanted = set(body.tags or ())
        found = (render_model(lookup, version) for version in lookup.models_of(body.workflow))
        models: list[JSON] = [one for one in found if wanted.issubset(texts(one, "tags"))]
        return JsonResponse({"models": models})

    async def edit(self, request: Request) -> Response:
        """``PUT generic/model/edit``: the name, the metadata and the tags, which Kolena's web application edits."""
        body = await read_body(request, EditModelBody)
        lookup = look_up(self._service, request)
        version = lookup.model(body.model_id)
        name = body.name
        if name is not None:
            name = self._read_new_name(lookup, version, check_name(name, "model"))
        reference = Reference(version.model, version.version)
        edit = edit_model(reference, name=name, metadata=body.metadata, tags=body.tags)
        await self._changes.write(request, version.model.namespace, edit, about=version.model)
        lookup = look_up(self._service, request)
        return JsonResponse(render_model(lookup, lookup.model(body.model_id)))

    @staticmethod
    def _read_new_name(lookup: Lookup, version: VersionRecord, name: str) -> str | None:
        """The title for a new name; None where that is the name it has."""
        if name == lookup.model_name(version):
            return None
        if "@" in lookup.model_name(version):
            raise IncorrectUsageError(
                f"{lookup.model_name(version)} is named by its model and version",
                remedy="rename the model that was created through Kolena",
            )
        found = read_bare_name(name, lookup.home, lookup.snapshot.namespaces)
        if found.namespace != version.model.namespace:
            raise IncorrectUsageError(f"{name!a} is a name in another namespace")
        return found.shown
