"""Artifacts in and out, as ratios to what people would use instead: ``python tests/benchmarks/bytes.py``.

Whole processes, cold; in every round ours and theirs run once, one after the other, and the ratio is taken within the
round, because times on a shared machine are noisy. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
from support import (
    model_yaml,
    namespace_yaml,
    new_repository,
    pointer_yaml,
    stored_artifact,
    version_files,
)

__all__ = ["RACES", "Race", "Result", "measure", "timed"]

_MB = 1 << 20
_CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = {}\n"


class Race(NamedTuple):
    """Two ways to the same end.

    Attributes:
        name: What is done.
        against: What ours is compared with.
        goal: The ratio that is aimed at.
        ours: Does it our way in a round, and gives the seconds it took.
        theirs: Does it the other way.
    """

    name: str
    against: str
    goal: float
    ours: Callable[[int], float]
    theirs: Callable[[int], float]


class Result(NamedTuple):
    """The ratios of a race."""

    name: str
    against: str
    goal: float
    median: float
    lowest: float
    highest: float


def timed(*commands: Sequence[str], cwd: Path, env: Mapping[str, str]) -> float:
    """The seconds some commands take, one after the other."""
    start = time.perf_counter()
    for command in commands:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: {done.stderr.decode()}")
    return time.perf_counter() - start


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _environment(home: Path) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_NAME": "Bench", f"GIT_{role}_EMAIL": "bench@example.org"})
    own = {
        "HOME": "", "REGISTRY_CACHE": "cache", "DVC_GLOBAL_CONFIG_DIR": "dvc", "DVC_SYSTEM_CONFIG_DIR": "dvc-system",
        "DVC_SITE_CACHE_DIR": "dvc-site", "XDG_CACHE_HOME": ".cache",
    }  # fmt: skip
    env.update({name: str(home / below) for name, below in own.items()})
    return env | {"GIT_CONFIG_NOSYSTEM": "1", "DVC_NO_ANALYTICS": "1", "PYTHONWARNINGS": "ignore"}


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


def _a_dvc_repository(folder: Path, pointers: int, env: Mapping[str, str]) -> Path:
    """The same pointers in a repository of plain DVC."""
    files = {
        f"models/model-{number // 10}/{number % 10}/model.bin.dvc": pointer_yaml(stored_artifact(b"%d" % number))
        for number in range(pointers)
    }  # fmt: skip
    root = new_repository(folder, {".gitignore": "/models/**/*.bin\n", **files})
    timed([_program("dvc"), "init", "-q"], cwd=root, env=env)
    storage = ["remote", "add", "-q", "-d", "storage", str(folder.parent / "theirs")]
    timed([_program("dvc"), *storage], cwd=root, env=env)
    return root


def add_among(pointers: int, *, megabytes: int = 10) -> Callable[[Path, Mapping[str, str]], Race]:
    """Store one new file, in a repository that has so many already."""

    def race(home: Path, env: Mapping[str, str]) -> Race:
        registry = _a_registry(home / "registry", pointers)
        plain = _a_dvc_repository(home / "plain", pointers, env)

        def ours(number: int) -> float:
            source = home / f"ours-{number}" / "model.bin"
            source.parent.mkdir()
            source.write_bytes(os.urandom(megabytes * _MB))
            command = [
                "version",
                "add",
                "nlp/lang-id",
                "--artifact",
                str(source),
                "--framework",
                "onnx",
            ]
            return timed([_program("registry"), *command], cwd=registry, env=env)

        def theirs(number: int) -> float:
            source = plain / "models" / f"new-{number}" / "model.bin"
            source.parent.mkdir(parents=True)
            source.write_bytes(os.urandom(megabytes * _MB))
            path = str(source.relative_to(plain))
            dvc = _program("dvc")
            return timed(
                [dvc, "add", "-q", path], [dvc, "push", "-q", f"{path}.dvc"], cwd=plain, env=env
            )

        name = f"add {megabytes} MB, with {pointers:,} pointers there"
        return Race(name, "`dvc add` + `dvc push`", 0.6, ours, theirs)

    return race


# What is measured: each makes its race in a folder of its own.
RACES: dict[str, Callable[[Path, Mapping[str, str]], Race]] = {
    "add-10": add_among(10),
    "add-2000": add_among(2000),
}


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="registry-bytes-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def measure(names: Sequence[str], rounds: int) -> list[Result]:
    """Run some races; the first round of each is not counted (byte code, page cache)."""
    results = []
    for name in names:
        with _home() as home:
            env = _environment(home)
            os.environ.update(env)
            race = RACES[name](home, env)
            ratios = []
            for number in range(rounds + 1):
                ours, theirs = race.ours(number), race.theirs(number)
                print(f"{race.name}: {ours:.2f} s against {theirs:.2f} s", file=sys.stderr)
                ratios.append(ours / theirs)
            counted = ratios[1:]
            figures = (statistics.median(counted), min(counted), max(counted))
            results.append(Result(race.name, race.against, race.goal, *figures))
    return results


def main() -> None:
    """Print the table, and with ``--json FILE`` write the figures too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "races", nargs="*", metavar="RACE", help=f"of {', '.join(RACES)}; all by default"
    )
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.races) - RACES.keys())
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}")
    results = measure(chosen.races or list(RACES), chosen.rounds)
    print("| what | against | goal | ratio | lowest | highest |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one in results:
        print(
            f"| {one.name} | {one.against} | ≤ {one.goal} | {one.median:.2f} | {one.lowest:.2f} | {one.highest:.2f} |"
        )
    if chosen.json:
        data = [one._asdict() for one in results]
        chosen.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
