"""Two folders swap their names in one step of the kernel, so that no reader finds neither."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

__all__ = ["exchange_folders"]

_CURRENT_FOLDER: Final = -100 if sys.platform != "darwin" else -2  # AT_FDCWD
# renameat2(2), Linux 3.15 and glibc 2.28; renameatx_np(2), macOS 10.12.
_CALLS: Final = {"linux": "renameat2", "darwin": "renameatx_np"}
_SWAP: Final = 2  # RENAME_EXCHANGE and RENAME_SWAP
_UNSUPPORTED: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})


def exchange_folders(one: Path, other: Path) -> bool:
    """Give each of two folders of one file system the other's name.

    Returns:
        False where the system or the file system cannot do that in one step; nothing has changed then.

    Raises:
        OSError: The folders cannot be renamed, such as a mount point.
    """
    name = _CALLS.get(sys.platform)
    call = None if name is None else getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if call is None:
        return False
    done = call(
        _CURRENT_FOLDER, os.fsencode(one), _CURRENT_FOLDER, os.fsencode(other), ctypes.c_uint(_SWAP)
    )
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), os.fspath(other))
