"""Runs with their metrics, parameters and tags.

A run is an object of the registry, and everything that is logged to it at once is another one below it: logging never rewrites
what is there, so a long series costs what it adds, and two processes that log to one run do not wait for each other.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.edits.objects import ObjectName, edit_object, put_object
from registry_tool.errors import RefusedError
from registry_tool.live.filters import FilterError
from registry_tool.live.ids import number_namespace
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.data import Data, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.truefoundry.bodies import read_body
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.lookup import BATCH_KIND, RUN_KIND, Lookup
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

if TYPE_CHECKING:
    from registry_tool.edits.changeset import Edit
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


@dataclass
class _Logged:
    """What was logged to a run."""

    metrics: list[Data] = field(default_factory=list)
    params: dict[str, JSON] = field(default_factory=dict)
    tags: dict[str, JSON] = field(default_factory=dict)


def _read_logged(lookup: Lookup, run: ObjectRecord) -> _Logged:
    found = _Logged(tags=dict(member(run.data, "tags")))
    for batch in lookup.batches(run):
        found.metrics += records(batch.data, "metrics")
        found.params |= member(batch.data, "params")
        found.tags |= member(batch.data, "tags")
        removed = batch.data.get("removed_tags")
        for key in removed if isinstance(removed, list) else ():
            found.tags.pop(str(key), None)
    return found


def _latest(metrics: Sequence[Data]) -> list[Data]:
    """The last value of each metric: of the highest step, and there the newest."""
    found: dict[str, Data] = {}
    for metric in metrics:
        before = found.get(text(metric, "key"))
        if before is None or _order(metric) >= _order(before):
            found[text(metric, "key")] = metric
    return [found[key] for key in sorted(found)]


def _order(metric: Data) -> tuple[int, int]:
    return whole(metric, "step"), whole(metric, "timestamp")


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
    logged = _read_logged(lookup, run)
    metrics: list[JSON] = [_render_metric(metric) for metric in _latest(logged.metrics)]
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
            await self._changes.write(
                request, text(run.data, "namespace"), _add_batch(run, self._reads, request, kept)
            )
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
        return JsonResponse({"metrics": _history(_read_logged(lookup, run), key, None)})

    async def list_histories(self, request: Request) -> Response:
        """``POST runs/{id}/metrics/list``."""
        body = await read_body(request, HistoriesBody)
        lookup, run = self._find(request)
        logged = _read_logged(lookup, run)
        keys = dict.fromkeys(body.metric_keys or [text(one, "key") for one in logged.metrics])
        found: list[JSON] = [
            {"key": key, "metrics": _history(logged, key, body.step)} for key in keys
        ]
        return JsonResponse({"metric_collections": found})


def _history(logged: _Logged, key: str, step: int | None) -> list[JSON]:
    found = [one for one in logged.metrics if text(one, "key") == key]
    if step is not None:
        found = [one for one in found if whole(one, "step") == step]
    return [_render_metric(one) for one in sorted(found, key=_order)]


def _check_params(lookup: Lookup, run: ObjectRecord, params: Mapping[str, JSON]) -> None:
    """A parameter keeps its value, as with MLflow, which TrueFoundry's runs come from."""
    known = _read_logged(lookup, run).params
    for key, value in params.items():
        if key in known and known[key] != value:
            raise ManifestFieldError(
                f"params.{key}", f"it is {str(known[key])[:80]!a} already, and keeps its value"
            )


def _add_batch(
    run: ObjectRecord, reads: VersionReads, request: Request, data: dict[str, JSON]
) -> Edit:
    lookup = reads.lookup(request)
    number = sum(1 for _ in lookup.batches(run)) + 1
    parent = f"{RUN_KIND}/{run.slug}"
    whole_data: dict[str, JSON] = {"namespace": text(run.data, "namespace"), **data}
    return put_object(API, BATCH_KIND, f"{run.slug} {number}", whole_data, parent=parent)


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
    logged = _read_logged(lookup, run)
    metrics = {text(one, "key"): one.get("value") for one in _latest(logged.metrics)}
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
