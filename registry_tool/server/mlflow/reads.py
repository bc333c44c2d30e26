"""MLflow's calls that read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from registry_tool.integrations.mlflow_mapping import STAGES, parse_stage
from registry_tool.live.pages import Page
from registry_tool.live.records import ModelRecord, Record, VersionRecord
from registry_tool.manifests.data import records, text
from registry_tool.server.http.faces import JsonResponse, current_subject
from registry_tool.server.http.kept_answers import follow_model
from registry_tool.server.mlflow.errors import MlflowError, require
from registry_tool.server.mlflow.lookup import Lookup
from registry_tool.server.mlflow.queries import read_parameter, read_search, require_parameter
from registry_tool.server.mlflow.render import Renderer, proxy_folder
from registry_tool.server.mlflow.search import find_only_model, search_models, search_versions
from registry_tool.server.service import Service

__all__ = ["PROXY_PREFIX", "ModelReads", "check_stage"]

_R = TypeVar("_R", bound=Record)
_AT_ONCE: Final = 2000  # records of a list that are rendered before anything is sent

PROXY_PREFIX: Final = "/api/2.0/mlflow-artifacts"
"""Where the artifact proxy is."""


def check_stage(stage: str) -> str:
    """A stage in any case as MLflow writes it.

    Raises:
        MlflowError: It is none.
    """
    found = parse_stage(stage)
    if found is None:
        raise MlflowError(
            f"Invalid Model Version stage: {stage}. Value must be one of {', '.join(STAGES)}."
        )
    return found


def _list(
    key: bytes, records: Sequence[_R], render: Callable[[_R], bytes], token: str = ""
) -> Response:
    """A page. One with many records is rendered and sent in parts: it would take hundreds of megabytes, and seconds."""
    begin = b'{"%b":[' % key
    end = b'],"next_page_token":"%b"}' % token.encode() if token else b"]}"
    if len(records) <= _AT_ONCE:
        return JsonResponse(b"".join((begin, b",".join(map(render, records)), end)))

    async def parts() -> AsyncIterator[bytes]:
        yield begin
        for start in range(0, len(records), _AT_ONCE):
            piece = b",".join(map(render, records[start : start + _AT_ONCE]))
            yield b"," + piece if start else piece
            await asyncio.sleep(0)  # other requests have a turn
        yield end

    return StreamingResponse(parts(), media_type="application/json")


class ModelReads:
    """The calls, over a service.

    Args:
        service: What they answer from.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.renderer = Renderer()

    def begin(self, request: Request) -> Lookup:
        """What a request that only reads is answered from, from now on until its end."""
        found = request.scope["state"]["mlflow"] = self.lookup(request)
        return found

    def lookup(self, request: Request) -> Lookup:
        """What a request is answered from."""
        begun: Lookup | None = request.scope["state"].get("mlflow")
        if begun is not None:
            return begun
        service = self._service
        subject = current_subject(request)
        return Lookup(service.view_for(subject), subject, service.writing_namespace("mlflow"))

    def answer_model(self, lookup: Lookup, model: ModelRecord) -> Response:
        """One model."""
        found = self.renderer.model(lookup, model)
        return JsonResponse(b'{"registered_model":' + found + b"}")

    def answer_version(self, lookup: Lookup, version: VersionRecord) -> Response:
        """One version."""
        found = self.renderer.version(lookup, version)
        return JsonResponse(b'{"model_version":' + found + b"}")

    async def get_model(self, request: Request) -> Response:
        """``GET registered-models/get``."""
        lookup, name = self.lookup(request), read_parameter(request, "name")
        model = lookup.model(name)
        follow_model(request, model)
        return self.answer_model(lookup, model)

    async def get_version(self, request: Request) -> Response:
        """``GET model-versions/get``."""
        lookup, name = self.lookup(request), require_parameter(request, "name")
        found = lookup.version(name, require_parameter(request, "version"))
        follow_model(request, lookup.snapshot.model_with(found))
        return self.answer_version(lookup, found)

    async def get_by_alias(self, request: Request) -> Response:
        """``GET registered-models/alias``."""
        lookup, name = self.lookup(request), require_parameter(request, "name")
        found = lookup.version_with_alias(name, require_parameter(request, "alias"))
        follow_model(request, lookup.snapshot.model_with(found))
        return self.answer_version(lookup, found)

    async def get_latest(self, request: Request) -> Response:
        """``GET|POST registered-models/get-latest-versions``."""
        from registry_tool.server.mlflow import bodies

        lookup = self.lookup(request)
        body = (
            bodies.read_query(request, bodies.LatestBody)
            if request.method == "GET"
            else await bodies.read_body(request, bodies.LatestBody)
        )
        model = lookup.model(require(body.name, "name"))
        follow_model(request, model)
        wanted = {check_stage(stage) for stage in body.stages} or {*STAGES}
        latest = [
            version
            for version in self.renderer.latest(lookup, model)
            if self.renderer.stage(lookup, version) in wanted
        ]
        return _list(b"model_versions", latest, lambda one: self.renderer.version(lookup, one))

    async def search_models(self, request: Request) -> Response:
        """``GET registered-models/search``."""
        lookup = self.lookup(request)
        query = read_search(request)
        page = search_models(lookup, query)
        if (model := find_only_model(lookup, query.filter, "model")) is not None:
            follow_model(request, model)
        return self._list_page(lookup, b"registered_models", page)

    async def search_versions(self, request: Request) -> Response:
        """``GET model-versions/search``."""
        lookup = self.lookup(request)
        query = read_search(request)
        page = search_versions(lookup, query)
        if (model := find_only_model(lookup, query.filter, "version")) is not None:
            follow_model(request, model)
        return self._list_page(lookup, b"model_versions", page)

    def _list_page(self, lookup: Lookup, key: bytes, page: Page) -> Response:
        render = partial(self._render, lookup)
        return _list(key, page.records, render, page.next_token)

    def _render(self, lookup: Lookup, record: Record) -> bytes:
        if isinstance(record, VersionRecord):
            return self.renderer.version(lookup, record)
        return self.renderer.model(lookup, record) if isinstance(record, ModelRecord) else b"{}"

    async def get_download_uri(self, request: Request) -> Response:
        """``GET model-versions/get-download-uri``."""
        lookup, name = self.lookup(request), require_parameter(request, "name")
        found = lookup.version(name, require_parameter(request, "version"))
        follow_model(request, lookup.snapshot.model_with(found))
        return JsonResponse({"artifact_uri": self._download_uri(lookup, found)})

    def _download_uri(self, lookup: Lookup, version: VersionRecord) -> str:
        if version.state in {"withdrawn", "erased"}:
            raise MlflowError(f"{version.model}@{version.version} is {version.state}")
        stored = [entry for entry in records(version.data, "artifacts") if "path" in entry]
        if not stored:
            import orjson

            said = orjson.loads(self.renderer.version(lookup, version))
            return text(said, "source")
        folders = [entry for entry in stored if "nfiles" in entry]
        inner = f"/{text(folders[0], 'path')}" if len(stored) == 1 and folders else ""
        return f"{self._service.public_url}{PROXY_PREFIX}/artifacts/{proxy_folder(version)}{inner}"
