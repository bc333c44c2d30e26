"""What is about to be done, written down and read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import new_repository

from registry_tool.errors import OperationalError, RefusedError
from registry_tool.git.command import Git
from registry_tool.git.transaction.journal import (
    FileStep,
    Journal,
    JournalFormatError,
    delete_journal,
    plan_steps,
    read_journal,
    staging_folder,
    write_journal,
    write_with_journal,
)
from registry_tool.git.transaction.pending import is_pending, journal_file

NONE: frozenset[str] = frozenset()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", {"a": "1\n", "b/c": "1\n"})


@pytest.fixture
def checkout(root: Path, opened: Callable[[Path], Git]) -> Git:
    return opened(root)


def _journal(root: Path) -> Journal:
    steps = plan_steps(root, {"a": b"2\n", "n/\u00fc": b"\xff\x00"}, frozenset({"b/c"}))
    return Journal("Change", steps, "c" * 40, "refs/heads/main", "t" * 40)


def test_it_is_read_as_it_was_written(root: Path, checkout: Git) -> None:
    journal = _journal(root)
    assert not is_pending(checkout)
    write_journal(checkout, journal)
    assert is_pending(checkout)
    assert read_journal(checkout) == journal
    delete_journal(checkout)
    delete_journal(checkout)
    assert not is_pending(checkout)
    assert read_journal(checkout) is None


def test_steps_say_what_lies_there(root: Path) -> None:
    (root / "link").symlink_to("a")
    (root / "folder").mkdir()
    steps = plan_steps(root, {"link": b"", "folder": b"", "none/x": b"", "a": b"1\n"}, NONE)
    before = {step.path: step.before for step in steps}
    assert before["link"] == "a link to 'a'"
    assert before["folder"] == "a folder"
    assert before["none/x"] == ""
    assert before["a"] == steps[-1].after
    assert FileStep("x", "", None).after == ""


def test_a_pipe_is_never_opened(root: Path) -> None:
    import os

    os.mkfifo(root / "pipe")
    assert plan_steps(root, {"pipe": b""}, NONE)[0].before == "a special file"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-10],
        lambda data: data.replace(b"Change", b"Chance"),
        lambda data: data.replace(b"journal 1 ", b"journal 9 "),
        lambda _: b"",
        lambda _: b"\xff" * 100,
    ],
    ids=["cut", "flipped", "of a later release", "empty", "noise"],
)
def test_what_is_no_journal_is_said_to_be_none(
    root: Path, checkout: Git, change: Callable[[bytes], bytes]
) -> None:
    write_journal(checkout, _journal(root))
    place = journal_file(checkout)
    place.write_bytes(change(place.read_bytes()))
    with pytest.raises(JournalFormatError):
        read_journal(checkout)


def test_a_folder_in_its_place_is_none(checkout: Git) -> None:
    journal_file(checkout).mkdir(parents=True)
    with pytest.raises(JournalFormatError):
        read_journal(checkout)


def test_where_it_cannot_be_written_nothing_is_changed(root: Path, checkout: Git) -> None:
    (root / ".git/registry-tool").write_text("in the way")
    with pytest.raises(OperationalError, match="cannot be written") as caught:
        write_with_journal(checkout, root, "Change", _journal(root).steps)
    assert caught.value.remedy == "nothing was changed"
    assert (root / "a").read_bytes() == b"1\n"


def test_files_are_written_and_nothing_is_left(root: Path, checkout: Git) -> None:
    write_with_journal(checkout, root, "Change\n\nWhy", _journal(root).steps)
    assert (root / "a").read_bytes() == b"2\n"
    assert (root / "n/\u00fc").read_bytes() == b"\xff\x00"
    assert not (root / "b").exists()
    assert not is_pending(checkout)
    assert list(staging_folder(checkout).iterdir()) == []


def test_a_failure_puts_back_and_leaves_no_journal(root: Path, checkout: Git) -> None:
    (root / "z").mkdir()
    steps = plan_steps(root, {"a": b"2\n", "z": b"2\n"}, NONE)
    with pytest.raises(OperationalError, match="z cannot be written"):
        write_with_journal(checkout, root, "Change", steps)
    assert (root / "a").read_bytes() == b"1\n"
    assert not is_pending(checkout)
    assert list(staging_folder(checkout).iterdir()) == []


def test_a_link_that_leads_out_is_refused_before_anything_is_written(
    root: Path, checkout: Git, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (root / "n").symlink_to(tmp_path / "outside")
    with pytest.raises(RefusedError):
        _journal(root)
    assert not is_pending(checkout)
