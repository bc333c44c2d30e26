"""A branch is moved by Git's own program, told at the end where to: as `git update-ref` would have, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import GitError, StaleBaseError
from registry_tool.git.command import Git, GitCommandError
from registry_tool.git.commit import RefUpdate

Opened = Callable[[Path], Git]
MAIN = "refs/heads/main"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with two commits; ``main`` is at the second."""
    made = new_repository(tmp_path / "r", {"a": "1\n"})
    write_files(made, {"a": "2\n"})
    commit(made, "Second")
    return made


def _at(folder: Path, name: str) -> str:
    return git(folder, "rev-parse", name)


def _logs(folder: Path) -> dict[str, str]:
    logs = folder / ".git" / "logs"
    return {str(p.relative_to(logs)): p.read_text() for p in logs.rglob("*") if p.is_file()}


@pytest.fixture(params=["loose", "packed"])
def kept(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository with its refs in files of their own or in one, at a time that stands still."""
    if request.param == "packed":
        git(folder, "pack-refs", "--all")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-02T12:00:00Z")
    return folder


@pytest.mark.parametrize("branch", ["main", "new", "far/away"])
def test_refs_and_reflogs_are_those_of_update_ref(
    kept: Path, tmp_path: Path, opened: Opened, branch: str
) -> None:
    folder = kept
    twin = tmp_path / "twin"
    git(tmp_path, "clone", "--quiet", "--no-checkout", str(folder), str(twin))
    for place in (folder, twin):  # so that both begin with the same logs
        for file in (place / ".git" / "logs").rglob("*"):
            if file.is_file():
                file.write_text("")
    first, before = _at(folder, "HEAD~1"), _at(folder, "HEAD") if branch == "main" else ""
    ref, words = f"refs/heads/{branch}", "registry: Add  nlp/lang-id@4\tü"
    git(twin, "update-ref", "--create-reflog", "-m", words, ref, first, before)
    with RefUpdate(opened(folder), ref, words) as move:
        move.to(first, before)
    assert _at(folder, ref) == _at(twin, ref) == first
    log = f"refs/heads/{branch}"
    assert _logs(folder)[log] == _logs(twin)[log]
    assert "Add nlp/lang-id@4" in _logs(folder)[log]
    assert _logs(folder)["HEAD"] == _logs(twin)["HEAD"]


def test_without_a_word_nothing_moves(folder: Path, opened: Opened) -> None:
    before, logs = _at(folder, MAIN), _logs(folder)
    with RefUpdate(opened(folder), MAIN, "Nothing"):
        pass
    assert (_at(folder, MAIN), _logs(folder)) == (before, logs)
    assert not list((folder / ".git").rglob("*.lock"))


def test_a_branch_that_somebody_moved_meanwhile_stays_where_they_put_it(
    folder: Path, opened: Opened
) -> None:
    first, second = _at(folder, "HEAD~1"), _at(folder, "HEAD")
    write_files(folder, {"a": "3\n"})
    third = commit(folder, "Third")
    git(folder, "update-ref", MAIN, second)
    with RefUpdate(opened(folder), MAIN, "Late") as move:
        git(folder, "update-ref", MAIN, third)
        with pytest.raises(StaleBaseError, match="main moved"):
            move.to(first, second)
    assert _at(folder, MAIN) == third


def test_a_branch_that_somebody_made_meanwhile_stays(folder: Path, opened: Opened) -> None:
    first, second = _at(folder, "HEAD~1"), _at(folder, "HEAD")
    with RefUpdate(opened(folder), "refs/heads/new", "Late") as move:
        git(folder, "branch", "new", second)
        with pytest.raises(StaleBaseError):
            move.to(first, "")
    assert _at(folder, "new") == second


def test_a_branch_that_somebody_deleted_meanwhile_does_not_come_back(
    folder: Path, opened: Opened
) -> None:
    first, second = _at(folder, "HEAD~1"), _at(folder, "HEAD")
    git(folder, "branch", "side", second)
    with RefUpdate(opened(folder), "refs/heads/side", "Late") as move:
        git(folder, "branch", "--quiet", "-D", "side")
        with pytest.raises(GitError):
            move.to(first, second)
    assert git(folder, "for-each-ref", "refs/heads/side") == ""


def _hook(folder: Path, script: str) -> Path:
    """A hook about refs, which also writes down what it was asked."""
    hook, told = folder / ".git/hooks/reference-transaction", folder / "told"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\necho "$1" >>"{told}"\ncat >>"{told}"\n{script}\n')
    hook.chmod(0o755)
    return told


def test_the_hook_about_refs_is_asked(folder: Path, opened: Opened) -> None:
    told = _hook(folder, "exit 0")
    first, second = _at(folder, "HEAD~1"), _at(folder, "HEAD")
    with RefUpdate(opened(folder), MAIN, "Asked") as move:
        move.to(first, second)
    lines = told.read_text().splitlines()
    assert lines[0] == "prepared"
    assert f"{second} {first} {MAIN}" in lines
    assert "committed" in lines


def test_the_hook_about_refs_may_refuse(folder: Path, opened: Opened) -> None:
    _hook(folder, '[ "$1" != prepared ]')
    first, second = _at(folder, "HEAD~1"), _at(folder, "HEAD")
    with (
        RefUpdate(opened(folder), MAIN, "RefusedError") as move,
        pytest.raises(GitCommandError, match="hook"),
    ):
        move.to(first, second)
    assert _at(folder, MAIN) == second
    assert not list((folder / ".git").rglob("*.lock"))


def test_a_program_that_nobody_talks_to_any_more_moves_nothing(
    folder: Path, opened: Opened
) -> None:
    told, before = _hook(folder, "exit 0"), _at(folder, MAIN)
    with RefUpdate(opened(folder), MAIN, "Abandoned") as move:
        assert move._process.stdin is not None
        move._process.stdin.close()  # as when this process is killed
        assert move._process.wait() == 0
    assert _at(folder, MAIN) == before
    assert told.read_text().split() == ["aborted"]


def test_a_program_that_was_killed_while_it_waited_is_started_again(
    folder: Path, opened: Opened
) -> None:
    first, second = _at(folder, "HEAD~1"), _at(folder, "HEAD")
    with RefUpdate(opened(folder), MAIN, "Killed") as move:
        move._process.kill()
        move._process.wait()
        move.to(first, second)
    assert _at(folder, MAIN) == first
    assert _logs(folder)[MAIN].endswith("\tKilled\n")


def test_a_lock_that_was_left_is_named(folder: Path, opened: Opened) -> None:
    first, second = _at(folder, "HEAD~1"), _at(folder, "HEAD")
    (folder / ".git/refs/heads/main.lock").touch()
    with RefUpdate(opened(folder), MAIN, "Locked") as move, pytest.raises(GitError) as caught:
        move.to(first, second)
    assert "was killed while doing so" in caught.value.message
    assert ".lock" in caught.value.remedy
    assert _at(folder, MAIN) == second


def test_a_commit_that_is_not_there_is_no_place_to_go(folder: Path, opened: Opened) -> None:
    before = _at(folder, MAIN)
    with RefUpdate(opened(folder), MAIN, "Nowhere") as move, pytest.raises(GitCommandError):
        move.to("1" * 40, before)
    assert _at(folder, MAIN) == before
