"""The index of a checkout, replaced as Git replaces it: under Git's own lock, in one step.

The new index is built in the staging folder, so that a kill never leaves an incomplete one. The lock file names this
program, so that a lock left by a killed command is recognized and removed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import GitError, OperationalError
from registry_tool.git.command import Git
from registry_tool.git.transaction.journal import FileStep, staging_folder
from registry_tool.git.transaction.lock import ignore_message

__all__ = ["Index", "lock_index", "unlock_index"]

_MARK: Final = b"registry-tool\n"
_PATIENCE: Final = 5.0
_WORDS_AFTER: Final = 1.0
_PAUSE: Final = 0.05


def _link_or_copy(place: Path, fresh: Path) -> None:
    """Link a file. Git replaces an index and never writes it in place, so a link is as good as a copy."""
    fresh.unlink(missing_ok=True)
    try:
        os.link(place, fresh)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(place, fresh)


class Index(NamedTuple):
    """A new index that is being built."""

    git: Git

    @property
    def _fresh(self) -> Path:
        return staging_folder(self.git) / "index"

    def prepare(self, steps: Iterable[FileStep]) -> None:
        """Build an index with the new blobs of some steps, otherwise equal to the present one.

        Raises:
            GitError: Git refuses.
            OperationalError: The disk is full.
        """
        lines: dict[bool, list[bytes]] = {False: [], True: []}
        for step in steps:
            if step.old_blob or step.new_blob:
                mode = "100644" if step.new_blob else "0"
                oid = step.new_blob or "0" * len(step.old_blob)  # 40 digits, or 64 for SHA-256
                lines[bool(step.new_blob)].append(f"{mode} {oid}\t{step.path}".encode())
        try:
            with suppress(FileNotFoundError):  # none before the first commit
                _link_or_copy(self.git.git_dir / "index", self._fresh)
        except OSError as exc:
            raise OperationalError(f"{self._fresh} cannot be written: {exc.strerror}") from exc
        # Deletions first: a folder may replace a file.
        given = b"\0".join([*lines[False], *lines[True]]) + b"\0"
        env = {"GIT_INDEX_FILE": str(self._fresh)}
        self.git.run("update-index", "-z", "--index-info", stdin=given, env=env)

    def drop(self) -> None:
        """Delete the new index if it was not used."""
        self._fresh.unlink(missing_ok=True)

    def switch(self) -> None:
        """Replace the index with the new one."""
        self._fresh.replace(self.git.git_dir / "index")


def _lock_file(git: Git) -> Path:
    return git.git_dir / "index.lock"


def _is_ours(lock: Path) -> bool:
    try:
        with lock.open("rb") as stream:
            return stream.read(len(_MARK) + 1) == _MARK
    except OSError:
        return False


def unlock_index(git: Git) -> None:
    """Remove this program's lock on the index, also one that a killed command left; Git's own lock stays."""
    lock = _lock_file(git)
    if _is_ours(lock):
        lock.unlink(missing_ok=True)


def _try_lock(git: Git) -> bool:
    """Lock the index as Git does; False while it is locked."""
    mark = staging_folder(git) / "mark"
    mark.write_bytes(_MARK)
    try:
        # Complete from the start, so that it always names its owner.
        os.link(mark, _lock_file(git))
    except FileExistsError:
        return False
    except OSError:
        return _try_lock_without_links(git)
    finally:
        mark.unlink()
    return True


def _try_lock_without_links(git: Git) -> bool:
    try:
        with _lock_file(git).open("xb") as stream:
            stream.write(_MARK)
    except FileExistsError:
        return False
    return True


def _wait(git: Git, patience: float, notify: Callable[[str], None]) -> None:
    from threading import Event

    start, told = time.monotonic(), False
    while not _try_lock(git):
        passed = time.monotonic() - start
        if passed >= _WORDS_AFTER and not told:
            told = True
            notify("waiting for another git process that is using the index …")
        if passed >= patience:
            lock = _lock_file(git)
            raise GitError(
                f"another git process is using {git.place}, or crashed there: the lock file {lock} exists",
                remedy=f"wait until it has finished; if no git command is running: rm {lock}",
            )
        Event().wait(_PAUSE)


@contextmanager
def lock_index(
    git: Git, *, patience: float = _PATIENCE, notify: Callable[[str], None] = ignore_message
) -> Iterator[Index]:
    """Lock the index, so that Git cannot change it.

    Args:
        git: The checkout.
        patience: The number of seconds to wait for another git command.
        notify: Receives a message after about a second of waiting.

    Raises:
        GitError: Another git command uses it for longer, or was killed and left its lock.
        OperationalError: The repository cannot be written.
    """
    try:
        staging_folder(git).mkdir(parents=True, exist_ok=True)
        _wait(git, patience, notify)
    except OSError as exc:
        raise OperationalError(f"{git.git_dir} cannot be written: {exc.strerror}") from exc
    index = Index(git)
    try:
        yield index
    finally:
        index.drop()
        unlock_index(git)
