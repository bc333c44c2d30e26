"""Runs with their metrics, parameters and tags.

A run is an object of the registry; what is logged to it is in others below it (``run_values``).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.edits.objects import ObjectName, edit_object, put_object
from registry_tool.errors import RefusedError
from registry_tool.live.filters import FilterError
from registry_tool.live.ids import number_namespace
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import Data, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.truefoundry.bodies import read_body
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.lookup import RUN_KIND, Lookup
from registry_tool.server.truefoundry.manifest import API
from registry_tool.server.truefoundry.names import name_repo, parse_run_name
from registry_tool.server.truefoundry.render import render_subject, write_subject
from registry_tool.server.truefoundry.run_bodies import (
    BatchBody,
    CreateRunBody,
    HistoriesBody,
    KeyBody,
    MetricBody,
    PairBody,
    SearchRunsBody,
    UpdateRunBody,
)
from registry_tool.server.truefoundry.run_filters import (
    RunValues,
    matches_run,
    parse_run_filter,
    parse_run_order,
    sort_runs,
)
from registry_tool.server.truefoundry.run_values import (
    list_places,
    log_values,
    metric_order,
    read_history,
    read_values,
)
from registry_tool.writer.request import Person

if TYPE_CHECKING:
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.truefoundry.reads import VersionReads

__all__ = ["RunCalls"]

_RUNNING: Final = "RUNNING"
_STATUSES: Final = frozenset({_RUNNING, "SCHEDULED", "FINISHED", "FAILED", "KILLED"})
_MOST_RUNS: Final = 1000
_DONE: Final[Mapping[str, str]] = {}
_T = TypeVar("_T")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9-]+")


def _now() -> int:
    return time.time_ns() // 1_000_000


def _render_metric(metric: Data) -> dict[str, JSON]:
    return {
        "key": text(metric, "key"),
        "value": metric.get("value"),
        "timestamp": whole(metric, "timestamp"),
        "step": whole(metric, "step"),
    }


def _render_pairs(pairs: Mapping[str, JSON]) -> list[JSON]:
    return [{"key": key, "value": str(pairs[key])} for key in sorted(pairs)]


def _render_info(lookup: Lookup, run: ObjectRecord) -> dict[str, JSON]:
    data, uuid = run.data, lookup.snapshot.uuid(run)
    namespace = text(data, "namespace")
    repo = name_repo(lookup.namespace(namespace))
    found: dict[str, JSON] = {
        "run_id": uuid,
        "run_uuid": uuid,
        "experiment_id": str(number_namespace(namespace)),
        "name": text(data, "name"),
        "fqn": f"{lookup.tenant}/{repo}/{text(data, 'name')}",
        "created_by_subject": render_subject(text(data, "created_by"), text(data, "author")),
        "status": text(data, "status") or _RUNNING,
        "start_time": whole(data, "start_time"),
        "lifecycle_stage": "active",
    }
    if "end_time" in data:
        found["end_time"] = whole(data, "end_time")
    if text(data, "description"):
        found["description"] = text(data, "description")
    return found


def _render_run(lookup: Lookup, run: ObjectRecord) -> dict[str, JSON]:
    logged = read_values(lookup, run)
    metrics: list[JSON] = [_render_metric(metric) for metric in logged.latest()]
    return {
        "info": _render_info(lookup, run),
        "data": {
            "metrics": metrics,
            "params": _render_pairs(logged.params),
            "tags": _render_pairs(logged.tags),
        },
    }


class RunCalls:
    """The calls, over a service.

    Args:
        reads: Gives the state that a request is answered from.
        changes: Writes.
    """

    def __init__(self, reads: VersionReads, changes: ChangeWriter) -> None:
        self._reads = reads
        self._changes = changes

    def _find(self, request: Request) -> tuple[Lookup, ObjectRecord]:
        lookup = self._reads.lookup(request)
        return lookup, lookup.run(request.path_params["id"])

    # --- runs

    async def create(self, request: Request) -> Response:
        """``POST runs``: a name that is taken gets a number."""
        body = await read_body(request, CreateRunBody)
        lookup = self._reads.lookup(request)
        repo = lookup.repo_numbered(body.experiment_id)
        wanted = body.name or f"run-{_now()}"
        name = _free_name(lookup, repo.name, _UNSAFE.sub("-", wanted).strip("-") or "run")
        data: dict[str, JSON] = {
            "namespace": repo.name,
            "name": name,
            "status": _RUNNING,
            "start_time": body.start_time if body.start_time is not None else _now(),
            "tags": {tag.key: tag.value for tag in body.tags},
            "created_by": write_subject(lookup.subject),
            "author": lookup.subject.name,
        }
        if body.description:
            data["description"] = body.description
        edit = put_object(API, RUN_KIND, f"{repo.name}/{name}", data)
        written = await self._changes.write(request, repo.name, edit)
        lookup = self._reads.lookup(request)
        (path,) = written.change.puts
        found = lookup.snapshot.object(API, RUN_KIND, path.rpartition("/")[2].removesuffix(".yaml"))
        if found is None:
            raise RefusedError("the run was removed meanwhile", remedy="try again")
        return JsonResponse({"run": _render_run(lookup, found)})

    async def get(self, request: Request) -> Response:
        """``GET runs/{id}``."""
        lookup, run = self._find(request)
        return JsonResponse({"run": _render_run(lookup, run)})

    async def update(self, request: Request) -> Response:
        """``PUT runs/{id}``."""
        body = await read_body(request, UpdateRunBody)
        lookup, run = self._find(request)
        if body.status is not None and body.status not in _STATUSES:
            raise ManifestFieldError("status", f"expected one of {', '.join(sorted(_STATUSES))}")
        given = {"status": body.status, "end_time": body.end_time, "description": body.description}
        data = {**run.data, **{key: value for key, value in given.items() if value is not None}}
        edit = edit_object(ObjectName(API, RUN_KIND, run.slug), data=data)
        await self._changes.write(request, text(run.data, "namespace"), edit)
        lookup, run = self._find(request)
        return JsonResponse({"run_info": _render_info(lookup, run)})

    async def delete(self, request: Request) -> Response:
        """``DELETE runs/{id}``."""
        _, run = self._find(request)
        edit = edit_object(ObjectName(API, RUN_KIND, run.slug), state="deleted")
        await self._changes.write(request, text(run.data, "namespace"), edit, "delete")
        return JsonResponse(_DONE)

    async def search(self, request: Request) -> Response:
        """``POST runs/search``: the newest first, unless the client orders them."""
        body = await read_body(request, SearchRunsBody)
        lookup = self._reads.lookup(request)
        found = await asyncio.to_thread(_search, lookup, body)
        start = body.offset or 0
        if body.page_token:
            if not (body.page_token.isascii() and body.page_token.isdecimal()):
                raise ManifestFieldError("page_token", "not one of this server")
            start = int(body.page_token)
        limit = min(body.max_results or _MOST_RUNS, _MOST_RUNS)
        shown: list[JSON] = [_render_run(lookup, run) for run in found[start : start + limit]]
        said: dict[str, JSON] = {"runs": shown, "total": len(found)}
        if start + limit < len(found):
            said["next_page_token"] = str(start + limit)
        return JsonResponse(said)

    # --- what is logged

    async def _log(self, request: Request, run: ObjectRecord, data: dict[str, JSON]) -> Response:
        kept: dict[str, JSON] = {key: value for key, value in data.items() if value}
        if kept:
            edit = log_values(self._reads.lookup(request), run, kept)
            await self._changes.write(request, text(run.data, "namespace"), edit)
            lookup = self._reads.lookup(request)
            for place in list_places(lookup, run) if "metrics" in kept else ():
                lookup.series.note(place, Person(lookup.subject.name, lookup.subject.email))
        return JsonResponse(_DONE)

    async def log_batch(self, request: Request) -> Response:
        """``POST runs/{id}/batch``."""
        body = await read_body(request, BatchBody)
        lookup, run = self._find(request)
        params: dict[str, JSON] = {one.key: one.value for one in body.params}
        _check_params(lookup, run, params)
        metrics: list[JSON] = [one.plain(_now()) for one in body.metrics]
        tags: dict[str, JSON] = {one.key: one.value for one in body.tags}
        return await self._log(request, run, {"metrics": metrics, "params": params, "tags": tags})

    async def log_metric(self, request: Request) -> Response:
        """``POST runs/{id}/metrics``."""
        body = await read_body(request, MetricBody)
        _, run = self._find(request)
        return await self._log(request, run, {"metrics": [body.plain(_now())]})

    async def log_param(self, request: Request) -> Response:
        """``POST runs/{id}/parameters``."""
        body = await read_body(request, PairBody)
        lookup, run = self._find(request)
        params: dict[str, JSON] = {body.key: body.value}
        _check_params(lookup, run, params)
        return await self._log(request, run, {"params": params})

    async def set_tag(self, request: Request) -> Response:
        """``POST runs/{id}/tags``."""
        body = await read_body(request, PairBody)
        _, run = self._find(request)
        return await self._log(request, run, {"tags": {body.key: body.value}})

    async def delete_tag(self, request: Request) -> Response:
        """``POST runs/{id}/tags/delete``."""
        body = await read_body(request, KeyBody)
        _, run = self._find(request)
        return await self._log(request, run, {"removed_tags": [body.key]})

    async def get_history(self, request: Request) -> Response:
        """``GET runs/{id}/metrics/history``."""
        lookup, run = self._find(request)
        key = request.query_params.get("metric_key", "")
        found = await asyncio.to_thread(_histories, lookup, run, [key], None)
        return JsonResponse({"metrics": found[key]})

    async def list_histories(self, request: Request) -> Response:
        """``POST runs/{id}/metrics/list``."""
        body = await read_body(request, HistoriesBody)
        lookup, run = self._find(request)
        every = (text(one, "key") for one in read_values(lookup, run).metrics)
        keys = [*dict.fromkeys(body.metric_keys or every)]
        found = await asyncio.to_thread(_histories, lookup, run, keys, body.step)
        shown: list[JSON] = [{"key": key, "metrics": found[key]} for key in keys]
        return JsonResponse({"metric_collections": shown})


def _histories(
    lookup: Lookup, run: ObjectRecord, keys: Sequence[str], step: int | None
) -> dict[str, list[JSON]]:
    """The values of some metrics by key, in order; may read files."""
    found: dict[str, list[Data]] = {key: [] for key in keys}
    for metric in read_history(lookup, run, lookup.series):
        history = found.get(text(metric, "key"))
        if history is not None and (step is None or whole(metric, "step") == step):
            history.append(metric)
    return {
        key: [_render_metric(one) for one in sorted(history, key=metric_order)]
        for key, history in found.items()
    }


def _check_params(lookup: Lookup, run: ObjectRecord, params: Mapping[str, JSON]) -> None:
    """A parameter keeps its value, as with MLflow, which TrueFoundry's runs come from."""
    known = read_values(lookup, run).params
    for key, value in params.items():
        if key in known and known[key] != value:
            raise ManifestFieldError(
                f"params.{key}", f"it is {str(known[key])[:80]!a} already, and keeps its value"
            )


