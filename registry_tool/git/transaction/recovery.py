"""Completing a killed command from its journal, and the exclusive access that every write needs.

If the branch has the commit, the changed paths of index and work tree are updated to it. If files were being written, the
missing ones are written. If nothing was visible yet, nothing is done. Paths that a person changed since are left alone
and reported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from registry_tool.errors import GitError, OperationalError, RefusedError, RegistryError
from registry_tool.git.command import Git
from registry_tool.git.revisions import find_tip
from registry_tool.git.shallow import common_dir
from registry_tool.git.transaction.files import (
    prune,
    sync_files,
    temporary_name,
    write_files,
)
from registry_tool.git.transaction.index import lock_index, unlock_index
from registry_tool.git.transaction.journal import (
    FileStep,
    Journal,
    JournalFormatError,
    RecoveryPlan,
    delete_journal,
    lock_file,
    plan_recovery,
    read_journal,
    staging_folder,
)
from registry_tool.git.transaction.lock import PATIENCE, acquire, ignore_message
from registry_tool.git.transaction.pending import is_pending, journal_file

__all__ = [
    "exclusive",
    "recover",
    "recover_pending",
]

# Longer than a git process needs that outlives the command that started it.
_ORPHAN_SECONDS: Final = 1.0
_PAUSE: Final = 0.02
_SHOWN: Final = 5


def _wait_until(done: Callable[[], bool], seconds: float) -> None:
    from threading import Event

    deadline = time.monotonic() + min(seconds, _ORPHAN_SECONDS)
    while not done() and time.monotonic() < deadline:
        Event().wait(_PAUSE)


def _age(place: Path) -> float:
    """Seconds since a file was written; infinite if it does not exist."""
    try:
        return time.time() - place.stat().st_mtime
    except OSError:
        return float("inf")


def _is_gone(place: Path) -> bool:
    return not place.exists()


def _clear_git_locks(git: Git, journal: Journal) -> None:
    """Wait for a git process that outlived its command, and remove the locks that a killed one left.

    Git's lock file on a branch contains the new commit of the branch, and is empty the moment before.
    """

    def has_moved() -> bool:
        return (find_tip(git, journal.ref) or "") != journal.tip

    _wait_until(has_moved, _ORPHAN_SECONDS - _age(journal_file(git)))
    for lock in (common_dir(git) / f"{journal.ref}.lock", git.git_dir / "HEAD.lock"):
        with suppress(OSError):
            if lock.read_bytes() in {b"", f"{journal.commit}\n".encode()}:
                _wait_until(partial(_is_gone, lock), _ORPHAN_SECONDS - _age(lock))
                lock.unlink()


def _remove_leftovers(root: Path, journal: Journal) -> None:
    """Delete temporary files next to paths that were never written."""
    for step in journal.steps:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary_name(root / step.path).unlink()
        prune(root, root / step.path)


def _write_steps(git: Git, root: Path, steps: tuple[FileStep, ...]) -> None:
    puts = {step.path: step.data for step in steps if step.data is not None}
    deletes = frozenset(step.path for step in steps if step.data is None)
    write_files(root, puts, deletes, staging=staging_folder(git))
    sync_files(root, (step.path for step in steps))


def _complete(
    git: Git, root: Path, journal: Journal, notify: Callable[[str], None]
) -> RecoveryPlan:
    plan = plan_recovery(git, journal)
    if not plan.entries:
        _write_steps(git, root, plan.files)
        return plan
    with lock_index(git, notify=notify) as index:
        plan = plan_recovery(git, journal)  # again, with the index locked
        index.prepare(plan.entries)
        index.switch()
        _write_steps(git, root, plan.files)
    return plan


def _report(journal: Journal, plan: RecoveryPlan, notify: Callable[[str], None]) -> None:
    if plan.entries or plan.files:
        notify(f"completed an interrupted command: {journal.what}")
    if plan.reverted:
        notify(
            f"an interrupted command had committed {journal.commit[:12]} ({journal.what}),"
            " and a later commit undid it"
        )
    if plan.left:
        more = ", …" if plan.left[_SHOWN:] else ""
        shown = ", ".join(plan.left[:_SHOWN])
        notify(f"changed since a command was interrupted, left unchanged: {shown}{more}")


def _recover_journal(git: Git, journal: Journal, notify: Callable[[str], None]) -> None:
    root = git.work_tree
    if root is not None:
        if journal.commit:
            _clear_git_locks(git, journal)
        try:
            plan = _complete(git, root, journal, notify)
            _remove_leftovers(root, journal)
        except GitError:
            raise
        except (OperationalError, RefusedError, OSError) as exc:
            words = exc.message if isinstance(exc, RegistryError) else str(exc)
            raise OperationalError(
                f"an interrupted command cannot be completed ({journal.what}): {words}",
                remedy="move the files that block it, and retry",
            ) from exc
        _report(journal, plan, notify)
    delete_journal(git)


def _move_aside(git: Git, notify: Callable[[str], None]) -> None:
    place = journal_file(git)
    aside = place.with_name(f"journal-{time.time_ns()}.broken")
    place.rename(aside)
    notify(
        f"the journal of an interrupted command cannot be read and was moved to {aside};"
        " check the working tree: git status"
    )


def recover(git: Git, notify: Callable[[str], None]) -> None:
    """Complete a killed command; the caller must have the lock.

    Args:
        git: The repository.
        notify: Receives messages about completed steps and paths left alone.

    Raises:
        OperationalError: A file blocks it.
        GitError: Another git command is using the index.
    """
    try:
        journal = read_journal(git)
    except JournalFormatError:
        _move_aside(git, notify)
        return
    if journal is not None:
        _recover_journal(git, journal, notify)


_DAY: Final = 24 * 3600


def _clean_staging(git: Git) -> None:
    """Delete temporary files of killed commands: all in the staging folder, others when older than a day."""
    with suppress(OSError):
        for entry in os.scandir(staging_folder(git)):
            Path(entry.path).unlink()
    with suppress(OSError):
        for entry in os.scandir(staging_folder(git).parent):
            if entry.name.endswith(".tmp") and time.time() - entry.stat().st_mtime > _DAY:
                Path(entry.path).unlink()


@contextmanager
def exclusive(
    git: Git, *, patience: float = PATIENCE, notify: Callable[[str], None] = ignore_message
) -> Iterator[None]:
    """Exclude other registry commands; an interrupted one is completed or cleaned up first.

    Args:
        git: The repository; each linked work tree counts separately.
        patience: The number of seconds to wait for another command.
        notify: Receives messages about waiting and completed commands.

    Raises:
        OperationalError: Another command ran for longer, the repository cannot be written, or a file blocks the
            recovery.
        GitError: Another git command is using the index, or was killed and left its lock.
        UntrustedRepositoryError: The repository belongs to another user.
    """
    git.check_trusted()
    with acquire(lock_file(git), place=str(git.place), patience=patience, notify=notify):
        try:
            unlock_index(git)
            if is_pending(git):
                recover(git, notify)
        except OSError as exc:
            raise OperationalError(f"{git.git_dir} cannot be written: {exc.strerror}") from exc
        _clean_staging(git)
        yield


def recover_pending(git: Git, *, notify: Callable[[str], None] = ignore_message) -> None:
    """Complete a killed command, if there is one.

    Raises:
        OperationalError: As ``exclusive``.
        GitError: As ``exclusive``.
    """
    if is_pending(git):
        with exclusive(git, notify=notify):
            return
