from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, write_files

from registry_tool.errors import NotFoundError, ShallowHistoryError
from registry_tool.git.command import Git, find_repository
from registry_tool.git.refs import are_related, main_branch, merge_base, merge_heads

Make = Callable[..., Path]


def opened(folder: Path) -> Git:
    found = find_repository(folder)
    assert found is not None
    return found


def step(folder: Path, name: str) -> str:
    """One commit that adds a file of this name; its id."""
    write_files(folder, {name: name})
    return commit(folder, name)


@pytest.fixture
def root(make_registry: Make) -> Path:
    return make_registry({"README.md": "a"})


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    return tmp_path / "clone"


def main_of(repository: Git) -> tuple[str, str] | None:
    found = main_branch(repository)
    return None if found is None else (found.name, found.tip)


def test_without_a_remote_the_main_branch_is_published(root: Path) -> None:
    main = git(root, "rev-parse", "HEAD")
    git(root, "switch", "--quiet", "-c", "topic")
    step(root, "topic")
    assert main_of(opened(root)) == ("main", main)


def test_what_the_remote_had_is_published_and_not_what_is_ahead_of_it(clone: Path) -> None:
    there = git(clone, "rev-parse", "HEAD")
    step(clone, "mine")
    assert main_of(opened(clone)) == ("origin/main", there)


def test_the_head_of_the_remote_names_its_main_branch(root: Path, tmp_path: Path) -> None:
    git(root, "branch", "--quiet", "--move", "main", "trunk")
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    found = main_of(opened(tmp_path / "clone"))
    assert found == ("origin/trunk", git(root, "rev-parse", "trunk"))


@pytest.mark.parametrize("branch", ["main", "master"])
def test_of_a_fork_the_upstream_is_published(clone: Path, tmp_path: Path, branch: str) -> None:
    git(tmp_path, "clone", "--quiet", str(tmp_path / "registry"), "upstream")
    tip = step(tmp_path / "upstream", "theirs")
    git(tmp_path / "upstream", "branch", "--quiet", "--move", "main", branch)
    git(clone, "remote", "add", "upstream", str(tmp_path / "upstream"))
    git(clone, "fetch", "--quiet", "upstream")
    assert main_of(opened(clone)) == (f"upstream/{branch}", tip)


def test_a_setting_names_it(root: Path) -> None:
    git(root, "branch", "releases")
    tip = git(root, "rev-parse", "HEAD")
    step(root, "later")
    git(root, "config", "registry.published", "refs/heads/releases")
    assert main_of(opened(root)) == ("releases", tip)


@pytest.mark.parametrize("name", ["gone", "--all", "main:README.md"])
def test_a_setting_that_names_nothing_says_so(root: Path, name: str) -> None:
    git(root, "config", "registry.published", name)
    with pytest.raises(NotFoundError, match="does not exist") as raised:
        main_branch(opened(root))
    assert "git config --unset registry.published" in raised.value.remedy


def test_of_a_bare_repository_its_own_head_is_published(root: Path, tmp_path: Path) -> None:
    git(root, "branch", "--quiet", "--move", "main", "trunk")
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    bare = opened(tmp_path / "bare.git")
    assert main_of(bare) == ("trunk", git(root, "rev-parse", "HEAD"))
    # Its HEAD may name a branch that nobody ever pushed.
    git(tmp_path / "bare.git", "symbolic-ref", "HEAD", "refs/heads/never")
    assert main_branch(bare) is None
    git(tmp_path / "bare.git", "branch", "main", "trunk")
    assert main_of(bare) == ("main", git(root, "rev-parse", "HEAD"))


def test_nothing_is_published_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert main_branch(opened(tmp_path)) is None


def test_hostile_branches_beside_it_do_no_harm(root: Path) -> None:
    tip = git(root, "rev-parse", "HEAD")
    git(root, "switch", "--quiet", "--detach")
    git(root, "branch", "--quiet", "--delete", "main")
    heads = root / ".git" / "refs" / "heads"
    for name in (b"main/\xff", b"main/\xc2\x85", b"origin/main"):
        place = Path(str(heads)).joinpath(
            *(part.decode(errors="surrogateescape") for part in name.split(b"/"))
        )
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{tip}\n")
    assert main_branch(opened(root)) is None


def test_a_branch_parts_where_it_left(root: Path) -> None:
    left = git(root, "rev-parse", "HEAD")
    git(root, "switch", "--quiet", "-c", "topic")
    topic = step(root, "topic")
    git(root, "switch", "--quiet", "main")
    main = step(root, "main")
    assert merge_base(opened(root), main, topic) == left
    assert merge_base(opened(root), main, main) == main
    assert merge_base(opened(root), main, left) == left


def test_a_merge_under_way_parts_at_what_it_brings_in(root: Path) -> None:
    git(root, "switch", "--quiet", "-c", "topic")
    topic = step(root, "topic")
    git(root, "switch", "--quiet", "main")
    middle, main = step(root, "middle"), step(root, "main")
    git(root, "switch", "--quiet", "topic")
    assert merge_heads(opened(root)) == ()
    git(root, "merge", "--quiet", "--no-commit", "--no-ff", middle)
    assert merge_heads(opened(root)) == (middle,)
    assert merge_base(opened(root), main, topic, *merge_heads(opened(root))) == middle
    assert merge_base(opened(root), main, topic, main) == main