def _free_name(lookup: Lookup, namespace: str, wanted: str) -> str:
    taken = {text(run.data, "name") for run in lookup.runs_in(namespace)}
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _search(lookup: Lookup, body: SearchRunsBody) -> list[ObjectRecord]:
    """The runs that a search is about, in its order.

    Raises:
        ManifestFieldError: The filter or the order is none.
    """
    terms = _parse("filter", lambda: parse_run_filter(body.filter or ""))
    orders = _parse("order_by", lambda: parse_run_order(body.order_by or ()))
    if (body.run_view_type or "").upper() == "DELETED_ONLY":
        return []  # what is deleted is not shown by any protocol
    found = sorted(_matching(lookup, body), key=lambda run: run.id, reverse=True)
    asked = {one.entity for one in terms} | {one.entity for one in orders}
    if not asked:
        return found
    read = _read_attributes if asked == {"attributes"} else _read_values
    matches = matches_run(terms)
    kept = [(values, run) for run in found if matches(values := read(lookup, run))]
    return [run for _, run in sort_runs(kept, orders)]


def _parse(field: str, parse: Callable[[], _T]) -> _T:
    try:
        return parse()
    except FilterError as exc:
        raise ManifestFieldError(field, str(exc)) from None


def _read_attributes(lookup: Lookup, run: ObjectRecord) -> RunValues:
    info = _render_info(lookup, run)
    attributes = {key: value for key, value in info.items() if isinstance(value, str | int | float)}
    return RunValues({}, {}, {}, attributes)


def _read_values(lookup: Lookup, run: ObjectRecord) -> RunValues:
    """What a run is filtered and ordered by."""
    logged = read_values(lookup, run)
    metrics = {text(one, "key"): one.get("value") for one in logged.latest()}
    return RunValues(
        {key: value for key, value in metrics.items() if isinstance(value, int | float)},
        {key: str(value) for key, value in logged.params.items()},
        {key: str(value) for key, value in logged.tags.items()},
        _read_attributes(lookup, run).attributes,
    )


def _matching(lookup: Lookup, body: SearchRunsBody) -> Iterator[ObjectRecord]:
    name, repo = body.name, body.ml_repo_name
    if body.fqn:
        full = parse_run_name(body.fqn)
        if full is None or full.tenant != lookup.tenant:
            return
        name, repo = full.name, full.repo
    numbers = {*(body.experiment_ids or ()), *([body.experiment_id] if body.experiment_id else ())}
    for namespace in lookup.namespaces():
        if numbers and str(number_namespace(namespace.name)) not in numbers:
            continue
        if repo and name_repo(namespace) != repo:
            continue
        for run in lookup.runs_in(namespace.name):
            if not name or text(run.data, "name") == name:
                yield run
