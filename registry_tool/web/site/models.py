"""The pages of models that changed: written by the build itself, and by workers that help it.

A model is claimed before its pages are made, so that no two processes write the same file. A worker leaves what it made of
a model in a file; a model that a worker claimed and did not finish is made by the build.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, cast

from registry_tool.api.registry import open_registry
from registry_tool.git.shallow import has_latest_only
from registry_tool.manifests.problems import JSON
from registry_tool.names import ModelName
from registry_tool.web.pages.render import Selection, render_model
from registry_tool.web.search.columns import write_columns
from registry_tool.web.site.folder import write_file
from registry_tool.web.site.state import BuiltModel, model_folder
from registry_tool.web.views.moves import AliasMoves
from registry_tool.web.views.source import PageSource
from registry_tool.workers import Workers, count_workers, split_work

__all__ = ["ModelsJob", "build_model", "build_models", "main"]

# A process takes about as long to start as the pages of this many models.
_FEW: Final = 20


class ModelsJob(NamedTuple):
    """The models whose pages are to be made.

    Attributes:
        source: The commit.
        selection: Which versions get a page of their own.
        keys: What the pages of each model depend on, by name.
        work: A folder for processes that work together.
        site: The folder of the site.
    """

    source: PageSource
    selection: Selection
    keys: Mapping[str, str]
    work: Path
    site: Path


def build_model(job: ModelsJob, model: str) -> BuiltModel:
    """Write the pages of a model.

    Raises:
        RefusedError: A page would leave the site.
        OSError: As the system reports it.
    """
    made = render_model(job.source, ModelName(*model.split("/", 1)), job.selection)
    files = pages = 0
    for page in made.pages():
        pages += 1
        for path, content in page.files():
            write_file(job.site, path, content)
            files += 1
    own_pages = None if job.selection == "all" else made.own_pages
    columns = write_columns(made.reading.row, made.reading.rows, own_pages).decode()
    return BuiltModel(job.keys[model], made.summary, columns, files, pages, made.is_readable)


def build_models(
    job: ModelsJob, workers: int | None, advance: Callable[[int], object]
) -> dict[str, BuiltModel]:
    """Write the pages of all models of a job.

    Args:
        job: What is to be done.
        workers: The number of processes, this one included; None for as many as the settings and the system allow.
        advance: Called with the number of models that are done.
    """
    names = list(job.keys)
    parts = _count_parts(job, workers)
    built: dict[str, BuiltModel] = {}
    if parts == 1:
        for name in names:
            built[name] = build_model(job, name)
            advance(1)
        return built
    _write_job(job, names)
    with Workers() as running:
        for part in range(1, parts):
            running.start(__name__, str(job.work), str(part), str(parts))
        for name in names:
            if _claim(job.work, name):
                built[name] = build_model(job, name)
                advance(1)
        running.wait()
    for name in names:
        if name not in built:
            built[name] = _take_result(job, name) or _build_again(job, name)
            advance(1)
    return built


def _count_parts(job: ModelsJob, workers: int | None) -> int:
    git = job.source.registry.repository.git
    # In a partial clone, a worker would fetch objects by itself.
    is_partial = has_latest_only(git) or git.flag("remote.origin.promisor")
    if workers == 1 or is_partial or not git.is_trusted:
        return 1
    allowed = count_workers(git) if workers is None else workers
    return min(allowed, len(job.keys) // _FEW + 1)


def _write_job(job: ModelsJob, names: Sequence[str]) -> None:
    for folder in ("claims", "results"):
        (job.work / folder).mkdir()
    said = {
        "repository": str(job.source.registry.repository.git.place),
        "commit": job.source.commit,
        "base_url": job.source.base_url,
        "selection": job.selection,
        "keys": {name: job.keys[name] for name in names},
        "moves": job.source.moves.to_json(),
    }
    (job.work / "job.json").write_text(json.dumps(said), encoding="ascii")


def _place(work: Path, folder: str, model: str) -> Path:
    return work / folder / model.replace("/", "@")


def _claim(work: Path, model: str) -> bool:
    try:
        os.close(os.open(_place(work, "claims", model), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    return True


def _take_result(job: ModelsJob, model: str) -> BuiltModel | None:
    try:
        found = json.loads(_place(job.work, "results", model).read_bytes())
        return BuiltModel.from_json(found)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _build_again(job: ModelsJob, model: str) -> BuiltModel:
    """The worker that claimed it has died."""
    shutil.rmtree(job.site / model_folder(model), ignore_errors=True)
    return build_model(job, model)


def _read_job(work: Path) -> ModelsJob:
    said: dict[str, JSON] = json.loads((work / "job.json").read_bytes())
    registry = open_registry(Path(str(said["repository"])), ref=str(said["commit"]))
    keys, moves = said["keys"], said["moves"]
    if not isinstance(keys, dict) or not isinstance(moves, dict):
        raise TypeError("not a job")
    source = PageSource(registry, base_url=str(said["base_url"]), moves=AliasMoves.from_json(moves))
    selection = cast("Selection", said["selection"])
    return ModelsJob(
        source, selection, {name: str(key) for name, key in keys.items()}, work, work / "site"
    )


def _follow(job: ModelsJob, part: int, parts: int) -> Iterator[str]:
    """The models for a worker, until the build that started it has ended."""
    parent = os.getppid()
    for names in split_work(list(job.keys), part, parts):
        for name in names:
            if os.getppid() != parent:
                return
            yield name


def main(arguments: Sequence[str]) -> None:
    """``python -m registry_tool.web.site.models WORK PART PARTS``."""
    work, part, parts = arguments
    job = _read_job(Path(work))
    try:
        for name in _follow(job, int(part), int(parts)):
            if _claim(job.work, name):
                said = json.dumps(build_model(job, name).to_json())
                place = _place(job.work, "results", name)
                making = place.with_name(f"{place.name}~")
                making.write_text(said, encoding="ascii")
                making.replace(place)
    finally:
        job.source.registry.close()


if __name__ == "__main__":
    main(sys.argv[1:])
