"""A command of git that works while we do something else."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support import git, new_repository

from registry_tool.git.command import BackgroundCommand, Git, GitCommandError

Opened = Callable[[Path], Git]


@pytest.fixture
def repository(tmp_path: Path, opened: Opened) -> Git:
    return opened(new_repository(tmp_path / "r", {"a": "x\n" * 200_000}))


def test_the_answer_is_what_git_says(repository: Git) -> None:
    head = git(repository.place, "rev-parse", "HEAD")
    assert BackgroundCommand(repository, "rev-parse", "HEAD").answer() == f"{head}\n".encode()


def test_an_answer_may_be_long(repository: Git) -> None:
    assert BackgroundCommand(repository, "cat-file", "blob", "HEAD:a").answer() == b"x\n" * 200_000


def test_an_exit_code_may_be_an_answer(repository: Git) -> None:
    nothing = ("grep", "-l", "nothing", "HEAD")
    assert BackgroundCommand(repository, *nothing, allowed=(0, 1)).answer() == b""
    with pytest.raises(GitCommandError):
        BackgroundCommand(repository, *nothing).answer()


def test_git_says_what_is_wrong(repository: Git) -> None:
    with pytest.raises(GitCommandError, match="Needed a single revision"):
        BackgroundCommand(repository, "rev-parse", "--verify", "not-there").answer()


def test_what_nobody_waits_for_ends(repository: Git) -> None:
    asked = BackgroundCommand(
        repository, "cat-file", "--batch-check", "--follow-symlinks", "--batch-all-objects"
    )
    pid = asked._process.pid
    del asked
    gc.collect()
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # it was waited for
