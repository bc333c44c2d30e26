"""The gates ahead, as the reviewer's report shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support import Ran, commit, git, write_files
from support.manifests import registry_yaml, small_registry, stored_artifact, version_files

from registry_tool.manifests.problems import JSON

Cli = Callable[..., Ran]
STAGES: JSON = {
    "staging": {},
    "production": {"from": "staging", "require": [{"metric": "accuracy", "min": 0.9}]},
}


def report(make_registry: Callable[..., Path], cli: Cli, accuracy: float) -> str:
    files = small_registry() | {"registry.yaml": registry_yaml(stages=STAGES)}
    folder = make_registry(files)
    git(folder, "switch", "-qc", "more")
    metrics: JSON = [{"key": "accuracy", "value": accuracy}]
    write_files(folder, version_files("3", artifacts=[stored_artifact(b"3")], metrics=metrics))
    commit(folder)
    done = cli("diff", "main", "HEAD", "--format", "markdown", cwd=folder)
    assert done.code == 0, done.err
    return done.out


def gates(markdown: str) -> list[str]:
    return [
        line
        for line in markdown.partition("### Gates for later promotions")[2].splitlines()
        if line
    ]


def test_each_gate_of_each_guarded_stage_is_told(
    make_registry: Callable[..., Path], cli: Cli
) -> None:
    first, second = gates(report(make_registry, cli, 0.95))
    assert "✗" in first
    assert "staging" in first
    assert "✓" in second
    assert "accuracy" in second


def test_a_metric_that_is_too_low_is_told(make_registry: Callable[..., Path], cli: Cli) -> None:
    _, second = gates(report(make_registry, cli, 0.5))
    assert "✗" in second


def test_a_registry_without_gates_has_none_ahead(
    make_registry: Callable[..., Path], cli: Cli
) -> None:
    folder = make_registry(small_registry())
    git(folder, "switch", "-qc", "more")
    write_files(folder, version_files("3", artifacts=[stored_artifact(b"3")]))
    commit(folder)
    assert "Gates ahead" not in cli("diff", "main", "--format", "markdown", cwd=folder).out
