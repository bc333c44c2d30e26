"""Pushing a branch, and what the server says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import ConflictError, GitError
from registry_tool.git.command import Git
from registry_tool.git.remote.push import LostRaceError, give_way, push_branch

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


def somebody_pushes(tmp_path: Path, server: Path, files: dict[str, str]) -> str:
    """Another clone's commit on the server's main branch."""
    if not (tmp_path / "faster").exists():
        git(tmp_path, "clone", "--quiet", str(server), "faster")
    git(tmp_path / "faster", "pull", "--quiet")
    write_files(tmp_path / "faster", files)
    made = commit(tmp_path / "faster", "Theirs")
    git(tmp_path / "faster", "push", "--quiet")
    return made


def commands(remedy: str) -> list[list[str]]:
    """The commands a remedy names, each on a line of its own."""
    lines = [line.strip() for line in remedy.splitlines()]
    return [line.split()[1:] for line in lines if line.startswith("git ")]


def test_somebody_was_first(pair: tuple[Path, Path], opened: Opened, tmp_path: Path) -> None:
    server, work = pair
    theirs = somebody_pushes(tmp_path, server, {"b": "1\n"})
    with pytest.raises(LostRaceError, match=r"origin refused main: .*rejected") as lost:
        push_branch(opened(work), "main")
    steps = commands(lost.value.remedy)
    assert steps == [["pull", "--rebase", "origin", "main"], ["push", "origin", "main"]]
    for step in steps:
        git(work, *step)
    assert git(server, "rev-parse", "main^") == theirs


def test_who_changed_the_same_is_said(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    server, work = pair
    theirs = somebody_pushes(tmp_path, server, {"a": "3\n", "c": "1\n"})
    with pytest.raises(LostRaceError) as lost:
        push_branch(opened(work), "main")
    assert f"a: on the remote by A. Tester in {theirs[:7]} (Theirs)" in lost.value.remedy
    steps = commands(lost.value.remedy)
    assert steps[0] == ["reset", "--keep", "origin/main"]
    assert steps[1:] == [["pull", "--rebase", "origin", "main"], ["push", "origin", "main"]]
    git(work, *steps[0])
    assert git(work, "rev-parse", "main") == theirs


def test_other_work_is_not_to_be_taken_back(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    server, work = pair
    somebody_pushes(tmp_path, server, {"a": "3\n"})
    write_files(work, {"d": "1\n"})
    made = commit(work, "Third")
    with pytest.raises(LostRaceError) as lost:
        push_branch(opened(work), "main")
    assert "reset" not in lost.value.remedy
    assert not give_way(opened(work), "main", made, losses=0)
    assert git(work, "rev-parse", "main") == made


def test_a_branch_that_is_not_checked_out_is_switched_to_first(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    server, work = pair
    somebody_pushes(tmp_path, server, {"b": "1\n"})
    git(work, "switch", "--quiet", "-c", "elsewhere")
    with pytest.raises(LostRaceError) as lost:
        push_branch(opened(work), "main")
    assert commands(lost.value.remedy)[0] == ["switch", "main"]


def test_a_lock_that_was_lost_on_the_server_is_a_lost_race(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    """Both pushes were on their way: the server's hook is where the other one gets in first."""
    server, work = pair
    git(server, "update-ref", "refs/elsewhere/x", somebody_pushes(tmp_path, server, {"b": "1\n"}))
    git(server, "update-ref", "refs/heads/main", "main^")
    hook = server / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main refs/elsewhere/x\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)
    with pytest.raises(LostRaceError) as lost:
        push_branch(opened(work), "main")
    assert "git pull --rebase origin main" in lost.value.remedy


def test_a_change_that_lost_is_taken_back_to_be_made_again(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    server, work = pair
    theirs = somebody_pushes(tmp_path, server, {"b": "1\n"})
    write_files(work, {"note": "not committed\n"})
    assert give_way(opened(work), "main", git(work, "rev-parse", "HEAD"), losses=0)
    assert git(work, "rev-parse", "HEAD") == theirs
    assert (work / "a").read_text() == "1\n"
    assert (work / "b").exists()
    assert git(work, "status", "--porcelain") == "?? note"


def test_a_branch_that_is_not_checked_out_gives_way_too(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    server, work = pair
    theirs = somebody_pushes(tmp_path, server, {"b": "1\n"})
    git(work, "switch", "--quiet", "-c", "elsewhere")
    assert give_way(opened(work), "main", git(work, "rev-parse", "main"), losses=0)
    assert git(work, "rev-parse", "main") == theirs
    assert (work / "a").read_text() == "2\n"


@pytest.mark.parametrize("path", ["a", "models/n/m/aliases/production.yaml"])
def test_what_won_is_never_overwritten(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path, path: str
) -> None:
    server, work = pair
    somebody_pushes(tmp_path, server, {path: "3\n"})
    write_files(work, {path: "4\n"})
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--amend", "--no-edit")
    made = git(work, "rev-parse", "HEAD")
    assert not give_way(opened(work), "main", made, losses=0)
    assert git(work, "rev-parse", "HEAD") == made


def test_a_number_that_both_took_is_taken_again(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    server, work = pair
    git(work, "reset", "--quiet", "--hard", "HEAD^")
    version = "models/n/m/versions/5/version.yaml"
    pointer = "models/n/m/versions/5/m.bin.dvc"
    theirs = somebody_pushes(tmp_path, server, {version: "x\n", pointer: "x\n"})
    write_files(work, {version: "y\n", pointer: "y\n"})
    made = commit(work)
    assert give_way(opened(work), "main", made, losses=0)
    assert git(work, "rev-parse", "HEAD") == theirs


def test_uncommitted_work_in_the_way_stays(
    pair: tuple[Path, Path], opened: Opened, tmp_path: Path
) -> None:
    server, work = pair
    somebody_pushes(tmp_path, server, {"b": "1\n"})
    write_files(work, {"b": "mine\n"})
    made = git(work, "rev-parse", "HEAD")
    assert not give_way(opened(work), "main", made, losses=0)
    assert not give_way(opened(work), "main", git(work, "rev-parse", "HEAD^"), losses=0)
    assert (git(work, "rev-parse", "HEAD"), (work / "b").read_text()) == (made, "mine\n")


def test_a_server_hook_refuses_in_its_own_words(pair: tuple[Path, Path], opened: Opened) -> None:
    server, work = pair
    hook = server / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'M203 says no' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(ConflictError, match="pre-receive hook declined") as caught:
        push_branch(opened(work), "main")
    assert "M203 says no" in caught.value.remedy


def test_no_such_remote(pair: tuple[Path, Path], opened: Opened) -> None:
    with pytest.raises(GitError, match="Git remote upstream does not exist"):
        push_branch(opened(pair[1]), "main", remote="upstream")


def test_a_remote_that_went_away(pair: tuple[Path, Path], opened: Opened) -> None:
    server, work = pair
    server.rename(server.with_name("moved.git"))
    with pytest.raises(GitError, match=r"git push failed: .*server\.git"):
        push_branch(opened(work), "main")


def test_a_branch_that_is_not_there(pair: tuple[Path, Path], opened: Opened) -> None:
    with pytest.raises(GitError, match="nothing"):
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
