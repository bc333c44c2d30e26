"""Every ref, and those that only a remote has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import GitError
from registry_tool.git.command import Git
from registry_tool.git.refs import Tip, hidden_tips, list_tips, list_unfetched

Opened = Callable[[Path], Git]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A repository, and a clone of it."""
    server = new_repository(tmp_path / "server", {"a": "1\n"})
    git(server, "branch", "side")
    git(tmp_path, "clone", "--quiet", str(server), "clone")
    return server, tmp_path / "clone"


def test_every_commit_once_under_its_first_name(pair: tuple[Path, Path], opened: Opened) -> None:
    server, _ = pair
    first = git(server, "rev-parse", "HEAD")
    write_files(server, {"a": "2\n"})
    second = commit(server)
    git(server, "tag", "light", first)
    git(server, "tag", "-a", "-m", "x", "heavy")
    git(server, "tag", "-a", "-m", "x", "file", f"{first}:a")
    git(server, "update-ref", "refs/pull/7/head", first)
    heavy = git(server, "rev-parse", "refs/tags/heavy")
    assert list_tips(opened(server)) == [
        Tip("main", second),
        Tip("side", first),
        Tip("tags/heavy", heavy),
    ]


def test_a_detached_head_and_no_commit(tmp_path: Path, opened: Opened) -> None:
    root = new_repository(tmp_path / "root", {"a": "1\n"})
    git(root, "switch", "-q", "--detach")
    write_files(root, {"a": "2\n"})
    alone = commit(root)
    assert Tip("HEAD", alone) in list_tips(opened(root))
    git(tmp_path, "init", "-q", "empty")
    assert list_tips(opened(tmp_path / "empty")) == []


def test_a_ref_that_leads_nowhere(tmp_path: Path, opened: Opened) -> None:
    root = new_repository(tmp_path / "root", {"a": "1\n"})
    (root / ".git/refs/heads/torn").write_text("1" * 40 + "\n")
    with pytest.raises(GitError):
        list_tips(opened(root))


def test_what_was_not_fetched_is_named(pair: tuple[Path, Path], opened: Opened) -> None:
    server, clone = pair
    assert list_unfetched(opened(clone)) == []
    assert list_unfetched(opened(server)) == []  # it has no remote
    write_files(server, {"a": "2\n"})
    commit(server)
    git(server, "branch", "new")
    git(server, "tag", "v1", "side")
    git(server, "tag", "-a", "-m", "x", "v2", "side")
    git(server, "update-ref", "refs/pull/7/head", "new")
    assert list_unfetched(opened(clone)) == ["origin/main", "origin/new", "origin/tags/v2"]
    git(clone, "fetch", "--quiet", "--tags")
    assert list_unfetched(opened(clone)) == []
    git(server, "branch", "-D", "-q", "side")
    assert list_unfetched(opened(clone)) == []  # more is known here than there is
    git(clone, "commit", "-q", "--allow-empty", "-m", "Ours")
    assert list_unfetched(opened(clone)) == []


def test_a_clone_of_one_branch_knows_that_there_are_more(
    pair: tuple[Path, Path], tmp_path: Path, opened: Opened
) -> None:
    server, _ = pair
    git(server, "switch", "-q", "side")
    write_files(server, {"a": "2\n"})
    commit(server)
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=main", server.as_uri(), "shallow")
    assert list_unfetched(opened(tmp_path / "shallow")) == ["origin/side"]


def test_a_remote_that_cannot_be_asked(pair: tuple[Path, Path], opened: Opened) -> None:
    _, clone = pair
    git(clone, "remote", "set-url", "origin", str(clone.parent / "gone"))
    with pytest.raises(GitError, match="origin does not list its branches") as caught:
        list_unfetched(opened(clone))
    assert "does not appear to be a git repository" in caught.value.message
    assert "git ls-remote origin" in caught.value.remedy


def test_what_lies_outside_branches_and_tags_is_brought_without_a_ref(
    pair: tuple[Path, Path], opened: Opened
) -> None:
    server, clone = pair
    write_files(server, {"a": "2\n"})
    made = commit(server)
    git(server, "update-ref", "refs/pull/7/head", made)
    git(server, "update-ref", "refs/changes/07/7/1", made)
    git(server, "reset", "--quiet", "--hard", "HEAD~1")
    before = git(clone, "for-each-ref")
    assert [tip.oid for tip in hidden_tips(opened(clone))] == [made]
    assert list_unfetched(opened(clone)) == []
    assert git(clone, "for-each-ref") == before
    assert not (clone / ".git" / "FETCH_HEAD").exists()
    git(clone, "remote", "rename", "origin", "company")
    assert hidden_tips(opened(clone)) == [Tip("company refs/pull/7/head", made)]
    git(clone, "remote", "set-url", "company", str(clone.parent / "gone"))
    assert hidden_tips(opened(clone)) == []


def test_what_a_remote_lists_and_does_not_give_is_said(
    pair: tuple[Path, Path], opened: Opened
) -> None:
    server, clone = pair
    write_files(server, {"b": "lost\n"})
    made = commit(server)
    git(server, "update-ref", "refs/pull/7/head", made)
    git(server, "reset", "--quiet", "--hard", "HEAD~1")
    blob = git(server, "rev-parse", f"{made}:b")
    (server / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert hidden_tips(opened(clone)) == []
    with pytest.raises(GitError):
        list_unfetched(opened(clone))