def test_what_a_hook_is_told_of_a_merge_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tip = git(root, "rev-parse", "HEAD")
    monkeypatch.setenv(f"GITHEAD_{tip}", "main")
    monkeypatch.setenv(f"GITHEAD_{'0' * 40}", "nothing")
    monkeypatch.setenv("GITHEAD_--all", "nothing")
    assert merge_heads(opened(root)) == (tip,)


def test_of_several_merge_bases_the_newest_on_the_main_branch_counts(root: Path) -> None:
    """Criss-cross: each branch has merged a commit of the other."""
    git(root, "switch", "--quiet", "-c", "topic")
    git(root, "switch", "--quiet", "main")
    first = step(root, "main-1")
    git(root, "switch", "--quiet", "topic")
    other = step(root, "topic-1")
    git(root, "merge", "--quiet", "-m", "take main", first)
    topic = step(root, "topic-2")
    git(root, "switch", "--quiet", "main")
    git(root, "merge", "--quiet", "-m", "take topic", other)
    main = step(root, "main-2")
    assert sorted(git(root, "merge-base", "--all", main, topic).split()) == sorted([first, other])
    assert merge_base(opened(root), main, topic) == first
    assert merge_base(opened(root), topic, main) == other


def test_unrelated_histories_part_at_the_main_branch(root: Path) -> None:
    main = git(root, "rev-parse", "HEAD")
    git(root, "switch", "--quiet", "--orphan", "other")
    other = step(root, "other")
    assert merge_base(opened(root), main, other) == main
    assert not are_related(opened(root), main, other)
    assert are_related(opened(root), main, main)


def test_a_rewritten_main_branch_parts_at_what_is_left_of_it(root: Path) -> None:
    kept = step(root, "kept")
    git(root, "switch", "--quiet", "-c", "topic")
    topic = step(root, "topic")
    git(root, "switch", "--quiet", "main")
    git(root, "reset", "--quiet", "--hard", "HEAD~1")
    main = step(root, "rewritten")
    assert merge_base(opened(root), main, topic) == git(root, "rev-parse", f"{kept}^")


def test_a_shallow_clone_says_that_it_does_not_reach_so_far(root: Path, tmp_path: Path) -> None:
    git(root, "branch", "topic")
    for name in ("a", "b", "c"):
        step(root, name)
    url = f"file://{root}"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", url, "shallow")
    shallow = tmp_path / "shallow"
    tips = [git(shallow, "rev-parse", f"origin/{name}") for name in ("main", "topic")]
    with pytest.raises(ShallowHistoryError, match="does not contain the commit where") as raised:
        merge_base(opened(shallow), *tips)
    assert "git fetch --deepen" in raised.value.remedy
    git(shallow, "fetch", "--quiet", "--unshallow")
    assert merge_base(opened(shallow), *tips) == tips[1]


# --- a main branch that was renamed


def _renamed(root: Path, tmp_path: Path) -> Path:
    """A clone from before the server's main branch `master` became `main`, with one commit more."""
    git(root, "branch", "--quiet", "--move", "main", "master")
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    git(root, "branch", "--quiet", "--move", "master", "main")
    step(root, "later")
    return tmp_path / "clone"


def test_a_head_of_the_remote_that_may_be_out_of_date_is_doubted(
    root: Path, tmp_path: Path
) -> None:
    clone = _renamed(root, tmp_path)
    git(clone, "fetch", "--quiet")
    found = main_branch(opened(clone))
    assert found is not None
    assert found.name == "origin/master"
    assert found.doubt.endswith(": git remote set-head origin --auto")
    git(clone, "remote", "set-head", "origin", "--auto")
    assert main_of(opened(clone)) == ("origin/main", git(root, "rev-parse", "main"))
    again = main_branch(opened(clone))
    assert again is not None
    assert again.doubt == ""


def test_a_head_of_the_remote_whose_branch_is_gone_is_passed_over(
    root: Path, tmp_path: Path
) -> None:
    clone = _renamed(root, tmp_path)
    git(clone, "fetch", "--quiet", "--prune")
    found = main_branch(opened(clone))
    assert found is not None
    assert (found.name, found.tip) == ("origin/main", git(root, "rev-parse", "main"))
    assert found.doubt.startswith(
        "origin/HEAD names a branch that does not exist: git remote set-head"
    )


def test_another_branch_beside_the_main_one_is_no_doubt(root: Path, tmp_path: Path) -> None:
    git(root, "branch", "master", "main")
    git(root, "switch", "--quiet", "-c", "topic")
    step(root, "ahead")
    git(root, "switch", "--quiet", "main")
    step(root, "newer")
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    found = main_branch(opened(tmp_path / "clone"))
    assert found is not None
    assert (found.name, found.doubt) == ("origin/main", "")


def test_a_setting_names_the_branch_and_no_tag(clone: Path) -> None:
    there = git(clone, "rev-parse", "HEAD")
    step(clone, "mine")
    git(clone, "tag", "origin/main")
    git(clone, "config", "registry.published", "origin/main")
    assert main_of(opened(clone)) == ("origin/main", there)
