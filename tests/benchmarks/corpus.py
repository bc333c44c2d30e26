"""A realistic registry of any size, the same bytes each time: ``python tests/benchmarks/corpus.py DIR --versions 100000``.

One commit for each version, as pull requests land; written by ``git fast-import``. Models are spread over namespaces,
every model has ``staging`` and ``production`` and a tag, and the alias ``production`` of the first model moves once
in every hundred commits, so that its history can be asked.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from registry_tool.artifacts.dvc_files import Pointer, render_pointer
from registry_tool.manifests.identity import identity
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render

__all__ = ["CORPORA", "MODELS", "NAMESPACES", "WATCHED", "make_corpus", "model_name"]

CORPORA = Path(tempfile.gettempdir()) / "registry-tool-corpora"
"""Where generated registries are kept between runs, unless ``--corpora`` names a folder."""

MODELS = 1000
NAMESPACES = 50
WATCHED = "team-00/model-0000@production"
_START = 1_700_000_000
_MINUTE = 60
_MOVES_EVERY = 100
_TASKS = ("classification", "ranking", "segmentation", "translation", "detection")
_FRAMEWORKS = ("onnx", "pytorch", "sklearn", "xgboost", "transformers")
_LABELS = ("edge", "gpu", "pilot", "quantized", "multilingual", "batch")


def model_name(number: int) -> str:
    """The name of a model, with its namespace."""
    return f"team-{number % NAMESPACES:02}/model-{number:04}"


def _digest(kind: str, seed: str) -> str:
    return hashlib.new(kind, seed.encode(), usedforsecurity=False).hexdigest()


def _time(second: int) -> str:
    import datetime as dt

    moment = dt.datetime.fromtimestamp(_START + second, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def version_files(model: str, version: str, number: int) -> dict[str, bytes]:
    """The files of one version: about 40 lines of record, a pointer, and for some metadata."""
    luck = random.Random(f"{model}@{version}")
    subject = f"{model}@{version}"
    kind = luck.choice(_FRAMEWORKS)
    size = luck.randrange(10_000, 400_000_000)
    data: dict[str, JSON] = {
        "schema": "version/v1",
        "model": model,
        "version": version,
        "created_at": _time(number * _MINUTE),
        "author": f"Person {luck.randrange(40)} <person@example.org>",
        "description": f"Run {number} of the weekly training.",
        "framework": {"type": kind, "version": f"1.{luck.randrange(30)}.{luck.randrange(9)}"}
        if kind != "sklearn"
        else {"type": kind},
        "environment": {
            "python_version": "3.11",
            "pip_packages": [f"numpy==1.26.{luck.randrange(4)}", "protobuf>=4"],
        },
        "source": {
            "type": "git",
            "uri": "https://git.example.org/acme/train.git",
            "commit": _digest("sha1", subject),
        },
        "artifacts": [
            {
                "name": "model",
                "role": "model",
                "path": "model.onnx",
                "size": size,
                "sha256": _digest("sha256", subject),
                "md5": _digest("md5", subject),
            }
        ],
        "metrics": [
            {"key": "accuracy", "value": round(luck.uniform(0.7, 0.99), 4)},
            {"key": "latency_ms", "value": round(luck.uniform(2, 80), 2)},
            {"key": "f1", "value": round(luck.uniform(0.6, 0.98), 4)},
        ],
        "parameters": {"seed": number, "batch": luck.choice([16, 32, 64])},
    }
    data["identity"] = identity(data)
    folder = f"models/{model}/versions/{version}"
    pointer = Pointer(path="model.onnx", md5=_digest("md5", subject), size=size, nfiles=None)
    files = {
        f"{folder}/version.yaml": render(data),
        f"{folder}/model.onnx.dvc": render_pointer(pointer),
    }
    if luck.random() < 0.3:
        labels: list[JSON] = [*sorted(luck.sample(_LABELS, 2))]
        files[f"{folder}/metadata.yaml"] = render({"schema": "metadata/v1", "labels": labels})
    return files


def model_files(model: str, number: int) -> dict[str, bytes]:
    """``model.yaml`` and a card."""
    namespace, _, name = model.partition("/")
    data: dict[str, JSON] = {
        "schema": "model/v1",
        "name": name,
        "namespace": namespace,
        "owner": f"@acme/{namespace}",
        "task": _TASKS[number % len(_TASKS)],
        "description": f"Model {number} of {namespace}.",
        "labels": [_LABELS[number % len(_LABELS)]],
    }
    folder = f"models/{model}"
    return {f"{folder}/model.yaml": render(data), f"{folder}/CARD.md": f"# {name}\n".encode()}


def _pointing(kind: str, model: str, version: str, **more: JSON) -> bytes:
    return render({"schema": f"{kind}/v1", "model": model, "version": version, **more})


def _first_files() -> dict[str, bytes]:
    stages: JSON = {"staging": {}, "production": {}}
    remote = b"[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../storage\n"
    files = {
        "registry.yaml": render(
            {"schema": "registry/v1", "name": "bench", "remote": "storage", "stages": stages}
        ),
        ".dvc/config": remote,
        ".gitignore": b"/models/**/*.onnx\n",
    }
    for number in range(NAMESPACES):
        owners: list[JSON] = [f"@acme/team-{number:02}"]
        namespace: dict[str, JSON] = {"schema": "namespace/v1", "owners": owners}
        files[f"models/team-{number:02}/namespace.yaml"] = render(namespace)
    return files


def _commits(versions: int, models: int) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Messages and files of the commits, oldest first."""
    first = _first_files()
    for number in range(models):
        first |= model_files(model_name(number), number)
    yield "Start", first
    watched = model_name(0)
    for number in range(versions):
        model = model_name(number % models)
        version = str(number // models + 1)
        files = version_files(model, version, number)
        folder = f"models/{model}"
        if version == "1":
            files[f"{folder}/tags/first.yaml"] = _pointing("tag", model, "1")
            files[f"{folder}/aliases/staging.yaml"] = _pointing("alias", model, "1")
            files[f"{folder}/aliases/production.yaml"] = _pointing("alias", model, "1")
        elif number % _MOVES_EVERY == 0:
            newest = max(1, (number - 1) // models)
            back = (number // _MOVES_EVERY) % newest
            move = _pointing("alias", watched, str(newest - back), reason=f"Move {number}.")
            files[f"models/{watched}/aliases/production.yaml"] = move
        yield f"Add {model}@{version}", files


def _write(stream: IO[bytes], commits: Iterator[tuple[str, dict[str, bytes]]]) -> None:
    for number, (message, files) in enumerate(commits):
        when = _START + number * _MINUTE
        who = f"Bench <bench@example.org> {when} +0000"
        text = f"{message}\n".encode()
        head = f"commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata {len(text)}\n"
        stream.write(head.encode() + text)
        for path, data in files.items():
            stream.write(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
        stream.write(b"\n")
    stream.write(b"done\n")


def make_corpus(folder: Path, *, versions: int, models: int = MODELS) -> Path:
    """A bare repository with that many versions, packed and with a commit graph; the folder.

    Args:
        folder: Where; an existing one is taken as it is.
        versions: How many versions in all.
        models: Over how many models they are spread.
    """
    if (folder / "complete").exists():
        return folder
    models = min(models, max(10, versions // 10))
    building = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(building, ignore_errors=True)  # half of one that was interrupted
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(building)], check=True)
    git = ["git", "-C", str(building)]
    command = [*git, "fast-import", "--quiet", "--done", "--depth=20"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        _write(process.stdin, _commits(versions, models))
    if process.returncode:
        raise SystemExit("git fast-import failed")
    subprocess.run([*git, "repack", "-adq"], check=True)
    subprocess.run([*git, "commit-graph", "write", "--reachable", "--changed-paths"], check=True)
    (building / "complete").touch()
    return building.rename(folder)


def main() -> None:
    """Make one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--versions", type=int, default=1000)
    chosen = parser.parse_args()
    make_corpus(chosen.folder, versions=chosen.versions)


if __name__ == "__main__":
    main()
