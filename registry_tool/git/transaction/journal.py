"""The journal: the planned steps of a command, on disk before its first visible step, so that a kill can be repaired.

A kill between two steps leaves either no change, or a journal from which the next command completes the work (see
``recovery``). The journal contains the new bytes, is synced once for each command and is deleted after the last step.
It is in the repository's Git folder; each linked work tree has a separate one.

Readers call ``check_not_interrupted``, which costs one look-up of a file when there is no journal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import OperationalError
from registry_tool.git.command import Git, GitCommandError
from registry_tool.git.transaction.files import (
    FOLDER,
    check_inside,
    content_digest,
    file_state,
    sync,
    sync_files,
    write_files,
)
from registry_tool.git.transaction.pending import is_pending, journal_file

__all__ = [
    "FileStep",
    "Journal",
    "JournalFormatError",
    "RecoveryPlan",
    "check_not_interrupted",
    "delete_journal",
    "describe_interrupted",
    "lock_file",
    "plan_recovery",
    "plan_steps",
    "read_journal",
    "staging_folder",
    "write_journal",
    "write_with_journal",
]

_FORMAT: Final = b"registry-tool journal 1 "
_MAX_PATHS: Final = 400  # per command line, which the system limits


def lock_file(git: Git) -> Path:
    """The lock file of the command that writes here."""
    return git.git_dir / "registry-tool.lock"


class FileStep(NamedTuple):
    """One file of a change.

    Attributes:
        path: Its path in the work tree.
        before: Its state before the change; see ``file_state``.
        data: The new bytes; None to delete the file.
        old_blob: Its blob in the index before; empty for none. Only for a commit.
        new_blob: Its blob in the commit; empty for a deleted file. Only for a commit.
    """

    path: str
    before: str
    data: bytes | None
    old_blob: str = ""
    new_blob: str = ""

    @property
    def after(self) -> str:
        """Its state after the change; see ``file_state``."""
        return "" if self.data is None else content_digest(self.data)


class Journal(NamedTuple):
    """The planned steps of one command.

    Attributes:
        what: A description: the first line of the commit message.
        steps: The files.
        commit: The commit that a branch will move to; empty if only files are written.
        ref: The full name of that branch.
        tip: The branch's commit before; empty for a new branch.
    """

    what: str
    steps: tuple[FileStep, ...]
    commit: str = ""
    ref: str = ""
    tip: str = ""

    @property
    def puts(self) -> dict[str, bytes]:
        """New bytes by path."""
        return {step.path: step.data for step in self.steps if step.data is not None}

    @property
    def deletes(self) -> frozenset[str]:
        """The deleted paths."""
        return frozenset(step.path for step in self.steps if step.data is None)


class JournalFormatError(Exception):
    """The file is not a readable journal."""


def staging_folder(git: Git) -> Path:
    """The folder for files that are being built; only the process with the write lock uses it."""
    return git.git_dir / "registry-tool" / "workshop"


def _serialize(journal: Journal) -> bytes:
    import base64
    import hashlib
    import json

    steps = [
        [path, before, None if data is None else base64.b64encode(data).decode(), old, new]
        for path, before, data, old, new in journal.steps
    ]
    text = json.dumps({**journal._asdict(), "steps": steps}).encode()
    return _FORMAT + hashlib.sha256(text).hexdigest().encode() + b"\n" + text + b"\n"


def _parse(packed: bytes) -> Journal:
    import base64
    import hashlib
    import json

    first, _, text = packed.partition(b"\n")
    text = text.removesuffix(b"\n")
    if first != _FORMAT + hashlib.sha256(text).hexdigest().encode():
        raise JournalFormatError
    fields = json.loads(text)  # the digest has verified the content
    steps = tuple(
        FileStep(path, before, None if data is None else base64.b64decode(data), old, new)
        for path, before, data, old, new in fields.pop("steps")
    )
    return Journal(steps=steps, **fields)


def write_journal(git: Git, journal: Journal) -> None:
    """Write the journal and sync it, so that it survives a power cut.

    Raises:
        OperationalError: It cannot be written; nothing was changed.
    """
    place = journal_file(git)
    fresh = staging_folder(git) / "journal"
    try:
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(_serialize(journal))
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
    """The journal of an interrupted command, or None.

    Raises:
        JournalFormatError: The file is not a journal.
        OperationalError: It cannot be read.
    """
    try:
        return _parse(journal_file(git).read_bytes())
    except FileNotFoundError:
        return None
    except IsADirectoryError as exc:
        raise JournalFormatError from exc
    except OSError as exc:
        raise OperationalError(f"{journal_file(git)} cannot be read: {exc.strerror}") from exc


def delete_journal(git: Git) -> None:
    """Delete the journal after the last step. If a power cut restores it, recovery finds no step left."""
    journal_file(git).unlink(missing_ok=True)


def plan_steps(
    root: Path, puts: Mapping[str, bytes], deletes: frozenset[str]
) -> tuple[FileStep, ...]:
    """The steps that change a work tree from its present state.

    Raises:
        RefusedError: A path leaves the work tree through a symbolic link.
        OperationalError: A present file cannot be read.
    """
    changes: dict[str, bytes | None] = {**dict.fromkeys(deletes), **puts}
    check_inside(root, changes)
    try:
        return tuple(
            FileStep(path, file_state(root / path), data) for path, data in changes.items()
        )
    except OSError as exc:
        raise OperationalError(
            f"{exc.filename} cannot be read: {exc.strerror}", remedy="nothing was changed"
        ) from exc


def write_with_journal(git: Git, root: Path, what: str, steps: tuple[FileStep, ...]) -> None:
    """Change the files of a work tree. A kill at any point leaves all files unchanged, or the journal.

    Raises:
        OperationalError: A file cannot be written; the files before it were restored.
        RefusedError: A path leaves the work tree through a symbolic link; nothing was written.
    """
    journal = Journal(what.split("\n", 1)[0], steps)
    write_journal(git, journal)
    try:
        write_files(root, journal.puts, journal.deletes, staging=staging_folder(git))
        sync_files(root, (step.path for step in steps))
    except OSError as exc:
        raise OperationalError(f"{root} cannot be written: {exc.strerror}") from exc
    finally:
        delete_journal(git)


def _list_blobs(git: Git, command: list[str], paths: list[str]) -> Iterator[tuple[list[str], str]]:
    """The fields that Git prints for each path, and the path."""
    for start in range(0, len(paths), _MAX_PATHS):
        out = git.run(*command, "--", *paths[start : start + _MAX_PATHS])
        for line in out.split(b"\0"):
            fields, _, path = line.partition(b"\t")
            if path:
                yield fields.decode().split(" "), path.decode(errors="surrogateescape")


def committed_blobs(git: Git, commit: str, paths: Iterable[str]) -> Mapping[str, str]:
    """The blobs of a commit at the given paths; paths without a blob are omitted."""
    listed = _list_blobs(git, ["ls-tree", "-z", "--full-tree", commit], list(paths))
    return {path: oid for (_mode, kind, oid), path in listed if kind == "blob"}


def staged_blobs(git: Git, paths: Collection[str]) -> Mapping[str, str]:
    """The blobs of the index at the given paths; paths without a blob are omitted."""
    literal = [f":(literal){path}" for path in paths]
    listed = _list_blobs(git, ["ls-files", "--stage", "-z"], literal)
    wanted = set(paths)  # Git also lists the files of a folder with that name
    return {path: oid for (_mode, oid, _stage), path in listed if path in wanted}


class RecoveryPlan(NamedTuple):
    """The steps that an interrupted command did not complete.

    Attributes:
        entries: Steps missing in the index.
        files: Steps missing in the work tree.
        left: Paths that were changed since by someone else; recovery leaves them alone.
        placed: The number of files of the work tree that already have the new state.
        reverted: True if the commit was made, and a later commit undid all of it.
    """

    entries: tuple[FileStep, ...] = ()
    files: tuple[FileStep, ...] = ()
    left: tuple[str, ...] = ()
    placed: int = 0
    reverted: bool = False


def _is_torn(step: FileStep, state: str) -> bool:
    """True for an empty file that should have content: a power cut leaves them."""
    return state == content_digest(b"") and bool(step.data)


def _plan_files(root: Path, steps: Iterable[FileStep]) -> RecoveryPlan:
    files: list[FileStep] = []
    left: list[str] = []
    placed = 0
    for step in steps:
        state = file_state(root / step.path)
        torn = _is_torn(step, state)
        # A folder may replace a deleted file.
        done = state == step.after or (step.data is None and state == FOLDER)
        placed += torn or (done and state != step.before)
        if torn or (state == step.before and not done):
            files.append(step)
        elif not done:
            left.append(step.path)
    return RecoveryPlan(files=tuple(files), left=tuple(left), placed=placed)


def _plan_commit(git: Git, root: Path, journal: Journal) -> RecoveryPlan:
    paths = [step.path for step in journal.steps]
    head = git.head()
    committed = {} if head is None else committed_blobs(git, head, paths)
    # A path that differs between HEAD and the commit: the branch never moved, or has a later change.
    steps = [step for step in journal.steps if committed.get(step.path, "") == step.new_blob]
    if not steps or head is None:
        return RecoveryPlan(
            reverted=head != journal.tip and _is_ancestor(git, journal.commit, head)
        )
    staged = staged_blobs(git, [step.path for step in steps])
    entries = [s for s in steps if staged.get(s.path, "") == s.old_blob != s.new_blob]
    left = [s.path for s in steps if staged.get(s.path, "") not in {s.old_blob, s.new_blob}]
    plan = _plan_files(root, (step for step in steps if step.path not in left))
    return plan._replace(entries=tuple(entries), left=(*left, *plan.left))


def _is_ancestor(git: Git, commit: str, head: str | None) -> bool:
    """True if a commit is an ancestor of HEAD."""
    if head is None:
        return False
    try:
        git.run("merge-base", "--is-ancestor", commit, head)
    except GitCommandError:
        return False
    return True


def plan_recovery(git: Git, journal: Journal) -> RecoveryPlan:
    """Compare a journal with HEAD, the index and the work tree.

    Raises:
        OperationalError: A file cannot be read.
        GitError: Git cannot read HEAD or the index.
    """
    root = git.work_tree
    if root is None:
        return RecoveryPlan()
    try:
        if journal.commit:
            return _plan_commit(git, root, journal)
        plan = _plan_files(root, journal.steps)
    except OSError as exc:
        raise OperationalError(f"{exc.filename} cannot be read: {exc.strerror}") from exc
    # If no file has the new state, or all were restored by hand, the old state is complete.
    return plan if plan.placed else RecoveryPlan()


def describe_remaining(git: Git) -> str:
    """The interrupted command, as text; empty if no step is left."""
    try:
        journal = read_journal(git)
    except JournalFormatError:
        return ""  # the next command that writes reports it
    if journal is None:
        return ""
    plan = plan_recovery(git, journal)
    return journal.what if plan.entries or plan.files else ""


def describe_interrupted(git: Git) -> str:
    """The unfinished work of a killed command, as text; empty if there is none. Reads only."""
    if not is_pending(git):
        return ""
    from registry_tool.git.transaction.lock import is_locked

    return "" if is_locked(lock_file(git)) else describe_remaining(git)


def check_not_interrupted(git: Git) -> None:
    """Check that no killed command left the work tree between two states.

    Raises:
        OperationalError: One did.
    """
    if what := describe_interrupted(git):
        raise OperationalError(
            f"a registry command was interrupted in {git.place}: {what}",
            remedy="registry recover",
        )
