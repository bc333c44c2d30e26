"""Whole commands, cold, as ratios to an empty Python process in the same run: ``python tests/benchmarks/run.py``.

Times on a shared machine are noisy, so every round runs each candidate once, the ratio is taken within the round, and
the median of the rounds is printed with the lowest and highest. Nothing here asserts a time.
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
from pathlib import Path

import registry_tool as registry

_MODELS = 20
_VERSIONS = 5


def _environment(home: Path) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    identity = {"NAME": "Bench", "EMAIL": "bench@example.org"}
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_{key}": value for key, value in identity.items()})
    env.update(
        {"HOME": str(home), "REGISTRY_CACHE": str(home / "cache"), "GIT_CONFIG_NOSYSTEM": "1"}
    )
    return env


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def make_registry(folder: Path, *, models: int = _MODELS, versions: int = _VERSIONS) -> None:
    """A registry with some models and versions, written by the library in one commit."""
    folder.mkdir(parents=True)
    _git(folder, "init", "-q", "-b", "main")
    (folder / "registry.yaml").write_text("schema: registry/v1\nname: bench\n", encoding="utf-8")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", "Start")
    with registry.open(folder).change("Fill", commit=True) as change:
        for number in range(models):
            model = change.new_model(
                f"model-{number}",
                namespace="bench",
                owner="bench",
                task="nothing",
                description="Filler for measurements.",
            )
            for version in range(versions):
                draft = model.new_version(parameters={"seed": number * versions + version})
                draft.log_metrics({"accuracy": 0.9})
        for number in range(models):
            change.set_alias(f"bench/model-{number}", "production")


def _seconds(command: list[str], folder: Path, env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(rounds: int) -> list[tuple[str, float, float, float]]:
    """Median, lowest and highest ratio of each command to ``python -c pass``."""
    home = Path(tempfile.mkdtemp(prefix="registry-bench-"))
    try:
        env = _environment(home)
        os.environ.update(env)
        folder = home / "registry"
        make_registry(folder)
        program = [str(Path(sys.executable).with_name("registry"))]  # what people run
        resolve = ["resolve", "bench/model-7@production"]
        commands = {
            "registry --version": [*program, "--version"],
            "registry --help": [*program, "--help"],
            "registry resolve NS/NAME@ALIAS": [*program, *resolve],
            "registry resolve NS/NAME@ALIAS --ref HEAD": [*program, *resolve, "--ref", "HEAD"],
            "registry check --staged": [*program, "check", "--staged"],
            "git rev-parse HEAD": ["git", "rev-parse", "HEAD"],
        }
        ratios: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():  # once unmeasured: byte code and page cache
            _seconds(command, folder, env)
        for _ in range(rounds):
            empty = _seconds([sys.executable, "-c", "pass"], folder, env)
            for name, command in commands.items():
                ratios[name].append(_seconds(command, folder, env) / empty)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return [(n, statistics.median(r), min(r), max(r)) for n, r in ratios.items()]


def main() -> None:
    """Print the table, and with ``--json FILE`` write the figures too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = measure(chosen.rounds)
    print("| whole process, cold | x `python -c pass` | lowest | highest |")
    print("| --- | --- | --- | --- |")
    for name, middle, low, high in rows:
        print(f"| `{name}` | {middle:.1f} | {low:.1f} | {high:.1f} |")
    if chosen.json:
        keys = ("command", "median", "lowest", "highest")
        data = [dict(zip(keys, row, strict=True)) for row in rows]
        chosen.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
