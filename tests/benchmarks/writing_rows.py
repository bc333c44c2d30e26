"""Rows about writing in a process that lives: a version, a thousand, an alias; and one artifact, against DVC."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

from benchmarks.corpus import model_name
from benchmarks.figures import Candidate, Measured, interleaved, repeated
from benchmarks.mlflow_store import MlflowStore, ready
from benchmarks.rows import NO_GOAL, Goal, Row, cost_at_most, ratio_at_most
from benchmarks.scene import Scene, git
from benchmarks.warm import Warm

import registry_tool
from registry_tool.api.changes.change import Change
from registry_tool.api.registry import Registry

__all__ = ["ROWS"]

_MANY = 1000
_OVER = 100  # models
_ARTIFACT = 1 << 20
# What is done before anything is measured, as in a registry in use: all of the past was read, once (git/vanished.py),
# and the folders are there in which Git keeps single objects.
_BEFORE = 100
# No two versions of a model may be the same; the corpus counts from 0.
_SEEDS = itertools.count(1 << 40)
_NO_SLOWER = Goal("no slower", ratio_at_most(1))
_MLFLOW = "MLflow on SQLite, `{}`"


def _draft(change: Change, model: str) -> None:
    draft = change.model(model).new_version(
        description="Added.", framework={"type": "onnx"}, parameters={"seed": next(_SEEDS)}
    )
    draft.track_artifacts("s3://bucket/model")


def _add(registry: Registry, model: str) -> None:
    with registry.change(f"Add a version to {model}", commit=True) as change:
        _draft(change, model)


def _acquainted(registry: Registry, scene: Scene) -> str:
    """Add versions until the registry is as one in use; what that took."""
    os.sync()  # a copy of the corpus is still on its way to the disk, and every sync would wait for it
    start = time.perf_counter()
    _add(registry, model_name(0))
    once = time.perf_counter() - start
    for number in range(1, _BEFORE):
        _add(registry, model_name(-number % scene.models))
    seconds = time.perf_counter() - start
    return f"the first time {once:,.1f} s, the first {_BEFORE} times {seconds:,.1f} s"


def _add_at(scene: Scene, folder: Path) -> Measured:
    def ours() -> Warm:
        registry = registry_tool.open(folder)
        first = _acquainted(registry, scene)
        return Warm(repeated(lambda n: _add(registry, model_name(n % scene.models))), first)

    return scene.against_mlflow(ours, ready(MlflowStore.create))


def _add_bare(scene: Scene) -> Measured:
    return _add_at(scene, scene.bare())


def _add_checkout(scene: Scene) -> Measured:
    git(scene.checkout, "reset", "--quiet", "--hard")  # what another row has staged
    return _add_at(scene, scene.checkout)


def _add_many(scene: Scene) -> Measured:
    many, models = min(_MANY, scene.versions), min(_OVER, scene.models)
    folder = scene.bare()

    def ours() -> Warm:
        registry = registry_tool.open(folder)
        first = _acquainted(registry, scene)

        def candidate() -> float:
            start = time.perf_counter()
            with registry.change(f"Add {many} versions", commit=True) as change:
                for number in range(many):
                    _draft(change, model_name(number % models))
            return (time.perf_counter() - start) / many

        return Warm(candidate, f"{many} versions of {models} models; {first}")

    return scene.against_mlflow(ours, ready(MlflowStore.create))


def _move(scene: Scene) -> Measured:
    folder = scene.bare()

    def ours() -> Warm:
        registry = registry_tool.open(folder)

        def move(number: int) -> None:
            model, again = model_name(number % scene.models), number // scene.models % 2
            with registry.change(f"Move {model}", commit=True) as change:
                change.set_alias(f"{model}@{2 - again}", "production")

        os.sync()
        for number in range(_BEFORE):
            move(number)
        return Warm(repeated(lambda number: move(number + _BEFORE)))

    return scene.against_mlflow(ours, ready(MlflowStore.move))


class _Artifacts:
    """Files that nobody has seen before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._made = 0

    def next(self) -> Path:
        """One of a megabyte."""
        self._made += 1
        place = self._folder / f"model-{self._made}.bin"
        place.write_bytes(self._made.to_bytes(8) * (_ARTIFACT // 8))
        return place


def _dvc(scene: Scene, artifacts: _Artifacts) -> Candidate:
    """A repository of plain DVC with nothing in it: add one file, push it, commit the pointer."""
    folder, dvc = scene.fresh("dvc"), scene.peers.program("dvc")
    git(scene.place, "init", "--quiet", str(folder))
    scene.ended([dvc, "init", "--quiet"], folder=folder)
    scene.ended(
        [dvc, "remote", "add", "--default", "storage", scene.fresh("storage")], folder=folder
    )

    def candidate() -> float:
        made = artifacts.next()
        source = made.rename(folder / made.name)
        add = scene.ended([dvc, "add", source.name], folder=folder)
        push = scene.ended([dvc, "push", f"{source.name}.dvc"], folder=folder)
        start = time.perf_counter()
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "-m", "Add")
        return add.seconds + push.seconds + time.perf_counter() - start

    return candidate


def _artifact(scene: Scene) -> Measured:
    git(scene.checkout, "reset", "--quiet", "--hard")
    (scene.checkout / "storage").mkdir(exist_ok=True)
    artifacts = _Artifacts(scene.fresh("artifacts"))

    def ours() -> float:
        made = artifacts.next()
        command = scene.registry(
            "version", "add", model_name(3), "--artifact", f"model={made}", "--commit"
        )
        return scene.ended(command, folder=scene.checkout).seconds

    candidates: dict[str, Candidate] = {"ours": ours}
    note = "" if scene.peers.has("dvc") else scene.peers.why_not()
    if not note:
        candidates["peer"] = _dvc(scene, artifacts)
    costs = interleaved(candidates, scene.effort)
    return Measured(tuple(costs["ours"]), tuple(costs.get("peer", ())), note)


ROWS = (
    Row(
        "add",
        "add one version with commit, warm process, bare repository",
        _MLFLOW.format("create_model_version"),
        _NO_SLOWER,
        _add_bare,
    ),
    Row(
        "add-checkout",
        "the same in a checkout, whose index and files follow",
        _MLFLOW.format("create_model_version"),
        NO_GOAL,
        _add_checkout,
    ),
    Row(
        "add-many",
        "1,000 versions in one change, one commit: for each",
        _MLFLOW.format("create_model_version"),
        Goal("≥ 1,000 a second", cost_at_most(1e-3)),
        _add_many,
    ),
    Row(
        "move",
        "move an alias with commit, warm process, bare repository",
        _MLFLOW.format("set_registered_model_alias"),
        _NO_SLOWER,
        _move,
    ),
    Row(
        "artifact",
        "`registry version add --artifact FILE --commit` of 1 MB, upload included, whole process",
        "`dvc add`, `dvc push`, `git commit` in a repository with nothing else",
        NO_GOAL,
        _artifact,
        largest=_MANY,
    ),
)
