"""In a checkout the index and clean files follow each commit, and work that is not committed stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import git
from support.written_trains import (
    ADA,
    alias_request,
    checkout,
    files_edit,
    held,
    opened,
    subjects,
    version_request,
)

from registry_tool.errors import DirtyFilesError
from registry_tool.git.command import find_repository
from registry_tool.git.transaction.recovery import exclusive
from registry_tool.writer.request import WriteRequest
from registry_tool.writer.writer import Writer

CARD = "models/nlp/lang-id/CARD.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkout(tmp_path / "registry", **{CARD: "# Start\n"})


@pytest.fixture
def writer(folder: Path) -> Iterator[Writer]:
    repository = opened(folder)
    with Writer(repository) as made:
        yield made
    repository.close()


def _put(path: str, text: str) -> WriteRequest:
    return WriteRequest(files_edit({path: text.encode()}), ADA)


def test_index_and_files_follow_each_train(writer: Writer, folder: Path) -> None:
    with held(writer):
        asked = [writer.submit(version_request(number)) for number in range(4)]
        asked.append(writer.submit(alias_request("blue", "4")))
        asked.append(writer.submit(_put(CARD, "# One\n")))
        asked.append(writer.submit(_put(CARD, "# Two\n")))
        asked.append(writer.submit(WriteRequest(files_edit({}, deletes=[CARD]), ADA)))
        asked.append(writer.submit(_put(CARD, "# Three\n")))
    assert all(one.result(30).commit for one in asked)
    assert git(folder, "status", "--porcelain") == ""
    assert (folder / CARD).read_text() == "# Three\n"
    assert (folder / "models/nlp/lang-id/versions/6/version.yaml").exists()
    assert len(subjects(folder)) == 10


def test_uncommitted_work_stays_and_the_next_commit_undoes_nothing(
    writer: Writer, folder: Path
) -> None:
    (folder / "registry.yaml").write_text((folder / "registry.yaml").read_text() + "# mine\n")
    (folder / "notes.md").write_text("staged\n")
    git(folder, "add", "notes.md")
    assert writer.submit(version_request(1)).result(30).commit
    assert sorted(git(folder, "status", "--porcelain").splitlines()) == [
        " M registry.yaml",
        "A  notes.md",
    ]
    git(folder, "commit", "--quiet", "-a", "-m", "Mine")
    changed = git(folder, "diff", "--name-only", "HEAD~1", "HEAD").splitlines()
    assert changed == ["notes.md", "registry.yaml"]
    assert writer.submit(version_request(2)).result(30).commit
    assert git(folder, "status", "--porcelain") == ""


def test_a_changed_file_is_not_overwritten_and_the_others_are_written(
    writer: Writer, folder: Path
) -> None:
    (folder / CARD).write_text("# Mine\n")
    with held(writer):
        before = writer.submit(version_request(1))
        blocked = writer.submit(_put(CARD, "# Theirs\n"))
        after = writer.submit(version_request(2))
    assert before.result(30).commit
    with pytest.raises(DirtyFilesError):
        blocked.result(30)
    assert after.result(30).commit == git(folder, "rev-parse", "HEAD")
    assert (folder / CARD).read_text() == "# Mine\n"
    assert git(folder, "status", "--porcelain") == f" M {CARD}"


def test_a_file_that_git_does_not_know_is_not_overwritten(writer: Writer, folder: Path) -> None:
    place = folder / "models/nlp/lang-id/aliases/blue.yaml"
    place.parent.mkdir(exist_ok=True)
    place.write_text("mine\n")
    with pytest.raises(DirtyFilesError):
        writer.submit(alias_request("blue", "1")).result(30)
    assert place.read_text() == "mine\n"
    assert len(subjects(folder)) == 1


def test_a_command_that_waits_gets_its_turn(writer: Writer, folder: Path) -> None:
    repository = find_repository(folder)
    assert repository is not None
    stop = threading.Event()
    counts = [0]

    def keep_busy() -> None:
        while not stop.is_set():
            writer.submit(version_request(1000 + counts[0])).result(60)
            counts[0] += 1

    busy = [threading.Thread(target=keep_busy)]
    for one in busy:
        one.start()
    while counts[0] < 2:
        pass
    try:
        for _ in range(3):
            with exclusive(repository, patience=20):
                pass
    finally:
        stop.set()
        for one in busy:
            one.join()


def test_a_linked_work_tree_keeps_its_branch(tmp_path: Path, folder: Path) -> None:
    git(folder, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    repository = opened(tmp_path / "side")
    with Writer(repository) as writer:
        written = writer.submit(version_request(1)).result(30)
    repository.close()
    assert written.branch == "side"
    assert git(tmp_path / "side", "status", "--porcelain") == ""
    assert (tmp_path / "side/models/nlp/lang-id/versions/3/version.yaml").exists()
    assert len(subjects(folder, "main")) == 1
