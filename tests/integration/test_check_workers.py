"""Full checks with several worker processes: as many as asked, and the same report whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import write_files
from support.manifests import alias_yaml, model_files, namespace_yaml, small_registry

from registry_tool.api.check import check
from registry_tool.checks.findings import Report
from registry_tool.workers import Workers

MODELS = 72


@pytest.fixture
def folder(make_registry: Callable[..., Path]) -> Path:
    files: dict[str, str] = {**small_registry(), "models/nlp/namespace.yaml": namespace_yaml()}
    for number in range(MODELS):
        name = f"m{number:03}"
        files |= model_files(f"nlp/{name}", versions=("1",))
        if number % 20 == 0:
            files[f"models/nlp/{name}/aliases/live.yaml"] = alias_yaml("9", model=f"nlp/{name}")
    return make_registry(files)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def use(name: str) -> None:
        monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / name))

    use("first")
    return use


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The workers that were started; a few models are enough for one."""
    monkeypatch.setattr("registry_tool.checks.worker._FEW", 10)
    seen: list[subprocess.Popen[bytes]] = []
    start = Workers.start

    def spy(self: Workers, module: str, *arguments: str) -> None:
        start(self, module, *arguments)
        seen.append(self.running[-1])

    monkeypatch.setattr(Workers, "start", spy)
    return seen


def refused(report: Report) -> int:
    return sum(finding.rule == "M203" for finding in report.findings)


def test_as_many_workers_as_asked_and_the_same_report(
    folder: Path, cache: Callable[[str], None], started: list[subprocess.Popen[bytes]]
) -> None:
    alone = check(folder, everything=True)
    assert started == []  # a library call starts none unless asked
    cache("second")
    assert check(folder, everything=True, workers=5) == alone
    assert len(started) == 4
    assert refused(alone) == MODELS // 20 + 1
    started.clear()
    assert check(folder, everything=True, workers=5) == alone
    assert started == []  # every verdict is cached


def test_killing_workers_in_the_middle_changes_nothing(
    folder: Path, cache: Callable[[str], None], started: list[subprocess.Popen[bytes]]
) -> None:
    alone = check(folder, everything=True)
    cache("second")
    killed: list[int] = []

    def kill(_: int) -> None:
        for worker in started:
            if worker.pid not in killed:
                os.kill(worker.pid, signal.SIGKILL)
                killed.append(worker.pid)

    assert check(folder, everything=True, workers=4, progress=kill) == alone
    assert len(killed) == 3
    assert [worker.wait() for worker in started] == [-signal.SIGKILL] * 3


def test_a_change_starts_none(folder: Path, started: list[subprocess.Popen[bytes]]) -> None:
    write_files(folder, {"models/nlp/m001/CARD.md": "# M\n"})
    assert check(folder, workers=4).verdict == "pass"
    assert started == []
