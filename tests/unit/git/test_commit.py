"""One commit by compare-and-swap, and what follows it in index and work tree."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import DirtyFilesError, GitError, OperationalError, StaleBaseError
from registry_tool.git.command import Git
from registry_tool.git.commit import Target, check_clean, commit_change, identity
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.tree import DictTree, Tree

Opened = Callable[[Path], Git]
ReaderOf = Callable[[Git], BlobReader]
NONE: frozenset[str] = frozenset()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", {"a": "1\n", "b/c": "1\n", "other": "1\n"})


@pytest.fixture
def change(opened: Opened, reader_of: ReaderOf) -> Callable[..., str]:
    """Commits a change to the checked-out branch, from its tip or from ``at``."""

    def make(
        folder: Path,
        puts: Mapping[str, bytes],
        deletes: frozenset[str] = NONE,
        *,
        at: str | None = None,
        ref: str = "refs/heads/main",
        checked_out: bool = True,
        message: str = "Change",
    ) -> str:
        repository = opened(folder)
        parent = at or git(folder, "rev-parse", "HEAD")
        base: Tree = CommitTree(repository, parent, reader_of(repository))
        tip = parent if ref == "refs/heads/main" else None
        target = Target(ref, tip, parent, checked_out)
        return commit_change(repository, target, base, puts=puts, deletes=deletes, message=message)

    return make


Change = Callable[..., str]


def test_a_commit_moves_branch_index_and_work_tree(checkout: Path, change: Change) -> None:
    before = git(checkout, "rev-parse", "HEAD")
    made = change(
        checkout, {"a": b"2\n", "new/file": b"3\n"}, frozenset({"b/c"}), message="Do\n\nWhy"
    )
    assert git(checkout, "rev-parse", "main", "main^").split() == [made, before]
    assert git(checkout, "ls-tree", "-r", "--name-only", "HEAD").split() == [
        "a",
        "new/file",
        "other",
    ]
    assert git(checkout, "status", "--porcelain") == ""
    assert (checkout / "a").read_bytes() == b"2\n"
    assert not (checkout / "b").exists()
    assert git(checkout, "log", "-1", "--format=%B") == "Do\n\nWhy"
    assert git(checkout, "reflog", "-1", "--format=%gs") == "registry: Do"
    assert git(checkout, "fsck", "--strict", "--full", "--no-dangling") == ""


def test_other_work_stays_as_it_is(checkout: Path, change: Change) -> None:
    write_files(checkout, {"other": "dirty\n", "staged": "s\n", "untracked": "u\n"})
    git(checkout, "add", "staged")
    change(checkout, {"a": b"2\n"})
    assert git(checkout, "status", "--porcelain").split("\n") == [
        " M other", "A  staged", "?? untracked",
    ]  # fmt: skip
    assert git(checkout, "show", "--format=", "--name-only", "HEAD") == "a"


@pytest.mark.parametrize("state", ["dirty", "staged", "untracked", "deleted"])
def test_uncommitted_work_at_a_changed_path_is_in_the_way(
    checkout: Path, change: Change, state: str
) -> None:
    path = "new" if state == "untracked" else "a"
    write_files(checkout, {path: "mine\n"})
    if state == "staged":
        git(checkout, "add", path)
    if state == "deleted":
        (checkout / path).unlink()
    before = git(checkout, "rev-parse", "HEAD")
    with pytest.raises(DirtyFilesError, match=f"uncommitted changes would be overwritten: {path}"):
        change(checkout, {path: b"theirs\n"})
    assert git(checkout, "rev-parse", "HEAD") == before
    assert state == "deleted" or (checkout / path).read_bytes() == b"mine\n"


def test_names_are_no_patterns_when_looking_for_dirt(checkout: Path, opened: Opened) -> None:
    write_files(checkout, {"a": "dirty\n"})
    check_clean(opened(checkout), ["*", ":(glob)**", "?"])
    with pytest.raises(DirtyFilesError):
        check_clean(opened(checkout), ["a"])


def test_a_branch_that_moved_is_a_stale_base(checkout: Path, change: Change) -> None:
    first = git(checkout, "rev-parse", "HEAD")
    write_files(checkout, {"other": "moved\n"})
    second = commit(checkout)
    with pytest.raises(StaleBaseError, match="main moved while this command was running"):
        change(checkout, {"a": b"2\n"}, at=first, checked_out=False)
    assert git(checkout, "rev-parse", "main") == second


def test_a_branch_that_appeared_is_a_stale_base(checkout: Path, change: Change) -> None:
    made = change(checkout, {"a": b"2\n"}, ref="refs/heads/side", checked_out=False)
    assert git(checkout, "rev-parse", "side") == made
    with pytest.raises(StaleBaseError, match="side moved"):
        change(checkout, {"a": b"3\n"}, ref="refs/heads/side", checked_out=False)
    assert git(checkout, "rev-parse", "side") == made


def test_another_branch_leaves_index_and_work_tree_alone(checkout: Path, change: Change) -> None:
    write_files(checkout, {"a": "dirty\n"})
    change(checkout, {"a": b"2\n"}, ref="refs/heads/side", checked_out=False)
    assert git(checkout, "status", "--porcelain") == " M a"
    assert git(checkout, "show", "side:a") == "2"


def test_the_first_commit_of_a_repository(tmp_path: Path, opened: Opened) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "r")
    target = Target("refs/heads/main", None, None, checked_out=True)
    made = commit_change(
        opened(tmp_path / "r"), target, DictTree({}),
        puts={"a/b": b"1\n"}, deletes=NONE, message="First",
    )  # fmt: skip
    assert git(tmp_path / "r", "rev-list", "main") == made
    assert git(tmp_path / "r", "status", "--porcelain") == ""


def test_repositories_with_sha_256_ids(tmp_path: Path, change: Change) -> None:
    folder = tmp_path / "r"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "--object-format=sha256", "r")
    write_files(folder, {"a": "1\n", "b": "1\n"})
    commit(folder)
    made = change(folder, {"a": b"2\n"}, frozenset({"b"}))
    side = change(folder, {"c": b"3\n"}, ref="refs/heads/side", checked_out=False)
    assert (len(made), len(side)) == (64, 64)
    assert git(folder, "status", "--porcelain") == ""
    assert git(folder, "ls-tree", "-r", "--name-only", "side").split() == ["a", "c"]
    assert git(folder, "fsck", "--strict", "--full", "--no-dangling") == ""


def test_in_a_linked_work_tree_its_own_branch_and_index_follow(
    checkout: Path, tmp_path: Path, change: Change
) -> None:
    linked = tmp_path / "linked"
    git(checkout, "worktree", "add", "--quiet", "-b", "side", str(linked))
    tip = git(linked, "rev-parse", "HEAD")
    opened_at = Target("refs/heads/side", tip, tip, checked_out=True)
    assert opened_at.branch == "side"
    made = change(linked, {"a": b"2\n"}, ref="refs/heads/new", checked_out=False)
    assert git(checkout, "rev-parse", "new") == made
    assert git(linked, "status", "--porcelain") == git(checkout, "status", "--porcelain") == ""


def test_a_linked_work_tree_follows_its_branch(
    checkout: Path, tmp_path: Path, opened: Opened, reader_of: ReaderOf
) -> None:
    linked = tmp_path / "linked"
    git(checkout, "worktree", "add", "--quiet", "-b", "side", str(linked))
    repository, tip = opened(linked), git(linked, "rev-parse", "HEAD")
    base = CommitTree(repository, tip, reader_of(repository))
    target = Target("refs/heads/side", tip, tip, checked_out=True)
    commit_change(repository, target, base, puts={"a": b"2\n"}, deletes=NONE, message="Linked")
    assert (linked / "a").read_bytes() == b"2\n"
    assert (checkout / "a").read_bytes() == b"1\n"
    assert git(linked, "status", "--porcelain") == git(checkout, "status", "--porcelain") == ""


def _signing_key(home: Path) -> Path:
    key = home / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tester", "-f", str(key)], check=True
    )
    allowed = home / "allowed"
    allowed.write_text(
        f"tester@example.org {key.with_suffix('.pub').read_text()}", encoding="utf-8"
    )
    return key


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize("value", ["true", "yes"])
def test_commits_are_signed_where_git_says_so(
    checkout: Path, home: Path, change: Change, value: str
) -> None:
    key = _signing_key(home)
    for name, said in {
        "gpg.format": "ssh", "user.signingkey": f"{key}.pub", "commit.gpgsign": value,
        "gpg.ssh.allowedSignersFile": str(home / "allowed"),
    }.items():  # fmt: skip
        git(checkout, "config", name, said)
    made = change(checkout, {"a": b"2\n"})
    git(checkout, "verify-commit", made)
    assert git(checkout, "log", "-1", "--format=%G?") == "G"


def test_a_key_that_is_missing_says_so_and_nothing_moves(checkout: Path, change: Change) -> None:
    for name, said in {
        "gpg.format": "ssh", "user.signingkey": "/nowhere/key.pub", "commit.gpgsign": "true",
    }.items():  # fmt: skip
        git(checkout, "config", name, said)
    before = git(checkout, "rev-parse", "HEAD")
    with pytest.raises(GitError):
        change(checkout, {"a": b"2\n"})
    assert git(checkout, "rev-parse", "HEAD") == before


def test_who_commits(checkout: Path, opened: Opened) -> None:
    assert identity(opened(checkout)) == "A. Tester <tester@example.org>"


def test_nobody_commits_without_a_name(
    checkout: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    monkeypatch.delenv("EMAIL", raising=False)
    git(checkout, "config", "user.useConfigOnly", "true")
    with pytest.raises(GitError, match="Git does not know who you are") as caught:
        change(checkout, {"a": b"2\n"})
    assert "git config --global user.name" in caught.value.remedy


def test_a_work_tree_that_cannot_follow_says_that_the_commit_was_made(
    checkout: Path, change: Change
) -> None:
    (checkout / "new").mkdir()  # Git does not see an empty folder
    with pytest.raises(
        OperationalError, match="was created, but the working tree could not be updated"
    ):
        change(checkout, {"new": b"1\n"})
    assert git(checkout, "show", "HEAD:new") == "1"
    (checkout / "new").rmdir()
    git(checkout, "restore", ".")
    assert git(checkout, "status", "--porcelain") == ""
