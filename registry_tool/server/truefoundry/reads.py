"""TrueFoundry's calls that read models and versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.manifests.data import whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse, current_subject
from registry_tool.server.long_series import LongSeries
from registry_tool.server.truefoundry.edits import choose_namespace
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.lookup import Lookup
from registry_tool.server.truefoundry.manifest import API
from registry_tool.server.truefoundry.names import name_model, parse_full_name
from registry_tool.server.truefoundry.render import render_model, render_version, version_alias

if TYPE_CHECKING:
    from registry_tool.access.subjects import Subject
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.server.service import Service
    from registry_tool.server.views import SubjectView

__all__ = ["Page", "VersionReads", "answer_list", "read_page"]

_T = TypeVar("_T")
_MOST: Final = 1000
_LONGEST: Final = 18
_SHOWN: Final = 120


class Page(NamedTuple):
    """Which part of a list a client wants."""

    limit: int
    offset: int


def _read_whole(request: Request, name: str, default: int, least: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST and int(text) >= least):
        raise ManifestFieldError(
            name, f"found {text[:_SHOWN]!a}; expected a whole number from {least}"
        )
    return int(text)


def read_page(request: Request) -> Page:
    """``limit`` and ``offset`` of a query.

    Raises:
        ManifestFieldError: One is not a whole number.
    """
    return Page(
        min(_read_whole(request, "limit", 100, 1), _MOST), _read_whole(request, "offset", 0, 0)
    )


async def answer_list(
    lookup: Lookup, found: Sequence[_T], page: Page, render: Callable[[_T], dict[str, JSON]]
) -> Response:
    """One page of a list."""

    def show() -> list[dict[str, JSON]]:
        return [render(one) for one in islice(found, page.offset, page.offset + page.limit)]

    pagination = {"total": len(found), "offset": page.offset, "limit": page.limit}
    data = await asyncio.to_thread(show) if lookup.has_series else show()
    return JsonResponse({"data": data, "pagination": pagination})


async def _answer(lookup: Lookup, render: Callable[[], dict[str, JSON]]) -> Response:
    """One object; what is shown may have to be fetched from the remote."""
    return JsonResponse(
        {"data": await asyncio.to_thread(render) if lookup.has_series else render()}
    )


def _read_steps(request: Request) -> set[float]:
    try:
        return {float(text) for text in request.query_params.getlist("run_steps")}
    except ValueError:
        raise ManifestFieldError("run_steps", "expected numbers") from None


def _has_tag(model: ModelRecord, version: VersionRecord, tag: str) -> bool:
    shown = {model.titles.get(alias, alias) for alias in version.aliases}
    return tag in shown and tag != version_alias(model, version)


class VersionReads:
    """The calls, over a service.

    Args:
        service: What they answer from.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._series = LongSeries(service, API)

    def lookup(self, request: Request) -> Lookup:
        """What one request is answered from: the state now, or for a request that only reads that of its beginning."""
        service, subject = self._service, current_subject(request)
        begun: Snapshot | None = request.scope["state"].get(API)
        snapshot = service.snapshot_for(subject) if begun is None else begun
        home = service.writing_namespace(API)
        return Lookup(service, snapshot, subject, home, self._series)

    def begin(self, request: Request) -> tuple[SubjectView, Subject]:
        """The state that a request which only reads is answered from, until its end, and who makes it."""
        subject = current_subject(request)
        view = self._service.view_for(subject)
        request.scope["state"][API] = view.snapshot
        return view, subject

    def namespace_for(self, lookup: Lookup, repo: str) -> str:
        """The namespace of an ML repo, also of one that does not exist yet; empty text is the writing namespace."""
        if not repo:
            return lookup.home
        found = lookup.find_repo(repo)
        return choose_namespace(repo) if found is None else found.name

    # --- versions

    async def get_version(self, request: Request) -> Response:
        """``GET model-versions/{id}``."""
        lookup = self.lookup(request)
        return await self.answer_version(lookup, lookup.version(request.path_params["id"]))

    async def answer_version(self, lookup: Lookup, version: VersionRecord) -> Response:
        """One version."""
        return await _answer(lookup, lambda: render_version(lookup, version))

    async def list_versions(self, request: Request) -> Response:
        """``GET model-versions``: the newest first."""
        lookup, page = self.lookup(request), read_page(request)
        found = self._matching(request, lookup)
        newest = sorted(found, key=lambda version: version.id, reverse=True)
        return await answer_list(
            lookup, newest, page, lambda version: render_version(lookup, version)
        )

    def _matching(self, request: Request, lookup: Lookup) -> Iterator[VersionRecord]:
        """The versions that every filter lets through."""
        params, snapshot = request.query_params, lookup.snapshot
        number = _read_whole(request, "version", 0, 1)
        runs, steps = set(params.getlist("run_ids")), _read_steps(request)
        tag = params.get("tag", "")
        for version in self._candidates(request, lookup, runs):
            if number and snapshot.number(version) != number:
                continue
            if steps and float(whole(version.data, "source", "step")) not in steps:
                continue
            if tag and not _has_tag(snapshot.model_with(version), version, tag):
                continue
            yield version

    def _candidates(
        self, request: Request, lookup: Lookup, runs: set[str]
    ) -> Iterable[VersionRecord]:
        """The versions that the filters with an index let through."""
        params, snapshot = request.query_params, lookup.snapshot
        if "fqn" in params:
            return self._with_full_name(lookup, params["fqn"])
        if runs:
            of_runs = [v for run in sorted(runs) for v in lookup.versions_of_run(run)]
            kept = {model.name for model in self._models(request, lookup)}
            return [v for v in of_runs if v.model in kept]
        models = self._models(request, lookup)
        return [v for model in models for v in snapshot.versions(model)]

    def _with_full_name(self, lookup: Lookup, text: str) -> list[VersionRecord]:
        name = parse_full_name(text)
        model = lookup.find_full_name(name) if name is not None and name.version else None
        if model is None or name is None:
            return []
        found = lookup.find_version(model, name.version)
        return [] if found is None else [found]

    # --- models

    async def get_model(self, request: Request) -> Response:
        """``GET models/{id}``."""
        lookup = self.lookup(request)
        found = lookup.model(request.path_params["id"])
        return await _answer(lookup, lambda: render_model(lookup, found))

    async def list_models(self, request: Request) -> Response:
        """``GET models``: the newest first."""
        lookup, page = self.lookup(request), read_page(request)
        models = [*self._models(request, lookup)]
        if run := request.query_params.get("run_id", ""):
            of_run = {version.model for version in lookup.versions_of_run(run)}
            models = [model for model in models if model.name in of_run]
        if request.query_params.get("include_empty_models", "true").lower() == "false":
            models = [m for m in models if next(lookup.snapshot.versions(m), None) is not None]
        newest = sorted(models, key=lambda model: model.id, reverse=True)
        return await answer_list(lookup, newest, page, lambda model: render_model(lookup, model))

    def _models(self, request: Request, lookup: Lookup) -> Iterable[ModelRecord]:
        """The models that a query is about."""
        params = request.query_params
        if "fqn" in params:
            full = parse_full_name(params["fqn"])
            found = lookup.find_full_name(full) if full is not None and not full.version else None
            return [] if found is None else [found]
        repo = None
        if "ml_repo_id" in params:
            repo = lookup.find_repo_numbered(params["ml_repo_id"])
            if repo is None:
                return []
        if "model_id" in params:
            record = lookup.find_model_with_id(params["model_id"])
            models: Iterable[ModelRecord] = [] if record is None else [record]
        elif "name" in params:
            models = lookup.models_named(params["name"])
        elif repo is not None:
            models = lookup.models_in(repo.name)
        else:
            listed = lookup.snapshot.listed("model")
            models = (m for m in listed if isinstance(m, ModelRecord) and lookup.sees(m))
        name = params.get("name")
        return [
            model
            for model in models
            if (repo is None or model.name.namespace == repo.name)
            and (name is None or name_model(model) == name)
        ]
