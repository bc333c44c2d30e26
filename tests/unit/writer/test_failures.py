"""What goes wrong around a writer is an error of the requests at that moment, and the next one works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import version_files
from support.written_trains import (
    ADA,
    bare_registry,
    held,
    opened,
    subjects,
    version_edit,
    version_request,
)

from registry_tool.errors import GitError, NotARegistryError, OperationalError
from registry_tool.git.repository import Repository
from registry_tool.writer.request import Move, RefusedByCheckError, WriteRequest
from registry_tool.writer.writer import Writer


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path)


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def moves() -> list[Move]:
    return []


@pytest.fixture
def writer(bare: Path, moves: list[Move], messages: list[str]) -> Iterator[Writer]:
    repository = opened(bare)
    with Writer(repository, on_moved=moves.append, notify=messages.append) as made:
        yield made
    repository.close()


def _push(bare: Path, files: dict[str, str], *, at: str | None = None) -> str:
    clone = bare.parent / "clone"
    if not clone.exists():
        git(bare.parent, "clone", "--quiet", str(bare), "clone")
    git(clone, "pull", "--quiet", "--rebase", "origin", "main")
    write_files(clone, files)
    made = commit(clone, "By hand", at=at)
    git(clone, "push", "--quiet", "origin", "main")
    return made


def test_objects_that_cannot_be_written(writer: Writer, bare: Path, moves: list[Move]) -> None:
    packs = bare / "objects/pack"
    packs.rename(bare / "objects/pack-away")
    packs.write_text("in the way")
    with held(writer):
        asked = [writer.submit(version_request(n)) for n in range(3)]
    for one in asked:
        with pytest.raises(OperationalError, match="cannot be written"):
            one.result(30)
    assert moves == []
    packs.unlink()
    (bare / "objects/pack-away").rename(packs)
    assert writer.submit(version_request(9)).result(30).commit == git(bare, "rev-parse", "main")
    assert len(subjects(bare)) == 2
    assert git(bare, "fsck", "--full", "--strict") == ""


def test_a_branch_that_another_git_has_locked(writer: Writer, bare: Path) -> None:
    lock = bare / "refs/heads/main.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.touch()
    with pytest.raises(GitError, match="another git process"):
        writer.submit(version_request(1)).result(30)
    lock.unlink()
    assert writer.submit(version_request(1)).result(30).commit == git(bare, "rev-parse", "main")


def test_a_killed_helper_is_started_again(writer: Writer, bare: Path) -> None:
    assert writer.submit(version_request(1)).result(30).commit
    process = writer._yard.mover._process
    assert process is not None
    process.kill()
    assert writer.submit(version_request(2)).result(30).commit == git(bare, "rev-parse", "main")
    writer._yard.repository.reader.close()
    assert writer.submit(version_request(3)).result(30).commit == git(bare, "rev-parse", "main")


def test_a_branch_that_was_deleted(writer: Writer, bare: Path) -> None:
    tip = git(bare, "rev-parse", "main")
    git(bare, "update-ref", "-d", "refs/heads/main")
    with pytest.raises(GitError, match="does not exist"):
        writer.submit(version_request(1)).result(30)
    git(bare, "update-ref", "refs/heads/main", tip)
    assert writer.submit(version_request(1)).result(30).commit


def test_a_manifest_that_was_broken_by_hand_stops_no_other(
    writer: Writer, bare: Path, moves: list[Move]
) -> None:
    _push(bare, {"models/nlp/other/model.yaml": "schema: model/v1\nname: [\n"})
    assert writer.submit(version_request(1)).result(30).commit
    assert moves[0].foreign
    assert moves[0].report is not None
    assert moves[0].report.verdict == "refuse"


def test_a_registry_that_was_taken_away_by_hand(writer: Writer, bare: Path) -> None:
    tip = git(bare, "rev-parse", "main")
    empty = git(bare, "mktree")
    gone = git(bare, "commit-tree", "-p", tip, "-m", "Away", empty)
    git(bare, "update-ref", "refs/heads/main", gone)
    with pytest.raises(NotARegistryError):
        writer.submit(version_request(1)).result(30)
    git(bare, "update-ref", "refs/heads/main", tip)
    assert writer.submit(version_request(1)).result(30).commit


def test_a_commit_from_the_far_future_does_not_set_the_time(writer: Writer, bare: Path) -> None:
    first = writer.submit(version_request(1)).result(30)
    _push(bare, {"notes.md": "x\n"}, at="2099-01-01T00:00:00Z")
    later = writer.submit(version_request(2)).result(30)
    assert first.time < later.time < first.time + 3_600_000


def test_news_that_are_not_taken_in_fail_no_request(bare: Path) -> None:
    def refuse(_: Move) -> None:
        raise ValueError("full")

    messages: list[str] = []
    repository = opened(bare)
    with Writer(repository, on_moved=refuse, notify=messages.append) as writer:
        assert writer.submit(version_request(1)).result(30).commit
        assert writer.submit(version_request(2)).result(30).commit
    repository.close()
    assert len(messages) == 2
    assert "full" in messages[0]


def test_others_are_noticed_without_a_request(bare: Path) -> None:
    seen = threading.Event()
    repository = opened(bare)
    with Writer(repository, on_moved=lambda _: seen.set(), look=0.05):
        _push(bare, {"notes.md": "x\n"})
        assert seen.wait(30)
    repository.close()


def test_a_shallow_clone_is_refused(bare: Path, tmp_path: Path) -> None:
    _push(bare, {"notes.md": "x\n"})
    git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", bare.as_uri(), "shallow.git")
    repository = Repository.open(tmp_path / "shallow.git")
    with pytest.raises(OperationalError, match="shallow"):
        Writer(repository)
    repository.close()


def test_values_that_others_push_are_taken_too(writer: Writer, bare: Path) -> None:
    assert writer.submit(WriteRequest(version_edit(1, external_id="run-1"), ADA)).result(30).commit
    _push(bare, version_files("4", external_id="run-2", parameters={"lr": 4}))
    with pytest.raises(RefusedByCheckError, match="external"):
        writer.submit(WriteRequest(version_edit(2, external_id="run-2"), ADA)).result(30)
    assert writer.submit(WriteRequest(version_edit(2, external_id="run-3"), ADA)).result(30).commit
