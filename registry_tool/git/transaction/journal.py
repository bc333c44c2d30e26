"""What a command is about to do to a checkout, written down before the first step that anybody can see.

A kill between two steps then leaves either nothing, or a journal from which the next command finishes the work (see
``recovery``). It is synced to the disk once for each command, holds the new bytes itself, and is gone after the last
step. Everything lies in the repository's own folder, for a linked work tree in the one that it alone has.

Whether a killed command left its work half done: one question to the disk, for those who only read.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import OperationalError
from registry_tool.git.command import Git
from registry_tool.git.transaction.files import (
    check_places,
    content_of,
    state_of,
    sync,
    sync_files,
    write_files,
)

__all__ = [
    "BrokenJournalError",
    "Journal",
    "Step",
    "check_finished",
    "forget",
    "is_pending",
    "journal_file",
    "lock_file",
    "read_journal",
    "steps_of",
    "unfinished",
    "workshop",
    "write_down",
    "write_in_order",
]


def lock_file(git: Git) -> Path:
    """The lock that a command holds while it writes."""
    return git.git_dir / "registry-tool.lock"


def journal_file(git: Git) -> Path:
    """Where a command writes down what it is about to do."""
    return git.git_dir / "registry-tool" / "journal"


def is_pending(git: Git) -> bool:
    """True while a command is at work, or after one was killed at it."""
    return os.path.lexists(journal_file(git))


def unfinished(git: Git) -> str:
    """What a killed command began and nobody finished yet, in words; empty where all is well. Nothing is written."""
    if not is_pending(git):
        return ""
    from registry_tool.git.transaction.lock import is_held
    from registry_tool.git.transaction.recovery import rest_of

    return "" if is_held(lock_file(git)) else rest_of(git)


def check_finished(git: Git) -> None:
    """See that the files of a work tree are not half of what a killed command began.

    Raises:
        OperationalError: They are.
    """
    if what := unfinished(git):
        raise OperationalError(
            f"a registry command was interrupted in {git.place}: {what}",
            remedy="registry recover",
        )


_FORMAT: Final = b"registry-tool journal 1 "


class Step(NamedTuple):
    """One file of a change.

    Attributes:
        path: Where it lies in the work tree.
        before: What lay there, as ``working_files.state_of`` says it.
        data: The new bytes; None for a file that goes.
        old_blob: The blob that the index held for it; empty for none. Only for a commit.
        new_blob: The blob that the commit holds; empty for a file that goes. Only for a commit.
    """

    path: str
    before: str
    data: bytes | None
    old_blob: str = ""
    new_blob: str = ""

    @property
    def after(self) -> str:
        """What will lie there, as ``working_files.state_of`` says it."""
        return "" if self.data is None else content_of(self.data)


class Journal(NamedTuple):
    """What is about to be done.

    Attributes:
        what: In words; the first line of a commit's message.
        steps: The files.
        commit: The commit a branch is about to move to; empty where only files are written.
        ref: The full name of that branch.
        tip: The commit it is at; empty for a new branch.
    """

    what: str
    steps: tuple[Step, ...]
    commit: str = ""
    ref: str = ""
    tip: str = ""

    @property
    def puts(self) -> dict[str, bytes]:
        """New bytes by path."""
        return {step.path: step.data for step in self.steps if step.data is not None}

    @property
    def deletes(self) -> frozenset[str]:
        """The paths that go."""
        return frozenset(step.path for step in self.steps if step.data is None)


class BrokenJournalError(Exception):
    """The file holds no journal that can be read."""


def workshop(git: Git) -> Path:
    """The folder for files in the making; whoever holds the lock owns everything in it."""
    return git.git_dir / "registry-tool" / "workshop"


def _packed(journal: Journal) -> bytes:
    steps = [
        [path, before, None if data is None else base64.b64encode(data).decode(), old, new]
        for path, before, data, old, new in journal.steps
    ]
    text = json.dumps({**journal._asdict(), "steps": steps}).encode()
    return _FORMAT + hashlib.sha256(text).hexdigest().encode() + b"\n" + text + b"\n"


def _unpacked(packed: bytes) -> Journal:
    first, _, text = packed.partition(b"\n")
    text = text.removesuffix(b"\n")
    if first != _FORMAT + hashlib.sha256(text).hexdigest().encode():
        raise BrokenJournalError
    said = json.loads(text)  # the digest vouches for what is in it
    steps = tuple(
        Step(path, before, None if data is None else base64.b64decode(data), old, new)
        for path, before, data, old, new in said.pop("steps")
    )
    return Journal(steps=steps, **said)


def write_down(git: Git, journal: Journal) -> None:
    """Write the journal, so that it survives a power cut.

    Raises:
        OperationalError: It cannot be written; nothing was changed.
    """
    place = journal_file(git)
    fresh = workshop(git) / "journal"
    try:
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(_packed(journal))
        sync(fresh)
        fresh.replace(place)
        sync(place.parent)
    except OSError as exc:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise OperationalError(
            f"{place} cannot be written: {exc.strerror}", remedy="nothing was changed"
        ) from exc


def read_journal(git: Git) -> Journal | None:
    """The journal of a command that did not end, or None.

    Raises:
        BrokenJournalError: There is something else in its place.
        OperationalError: It cannot be read.
    """
    try:
        return _unpacked(journal_file(git).read_bytes())
    except FileNotFoundError:
        return None
    except IsADirectoryError as exc:
        raise BrokenJournalError from exc
    except OSError as exc:
        raise OperationalError(f"{journal_file(git)} cannot be read: {exc.strerror}") from exc


def forget(git: Git) -> None:
    """The last step is done: the journal goes. That it comes back after a power cut does no harm."""
    journal_file(git).unlink(missing_ok=True)


def steps_of(root: Path, puts: Mapping[str, bytes], deletes: frozenset[str]) -> tuple[Step, ...]:
    """The steps of a change to a work tree as it lies there.

    Raises:
        RefusedError: A path leads out through a symbolic link.
        OperationalError: What lies there cannot be read.
    """
    changes: dict[str, bytes | None] = {**dict.fromkeys(deletes), **puts}
    check_places(root, changes)
    try:
        return tuple(Step(path, state_of(root / path), data) for path, data in changes.items())
    except OSError as exc:
        raise OperationalError(
            f"{exc.filename} cannot be read: {exc.strerror}", remedy="nothing was changed"
        ) from exc


def write_in_order(git: Git, root: Path, what: str, steps: tuple[Step, ...]) -> None:
    """Change the files of a work tree; a kill at any point leaves them all as they were, or the journal.

    Raises:
        OperationalError: A file cannot be written; those before it were put back.
        RefusedError: A path leads out through a symbolic link; nothing was written.
    """
    journal = Journal(what.split("\n", 1)[0], steps)
    write_down(git, journal)
    try:
        write_files(root, journal.puts, journal.deletes, staging=workshop(git))
        sync_files(root, (step.path for step in steps))
    except OSError as exc:
        raise OperationalError(f"{root} cannot be written: {exc.strerror}") from exc
    finally:
        forget(git)
