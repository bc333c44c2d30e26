"""Pushing a branch, and what the server says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import Conflict, GitTrouble
from registry_tool.git.plumbing import Git
from registry_tool.git.pushing import push_branch

Opened = Callable[[Path], Git]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A bare server and a checkout of it with one commit more."""
    start = new_repository(tmp_path / "start", {"a": "1\n"})
    git(tmp_path, "clone", "--quiet", "--bare", str(start), "server.git")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "server.git"), "work")
    write_files(tmp_path / "work", {"a": "2\n"})
    commit(tmp_path / "work", "Second")
    return tmp_path / "server.git", tmp_path / "work"


def test_a_branch_is_pushed(pair: tuple[Path, Path], opened: Opened) -> None:
    server, work = pair
    push_branch(opened(work), "main")
    assert git(server, "rev-parse", "main") == git(work, "rev-parse", "HEAD")
    push_branch(opened(work), "main")  # nothing new is no trouble


def test_a_new_branch_and_nothing_else(pair: tuple[Path, Path], opened: Opened) -> None:
    server, work = pair
    git(work, "branch", "side")
    push_branch(opened(work), "side")
    assert git(server, "rev-parse", "side") == git(work, "rev-parse", "side")
    assert git(server, "rev-parse", "main") != git(work, "rev-parse", "main")


def test_somebody_was_first(pair: tuple[Path, Path], opened: Opened, tmp_path: Path) -> None:
    server, work = pair
    git(tmp_path, "clone", "--quiet", str(server), "faster")
    write_files(tmp_path / "faster", {"b": "1\n"})
    commit(tmp_path / "faster")
    git(tmp_path / "faster", "push", "--quiet")
    with pytest.raises(Conflict, match=r"origin refused main: .*rejected"):
        push_branch(opened(work), "main")


def test_a_server_hook_refuses_in_its_own_words(pair: tuple[Path, Path], opened: Opened) -> None:
    server, work = pair
    hook = server / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'M203 says no' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(Conflict, match="pre-receive hook declined") as caught:
        push_branch(opened(work), "main")
    assert "M203 says no" in caught.value.remedy


def test_no_such_remote(pair: tuple[Path, Path], opened: Opened) -> None:
    with pytest.raises(GitTrouble, match="there is no Git remote upstream"):
        push_branch(opened(pair[1]), "main", remote="upstream")


def test_a_remote_that_went_away(pair: tuple[Path, Path], opened: Opened) -> None:
    server, work = pair
    server.rename(server.with_name("moved.git"))
    with pytest.raises(GitTrouble, match=r"git push failed: .*server\.git"):
        push_branch(opened(work), "main")


def test_a_branch_that_is_not_there(pair: tuple[Path, Path], opened: Opened) -> None:
    with pytest.raises(GitTrouble, match="nothing"):
        push_branch(opened(pair[1]), "nothing")


def test_variables_of_another_repository_do_not_mislead(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, work = pair
    head = git(work, "rev-parse", "HEAD")
    other = new_repository(tmp_path / "other", {"x": "1"})
    with monkeypatch.context() as patch:
        patch.setenv("GIT_DIR", str(other / ".git"))
        patch.setenv("GIT_WORK_TREE", str(other))
        patch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
        push_branch(opened(work), "main")
    assert git(server, "rev-parse", "main") == head
