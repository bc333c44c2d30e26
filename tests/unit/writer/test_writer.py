"""The writer of a bare registry: one commit for each request, one move for all that wait."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import git
from support.written_trains import (
    ADA,
    BOB,
    MODEL,
    alias_request,
    bare_registry,
    files_edit,
    held,
    opened,
    subjects,
    version_edit,
    version_request,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet
from registry_tool.errors import NotFoundError, RefusedError
from registry_tool.writer.modes import SERVER
from registry_tool.writer.request import (
    BusyError,
    Move,
    RefusedByCheckError,
    RepeatedRequestError,
    WriteRequest,
    WriterStoppedError,
)
from registry_tool.writer.writer import Writer


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path)


@pytest.fixture
def moves() -> list[Move]:
    return []


@pytest.fixture
def writer(bare: Path, moves: list[Move]) -> Iterator[Writer]:
    repository = opened(bare)
    with Writer(repository, on_moved=moves.append) as made:
        yield made
    repository.close()


def test_a_request_becomes_a_commit_of_its_author(writer: Writer, bare: Path) -> None:
    written = writer.submit(version_request(3, key="k 1")).result(30)
    assert written.commit == git(bare, "rev-parse", "main")
    assert [str(found) for found in written.change.versions] == ["nlp/lang-id@3"]
    assert written.branch == "main"
    assert not written.proposed
    form = "%an <%ae>|%cn <%ce>|%(trailers:only,unfold)"
    who, committer, trailers = git(bare, "log", "-1", f"--format={form}").split("|")
    assert (who, committer) == (str(ADA), str(SERVER))
    said = dict(line.split(": ", 1) for line in trailers.strip().splitlines())
    assert said["Registry-Api"] == "mlflow"
    assert said["Registry-Request"].startswith("sha256:")  # a word with a space is none
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["Registry-Time"])
    seconds = int(git(bare, "log", "-1", "--format=%ct"))
    assert seconds == written.time // 1000


def test_what_waits_is_published_with_one_move(
    writer: Writer, bare: Path, moves: list[Move]
) -> None:
    with held(writer):
        asked = [writer.submit(version_request(number)) for number in range(10)]
    written = [one.result(30) for one in asked]
    assert len(moves) == 1
    assert [made.commit for made in moves[0].commits] == [one.commit for one in written]
    assert [str(one.change.versions[0]) for one in written] == [
        f"nlp/lang-id@{number}" for number in range(3, 13)
    ]
    times = [one.time for one in written]
    assert times == sorted(set(times))
    assert git(bare, "fsck", "--full", "--strict") == ""
    assert len(subjects(bare)) == 11


def test_a_move_is_announced_before_the_answer(bare: Path) -> None:
    repository = opened(bare)
    seen: list[bool] = []
    asked: list[object] = []

    def on_moved(move: Move) -> None:
        seen.append(any(one.done() for one in asked))  # type: ignore[attr-defined]
        assert move.after == git(bare, "rev-parse", "main")
        assert set(move.commits[0].puts) == {"models/nlp/lang-id/versions/3/version.yaml"}

    with Writer(repository, on_moved=on_moved) as writer:
        asked.append(writer.submit(version_request(3)))
        asked[0].result(30)  # type: ignore[attr-defined]
    repository.close()
    assert seen == [False]


def test_a_refused_request_leaves_no_trace_for_the_next(
    writer: Writer, bare: Path, moves: list[Move]
) -> None:
    with held(writer):
        first = writer.submit(version_request(1))
        absent = writer.submit(alias_request("blue", "99"))
        invalid = writer.submit(
            WriteRequest(
                files_edit({"models/nlp/lang-id/aliases/x.yaml": b"schema: alias/v1\n"}), ADA
            )
        )
        outside = writer.submit(WriteRequest(files_edit({".git/config": b""}), ADA))
        last = writer.submit(alias_request("blue", "3"))
    assert first.result(30).commit
    with pytest.raises(NotFoundError):
        absent.result(30)
    with pytest.raises(RefusedByCheckError):
        invalid.result(30)
    with pytest.raises(RefusedError):
        outside.result(30)
    assert last.result(30).commit == git(bare, "rev-parse", "main")
    assert len(moves) == 1
    assert len(subjects(bare)) == 3
    listed = git(bare, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert "models/nlp/lang-id/aliases/x.yaml" not in listed
    assert "dangling" not in git(bare, "fsck", "--full")


def test_an_edit_that_fails_in_an_unknown_way_fails_alone(writer: Writer) -> None:
    def wrong(_: Catalog) -> ChangeSet:
        raise KeyError("x")

    with pytest.raises(KeyError):
        writer.submit(WriteRequest(wrong, ADA)).result(30)
    assert writer.submit(version_request(1)).result(30).commit
    assert writer.failure is None


def test_two_requests_for_one_name_do_not_both_get_it(writer: Writer) -> None:
    with held(writer):
        one = writer.submit(WriteRequest(version_edit(1, version="7"), ADA))
        other = writer.submit(WriteRequest(version_edit(2, version="7"), BOB))
    assert one.result(30).commit
    with pytest.raises(RefusedError, match="already has a version 7"):
        other.result(30)


def test_unique_values_are_unique_within_a_train_and_after_it(writer: Writer) -> None:
    with held(writer):
        one = writer.submit(WriteRequest(version_edit(1, external_id="run-1"), ADA))
        other = writer.submit(WriteRequest(version_edit(2, external_id="run-1"), ADA))
        twin = writer.submit(WriteRequest(version_edit(1), ADA))
    assert one.result(30).commit
    with pytest.raises(RefusedByCheckError, match="external"):
        other.result(30)
    twin_report = twin.result(30).report if twin.exception(30) is None else twin.exception(30)
    assert "same" in str(twin_report) or "identity" in str(twin_report)
    with pytest.raises(RefusedByCheckError, match="external"):
        writer.submit(WriteRequest(version_edit(3, external_id="run-1"), ADA)).result(30)


def test_nothing_to_change_is_no_commit(writer: Writer, moves: list[Move]) -> None:
    assert writer.submit(alias_request("blue", "1")).result(30).commit
    again = writer.submit(alias_request("blue", "1")).result(30)
    assert again.commit is None
    assert len(moves) == 1


def test_a_repeated_request_gets_the_first_answer(writer: Writer, bare: Path) -> None:
    first = writer.submit(version_request(1, key="once")).result(30)
    again = writer.submit(version_request(1, key="once")).result(30)
    assert again.repeated
    assert (again.commit, again.time, again.branch) == (first.commit, first.time, first.branch)
    assert again.change.puts == first.change.puts
    assert again.change.message == first.change.message
    assert again.change.versions == first.change.versions
    with pytest.raises(RepeatedRequestError):
        writer.submit(version_request(2, key="once")).result(30)
    assert writer.submit(version_request(2, BOB, key="once")).result(30).commit != first.commit
    assert len(subjects(bare)) == 3


def test_two_equal_requests_in_one_train_are_one(writer: Writer, bare: Path) -> None:
    with held(writer):
        asked = [writer.submit(version_request(1, key="once")) for _ in range(3)]
    found = [one.result(30) for one in asked]
    assert len({one.commit for one in found}) == 1
    assert [one.repeated for one in found] == [False, True, True]
    assert len(subjects(bare)) == 2


def test_a_new_writer_knows_the_requests_of_the_last_one(bare: Path) -> None:
    with ExitStack() as stack:
        for repeated in (False, True):
            repository = opened(bare)
            stack.callback(repository.close)
            with Writer(repository) as writer:
                found = writer.submit(version_request(1, key="once")).result(30)
                assert found.repeated is repeated
                assert [str(one) for one in found.change.versions] == [f"{MODEL}@3"]


def test_a_forged_trailer_is_no_answer(bare: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(bare), "clone")
    clone = tmp_path / "clone"
    words = "X\n\nRegistry-Time: 2099-01-01T00:00:00.000Z\nRegistry-Request: once"
    git(clone, "commit", "--quiet", "--allow-empty", "-m", words, f"--author={ADA}")
    git(clone, "push", "--quiet", "origin", "main")
    repository = opened(bare)
    with Writer(repository) as writer:
        written = writer.submit(version_request(1, key="once")).result(30)
    repository.close()
    assert not written.repeated
    assert written.time < 3_000_000_000_000


def test_more_than_may_wait_is_refused_at_once(bare: Path) -> None:
    repository = opened(bare)
    with Writer(repository, most_waiting=2) as writer:
        with held(writer):
            asked = [writer.submit(version_request(number)) for number in range(2)]
            with pytest.raises(BusyError):
                writer.submit(version_request(9))
        assert all(one.result(30).commit for one in asked)
        assert writer.submit(version_request(10)).result(30).commit
    with pytest.raises(WriterStoppedError):
        writer.submit(version_request(11))
    repository.close()


def test_stopping_finishes_the_train_under_way_and_refuses_the_rest(bare: Path) -> None:
    repository = opened(bare)
    writer = Writer(repository)
    with held(writer):
        waiting = writer.submit(version_request(1))
        closing = threading.Thread(target=writer.close)
        closing.start()
        while not writer._stopping:
            pass
    closing.join()
    repository.close()
    with pytest.raises(WriterStoppedError):
        waiting.result(30)


def test_a_commit_that_others_push_is_taken_in(
    writer: Writer, bare: Path, tmp_path: Path, moves: list[Move]
) -> None:
    assert writer.submit(version_request(1)).result(30).commit
    git(tmp_path, "clone", "--quiet", str(bare), "clone")
    clone = tmp_path / "clone"
    folder = clone / "models/nlp/lang-id/aliases"
    folder.mkdir(exist_ok=True)
    (folder / "green.yaml").write_text("schema: alias/v1\nmodel: nlp/lang-id\nversion: '3'\n")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "By hand")
    git(clone, "push", "--quiet", "origin", "main")
    written = writer.submit(version_request(2)).result(30)
    assert git(bare, "log", "-1", "--format=%s", f"{written.commit}^") == "By hand"
    assert [move.foreign for move in moves] == [False, True, False]
    assert moves[1].report is not None
    assert moves[1].report.verdict == "pass"
    again = writer.submit(alias_request("green", "3")).result(30)
    assert again.commit is None


def test_a_branch_that_was_set_back_is_followed(writer: Writer, bare: Path) -> None:
    first = git(bare, "rev-parse", "main")
    assert writer.submit(version_request(1)).result(30).commit
    git(bare, "update-ref", "refs/heads/main", first)
    written = writer.submit(version_request(2)).result(30)
    assert git(bare, "rev-parse", f"{written.commit}^") == first
    assert str(written.change.versions[0]) == "nlp/lang-id@3"


def test_a_branch_that_moves_in_the_middle_makes_the_train_again(
    writer: Writer, bare: Path
) -> None:
    other = git(bare, "commit-tree", "-p", "main", "-m", "Meanwhile", "main^{tree}")
    made: list[int] = []

    def edit(catalog: Catalog) -> ChangeSet:
        made.append(1)
        if len(made) == 1:
            git(bare, "update-ref", "refs/heads/main", other)
        return version_edit(1)(catalog)

    written = writer.submit(WriteRequest(edit, ADA)).result(30)
    assert len(made) == 2
    assert git(bare, "rev-parse", f"{written.commit}^") == other
    assert "dangling" not in git(bare, "fsck", "--full").replace("dangling commit", "")


def test_a_name_that_was_removed_is_not_given_again(
    tmp_path: Path,
) -> None:
    bare = bare_registry(tmp_path)
    git(tmp_path, "clone", "--quiet", str(bare), "clone")
    clone = tmp_path / "clone"
    git(clone, "rm", "-rq", "models/nlp/lang-id/versions/2")
    git(clone, "commit", "--quiet", "-m", "Without 2")
    git(clone, "push", "--quiet", "origin", "main")
    repository = opened(bare)
    with Writer(repository) as writer, pytest.raises(RefusedByCheckError, match="existed before"):
        writer.submit(WriteRequest(version_edit(1, version="2"), ADA)).result(30)
    repository.close()


def test_a_rehearsal_is_checked_and_leaves_no_trace(writer: Writer, bare: Path) -> None:
    before = git(bare, "rev-parse", "main")
    added, named = version_request(3), alias_request("edge", "3")
    answer = writer.rehearse([added, named]).result(30)
    assert (answer.commit, answer.proposed) == (None, False)
    assert git(bare, "rev-parse", "main") == before
    with pytest.raises(NotFoundError):
        writer.rehearse([named]).result(30)
    broken = WriteRequest(
        files_edit({"models/nlp/lang-id/versions/3/version.yaml": b"a: b\n"}), ADA
    )
    with pytest.raises(RefusedByCheckError):
        writer.rehearse([added, broken]).result(30)
    written = writer.submit(added).result(30)
    assert git(bare, "rev-parse", "main^") == before
    assert written.commit == git(bare, "rev-parse", "main")
