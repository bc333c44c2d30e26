"""One kept process moves branches by compare-and-swap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import GitError, StaleBaseError
from registry_tool.git.command import find_repository
from registry_tool.git.ref_mover import RefMover

SIDE = "refs/heads/side"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "registry", {"a": "1\n"})


@pytest.fixture
def mover(folder: Path) -> Iterator[RefMover]:
    repository = find_repository(folder)
    assert repository is not None
    made = RefMover(repository, "test")
    yield made
    made.close()


@pytest.fixture
def commits(folder: Path) -> list[str]:
    found = [git(folder, "rev-parse", "HEAD")]
    for number in range(2):
        write_files(folder, {"a": f"{number} more\n"})
        found.append(commit(folder))
    return found


def test_a_branch_is_made_and_moved(mover: RefMover, folder: Path, commits: list[str]) -> None:
    mover.move(SIDE, commits[0], "")
    mover.move(SIDE, commits[1], commits[0])
    mover.move("refs/heads/other", commits[2], "")
    assert git(folder, "rev-parse", SIDE) == commits[1]


def test_a_branch_that_is_elsewhere_does_not_move(
    mover: RefMover, folder: Path, commits: list[str]
) -> None:
    mover.move(SIDE, commits[0], "")
    for before in (commits[2], ""):
        with pytest.raises(StaleBaseError):
            mover.move(SIDE, commits[1], before)
    with pytest.raises(StaleBaseError):
        mover.move("refs/heads/absent", commits[1], commits[0])
    assert git(folder, "rev-parse", SIDE) == commits[0]
    mover.move(SIDE, commits[1], commits[0])
    assert git(folder, "rev-parse", SIDE) == commits[1]


def test_a_commit_that_does_not_exist_is_refused(mover: RefMover, commits: list[str]) -> None:
    mover.move(SIDE, commits[0], "")
    with pytest.raises(GitError):
        mover.move(SIDE, "1" * 40, commits[0])
    mover.move(SIDE, commits[1], commits[0])


def test_a_killed_process_is_replaced(mover: RefMover, folder: Path, commits: list[str]) -> None:
    mover.move(SIDE, commits[0], "")
    assert mover._process is not None
    mover._process.kill()
    mover.move(SIDE, commits[1], commits[0])
    assert git(folder, "rev-parse", SIDE) == commits[1]
