"""Commands that change a version want it named; reading takes the latest, as before."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support import Ran, git

import registry_tool
from registry_tool.api.changes.change import Change
from registry_tool.errors import VersionNotNamedError

Cli = Callable[..., Ran]
MODEL = "nlp/lang-id"
# What is typed with REF in the place of the reference.
CHANGES = [
    ["annotate", "REF", "team=speech", 'limits={"chars": 5}'],
    ["tag", "add", "REF", "v3"],
    ["alias", "set", "REF", "champion", "--reason", "it's best"],
    ["deprecate", "REF", "--reason", "old"],
    ["withdraw", "REF", "--reason", "wrong", "--remove-aliases"],
    ["erase", "REF", "--reason", "request 4711"],
    ["erase", "REF", "--purge"],
    ["evidence", "add", "REF", "--kind", "note", "--text", "Seen."],
    ["sign", "REF", "--key", "key"],
    ["promote", "REF", "--to", "staging", "--dry-run"],
    ["promote", "REF", "--to", "staging", "--commit"],
    ["encrypt", "REF", "--to", "ada@example.org"],
    ["rekey", "REF", "--to", "ada@example.org", "--passphrase"],
    ["rewrap", "REF", "--to", "ada@example.org", "--passphrase"],
    ["upload", "REF", "model.bin"],
    ["scan", "REF", "--evidence"],
]  # fmt: skip


def typed(words: Sequence[str], reference: str) -> list[str]:
    return [reference if word == "REF" else word for word in words]


@pytest.mark.parametrize("words", CHANGES, ids=lambda words: "-".join(words[:2]))
def test_a_command_that_changes_a_version_wants_it_named(
    registry: Path, cli: Cli, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSPHRASE", "x")
    before = git(registry, "status", "--porcelain"), git(registry, "rev-parse", "--all")
    ran = cli(*typed(words, MODEL), cwd=registry)
    assert ran.code == 2
    assert f"{MODEL} names no version; a change requires one" in ran.err
    filled = shlex.join(typed(words, f"{MODEL}@3"))
    assert f"try:   registry {filled}\n" in ran.err
    assert (git(registry, "status", "--porcelain"), git(registry, "rev-parse", "--all")) == before


@pytest.mark.parametrize("words", CHANGES[:5], ids=lambda words: "-".join(words[:2]))
def test_what_it_prints_works_and_latest_may_be_said(
    registry: Path, cli: Cli, words: list[str]
) -> None:
    remedy = cli(*typed(words, MODEL), cwd=registry).err.partition("try:   ")[2].strip()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        remedy, shell=True, cwd=registry, env={**os.environ, "PATH": path}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    git(registry, "stash", "--include-untracked")
    assert cli(*typed(words, f"{MODEL}@latest"), cwd=registry).code == 0


def test_reading_takes_the_latest(registry: Path, cli: Cli) -> None:
    for words in (["resolve"], ["show"], ["history"]):
        assert cli(*words, MODEL, cwd=registry).code == 0


ACTS: tuple[Callable[[Change], None], ...] = (
    lambda change: change.add_tag(MODEL, "v3"),
    lambda change: change.set_alias(MODEL, "champion"),
    lambda change: change.deprecate(MODEL, reason="old"),
    lambda change: change.withdraw(MODEL, reason="wrong"),
    lambda change: change.version(MODEL).update_metadata("a", 1),
    lambda change: change.version(MODEL).log_metrics({"f1": 0.9}),
)


def test_the_library_wants_it_too(registry: Path) -> None:
    with registry_tool.open(registry) as opened:
        for act in ACTS:
            with (
                pytest.raises(VersionNotNamedError, match="names no version") as caught,
                opened.change("Change") as change,
            ):
                act(change)
            assert caught.value.remedy == f"name the version: {MODEL}@3, or {MODEL}@latest"
        with opened.change("Change") as change:
            change.add_tag(f"{MODEL}@latest", "v3")
