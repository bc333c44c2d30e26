"""The live catalog of a real repository: whatever kind of clone it is, and whatever others do to the branch."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from support import git
from support.commit_histories import History
from support.live_steps import SERVER, as_data
from support.manifests import (
    alias_yaml,
    model_files,
    namespace_yaml,
    registry_yaml,
    tracked_artifact,
    version_files,
)

from registry_tool.errors import GitError, ShallowHistoryError
from registry_tool.git.repository import Repository
from registry_tool.live.follow import LeftLine, LiveCatalog
from registry_tool.live.moving import Step, move
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.steps import read_steps
from registry_tool.live.store import SnapshotStore
from registry_tool.names import ModelName

LANG = ModelName("nlp", "lang-id")
HOME = "models/nlp/lang-id"


def two(version: str = "2") -> dict[str, str]:
    return version_files(version, artifacts=[tracked_artifact(f"s3://b/{version}")])


@pytest.fixture
def past(tmp_path: Path) -> History:
    """A registry, with a merged pull request."""
    history = History(tmp_path / "origin")
    history.commit(
        {"registry.yaml": registry_yaml(), "models/nlp/namespace.yaml": namespace_yaml()}
    )
    history.commit(model_files())
    history.branch("pull")
    history.commit(two("2"))
    history.commit({f"{HOME}/aliases/production.yaml": alias_yaml("2")})
    history.merge("pull")
    history.commit(two("3"), at="2026-03-02T12:00:05Z")
    return history


def live(folder: Path, kept: Path | None = None) -> LiveCatalog:
    return LiveCatalog(Repository.open(folder), folder=kept)


def versions(catalog: LiveCatalog) -> list[tuple[int, str]]:
    snapshot = catalog.snapshot
    return [(v.id, v.version) for v in snapshot.versions(snapshot.models[LANG])]


def test_the_line_is_that_of_first_parents(past: History) -> None:
    found = live(past.folder)
    assert versions(found) == [(2, "1"), (3, "2"), (4, "3")]
    assert len(found.snapshot.line) == 4
    three = found.snapshot.record(4)
    assert three is not None
    assert found.snapshot.created(three) == 1_772_452_805_000


@pytest.mark.parametrize(
    "options", [("--bare",), ("--mirror",), ("--filter=blob:none",), ("--filter=tree:0", "--bare")]
)
def test_every_clone_says_the_same(past: History, options: tuple[str, ...]) -> None:
    place = past.clone("clone", *options)
    assert as_data(live(place).snapshot) == as_data(live(past.folder).snapshot)


def test_a_shallow_clone_is_refused(past: History) -> None:
    with pytest.raises(ShallowHistoryError, match="shallow"):
        live(past.clone("shallow", "--depth=2"))


def test_commits_of_others_are_noticed(past: History) -> None:
    found = live(past.folder)
    assert not found.look()
    before = found.snapshot
    seen: list[tuple[str, str]] = []
    stop = found.listen(lambda old, new: seen.append((old.commit, new.commit)))
    past.commit(two("4"))
    assert found.look()
    assert versions(found)[-1] == (5, "4")
    assert seen == [(before.commit, found.snapshot.commit)]
    assert as_data(found.snapshot) == as_data(live(past.folder).snapshot)
    assert versions(found) != [(v.id, v.version) for v in before.versions(before.models[LANG])]
    stop()
    past.commit(two("5"))
    assert found.look()
    assert len(seen) == 1


def test_packed_refs_are_read(past: History) -> None:
    found = live(past.folder)
    past.commit(two("4"))
    git(past.folder, "pack-refs", "--all", "--prune")
    assert found.look()
    assert not found.look()
    assert versions(found)[-1] == (5, "4")


def test_a_look_starts_no_process(past: History, monkeypatch: pytest.MonkeyPatch) -> None:
    git(past.folder, "pack-refs", "--all", "--prune")
    found = live(past.folder)
    monkeypatch.setattr("registry_tool.git.command.subprocess.Popen", None)
    monkeypatch.setattr("registry_tool.git.command.subprocess.run", None)
    assert not found.look()


def test_a_rewound_and_a_rewritten_branch(past: History) -> None:
    found = live(past.folder)
    past.commit(two("4"))
    found.look()
    git(past.folder, "reset", "--quiet", "--hard", "HEAD~2")
    past.commit(two("5"))
    assert found.look()
    assert versions(found) == [(2, "1"), (3, "2"), (4, "5")]
    assert as_data(found.snapshot) == as_data(live(past.folder).snapshot)
    git(past.folder, "switch", "--quiet", "--orphan", "new")
    past.commit({"registry.yaml": registry_yaml(), **model_files("nlp/other")})
    git(past.folder, "branch", "--quiet", "-M", "new", "main")
    assert found.look()
    assert list(found.snapshot.models) == [ModelName("nlp", "other")]


def test_a_merge_that_makes_the_branch_its_second_parent(past: History) -> None:
    found = live(past.folder)
    past.branch("side", "HEAD~1")
    past.commit(two("7"))
    git(past.folder, "merge", "--quiet", "--no-ff", "-m", "wrong way round", "main")
    git(past.folder, "switch", "--quiet", "-C", "main")
    assert found.look()
    assert as_data(found.snapshot) == as_data(live(past.folder).snapshot)


def test_what_a_branch_left_is_known_until_its_line_has_it_again(past: History) -> None:
    found = live(past.folder)
    left, before = found.snapshot.commit, versions(found)
    past.branch("side", "HEAD~1")
    past.commit(two("7"))
    git(past.folder, "merge", "--quiet", "--no-ff", "-m", "wrong way round", "main")
    git(past.folder, "switch", "--quiet", "-C", "main")
    found.look()
    assert found.left_line == LeftLine(left, is_merged=True)
    assert versions(found) != [*before, (5, "7")]
    past.commit(two("8"))
    found.look()
    assert found.left_line == LeftLine(left, is_merged=True)
    git(past.folder, "switch", "--quiet", "--detach", left)
    git(past.folder, "merge", "--quiet", "--no-ff", "--no-edit", "main")
    git(past.folder, "switch", "--quiet", "-C", "main")
    found.look()
    assert found.left_line is None
    assert versions(found) == [*before, (5, "7"), (6, "8")]
    git(past.folder, "reset", "--quiet", "--hard", left)
    found.look()
    assert found.left_line is not None
    assert not found.left_line.is_merged


def test_a_warm_start_knows_what_the_branch_left_meanwhile(past: History, tmp_path: Path) -> None:
    first = live(past.folder, tmp_path / "kept")
    left = first.snapshot.commit
    first.close()
    git(past.folder, "reset", "--quiet", "--hard", "HEAD~1")
    assert live(past.folder, tmp_path / "kept").left_line == LeftLine(left, is_merged=False)


def test_a_deleted_branch_leaves_the_last_state(past: History) -> None:
    found = live(past.folder)
    git(past.folder, "switch", "--quiet", "-c", "other")
    git(past.folder, "branch", "--quiet", "-D", "main")
    with pytest.raises(GitError, match="deleted"):
        found.look()
    assert versions(found)[-1] == (4, "3")


def test_the_writer_says_what_it_committed(past: History) -> None:
    found = live(past.folder)
    base = found.snapshot.commit
    commit = past.commit(two("4"))
    (step,) = read_steps(Repository.open(past.folder), commit, since=base)
    contents = {path: data for path, data in step.files.items() if not path.endswith(".dvc")}
    found.advance(base, [step._replace(files=contents)])
    assert not found.look()
    assert as_data(found.snapshot) == as_data(live(past.folder).snapshot)
    assert found.advance(base, [step]) is found.snapshot  # noticed by the follower first


@pytest.mark.parametrize("prepared", ["4", "5"])
def test_what_is_prepared_is_served_once_its_commits_are_on_the_branch(
    past: History, monkeypatch: pytest.MonkeyPatch, prepared: str
) -> None:
    found = live(past.folder)
    base = found.snapshot.commit
    commit = past.commit(two("4"))
    (step,) = read_steps(Repository.open(past.folder), commit, since=base)
    other = Step("f" * 40, step.when, step.committer, step.claimed, step.files)
    found.prepare(base, [step if prepared == "4" else other])
    assert found.snapshot.commit == base
    moves: list[str] = []

    def counted(snapshot: Snapshot, steps: Iterable[Step], now: int) -> Snapshot:
        moves.append(snapshot.commit)
        return move(snapshot, steps, now)

    monkeypatch.setattr("registry_tool.live.moving.move", counted)
    found.advance(base, [step])
    assert moves == ([] if prepared == "4" else [base])
    assert as_data(found.snapshot) == as_data(live(past.folder).snapshot)


def test_a_writer_that_was_overtaken(past: History) -> None:
    found = live(past.folder)
    base = found.snapshot.commit
    past.commit(two("4"))
    tip = past.commit(two("5"))
    step = list(read_steps(Repository.open(past.folder), tip, since=base))[-1]
    found.advance(step.commit, [step])
    assert found.snapshot.commit == tip


def test_a_warm_start_reads_the_rest(past: History, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = live(past.folder, kept)
    first.close()
    past.commit(two("4"))
    second = live(past.folder, kept)
    assert versions(second)[-1] == (5, "4")
    assert as_data(second.snapshot) == as_data(live(past.folder).snapshot)


def test_a_thread_follows(past: History) -> None:
    found = live(past.folder)
    moved = threading.Event()
    found.listen(lambda _old, _new: moved.set())
    found.start(0.05)
    past.commit(two("4"))
    assert moved.wait(30)
    found.close()
    assert versions(found)[-1] == (5, "4")


def test_a_server_that_is_killed_has_kept_its_state(past: History, tmp_path: Path) -> None:
    found = live(past.folder, tmp_path / "kept")
    found.start(0.01)
    waiting = threading.Event()
    while not list((tmp_path / "kept").glob("*.live")) and not waiting.wait(0.02):
        pass
    place = f"{found._repository.git.git_dir.resolve()}\nrefs/heads/main"
    kept = None
    while kept is None and not waiting.wait(0.02):
        kept = SnapshotStore(tmp_path / "kept", place).load()
    assert kept is not None
    assert as_data(kept) == as_data(found.snapshot)
    found.close()


def test_trouble_is_kept_and_goes(past: History) -> None:
    found = live(past.folder)
    ref = past.folder / ".git" / "refs" / "heads" / "main"
    good = ref.read_text()
    found.start(0.01)
    ref.write_text("f" * 40 + "\n")
    waiting = threading.Event()
    while not found.trouble and not waiting.wait(0.02):
        pass
    assert found.snapshot.commit == good.strip()
    ref.write_text(good)
    while found.trouble and not waiting.wait(0.02):
        pass
    found.close()


def test_trailers_count_in_the_servers_own_commits_only(past: History) -> None:
    at, said = "2026-03-02T12:01:00Z", "Registry-Time: 2026-03-02T12:01:00.123Z"
    past.commit({}, f"By the server\n\n{said}\nRegistry-Api: kubeflow", by=SERVER, at=at)
    past.commit({}, f"Forged\n\n{said.replace('01:00.1', '01:01.4')}", at="2026-03-02T12:01:01Z")
    past.commit({}, f"Of another second\n\n{said}", by=SERVER, at="2026-03-02T12:01:02Z")
    past.commit({}, "From the future", at="2099-01-01T00:00:00Z")
    past.commit({}, "Now", at="2026-03-02T12:01:05Z")
    line = live(past.folder).snapshot.line
    start = 1_772_452_860_000
    times = [line.time(n) - start for n in range(len(line) - 4, len(line) + 1)]
    assert times == [123, 1000, 2000, 2001, 5000]


def test_an_empty_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "empty.git")
    found = live(tmp_path / "empty.git")
    assert found.snapshot.commit == ""
    assert not found.look()


def test_readers_never_see_a_half_moved_state(past: History) -> None:
    base = live(past.folder).snapshot
    history = [
        Step(f"{n:040x}", 1_772_452_900 + n, "A <a@b>", 0, {
            f"{HOME}/aliases/production.yaml": alias_yaml(str(1 + n % 3)).encode()
        })
        for n in range(60)
    ]  # fmt: skip
    catalog: list[Snapshot] = [base]
    wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            now = catalog[0]
            found = now.alias(now.models[LANG], "production")
            if (
                found is None
                or "production" not in found.aliases
                or now.record(found.id) is not found
            ):
                wrong.append(str(found))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for step in history:
        catalog[0] = move(catalog[0], [step], 1_772_452_900_000)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
