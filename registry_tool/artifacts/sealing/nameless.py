"""Files without a name: the system removes them with the process, whatever ends it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from registry_tool.errors import EnvironmentTrouble

__all__ = ["Nameless", "nameless_files"]

_SPARE: Final = 64
_MODE: Final = 0o600


class Nameless:
    """One file.

    Args:
        file: The open file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes, /) -> int:
        """Write all of it."""
        return self._file.write(data)

    def flush(self) -> None:
        """Nothing is kept back."""
        self._file.flush()

    def take_name(self, path: Path) -> None:
        """Give it a name that nobody has; only the user may read it.

        Raises:
            OSError: It cannot have that name.
        """
        self._file.flush()
        os.fchmod(self._file.fileno(), _MODE)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            # https://man7.org/linux/man-pages/man2/open.2.html, O_TMPFILE
            held = f"/proc/self/fd/{self._file.fileno()}"
            os.link(held, path.name, dst_dir_fd=folder, follow_symlinks=True)
        except (FileNotFoundError, NotImplementedError, PermissionError):
            self._copy(path)
        finally:
            os.close(folder)

    def _copy(self, path: Path) -> None:
        """Where a file without a name can get none: a copy that has one from the start."""
        self._file.seek(0)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(handle, "wb") as target:
            shutil.copyfileobj(self._file, target, 1 << 20)


def _allow(count: int) -> None:
    """Let this process hold so many files open.

    Raises:
        EnvironmentTrouble: It may not.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise EnvironmentTrouble(
            f"the folder has {count} files, and this process may hold {hard} open",
            remedy=f"allow it more: ulimit -n {wanted}",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Files:
    def __init__(self, folder: Path, held: ExitStack) -> None:
        self._folder = folder
        self._held = held

    def new(self) -> Nameless:
        """One more file, on the disk of the folder.

        Raises:
            OSError: It cannot be made.
        """
        file = tempfile.TemporaryFile(dir=self._folder, buffering=1 << 16)  # noqa: SIM115 (the stack closes it)
        return Nameless(cast("BinaryIO", self._held.enter_context(file)))


@contextmanager
def nameless_files(folder: Path, count: int) -> Iterator[_Files]:
    """Files without a name, on the disk of a folder; those that got none are gone afterwards.

    Args:
        folder: A folder on the disk where they will get their names.
        count: How many at most.

    Raises:
        EnvironmentTrouble: This process may not hold so many open.
    """
    _allow(count)
    with ExitStack() as held:
        yield _Files(folder, held)
