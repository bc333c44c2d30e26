"""The calls that read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.server.http.faces import JsonResponse, current_subject
from registry_tool.server.mlsteam.addresses import API
from registry_tool.server.mlsteam.lookup import Lookup
from registry_tool.server.mlsteam.render import render_model, render_project, render_version

if TYPE_CHECKING:
    from registry_tool.access.subjects import Subject
    from registry_tool.live.records import ModelRecord, VersionRecord
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.server.service import Service
    from registry_tool.server.views import SubjectView

__all__ = ["ProjectReads"]


class ProjectReads:
    """The calls, over a service.

    Args:
        service: What they answer from.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def lookup(self, request: Request) -> Lookup:
        """What one request is answered from."""
        service, subject = self._service, current_subject(request)
        begun: Snapshot | None = request.scope["state"].get(API)
        snapshot = service.snapshot_for(subject) if begun is None else begun
        return Lookup(service, snapshot, subject, service.writing_namespace(API))

    def begin(self, request: Request) -> tuple[SubjectView, Subject]:
        """The state that a request which only reads is answered from, until its end, and who makes it."""
        subject = current_subject(request)
        view = self._service.view_for(subject)
        request.scope["state"][API] = view.snapshot
        return view, subject

    async def list_projects(self, request: Request) -> Response:
        """``listProject``: those with a name, or all."""
        lookup, name = self.lookup(request), request.query_params.get("name", "")
        found = lookup.find_projects(name) if name else lookup.projects()
        return JsonResponse([render_project(lookup, one) for one in found])

    async def get_project(self, request: Request) -> Response:
        """``getProject``."""
        lookup = self.lookup(request)
        return JsonResponse(
            render_project(lookup, lookup.project_with(request.path_params["puuid"]))
        )

    async def list_models(self, request: Request) -> Response:
        """``listModel``: the models of a project, or the one with a name, in the order of creation."""
        lookup, name = self.lookup(request), request.query_params.get("name", "")
        project = lookup.project_with(request.path_params["puuid"])
        if name:
            named = lookup.snapshot.model_shown(project.name, name)
            found = [] if named is None else [named]
        else:
            found = [*lookup.models(project)]
        return JsonResponse([render_model(lookup, one) for one in found])

    async def get_model(self, request: Request) -> Response:
        """``getModel``."""
        lookup = self.lookup(request)
        return JsonResponse(render_model(lookup, self.model(request, lookup)))

    async def list_versions(self, request: Request) -> Response:
        """``listVersionModel``: the versions of a model, in the order of creation."""
        lookup = self.lookup(request)
        found = lookup.snapshot.versions(self.model(request, lookup))
        return JsonResponse([render_version(lookup, one) for one in found])

    async def get_version(self, request: Request) -> Response:
        """``getVersionModel``."""
        lookup = self.lookup(request)
        return JsonResponse(render_version(lookup, self.version(request, lookup)))

    @staticmethod
    def model(request: Request, lookup: Lookup) -> ModelRecord:
        """The model that a path names.

        Raises:
            NotFoundError: There is none.
        """
        return lookup.model_with(request.path_params["puuid"], request.path_params["muuid"])

    @staticmethod
    def version(request: Request, lookup: Lookup) -> VersionRecord:
        """The version that a path names.

        Raises:
            NotFoundError: There is none.
        """
        path = request.path_params
        return lookup.version_with(path["puuid"], path["muuid"], path["vuuid"])
