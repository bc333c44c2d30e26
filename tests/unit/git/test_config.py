"""Configuration as Git reads it: compared with what ``git config`` itself answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support import git, new_repository

from registry_tool.git.command import Git
from registry_tool.git.config import is_true


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", {"x": "1"})


def opened(folder: Path) -> Git:
    return Git(folder / ".git", folder)


def asked(folder: Path, key: str, *more: str) -> str | None:
    done = subprocess.run(
        ["git", "config", *more, "--get", key],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.rstrip("\n") or None


@pytest.mark.parametrize(
    "key",
    [
        "user.name",
        "remote.origin.url",
        "Remote.origin.URL",
        "branch.a.B.merge",
        "a.b",
        "core.bare",
        "no.such",
    ],
)
def test_values_are_those_git_answers(key: str, repository: Path) -> None:
    for name, value in {
        "user.name": "Ünï", "remote.origin.url": "x", "branch.a.B.merge": "two\nlines", "a.b": "1",
    }.items():  # fmt: skip
        git(repository, "config", name, value)
    git(repository, "config", "--add", "a.b", "2")
    assert opened(repository).config(key) == asked(repository, key)


@pytest.mark.parametrize(
    "value", ["true", "Yes", "on", "1", "-1", "0", "false", "no", "off", "", "nonsense"]
)
def test_flags_are_those_git_answers(value: str, repository: Path) -> None:
    git(repository, "config", "a.flag", value)
    wanted = asked(repository, "a.flag", "--type=bool") == "true"
    assert opened(repository).flag("a.flag") is wanted


def test_a_name_without_a_value_is_true(repository: Path) -> None:
    with (repository / ".git" / "config").open("a") as stream:
        stream.write("[a]\n\tflag\n")
    assert opened(repository).flag("a.flag")
    assert not is_true(None)


def test_a_change_is_seen_by_the_same_object(repository: Path, home: Path) -> None:
    here = opened(repository)
    assert here.config("a.b") is None
    git(repository, "config", "a.b", "1")
    assert here.config("a.b") == "1"
    git(repository, "config", "--global", "a.c", "2")
    assert here.config("a.c") == "2"


def test_a_linked_work_tree_has_the_shared_settings_and_its_own_head(repository: Path) -> None:
    linked = repository.parent / "linked"
    git(repository, "worktree", "add", "--quiet", str(linked), "-b", "side")
    git(repository, "config", "a.b", "1")
    here = Git(repository / ".git" / "worktrees" / "linked", linked)
    assert here.config("a.b") == "1"
    git(repository, "config", "a.b", "2")
    assert here.config("a.b") == "2"
    assert here.branch() == "refs/heads/side"
    assert here.head() == git(linked, "rev-parse", "HEAD")


@pytest.mark.parametrize("state", ["loose", "packed", "detached", "unborn"])
def test_head_is_what_git_says(state: str, repository: Path, tmp_path: Path) -> None:
    folder = repository
    if state == "packed":
        git(folder, "pack-refs", "--all")
    elif state == "detached":
        git(folder, "switch", "--quiet", "--detach")
    elif state == "unborn":
        git(folder, "switch", "--quiet", "--orphan", "new")
    here = opened(folder)
    branch = subprocess.run(
        ["git", "symbolic-ref", "-q", "HEAD"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    commit = subprocess.run(
        ["git", "rev-parse", "-q", "--verify", "HEAD"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert here.branch() == (branch.stdout.strip() or None)
    assert here.head() == (commit.stdout.strip() or None)
