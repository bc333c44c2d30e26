"""Races on the way in: a new artifact in a repository that has many already, against plain DVC."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import Ended
from benchmarks.races import MB, Environment, Race, Setting, program, timed
from support import new_repository
from support.manifests import (
    model_yaml,
    namespace_yaml,
    pointer_yaml,
    stored_artifact,
    version_files,
)

__all__ = ["add_among"]

_CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = {}\n"


def _a_registry(folder: Path, pointers: int) -> Path:
    """A registry with so many versions of one artifact each, ten to a model; ``nlp/lang-id`` has none."""
    files = {
        "registry.yaml": "schema: registry/v1\nname: bench\nremote: storage\n",
        ".dvc/config": _CONFIG.format(folder.parent / "ours"),
        ".gitignore": "/models/**/*.bin\n",
        "models/nlp/namespace.yaml": namespace_yaml(),
        "models/nlp/lang-id/model.yaml": model_yaml(),
    }
    for number in range(pointers):
        model, version = f"nlp/model-{number // 10}", str(number % 10 + 1)
        files[f"models/{model}/model.yaml"] = model_yaml(f"model-{number // 10}")
        content = b"%d" % number
        files |= version_files(version, model, artifacts=[stored_artifact(content)])
    return new_repository(folder, files)


def _a_dvc_repository(folder: Path, pointers: int, env: Environment) -> Path:
    """The same pointers in a repository of plain DVC."""
    files = {
        f"models/model-{number // 10}/{number % 10}/model.bin.dvc": pointer_yaml(stored_artifact(b"%d" % number))
        for number in range(pointers)
    }  # fmt: skip
    root = new_repository(folder, {".gitignore": "/models/**/*.bin\n", **files})
    timed([program("dvc"), "init", "-q"], cwd=root, env=env)
    storage = ["remote", "add", "-q", "-d", "storage", str(folder.parent / "theirs")]
    timed([program("dvc"), *storage], cwd=root, env=env)
    return root


def _one_file(place: Path) -> None:
    place.write_bytes(os.urandom(10 * MB))


def _many_files(place: Path) -> None:
    place.mkdir()
    for number in range(1000):
        (place / f"{number:04}.bin").write_bytes(os.urandom(10_000))


# What is added, and how it is made.
SHAPES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "file": ("10 MB", _one_file),
    "folder": ("a folder of 1,000 files of 10 kB", _many_files),
}


def add_among(pointers: int, shape: str = "file") -> Setting:
    """Store one new artifact, in a repository that has so many already."""
    what, made = SHAPES[shape]

    @contextmanager
    def setting(home: Path, env: Environment) -> Iterator[Sequence[Race]]:
        registry = _a_registry(home / "registry", pointers)
        plain = _a_dvc_repository(home / "plain", pointers, env)

        def ours(number: int) -> Ended:
            source = home / f"ours-{number}" / "model.bin"
            source.parent.mkdir()
            made(source)
            asked = ["--artifact", str(source), "--framework", "onnx"]
            command = [program("registry"), "version", "add", "nlp/lang-id", *asked]
            return timed(command, cwd=registry, env=env)

        def theirs(number: int) -> Ended:
            source = plain / "models" / f"new-{number}" / "model.bin"
            source.parent.mkdir(parents=True)
            made(source)
            path, dvc = str(source.relative_to(plain)), program("dvc")
            push = [dvc, "push", "-q", f"{path}.dvc"]
            return timed([dvc, "add", "-q", path], push, cwd=plain, env=env)

        name = f"add {what}, with {pointers:,} pointers there"
        yield [Race(name, "`dvc add` + `dvc push`", 0.6, ours, theirs)]

    return setting
