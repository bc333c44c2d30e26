"""Clones of the newest commits: what travels, how often the server is asked, and how they come to have history."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, new_repository, run_git, write_files

from registry_tool.errors import NotFoundError, OfflineError, ShallowHistoryError
from registry_tool.git.command import Git
from registry_tool.git.history import FirstParentHistory, ensure_history
from registry_tool.git.refs import list_tips, merge_base
from registry_tool.git.remote.clone import complete_history
from registry_tool.git.remote.clone_cache import open_clone
from registry_tool.git.remote.push import LostRaceError, give_way, push_branch
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import boundary, has_latest_only
from registry_tool.git.tree import walk

_MODELS = {
    f"models/{space}/{name}/versions/{number}/version.yaml": f"{space} {name} {number}\n"
    for space in ("nlp", "vision")
    for name in ("a", "b", "c")
    for number in range(4)
}
_FILES = {"registry.yaml": "1\n", ".dvc/config": "[core]\n", **_MODELS}
Traced = Callable[[], int]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "origin", _FILES)
    for number in range(3):
        write_files(folder, {"models/nlp/a/aliases/production.yaml": f"{number}\n"})
        commit(folder, f"Move {number}")
    git(folder, "config", "uploadpack.allowFilter", "true")
    git(folder, "config", "receive.denyCurrentBranch", "ignore")
    return folder


@pytest.fixture
def cache(home: Path) -> Path:
    """Where ``Repository.open`` keeps clones."""
    return home / ".cache/registry-tool/clones"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traced:
    """How often a server was spoken to since this was asked last."""
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2", str(trace))

    def count() -> int:
        lines = trace.read_text(encoding="utf-8").splitlines() if trace.exists() else []
        trace.unlink(missing_ok=True)
        return sum("child_start" in line and "upload-pack '" in line for line in lines)

    return count


@pytest.fixture
def opened(origin: Path) -> Repository:
    return Repository.open(origin.as_uri())


def _missing(repository: Git) -> int:
    """How many objects are missing that something here names."""
    command = ("rev-list", "--quiet", "--objects", "--missing=print", "--all")
    return len(git(repository.git_dir, *command).split())


def test_a_clone_begins_with_the_newest_commit_and_its_top(origin: Path, cache: Path) -> None:
    clone = open_clone(origin.as_uri(), cache).git
    assert has_latest_only(clone)
    assert boundary(clone) == {git(origin, "rev-parse", "HEAD")}
    assert git(clone.git_dir, "cat-file", "-p", "HEAD:.dvc/config") == "[core]"
    # Git knows of no remote that promised anything, so it brings nothing by itself.
    assert not clone.flag("remote.origin.promisor")
    assert (
        _missing(clone) == 2
    )  # the namespaces, one of which was asked for to see whether single objects are given


def test_one_model_takes_a_step_to_its_namespace_and_one_for_all_of_it(
    opened: Repository, asked: Traced
) -> None:
    tree = opened.tree(opened.commit("HEAD"))
    asked()
    tree.gather(["models/vision/b"])
    assert asked() == 2
    found = {path: tree.read(path) for path, _ in walk(tree, "models/vision/b")}
    assert found == {p: t.encode() for p, t in _MODELS.items() if p.startswith("models/vision/b/")}
    assert asked() == 0
    again = opened.tree(tree.commit)
    assert [path for path, _ in walk(again, "models/vision/b")] == sorted(found)
    assert asked() == 0


def test_everything_comes_in_one_request(opened: Repository, asked: Traced) -> None:
    tree = opened.tree(opened.commit("HEAD"))
    asked()
    found = {path: tree.read(path) for path, _ in walk(tree)}
    assert found.keys() > _FILES.keys()
    assert None not in found.values()
    assert asked() == 1


def test_files_of_many_models_take_a_request_for_each_level(
    opened: Repository, asked: Traced
) -> None:
    tree = opened.tree(opened.commit("HEAD"))
    paths = [path for path in _MODELS if "/versions/2/" in path]
    asked()
    tree.prefetch(paths)
    assert [tree.read(path) for path in paths] == [_MODELS[path].encode() for path in paths]
    # namespaces, models, their folder of versions, the versions, the files
    assert asked() == 5


def test_a_search_through_a_folder_brings_it_first(opened: Repository, asked: Traced) -> None:
    tree = opened.tree(opened.commit("HEAD"))
    asked()
    assert list(tree.grep(["vision c 3"], under="models/vision")) == [
        "models/vision/c/versions/3/version.yaml"
    ]
    assert asked() == 1


def test_a_file_larger_than_any_manifest_is_left_until_it_is_read(
    origin: Path, asked: Traced
) -> None:
    write_files(origin, {"models/nlp/a/huge": "x" * 1_100_000, "models/nlp/a/CARD.md": "# A\n"})
    commit(origin)
    repository = Repository.open(origin.as_uri())
    tree = repository.tree(repository.commit("HEAD"))
    tree.gather(["models/nlp/a"])
    asked()
    assert tree.read("models/nlp/a/CARD.md") == b"# A\n"
    assert asked() == 0
    assert len(tree.read("models/nlp/a/huge") or b"") == 1_100_000
    assert asked() == 1


def test_what_is_missing_and_cannot_be_had_says_so(origin: Path, opened: Repository) -> None:
    tree = opened.tree(opened.commit("HEAD"))
    origin.rename(origin.with_name("away"))
    with pytest.raises(OfflineError, match="cannot be read in") as caught:
        tree.read("models/vision/b/versions/1/version.yaml")
    assert "check that the remote is reachable" in caught.value.remedy
    with pytest.raises(OfflineError):
        list(walk(tree))


def test_fetching_again_brings_the_new_commit_only(
    origin: Path, cache: Path, asked: Traced
) -> None:
    first = open_clone(origin.as_uri(), cache).git
    asked()
    open_clone(origin.as_uri(), cache)
    assert asked() == 1  # which refs are there
    for number in range(5):
        write_files(origin, {"models/nlp/a/aliases/production.yaml": f"again {number}\n"})
        commit(origin)
    git(origin, "branch", "side", "HEAD~2")
    open_clone(origin.as_uri(), cache)
    assert has_latest_only(first)
    assert boundary(first) == {git(origin, "rev-parse", name) for name in ("HEAD", "side")}
    assert git(first.git_dir, "rev-list", "--all", "--count") == "2"


def test_history_is_brought_when_it_is_asked_for(origin: Path, opened: Repository) -> None:
    head = opened.commit("HEAD")
    steps = [step.subject for step in FirstParentHistory(opened.git, head).steps()]
    assert steps[:3] == ["Move 2", "Move 1", "Move 0"]
    assert not has_latest_only(opened.git)
    assert boundary(opened.git) == frozenset()
    # From now on it is a partial clone as Git makes one.
    assert opened.git.config("remote.origin.partialclonefilter") == "blob:none"
    assert opened.tree(head).read("models/nlp/b/versions/1/version.yaml") == b"nlp b 1\n"
    git(origin, "commit", "--quiet", "--allow-empty", "-m", "Later")
    again = Repository.open(origin.as_uri())
    assert boundary(again.git) == frozenset()
    assert len(list(FirstParentHistory(again.git, again.commit("HEAD")).steps())) == len(steps) + 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda repo: repo.commit_at("2099-01-01", ref="HEAD"),
        lambda repo: repo.past_commit("HEAD~2"),
        lambda repo: repo.commit("main^"),
        lambda repo: merge_base(repo.git, repo.commit("main"), repo.commit("side")),
        lambda repo: list_tips(repo.git),
        lambda repo: FirstParentHistory(repo.git, repo.commit("HEAD")).removed_names(),
        lambda repo: FirstParentHistory(repo.git, repo.commit("HEAD")).holds("0" * 40),
    ],
)
def test_whatever_needs_the_past_has_it(ask: Callable[[Repository], object], origin: Path) -> None:
    git(origin, "branch", "side", "HEAD~1")
    repository = Repository.open(origin.as_uri())
    ask(repository)
    assert not has_latest_only(repository.git)
    assert repository.commit("HEAD~1") == git(origin, "rev-parse", "HEAD~1")


def test_a_mistyped_branch_does_not_bring_history(opened: Repository) -> None:
    with pytest.raises(NotFoundError):
        opened.commit("produciton")
    assert has_latest_only(opened.git)


def test_an_old_commit_comes_alone(origin: Path, opened: Repository) -> None:
    old = git(origin, "rev-parse", "HEAD~2")
    assert opened.commit(old) == old
    assert has_latest_only(opened.git)
    tree = opened.tree(old)
    assert tree.read("models/nlp/a/aliases/production.yaml") == b"0\n"
    with pytest.raises(NotFoundError):
        opened.commit("1" * 40)
    # It was no part of the newest commits, and has its own past all the same.
    assert next(FirstParentHistory(opened.git, old).steps()).subject == "Move 0"


def test_a_clone_that_was_deepened_by_hand_stays_so(origin: Path, cache: Path) -> None:
    clone = open_clone(origin.as_uri(), cache).git
    count = git(origin, "rev-list", "--count", "HEAD")
    chosen = ("-c", "remote.origin.promisor=true", "-c", "remote.origin.partialclonefilter=tree:0")
    git(clone.git_dir, *chosen, "fetch", "--quiet", "--unshallow", "--filter=tree:0", "origin")
    git(origin, "commit", "--quiet", "--allow-empty", "-m", "Later")
    open_clone(origin.as_uri(), cache)
    assert git(clone.git_dir, "rev-list", "--count", "HEAD") == str(int(count) + 1)


def test_what_was_rewritten_keeps_its_boundary(origin: Path, opened: Repository) -> None:
    old = opened.commit("HEAD")
    git(origin, "checkout", "--quiet", "--orphan", "other")
    git(origin, "commit", "--quiet", "-m", "Anew")
    git(origin, "branch", "--force", "main", "other")
    git(origin, "checkout", "--quiet", "main")
    git(origin, "branch", "--quiet", "-D", "other")
    ensure_history(opened.git)
    assert boundary(opened.git) == {old}
    with pytest.raises(ShallowHistoryError):
        list(FirstParentHistory(opened.git, old).steps())


def test_without_its_remote_a_clone_says_that_it_lacks_history(
    origin: Path, opened: Repository
) -> None:
    head = opened.commit("HEAD")
    origin.rename(origin.with_name("away"))
    with pytest.raises(OfflineError, match="fetch the registry's history"):
        list(FirstParentHistory(opened.git, head).steps())
    assert has_latest_only(opened.git)
    origin.with_name("away").rename(origin)
    assert len(list(FirstParentHistory(opened.git, head).steps())) == 4


def test_history_that_several_ask_for_at_once_is_brought_once(
    opened: Repository, asked: Traced
) -> None:
    asked()
    threads = [threading.Thread(target=complete_history, args=(opened.git,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One clone of history, and the file that shows whether the server gives single objects.
    assert asked() == 2
    assert git(opened.git.git_dir, "rev-list", "--count", "HEAD") == "4"


def _commit_here(repository: Git, branch: str = "main") -> str:
    """A commit on top of a branch, made without anything that is not here."""
    tree = git(repository.git_dir, "rev-parse", f"{branch}^{{tree}}")
    made = git(repository.git_dir, "commit-tree", "-p", branch, "-m", "Ours", tree)
    git(repository.git_dir, "update-ref", f"refs/heads/{branch}", made)
    return made


def test_what_is_committed_here_survives_history(opened: Repository) -> None:
    ours = _commit_here(opened.git)
    ensure_history(opened.git)
    assert git(opened.git.git_dir, "rev-parse", "main") == ours
    assert git(opened.git.git_dir, "rev-list", "--count", "main") == "5"


def test_a_change_is_pushed_from_what_is_here(origin: Path, opened: Repository) -> None:
    ours = _commit_here(opened.git)
    push_branch(opened.git, "main")
    assert git(origin, "rev-parse", "main") == ours
    assert has_latest_only(opened.git)


def test_a_branch_is_pushed_though_the_main_branch_moved_meanwhile(
    origin: Path, opened: Repository
) -> None:
    git(opened.git.git_dir, "branch", "side", "main")
    ours = _commit_here(opened.git, "side")
    git(origin, "commit", "--quiet", "--allow-empty", "-m", "Theirs")
    push_branch(opened.git, "side")
    assert git(origin, "rev-parse", "side") == ours
    git(origin, "fsck", "--connectivity-only")


def test_who_lost_a_race_gets_the_history_to_say_what_both_changed(
    origin: Path, opened: Repository
) -> None:
    ours = _commit_here(opened.git)
    write_files(origin, {"models/nlp/b/CARD.md": "# Theirs\n"})
    theirs = commit(origin, "Theirs")
    with pytest.raises(LostRaceError):
        push_branch(opened.git, "main")
    assert not has_latest_only(opened.git)
    assert git(opened.git.git_dir, "rev-parse", "main") == ours
    assert give_way(opened.git, "main", ours)
    assert git(opened.git.git_dir, "rev-parse", "main") == theirs


@pytest.mark.parametrize(
    ("settings", "newest"),
    [
        ({"uploadpackfilter.tree.maxDepth": "0"}, True),  # as large hosts may have it
        ({"uploadpackfilter.tree.allow": "false"}, False),
        ({"uploadpackfilter.allow": "false"}, False),
        (
            {"uploadpack.allowFilter": "false"},
            True,
        ),  # all folders and files of the newest commit come
    ],
)
def test_each_server_is_cloned_as_it_can(
    settings: dict[str, str],
    newest: bool,  # noqa: FBT001 (a case)
    origin: Path,
) -> None:
    for key, value in settings.items():
        git(origin, "config", key, value)
    repository = Repository.open(origin.as_uri())
    assert has_latest_only(repository.git) is newest
    tree = repository.tree(repository.commit("HEAD"))
    assert {path: tree.read(path) for path in _FILES} == {p: t.encode() for p, t in _FILES.items()}
    write_files(origin, {"models/nlp/a/aliases/production.yaml": "later\n"})
    commit(origin)
    again = Repository.open(origin.as_uri())
    assert (
        again.tree(again.commit("HEAD")).read("models/nlp/a/aliases/production.yaml") == b"later\n"
    )
    assert len(list(FirstParentHistory(again.git, again.commit("HEAD")).steps())) == 5


def test_a_clone_from_before_stays_what_it_was(origin: Path, cache: Path) -> None:
    place = open_clone(origin.as_uri(), cache).git.git_dir
    before = place.with_name("before")
    place.rename(before)
    git(cache, "clone", "--quiet", "--bare", "--filter=blob:none", origin.as_uri(), place.name)
    repository = Repository.open(origin.as_uri())
    assert not has_latest_only(repository.git)
    tree = repository.tree(repository.commit("HEAD"))
    assert tree.read("models/nlp/b/versions/1/version.yaml") == b"nlp b 1\n"
    assert len(list(FirstParentHistory(repository.git, tree.commit).steps())) == 4


def test_a_repository_without_a_commit_is_cloned_and_followed(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "empty")
    git(folder, "config", "uploadpack.allowFilter", "true")
    with pytest.raises(NotFoundError, match="has no commits yet"):
        Repository.open(folder.as_uri()).commit("HEAD")
    write_files(folder, _FILES)
    made = commit(folder)
    repository = Repository.open(folder.as_uri())
    assert repository.commit("HEAD") == made
    assert repository.tree(made).read("models/nlp/b/versions/1/version.yaml") == b"nlp b 1\n"


def test_many_packs_become_one(origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_tool.git.remote.clone._MOST_PACKS", 3)
    repository = Repository.open(origin.as_uri())
    tree = repository.tree(repository.commit("HEAD"))
    for model in ("nlp/a", "nlp/b", "vision/a"):
        tree.gather([f"models/{model}"])
    write_files(origin, {"models/nlp/c/versions/9/version.yaml": "nine\n"})
    commit(origin)
    again = Repository.open(origin.as_uri())
    packs = list((again.git.git_dir / "objects/pack").glob("*.pack"))
    assert len(packs) == 1
    now = again.tree(again.commit("HEAD"))
    # Who reads meanwhile goes on reading, and what was not brought still can be.
    for seen in (tree, now):
        assert seen.read("models/nlp/a/versions/1/version.yaml") == b"nlp a 1\n"
        assert seen.read("models/vision/c/versions/1/version.yaml") == b"vision c 1\n"
    assert now.read("models/nlp/c/versions/9/version.yaml") == b"nine\n"


def test_a_link_and_a_submodule_are_no_folders(origin: Path) -> None:
    (origin / "models" / "link").symlink_to("nlp")
    git(origin, "add", "models/link")
    entry = f"160000,{git(origin, 'rev-parse', 'HEAD')},models/sub"
    run_git(origin, "update-index", "--add", "--cacheinfo", entry)
    run_git(origin, "commit", "--quiet", "-m", "Odd")
    repository = Repository.open(origin.as_uri())
    tree = repository.tree(repository.commit("HEAD"))
    assert [dict(tree.folder(f"models/{name}")) for name in ("link", "sub")] == [{}, {}]
    assert (tree.read("models/sub"), tree.read("models/link")) == (None, b"nlp")
    assert {"models/link", "models/sub"} < {path for path, _ in walk(tree)}


def test_what_takes_long_is_said(
    opened: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="registry_tool.git.remote.clone")
    monkeypatch.setattr("registry_tool.git.remote.clone._A_WHILE", 0.0)
    ensure_history(opened.git)
    ensure_history(opened.git)
    assert caplog.messages == ["fetching the registry's history; this happens once"]
