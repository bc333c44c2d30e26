"""What the hook of a clone says before a push leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import alias_yaml, small_registry

from registry_tool.git.command import find_repository
from registry_tool.git.remote.ref_updates import Update
from registry_tool.git.repository import Repository
from registry_tool.hooks.judge import MAX_BRANCHES, PushVerdict
from registry_tool.hooks.pre_push import check_outgoing_push

MODEL = "models/nlp/lang-id"
NONE = "0" * 40
GOOD = {f"{MODEL}/aliases/staging.yaml": alias_yaml("2")}
BAD = {f"{MODEL}/aliases/staging.yaml": alias_yaml("7")}


@pytest.fixture
def clone(make_registry: Callable[..., Path], tmp_path: Path) -> Path:
    """A clone whose remote has the registry on the branch ``trunk``."""
    start = make_registry(small_registry(), name="start")
    git(start, "branch", "-m", "trunk")
    git(tmp_path, "clone", "-q", str(start), "clone")
    return tmp_path / "clone"


def answer(folder: Path, *updates: Update, remote: str = "origin") -> PushVerdict:
    found = find_repository(folder)
    assert found is not None
    repository = Repository(found, source=str(folder))
    try:
        return check_outgoing_push(repository, remote, updates)
    finally:
        repository.close()


def change(folder: Path, files: dict[str, str]) -> str:
    write_files(folder, files)
    return commit(folder)


def test_a_branch_is_judged_as_what_it_changes_on_the_remotes_main(clone: Path) -> None:
    first = change(clone, BAD)
    second = change(clone, {"README.md": "Models.\n"})
    for old in (NONE, first, "b" * 40):  # new, known, and somebody else's
        said = answer(clone, Update("refs/heads/idea", old, second))
        assert said.refused
        assert "aliases/staging.yaml:3:10: refuse M203" in "\n".join(said.lines)
        assert "--no-verify" in said.lines[-1]
    assert not answer(clone, Update("refs/heads/idea", NONE, change(clone, GOOD))).refused


def test_a_remote_that_nobody_knows_gets_everything_checked(clone: Path) -> None:
    head = git(clone, "rev-parse", "HEAD")
    known = answer(clone, Update("refs/heads/trunk", NONE, head))
    assert known.lines[0] == "trunk: 0 files checked, no problems found"
    for remote in ("elsewhere", "https://example.org/x.git", "--help", "../x y"):
        said = answer(clone, Update("refs/heads/trunk", NONE, head), remote=remote)
        assert said.lines[0] == "trunk: 11 files checked, no problems found"


def test_deletions_and_tags_are_the_servers_matter(clone: Path) -> None:
    head = git(clone, "rev-parse", "HEAD")
    gone = Update("refs/heads/trunk", head, NONE)
    assert answer(clone, gone, Update("refs/tags/v1", NONE, head)) == PushVerdict((), refused=False)


def test_a_branch_of_another_kind_passes_and_main_does_not_become_one(clone: Path) -> None:
    git(clone, "switch", "-q", "--orphan", "gh-pages")
    pages = change(clone, {"index.html": "hello\n"})
    said = answer(clone, Update("refs/heads/gh-pages", NONE, pages))
    assert not said.refused
    assert said.lines[0] == "gh-pages: not checked, it has no registry.yaml"
    main = answer(clone, Update("refs/heads/trunk", "a" * 40, pages))
    assert main.refused
    assert "trunk: it must contain registry.yaml" in "\n".join(main.lines)
    for name in ("main", "master"):
        assert answer(clone, Update(f"refs/heads/{name}", NONE, pages), remote="new").refused


def test_a_registry_whose_settings_are_deleted_is_none_of_another_kind(clone: Path) -> None:
    (clone / "registry.yaml").unlink()
    said = answer(clone, Update("refs/heads/idea", NONE, commit(clone)))
    assert said.refused
    assert "R301" in "\n".join(said.lines)


def test_a_push_of_many_says_what_was_left_out(clone: Path) -> None:
    commits = [change(clone, {"README.md": f"{n}\n"}) for n in range(MAX_BRANCHES + 3)]
    updates = [Update(f"refs/heads/b{n}", NONE, c) for n, c in enumerate(commits)]
    said = answer(clone, *updates)
    assert not said.refused
    assert f"3 more branches were not checked (at most {MAX_BRANCHES} per push)" in said.lines


def test_what_is_published_stays_the_first_parent(clone: Path, tmp_path: Path) -> None:
    """As `git pull` merges, one's own commit would come first."""
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(tmp_path / "start"), "other")
    change(other, {"README.md": "Theirs.\n"})
    git(other, "push", "-q", "origin", "HEAD:refs/heads/theirs")
    git(tmp_path / "start", "switch", "-q", "--detach")
    git(other, "push", "-q", "origin", "HEAD:refs/heads/trunk")
    change(clone, {"notes.md": "Mine.\n"})
    mine = git(clone, "rev-parse", "HEAD")
    git(clone, "pull", "-q", "--no-rebase", "--no-edit")
    old = git(clone, "rev-parse", "origin/trunk")
    said = answer(clone, Update("refs/heads/trunk", old, git(clone, "rev-parse", "HEAD")))
    assert said.refused
    assert "trunk: this merge has its parents in the wrong order" in "\n".join(said.lines)
    assert "git pull --rebase origin trunk" in "\n".join(said.lines)
    idea = Update("refs/heads/idea", NONE, git(clone, "rev-parse", "HEAD"))
    assert not answer(clone, idea).refused
    git(clone, "reset", "-q", "--hard", "origin/trunk")
    git(clone, "merge", "-q", "--no-ff", "--no-edit", mine)
    good = Update("refs/heads/trunk", old, git(clone, "rev-parse", "HEAD"))
    assert not answer(clone, good).refused


def test_a_merge_that_restores_the_line_is_pushed_where_the_setting_names_what_was_left(
    clone: Path,
) -> None:
    former = git(clone, "rev-parse", "origin/trunk")
    git(clone, "switch", "-q", "--detach", f"{former}~0")
    mine = git(clone, "commit-tree", "-m", "Mine", f"{former}^{{tree}}")
    left = git(clone, "commit-tree", "-m", "Wrong way", "-p", mine, "-p", former, f"{former}^{{tree}}")  # fmt: skip
    git(clone, "update-ref", "refs/remotes/origin/trunk", left)
    restored = git(clone, "commit-tree", "-m", "Restore", "-p", former, "-p", left, f"{former}^{{tree}}")  # fmt: skip
    update = Update("refs/heads/trunk", left, restored)
    assert "parents in the wrong order" in "\n".join(answer(clone, update).lines)
    git(clone, "config", "registry.restore", former)
    assert not answer(clone, update).refused
