"""Who made what a merge brought."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import git
from support.commit_histories import ANA, BEN, History

from registry_tool.git.command import find_repository
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.log import find_makers

CAT = "Cat Moor <cat@example.org>"


@pytest.fixture
def past(tmp_path: Path) -> History:
    history = History(tmp_path / "r")
    history.commit({"a": "0\n", "b": "0\n"}, "Start")
    return history


def made(folder: Path, *paths: str) -> dict[tuple[str, str], str | None]:
    """For each merge, by its subject, and path: the author of the change."""
    found = find_repository(folder)
    assert found is not None
    touches = list(FirstParentHistory(found, git(folder, "rev-parse", "HEAD")).touches(*paths))
    subjects = {touch.step.commit: touch.step.subject for touch in touches}
    return {
        (subjects[commit], path): step and step.author
        for (commit, path), step in find_makers(found, touches).items()
    }


def test_the_author_in_the_branch(past: History) -> None:
    past.branch("one")
    past.commit({"a": "1\n"}, by=CAT)
    past.commit({"b": "1\n"}, by=ANA)
    past.merge("one", message="M", by=BEN)
    past.commit({"a": "2\n"}, by=BEN)
    assert made(past.folder) == {("M", "a"): CAT, ("M", "b"): ANA}


def test_the_last_who_touched_it(past: History) -> None:
    past.branch("one")
    past.commit({"a": "1\n"}, by=CAT)
    past.commit({"a": "2\n"}, by=ANA, at="1999-01-01T00:00:00Z")  # a clock that is behind
    past.merge("one", message="M", by=BEN)
    assert made(past.folder) == {("M", "a"): ANA}


def test_the_last_is_the_graph_s_and_not_the_clock_s(past: History) -> None:
    past.branch("one")
    past.commit({"a": "1\n"}, by=CAT, at="2030-01-01T00:00:00Z")
    past.branch("beside")
    past.commit({"c": "1\n"}, at="2031-01-01T00:00:00Z")
    past.switch("one")
    past.commit({"a": "2\n"}, by=ANA, at="2000-01-01T00:00:00Z")
    past.merge("beside", into="one")
    past.resolve("one", {"a": "3\n"}, "M", by=BEN)
    assert made(past.folder, "a") == {("M", "a"): ANA}


def test_what_else_the_branch_did_does_not_part_it(past: History) -> None:
    past.branch("one")
    past.commit({"a": "1\n"}, by=CAT)
    past.commit({"c": "1\n"}, by=ANA)
    past.merge("one", message="M", by=BEN)
    assert made(past.folder, "a") == {("M", "a"): CAT}


def test_a_branch_that_is_merged_twice(past: History) -> None:
    past.branch("one")
    past.commit({"a": "1\n"}, by=CAT)
    past.merge("one", message="First", by=BEN)
    past.switch("one")
    past.commit({"b": "1\n"}, by=ANA)
    past.merge("one", message="Second", by=BEN)
    assert made(past.folder) == {("First", "a"): CAT, ("Second", "b"): ANA}


def test_a_branch_that_took_in_the_line_and_others(past: History) -> None:
    past.branch("inner")
    past.commit({"a": "inner\n"}, by=CAT)
    past.branch("outer", "main")
    past.commit({"b": "outer\n"}, by=ANA)
    past.merge("inner", message="Inner", into="outer")
    past.switch("main")
    past.commit({"c": "line\n"}, by=BEN)
    past.merge("main", message="Take in main", into="outer")
    past.merge("outer", message="M", by=BEN)
    assert made(past.folder) == {("M", "a"): CAT, ("M", "b"): ANA}


def test_each_merge_has_its_own_branch(past: History) -> None:
    """The same bytes come three times, each time by somebody else."""
    for name, by in (("one", ANA), ("two", CAT), ("three", BEN)):
        past.branch(name, "main")
        past.commit({"a": "up\n"}, by=by)
        past.merge(name, message=name, by=BEN)
        past.commit({"a": "down\n"}, by=ANA)
    assert made(past.folder, "a") == {("one", "a"): ANA, ("two", "a"): CAT, ("three", "a"): BEN}


def test_what_the_merger_wrote_is_the_merger_s(past: History) -> None:
    past.branch("one")
    past.commit({"b": "1\n"}, by=CAT)
    past.resolve("one", {"a": "by hand\n"}, "M", by=BEN)
    assert made(past.folder) == {("M", "a"): BEN, ("M", "b"): CAT}


def test_a_conflict_goes_to_whom_it_was_decided_for(past: History) -> None:
    past.branch("one")
    past.commit({"a": "hers\n"}, by=CAT)
    past.switch("main")
    past.commit({"a": "ours\n"}, by=ANA)
    past.resolve("one", {"a": "hers\n"}, "M", by=BEN)
    assert made(past.folder) == {("M", "a"): CAT}


def test_several_branches_in_one_merge(past: History) -> None:
    for name, by in (("a", ANA), ("b", CAT)):
        past.branch(name, "main")
        past.commit({name: "1\n"}, by=by)
    past.merge("a", "b", message="M", by=BEN)
    assert made(past.folder) == {("M", "a"): ANA, ("M", "b"): CAT}


def test_a_file_that_a_branch_removed(past: History) -> None:
    past.branch("one")
    past.commit({"a": None}, by=CAT)
    past.merge("one", message="M", by=BEN)
    assert made(past.folder) == {("M", "a"): CAT}


def test_thousands_of_files(past: History) -> None:
    past.branch("one")
    past.commit({f"many/{number}": f"{number}\n" for number in range(600)}, by=CAT)
    past.merge("one", message="M", by=BEN)
    assert set(made(past.folder).values()) == {CAT}


def test_without_merges_there_is_nothing_to_ask(past: History) -> None:
    assert made(past.folder) == {}


def test_a_branch_that_a_shallow_clone_cuts(past: History) -> None:
    past.branch("one")
    past.commit({"a": "1\n"}, by=CAT)
    beside = past.commit({"b": "1\n"}, by=ANA)
    past.merge("one", message="M", by=BEN)
    (past.folder / ".git" / "shallow").write_text(f"{beside}\n", encoding="ascii")
    # The commit at the boundary seems to add both files; who made either is not here.
    assert made(past.folder) == {("M", "a"): None, ("M", "b"): None}
