"""What a name means: the branch of a remote, the one ref of that name, or a refusal; never silently another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import NotFoundError, UsageError
from registry_tool.git.command import Git
from registry_tool.git.repository import Repository
from registry_tool.git.revisions import find_commit, find_tip

Opened = Callable[[Path], Git]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in which `origin/main` is one commit behind `main`."""
    start = new_repository(tmp_path / "start", {"a": "1\n"})
    git(tmp_path, "clone", "--quiet", str(start), "clone")
    write_files(tmp_path / "clone", {"a": "2\n"})
    commit(tmp_path / "clone")
    return tmp_path / "clone"


@pytest.fixture(params=["of a repository", "of git"])
def meant(request: pytest.FixtureRequest, clone: Path, opened: Opened) -> Callable[[str], str]:
    """The commit of a revision, asked in each of the two ways there are."""
    if request.param == "of git":
        return lambda revision: find_commit(opened(clone), revision)

    def asked(revision: str) -> str:
        repository = Repository(opened(clone), source="clone")
        try:
            return repository.commit(revision)
        except NotFoundError:
            return ""
        finally:
            repository.close()

    return asked


Meant = Callable[[str], str]


def test_a_tag_named_like_the_branch_of_a_remote_does_not_win(clone: Path, meant: Meant) -> None:
    there, here = git(clone, "rev-parse", "origin/main"), git(clone, "rev-parse", "main")
    git(clone, "tag", "origin/main", "main")
    assert git(clone, "rev-parse", "origin/main") == here  # what Git would take
    assert meant("origin/main") == there
    assert meant("refs/tags/origin/main") == here
    assert meant("origin/main^{commit}") == there
    git(clone, "tag", "--delete", "origin/main")
    git(clone, "tag", "origin", "main")
    assert meant("origin") == there


@pytest.mark.parametrize("kind", ["tag", "branch"])
def test_two_refs_of_one_name_are_refused_with_both_names(
    kind: str, clone: Path, meant: Meant
) -> None:
    other = "main" if kind == "tag" else "origin/main"
    git(clone, kind, other, "HEAD~1" if kind == "tag" else "HEAD")
    for revision in (other, f"{other}~0", f"{other}^{{commit}}"):
        with pytest.raises(UsageError, match=f"'{other}' is ambiguous: it matches refs/") as caught:
            meant(revision)
        assert "use the full name, such as refs/" in caught.value.remedy
    names = caught.value.message.partition("it matches ")[2].split(" and ")
    assert len({meant(name) for name in names}) == 2


def test_two_refs_at_one_commit_are_no_trouble(clone: Path, meant: Meant) -> None:
    git(clone, "tag", "main")
    assert meant("main") == git(clone, "rev-parse", "HEAD")
    assert meant("main~1") == git(clone, "rev-parse", "HEAD~1")


def test_a_tag_named_like_an_abbreviated_id_is_refused(clone: Path, meant: Meant) -> None:
    short = git(clone, "rev-parse", "--short=7", "HEAD")
    assert meant(short) == git(clone, "rev-parse", "HEAD")
    git(clone, "tag", short, "HEAD~1")
    with pytest.raises(UsageError, match=f"refs/tags/{short} and a commit whose id begins with"):
        meant(short)
    git(clone, "tag", "--force", short, "HEAD")
    assert meant(short) == git(clone, "rev-parse", "HEAD")


def test_a_full_id_is_an_id_whatever_a_tag_is_called(clone: Path, meant: Meant) -> None:
    head = git(clone, "rev-parse", "HEAD")
    git(clone, "update-ref", f"refs/tags/{head}", "HEAD~1")
    assert meant(head) == head


def test_what_git_understands_is_understood(clone: Path, meant: Meant) -> None:
    git(clone, "tag", "-a", "-m", "annotated", "v1", "HEAD~1")
    git(clone, "fetch", "--quiet")
    head, before = git(clone, "rev-parse", "HEAD"), git(clone, "rev-parse", "HEAD~1")
    for revision, wanted in {
        "HEAD": head, "@": head, "HEAD~1": before, "main": head, "heads/main": head, "v1": before,
        "tags/v1": before, "v1^{}": before, "refs/heads/main": head, "main@{0}": head, "main@{1}": before,
        "main@{upstream}": before, "@{u}": before, "FETCH_HEAD": before, "remotes/origin/main": before,
        f"v1-1-g{head[:9]}": head, "nothing": "", "no/such": "", "": "", "*": "",
        "HEAD\nmain": "", "main:a": "",
    }.items():  # fmt: skip
        assert meant(revision) == wanted, revision


def test_before_the_first_commit_no_tag_is_head(tmp_path: Path, opened: Opened) -> None:
    start = new_repository(tmp_path / "start", {"a": "1\n"})
    git(start, "update-ref", "refs/tags/HEAD", "HEAD")
    git(start, "switch", "--quiet", "--orphan", "new")
    git(start, "pack-refs", "--all")
    assert opened(start).head() is None
    repository = Repository(opened(start), source="start")
    with pytest.raises(NotFoundError, match="has no commits yet"):
        repository.commit("HEAD")
    repository.close()


def test_a_ref_is_found_by_its_full_name_alone(clone: Path, opened: Opened) -> None:
    git(clone, "update-ref", "refs/tags/refs/heads/topic", "HEAD")
    assert git(clone, "rev-parse", "refs/heads/topic") == git(clone, "rev-parse", "HEAD")
    assert find_tip(opened(clone), "refs/heads/topic") is None
    assert find_tip(opened(clone), "refs/heads/main") == git(clone, "rev-parse", "HEAD")
