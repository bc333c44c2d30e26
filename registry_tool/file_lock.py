"""Locks on open files, of the operating system: it releases them when the process dies, however that happens.

``filelock`` locks paths, and before version 4 it empties the file it locks. Here the locked file is an unfinished download, a
list of digests, or names its owner; see docs/decisions/0042. On Unix both use ``flock``, so both exclude each other.
"""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["FAR_BEHIND_THE_END", "lock_exclusively", "lock_shared", "try_lock", "try_lock_shared"]

# Windows locks bytes and keeps others from reading them: these are none that anybody reads.
FAR_BEHIND_THE_END: Final = 1 << 40

if sys.platform == "win32":
    import msvcrt
    import os

    def try_lock(handle: int, *, byte: int = FAR_BEHIND_THE_END) -> bool:
        """Lock an open file unless another process has; on Windows, one byte of it."""
        os.lseek(handle, byte, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def lock_exclusively(handle: int) -> None:
        """Nothing: Windows keeps open files from being deleted, which is what these locks are for."""

    def lock_shared(handle: int) -> None:
        """Nothing, as ``lock_exclusively``."""

    def try_lock_shared(handle: int) -> bool:  # noqa: ARG001 (Unix)
        """Nothing, as ``lock_exclusively``."""
        return True
else:
    import fcntl

    def _try(handle: int, kind: int) -> bool:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # EACCES: some network file systems
            return False
        return True

    def try_lock(handle: int, *, byte: int = FAR_BEHIND_THE_END) -> bool:  # noqa: ARG001 (Windows)
        """Lock an open file unless another process has; on Windows, one byte of it.

        Raises:
            OSError: The file system does not support locks.
        """
        return _try(handle, fcntl.LOCK_EX)

    def lock_exclusively(handle: int) -> None:
        """Lock an open file, and wait while any process has a lock on it.

        Raises:
            OSError: The file system does not support locks.
        """
        fcntl.flock(handle, fcntl.LOCK_EX)

    def lock_shared(handle: int) -> None:
        """Lock an open file together with others, and wait while a process has it exclusively.

        Raises:
            OSError: The file system does not support locks.
        """
        fcntl.flock(handle, fcntl.LOCK_SH)

    def try_lock_shared(handle: int) -> bool:
        """As ``lock_shared``, without waiting; False while a process has it exclusively.

        Raises:
            OSError: The file system does not support locks.
        """
        return _try(handle, fcntl.LOCK_SH)
