"""A process that outlives this one for a moment: it removes what must not stay when this one is killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["guarded"]

_SHELL: Final = "/bin/sh"
# The end of its input, without a line before it, is the end of this process.
_PROGRAM: Final = 'read -r done || rm -rf -- "$1"'


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Let a file or folder be removed if this process is killed before the work is done.

    Whatever else ends the work, this process removes it itself. Without a shell there is no guard.

    Args:
        path: What must not stay; it need not be there yet.
    """
    if not Path(_SHELL).exists():
        yield
        return
    # In a session of its own: what is sent to this process and its group does not reach it.
    guard = subprocess.Popen(
        [_SHELL, "-c", _PROGRAM, "guard", os.path.abspath(path)],  # noqa: PTH100 (no link is followed)
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            guard.communicate(b"done\n")
