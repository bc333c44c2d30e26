"""The values that a metric of a run had: the last ones in its object, those before in files of the DVC remote."""

from __future__ import annotations

import asyncio
from typing import Final

from registry_tool.errors import UsageError
from registry_tool.live.records import ObjectRecord
from registry_tool.manifests.problems import JSON
from registry_tool.server.kubeflow.artifacts import read_run
from registry_tool.server.kubeflow.listing import read_options
from registry_tool.server.kubeflow.object_edits import history_place
from registry_tool.server.kubeflow.render import API
from registry_tool.server.kubeflow.requests import Call, read_id
from registry_tool.server.long_series import has_batches

__all__ = ["list_metric_history", "list_run_history"]

_LONGEST: Final = 9  # digits of a page token
Found = tuple[int, JSON]


async def _answer(call: Call, runs: list[ObjectRecord]) -> Found:
    wanted = {f"run/{run.slug}" for run in runs}
    metrics = [one for one in call.snapshot.standalone_artifacts() if one.parent in wanted]
    metrics = [one for one in metrics if isinstance(one.data.get("history"), list)]
    name = call.params.get("name")
    shown = [(one, call.renderer.show(one)) for one in metrics]
    shown = [pair for pair in shown if not name or pair[1]["name"] == name]

    def read() -> list[JSON]:
        return [item for record, said in shown for item in _list_points(call, record, said)]

    # Files may have to be fetched from the remote.
    is_slow = any(has_batches(record.data, "history_batches") for record, _ in shown)
    items = await asyncio.to_thread(read) if is_slow else read()
    options = read_options(call.params, "history")
    start = _read_start(options.token)
    end = min(start + (options.size or len(items)), len(items))
    return 200, {
        "items": items[start:end],
        "size": len(items[start:end]),
        "pageSize": options.size,
        "nextPageToken": str(end) if end < len(items) else "",
    }


def _read_start(token: str) -> int:
    """The place that a page begins at.

    Raises:
        UsageError: The token is none.
    """
    if token and not (token.isascii() and token.isdecimal() and len(token) <= _LONGEST):
        raise UsageError(f"nextPageToken {token[:40]!a} is not one of this server")
    return int(token or 0)


def _list_points(call: Call, record: ObjectRecord, shown: dict[str, JSON]) -> list[JSON]:
    found: list[JSON] = []
    for point in call.series.read(record.data, history_place(record)):
        whole = point if isinstance(point, dict) else {}
        step = whole.get("step", 0)
        found.append({**shown, **whole, "step": step if call.is_alpha else str(step)})
    return found


async def list_run_history(call: Call) -> Found:
    """``GET experiment_runs/{id}/metric_history``."""
    return await _answer(call, [read_run(call, call.id)])


async def list_metric_history(call: Call) -> Found:
    """``GET experiment_runs/metric_history``: of some runs, or of all."""
    written = call.params.get("experimentRunIds", "")
    if written:
        ids = [str(read_id(one.strip())) for one in written.split(",")]
        return await _answer(call, [read_run(call, one) for one in ids])
    runs = call.snapshot.listed(f"{API}/run")
    return await _answer(call, [run for run in runs if isinstance(run, ObjectRecord)])
