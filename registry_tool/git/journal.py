"""What a command is about to do to a checkout, written down before the first step that anybody can see.

A kill between two steps then leaves either nothing, or a journal from which the next command finishes the work (see
``recovery``). It is synced to the disk once for each command, holds the new bytes itself, and is gone after the last
step. Everything lies in the repository's own folder, for a linked work tree in the one that it alone has.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import EnvironmentTrouble
from registry_tool.git.plumbing import Git
from registry_tool.git.unfinished import journal_file
from registry_tool.git.working_files import (
    check_places,
    content_of,
    state_of,
    sync,
    sync_files,
    write_files,
)

__all__ = [
    "Broken",
    "Journal",
    "Step",
    "forget",
    "read_journal",
    "steps_of",
    "workshop",
    "write_down",
    "write_in_order",
]

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


class Broken(Exception):
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
        raise Broken
    said = json.loads(text)  # the digest vouches for what is in it
    steps = tuple(
        Step(path, before, None if data is None else base64.b64decode(data), old, new)
        for path, before, data, old, new in said.pop("steps")
    )
    return Journal(steps=steps, **said)


def write_down(git: Git, journal: Journal) -> None:
    """Write the journal, so that it survives a power cut.

    Raises:
        EnvironmentTrouble: It cannot be written; nothing was changed.
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
        raise EnvironmentTrouble(
            f"{place} cannot be written: {exc.strerror}", remedy="nothing was changed"
        ) from exc


def read_journal(git: Git) -> Journal | None:
    """The journal of a command that did not end, or None.

    Raises:
        Broken: There is something else in its place.
        EnvironmentTrouble: It cannot be read.
    """
    try:
        return _unpacked(journal_file(git).read_bytes())
    except FileNotFoundError:
        return None
    except IsADirectoryError as exc:
        raise Broken from exc
    except OSError as exc:
        raise EnvironmentTrouble(f"{journal_file(git)} cannot be read: {exc.strerror}") from exc


def forget(git: Git) -> None:
    """The last step is done: the journal goes. That it comes back after a power cut does no harm."""
    journal_file(git).unlink(missing_ok=True)


def steps_of(root: Path, puts: Mapping[str, bytes], deletes: frozenset[str]) -> tuple[Step, ...]:
    """The steps of a change to a work tree as it lies there.

    Raises:
        Refused: A path leads out through a symbolic link.
        EnvironmentTrouble: What lies there cannot be read.
    """
    changes: dict[str, bytes | None] = {**dict.fromkeys(deletes), **puts}
    check_places(root, changes)
    try:
        return tuple(Step(path, state_of(root / path), data) for path, data in changes.items())
    except OSError as exc:
        raise EnvironmentTrouble(
            f"{exc.filename} cannot be read: {exc.strerror}", remedy="nothing was changed"
        ) from exc


def write_in_order(git: Git, root: Path, what: str, steps: tuple[Step, ...]) -> None:
    """Change the files of a work tree; a kill at any point leaves them all as they were, or the journal.

    Raises:
        EnvironmentTrouble: A file cannot be written; those before it were put back.
        Refused: A path leads out through a symbolic link; nothing was written.
    """
    journal = Journal(what.split("\n", 1)[0], steps)
    write_down(git, journal)
    try:
        write_files(root, journal.puts, journal.deletes, staging=workshop(git))
        sync_files(root, (step.path for step in steps))
    except OSError as exc:
        raise EnvironmentTrouble(f"{root} cannot be written: {exc.strerror}") from exc
    finally:
        forget(git)
