"""Who held an alias, and where a rollback leads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import git
from support.staged_registries import ALIASES, Staged, alias

from registry_tool.errors import ShallowHistoryError
from registry_tool.git.command import Git
from registry_tool.git.history import FirstParentHistory
from registry_tool.promotion.holders import earlier, moves

PATH = f"{ALIASES}/production.yaml"
Make = Callable[..., Staged]


def put(registry: Staged, *held: str) -> None:
    """Moves: a version, with ``p`` after it where the move pins, ``-`` where the alias is removed."""
    for one in held:
        if one == "-":
            registry.commit(deletes=[PATH])
        elif one.endswith("p"):
            registry.commit(alias("production", one[:-1], pinned=True))
        else:
            registry.commit(alias("production", one))


def read(registry: Staged) -> list[tuple[str, bool]]:
    return [(move.version, move.pinned) for move in moves(registry.line, PATH)]


def test_moves_are_told_newest_first(staged: Make) -> None:
    registry = staged()
    put(registry, "1", "2", "1p")
    assert read(registry) == [("1", True), ("2", False), ("1", False)]


def test_an_alias_that_was_never_there_has_none(staged: Make) -> None:
    assert read(staged()) == []


def test_what_leaves_the_version_is_no_move(staged: Make) -> None:
    registry = staged()
    put(registry, "1", "2")
    second = registry.head
    registry.commit(alias("production", "2", reason="Because."))
    registry.commit(alias("production", "2", pinned=True))
    newest = next(moves(registry.line, PATH))
    assert newest.step.commit == second
    assert not newest.pinned


def test_a_removal_is_a_move_to_nothing(staged: Make) -> None:
    registry = staged()
    put(registry, "1", "-", "1")
    assert read(registry) == [("1", False), ("", False), ("1", False)]


def test_a_file_that_cannot_be_read_names_no_version(staged: Make) -> None:
    registry = staged()
    put(registry, "1")
    registry.commit({PATH: "version: [\n"})
    assert read(registry) == [("", False), ("1", False)]


def test_a_folder_of_that_name_was_no_alias(staged: Make) -> None:
    registry = staged()
    registry.commit({f"{PATH}/version.yaml": "x"})
    registry.commit(deletes=[f"{PATH}/version.yaml"])
    (registry.root / PATH).rmdir()
    put(registry, "1")
    assert read(registry) == [("1", False)]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (["1"], []),
        (["1", "2"], ["1"]),
        (["1", "2", "3"], ["2", "1"]),
        (["1", "2", "3", "2p"], ["1"]),  # 3 was rolled back
        (["1", "2", "3", "2p", "1p"], []),
        (["1", "2", "3", "1p"], []),
        (["1", "2", "3", "2p", "4"], ["2", "1"]),
        (["1", "2", "3", "2p", "3"], ["2", "1"]),  # promoted again
        (["1", "2", "3", "2p", "3", "2p"], ["1"]),
        (["1", "2", "1"], ["2", "1"]),  # no pin: a promotion like any other
        (["1", "2p"], ["1"]),  # a pin on the way forward
        (["1", "-", "2"], ["1"]),
        (["1", "2", "-"], ["2", "1"]),
        ([], []),
    ],
)
def test_the_way_back(staged: Make, held: list[str], expected: list[str]) -> None:
    registry = staged()
    put(registry, *held)
    assert [*earlier(moves(registry.line, PATH))] == expected


def test_a_shallow_clone_tells_what_it_has_and_then_refuses(staged: Make, tmp_path: Path) -> None:
    registry = staged()
    put(registry, "1", "2")
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{registry.root}", "shallow")
    clone = Git(tmp_path / "shallow" / ".git", tmp_path / "shallow")
    with pytest.raises(ShallowHistoryError):
        [*moves(FirstParentHistory(clone, registry.head), PATH)]
