"""What a killed command left, finished from its journal.

Where the branch has the commit, the changed paths of index and work tree are brought to it; where files were being
written, those that are missing follow; where nothing could be seen yet, nothing is done. What a person changed
meanwhile is left alone and named.

The one way to write to a repository: alone in it, and after what a killed command left there is finished.
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

# A git program that outlives the command that started it is done long before.
_ORPHAN_SECONDS: Final = 1.0
_PAUSE: Final = 0.02
_SHOWN: Final = 5


def _until(done: Callable[[], bool], seconds: float) -> None:
    from threading import Event

    deadline = time.monotonic() + min(seconds, _ORPHAN_SECONDS)
    while not done() and time.monotonic() < deadline:
        Event().wait(_PAUSE)


def _age(place: Path) -> float:
    """Seconds since a file was written; as if for ever where there is none."""
    try:
        return time.time() - place.stat().st_mtime
    except OSError:
        return float("inf")


def _is_gone(place: Path) -> bool:
    return not place.exists()


def _settle(git: Git, journal: Journal) -> None:
    """Wait for a git program that outlived its command, and take the locks away that a killed one left.

    Git's lock on a branch holds the commit that the branch is about to get, and nothing the moment before.
    """

    def moved() -> bool:
        return (find_tip(git, journal.ref) or "") != journal.tip

    _until(moved, _ORPHAN_SECONDS - _age(journal_file(git)))
    for lock in (common_dir(git) / f"{journal.ref}.lock", git.git_dir / "HEAD.lock"):
        with suppress(OSError):
            if lock.read_bytes() in {b"", f"{journal.commit}\n".encode()}:
                _until(partial(_is_gone, lock), _ORPHAN_SECONDS - _age(lock))
                lock.unlink()


def _tidy(root: Path, journal: Journal) -> None:
    """Take away what lies beside places that were never filled."""
    for step in journal.steps:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary_name(root / step.path).unlink()
        prune(root, root / step.path)


def _bring(git: Git, root: Path, steps: tuple[FileStep, ...]) -> None:
    puts = {step.path: step.data for step in steps if step.data is not None}
    deletes = frozenset(step.path for step in steps if step.data is None)
    write_files(root, puts, deletes, staging=staging_folder(git))
    sync_files(root, (step.path for step in steps))


def _carry_on(
    git: Git, root: Path, journal: Journal, notify: Callable[[str], None]
) -> RecoveryPlan:
    plan = plan_recovery(git, journal)
    if not plan.entries:
        _bring(git, root, plan.files)
        return plan
    with lock_index(git, notify=notify) as index:
        plan = plan_recovery(git, journal)  # as it is now that Git keeps away
        index.prepare(plan.entries)
        index.switch()
        _bring(git, root, plan.files)
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


def _finish(git: Git, journal: Journal, notify: Callable[[str], None]) -> None:
    root = git.work_tree
    if root is not None:
        if journal.commit:
            _settle(git, journal)
        try:
            plan = _carry_on(git, root, journal, notify)
            _tidy(root, journal)
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


def _put_aside(git: Git, notify: Callable[[str], None]) -> None:
    place = journal_file(git)
    aside = place.with_name(f"journal-{time.time_ns()}.broken")
    place.rename(aside)
    notify(
        f"the journal of an interrupted command cannot be read and was moved to {aside};"
        " check the working tree: git status"
    )


def recover(git: Git, notify: Callable[[str], None]) -> None:
    """Finish what a killed command left; only for who holds the lock.

    Args:
        git: The repository.
        notify: Told what was finished, and what was left alone.

    Raises:
        OperationalError: Something is in the way.
        GitError: A git command holds the index.
    """
    try:
        journal = read_journal(git)
    except JournalFormatError:
        _put_aside(git, notify)
        return
    if journal is not None:
        _finish(git, journal, notify)


_DAY: Final = 24 * 3600


def _sweep(git: Git) -> None:
    """Remove what killed commands were making: all in the workshop, and elsewhere what is older than a day."""
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
    """No other registry command writes here; what a killed one left is finished or cleaned away first.

    Args:
        git: The repository; each linked work tree is one of its own.
        patience: How many seconds to wait for another command.
        notify: Told who is waited for, and what was finished.

    Raises:
        OperationalError: Another command held on for longer, the repository cannot be written, or something is in
            the way of what has to be finished.
        GitError: A git command holds the index, or was killed and left its lock.
        UntrustedRepositoryError: The repository belongs to somebody else.
    """
    git.check_trusted()
    with acquire(lock_file(git), place=str(git.place), patience=patience, notify=notify):
        try:
            unlock_index(git)
            if is_pending(git):
                recover(git, notify)
        except OSError as exc:
            raise OperationalError(f"{git.git_dir} cannot be written: {exc.strerror}") from exc
        _sweep(git)
        yield


def recover_pending(git: Git, *, notify: Callable[[str], None] = ignore_message) -> None:
    """Finish what a killed command left, if one did.

    Raises:
        OperationalError: As ``exclusive``.
        GitError: As ``exclusive``.
    """
    if is_pending(git):
        with exclusive(git, notify=notify):
            return
