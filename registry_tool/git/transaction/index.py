"""The index of a checkout, changed as Git changes it: under Git's own lock, and in one step.

The new index is made in the workshop, so that a kill never leaves half of one, and the lock says whose it is: one
that a killed command of ours left behind is told from Git's own and taken away.
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


def _twin(place: Path, fresh: Path) -> None:
    """Give a file a second name. Git writes an index anew and never in place, so this is as good as a copy of it."""
    fresh.unlink(missing_ok=True)
    try:
        os.link(place, fresh)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(place, fresh)


class Index(NamedTuple):
    """A new index in the making."""

    git: Git

    @property
    def _fresh(self) -> Path:
        return staging_folder(self.git) / "index"

    def prepare(self, steps: Iterable[FileStep]) -> None:
        """Make an index that holds the new blobs of some steps, and is otherwise as Git's.

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
                _twin(self.git.git_dir / "index", self._fresh)
        except OSError as exc:
            raise OperationalError(f"{self._fresh} cannot be written: {exc.strerror}") from exc
        # First what goes: a folder may take the name of a file.
        given = b"\0".join([*lines[False], *lines[True]]) + b"\0"
        env = {"GIT_INDEX_FILE": str(self._fresh)}
        self.git.run("update-index", "-z", "--index-info", stdin=given, env=env)

    def drop(self) -> None:
        """Forget the new index, where it was not put in place."""
        self._fresh.unlink(missing_ok=True)

    def switch(self) -> None:
        """Put the new index in its place."""
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
    """Take our lock off the index, this command's or one that a killed command left; Git's own stays."""
    lock = _lock_file(git)
    if _is_ours(lock):
        lock.unlink(missing_ok=True)


def _take(git: Git) -> bool:
    """Lock the index as Git does; False while something else holds it."""
    mark = staging_folder(git) / "mark"
    mark.write_bytes(_MARK)
    try:
        # There at once and whole, so that it always says whose it is.
        os.link(mark, _lock_file(git))
    except FileExistsError:
        return False
    except OSError:
        return _take_without_links(git)
    finally:
        mark.unlink()
    return True


def _take_without_links(git: Git) -> bool:
    try:
        with _lock_file(git).open("xb") as stream:
            stream.write(_MARK)
    except FileExistsError:
        return False
    return True


def _wait(git: Git, patience: float, notify: Callable[[str], None]) -> None:
    from threading import Event

    start, told = time.monotonic(), False
    while not _take(git):
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
    """Keep Git from changing the index meanwhile.

    Args:
        git: The checkout.
        patience: How many seconds to wait for a git command that holds it.
        notify: Told that one is waited for, after about a second.

    Raises:
        GitError: A git command holds it for longer than some seconds, or was killed and left its lock.
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
