"""Rows about reading in a process that lives: an alias, a model's versions, a search, the past."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from benchmarks.corpus import WATCHED, model_name
from benchmarks.figures import Candidate, Measured, interleaved, repeated
from benchmarks.mlflow_store import MlflowStore, ready
from benchmarks.rows import NO_GOAL, Goal, Row, cost_at_most, every, ratio_at_most
from benchmarks.scene import Scene, git
from benchmarks.warm import Warm

import registry_tool
from registry_tool.api.registry import Registry

__all__ = ["ROWS"]

_ASKED = 50  # so many models are asked about in turn
_ACCURACY = 0.95
_MLFLOW = "MLflow on SQLite, `{}`"
_TEN_TIMES = Goal("≥ 10 times faster", ratio_at_most(1 / 10))


def _first(call: Callable[[], object], words: str = "the first time") -> str:
    """How long a call takes that was not made before, in words."""
    start = time.perf_counter()
    call()
    return f"{words} {(time.perf_counter() - start) * 1000:,.1f} ms"


def _alias(scene: Scene) -> Measured:
    asked, folder = min(_ASKED, scene.models), scene.published

    def ours() -> Warm:
        registry = registry_tool.open(folder)
        references = [f"{model_name(n)}@production" for n in range(asked)]
        registry.version(references[0])
        note = _first(lambda: registry.version(references[1]))
        for reference in references:
            registry.version(reference)
        return Warm(repeated(lambda n: registry.version(references[n % asked])), note)

    return scene.against_mlflow(ours, ready(lambda store, n: store.by_alias(n % asked)))


def _alias_opened(scene: Scene) -> Measured:
    folder = scene.published

    def ask(number: int) -> None:
        with registry_tool.open(folder) as registry:
            registry.version(f"{model_name(number % scene.models)}@production")

    def ours() -> Warm:
        ask(0)
        return Warm(repeated(ask))

    return scene.against_mlflow(ours, ready(MlflowStore.by_alias))


def _versions(registry: Registry, model: str) -> list[object]:
    """What ``registry list MODEL`` shows."""
    return [(v.version, v.state, v.created_at, v.metrics) for v in registry.versions(model)]


def _list(scene: Scene) -> Measured:
    asked, folder = min(_ASKED, scene.models), scene.published

    def ours() -> Warm:
        os.environ.update(scene.cold())  # of this worker
        registry = registry_tool.open(folder)
        models = [model_name(n) for n in range(asked)]
        _versions(registry, models[0])
        note = _first(lambda: _versions(registry, models[1]))
        for model in models:
            _versions(registry, model)
        return Warm(repeated(lambda n: _versions(registry, models[n % asked])), note)

    return scene.against_mlflow(ours, ready(lambda store, n: store.of_model(n % asked)))


def _search(scene: Scene, words: str, find: Callable[[MlflowStore], int]) -> Measured:
    folder = scene.published

    def ask(registry: Registry) -> int:
        hits = registry.search(words)
        return len([(hit.model, hit.version, hit.labels, hit.metrics) for hit in hits])

    def ours() -> Warm:
        os.environ.update(scene.cold())  # of this worker
        registry = registry_tool.open(folder)
        notes = [
            _first(lambda: ask(registry)),
            _first(lambda: ask(registry_tool.open(folder)), "opened again"),
            f"{ask(registry):,} hits",
        ]
        return Warm(repeated(lambda _: ask(registry)), "; ".join(notes))

    def peer(store: MlflowStore) -> Warm:
        hits = find(store)
        return Warm(repeated(lambda _: find(store)), f"MLflow {hits:,}")

    return scene.against_mlflow(ours, peer)


def _by_label(scene: Scene) -> Measured:
    return _search(scene, "label:edge", MlflowStore.labelled)


def _by_bound(scene: Scene) -> Measured:
    words = f"label:edge accuracy>={_ACCURACY}"
    return _search(scene, words, lambda store: store.labelled_above(_ACCURACY))


def _git_log(scene: Scene) -> Candidate:
    model, _, alias = WATCHED.partition("@")
    path = f"models/{model}/aliases/{alias}.yaml"
    return scene.process(["git", "log", "--format=%H", "--", path], folder=scene.published)


def _history(scene: Scene) -> Measured:
    with registry_tool.open(scene.published) as registry:
        moves = len(registry.history(WATCHED))
        ours = repeated(lambda _: registry.history(WATCHED))
        costs = interleaved({"ours": ours, "peer": _git_log(scene)}, scene.effort)
    commits = int(git(scene.published, "rev-list", "--count", "main"))
    return Measured(
        tuple(costs["ours"]), tuple(costs["peer"]), f"{moves:,} moves among {commits:,} commits"
    )


def _history_command(scene: Scene) -> Measured:
    command = scene.registry("history", WATCHED, "--format", "json", "--repo", scene.published)
    candidates = {"ours": scene.process(command), "peer": _git_log(scene)}
    costs = interleaved(candidates, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs["peer"]))


ROWS = (
    Row(
        "alias",
        '`reg.version("ns/name@alias")`, warm process, ref unchanged',
        _MLFLOW.format("get_model_version_by_alias"),
        Goal("≤ 0.4 ms and ≥ 10 times faster", every(cost_at_most(0.4e-3), ratio_at_most(1 / 10))),
        _alias,
    ),
    Row(
        "alias-opened",
        "the same for another model each time, the registry opened anew and its ref looked up",
        _MLFLOW.format("get_model_version_by_alias"),
        NO_GOAL,
        _alias_opened,
    ),
    Row(
        "list",
        "the versions of one model with state and metrics, as `registry list MODEL` shows them, warm",
        _MLFLOW.format("search_model_versions"),
        _TEN_TIMES,
        _list,
    ),
    Row(
        "search-label",
        "search of all versions by label, every hit taken, warm",
        _MLFLOW.format("search_model_versions") + " by tag",
        _TEN_TIMES,
        _by_label,
    ),
    Row(
        "search-bound",
        "search by label and metric bound, every hit taken, warm",
        _MLFLOW.format("search_model_versions") + " by tag, the bound by the client",
        _TEN_TIMES,
        _by_bound,
    ),
    Row(
        "history",
        "`reg.history`: who held an alias that moves once in 100 commits",
        "`git log -- path`",
        Goal("≤ 3 times", ratio_at_most(3)),
        _history,
    ),
    Row(
        "history-command",
        "the same as `registry history --format json`, whole process",
        "`git log -- path`",
        NO_GOAL,
        _history_command,
    ),
)
