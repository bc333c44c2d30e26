"""Opening repositories, and the commits of branches, tags and times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.errors import NotARegistryError, NotFoundError, ShallowHistoryError, UsageError
from registry_tool.git.repository import Repository
from registry_tool.git.tree import walk


@pytest.fixture
def open_repository() -> Iterator[Callable[..., Repository]]:
    """Opens repositories that are closed with the test."""
    found: list[Repository] = []

    def opened(source: str | Path, *, offline: bool = False) -> Repository:
        found.append(Repository.open(source, offline=offline))
        return found[-1]

    yield opened
    for repository in found:
        repository.close()


Open = Callable[..., Repository]


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, list[str]]:
    """Commits of three days, and a branch merged on the third."""
    folder = new_repository(tmp_path / "r", {"registry.yaml": "0\n"})
    commits = []
    for day in (1, 2, 3):
        write_files(folder, {"registry.yaml": f"{day}\n"})
        commits.append(commit(folder, f"Day {day}", at=f"2026-08-0{day}T12:00:00Z"))
    return folder, commits


def test_by_path_by_url_and_from_inside(tmp_path: Path, open_repository: Open) -> None:
    folder = new_repository(tmp_path / "r", {"registry.yaml": "1\n", "models/x/y": "1"})
    head = git(folder, "rev-parse", "HEAD")
    for source in (folder, str(folder), folder / "models/x", folder.as_uri()):
        assert open_repository(source).commit("HEAD") == head


def test_no_repository(tmp_path: Path, open_repository: Open) -> None:
    with pytest.raises(NotARegistryError, match="is not in a Git repository") as caught:
        open_repository(tmp_path)
    assert "registry init" in caught.value.remedy


def test_revisions(history: tuple[Path, list[str]], open_repository: Open) -> None:
    folder, commits = history
    git(folder, "tag", "-a", "-m", "Tag", "v2", commits[1])
    git(folder, "branch", "-q", "side", commits[0])
    repository = open_repository(folder)
    for revision, expected in {
        "HEAD": 2, "main": 2, "HEAD~1": 1, "v2": 1, "side": 0, commits[0]: 0, commits[0][:10]: 0,
        "refs/heads/main": 2,
    }.items():  # fmt: skip
        assert repository.commit(revision) == commits[expected]


@pytest.mark.parametrize(
    "revision",
    [
        "nothing", "HEAD:registry.yaml", "--all", "-n1", "", "HEAD\nHEAD", "HEAD^{tree}", "main..side",
        "0" * 40, "\x1b[31m", "--output=x",
    ],
)  # fmt: skip
def test_what_is_no_revision(
    history: tuple[Path, list[str]], open_repository: Open, revision: str
) -> None:
    with pytest.raises(NotFoundError, match="is not a commit, branch or tag") as caught:
        open_repository(history[0]).commit(revision)
    assert caught.value.message.isprintable()


def test_before_the_first_commit(tmp_path: Path, open_repository: Open) -> None:
    git(tmp_path, "init", "--quiet", "r")
    with pytest.raises(NotFoundError, match="has no commits yet"):
        open_repository(tmp_path / "r").commit("HEAD")


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-08-01", 0), ("2026-08-02", 1), ("2026-08-02T11:59:59Z", 0), ("2026-08-02T12:00:00Z", 1),
        ("2026-08-02 12:00", 1), ("2026-08-02T12:00:00.999Z", 1), ("2026-08-02T14:00:00+02:00", 1),
        ("2026-08-02T13:59:00+0200", 0), ("2030-01-01", 2), ("HEAD~2", 0), ("main", 2),
    ],
)  # fmt: skip
def test_the_commit_of_a_time(
    history: tuple[Path, list[str]], open_repository: Open, moment: str, day: int
) -> None:
    folder, commits = history
    # The commit before them was made now, which is later: only the newest of the line count.
    assert open_repository(folder).commit_at(moment, ref="main") == commits[day]


def test_a_merged_branch_is_not_on_the_line(tmp_path: Path, open_repository: Open) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "r")
    folder = tmp_path / "r"
    write_files(folder, {"registry.yaml": "1\n"})
    first = commit(folder, "First", at="2026-08-01T12:00:00Z")
    git(folder, "switch", "--quiet", "-c", "side")
    write_files(folder, {"x": "1\n"})
    commit(folder, "Side", at="2026-08-02T12:00:00Z")
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "-m", "Merge", "side")
    assert open_repository(folder).commit_at("2026-08-02", ref="main") == first


@pytest.mark.parametrize(
    "moment", ["2026-13-45", "2026-02-30", "2026-08-01T25:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_never_was_is_no_guess(
    history: tuple[Path, list[str]], open_repository: Open, moment: str
) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        open_repository(history[0]).commit_at(moment, ref="main")


def test_before_the_line_began(tmp_path: Path, open_repository: Open) -> None:
    folder = new_repository(tmp_path / "r", {"registry.yaml": "1\n"})
    with pytest.raises(NotFoundError, match="main has no commit from 2000-01-01 or earlier"):
        open_repository(folder).commit_at("2000-01-01", ref="main")


def test_a_shallow_clone_says_that_its_history_is_cut(
    history: tuple[Path, list[str]], tmp_path: Path, open_repository: Open
) -> None:
    folder, commits = history
    git(tmp_path, "clone", "--quiet", "--depth=1", folder.as_uri(), "shallow")
    repository = open_repository(tmp_path / "shallow")
    for moment in ("2026-08-01", "HEAD~1", commits[0]):
        with pytest.raises(ShallowHistoryError, match=r"is (a )?shallow") as caught:
            repository.commit_at(moment, ref="main")
        assert "git fetch --unshallow" in caught.value.remedy
    assert repository.commit_at("2026-08-03", ref="main") == commits[2]


def test_a_whole_clone_is_not_called_shallow(
    history: tuple[Path, list[str]], tmp_path: Path, open_repository: Open
) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", history[0].as_uri(), "once")
    git(tmp_path / "once", "fetch", "--quiet", "--unshallow")
    repository = open_repository(tmp_path / "once")
    assert repository.commit_at("2026-08-01", ref="main") == history[1][0]
    with pytest.raises(NotFoundError, match="main has no commit from 2000-01-01 or earlier"):
        repository.commit_at("2000-01-01", ref="main")


def test_the_line_decides_and_not_the_clock(tmp_path: Path, open_repository: Open) -> None:
    folder = new_repository(tmp_path / "r", {"registry.yaml": "0\n"})
    git(folder, "checkout", "--quiet", "--orphan", "line")
    commits = {}
    for name, at in {
        "first": "2026-08-01T12:00:00Z", "second": "2026-08-01T12:00:00Z",  # of one second
        "future": "2027-01-01T00:00:00Z", "slow": "2026-08-01T11:30:00Z",
        "last": "2026-08-01T12:30:00Z",
    }.items():  # fmt: skip
        write_files(folder, {"registry.yaml": f"{name}\n"})
        commits[name] = commit(folder, name, at=at)
    repository = open_repository(folder)
    for moment, name in {
        "2026-08-01T12:30:00Z": "last", "2026-08-01T12:00:00Z": "slow", "2026-08-01T11:30:00Z": "slow",
        "2026-12-31": "last", "2027-01-01": "last",
    }.items():  # fmt: skip
        assert repository.commit_at(moment, ref="line") == commits[name]
    assert repository.commit_at("2026-08-01T12:00:00Z", ref=commits["future"]) == commits["second"]
    with pytest.raises(NotFoundError):
        repository.commit_at("2026-08-01T11:29:59Z", ref="line")


def test_files_on_disk_only_where_the_disk_holds_them_all(
    tmp_path: Path, open_repository: Open
) -> None:
    folder = new_repository(tmp_path / "r", {"registry.yaml": "1\n", "a/x": "1", "b/x": "1"})
    on_disk = open_repository(folder).on_disk()
    assert on_disk is not None
    assert [path for path, _ in walk(on_disk)] == ["a/x", "b/x", "registry.yaml"]
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "bare")
    assert open_repository(tmp_path / "bare").on_disk() is None
    git(folder, "sparse-checkout", "set", "a")
    assert open_repository(folder).on_disk() is None


def test_a_sparse_checkout_is_read_whole(tmp_path: Path, open_repository: Open) -> None:
    folder = new_repository(tmp_path / "r", {"registry.yaml": "1\n", "a/x": "1", "b/x": "1"})
    git(folder, "sparse-checkout", "set", "a")
    assert not (folder / "b").exists()
    repository = open_repository(folder)
    for tree in (repository.work(), repository.open_staged()):
        assert [path for path, _ in walk(tree)] == ["a/x", "b/x", "registry.yaml"]
