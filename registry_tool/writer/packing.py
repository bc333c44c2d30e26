"""Packing while the writer works: each train leaves one small pack, and a quiet process makes few large ones of many."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from registry_tool.git.command import DISCARDED, Git

if TYPE_CHECKING:
    import subprocess

__all__ = ["Packer"]

# A reader looks into each pack; Git's own limit is 50 (`gc.autoPackLimit`).
_MOST_PACKS: Final = 200
_SECONDS: Final = 10.0


class Packer:
    """Starts ``git repack`` when there are many packs, at most one at a time.

    Args:
        git: The repository.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._most = _MOST_PACKS
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = 0.0
        self._added = _MOST_PACKS  # a server that was killed may have left many

    def added(self) -> None:
        """Note that a pack was added; start to pack if it is time."""
        self._added += 1
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._process, self._ended = None, time.monotonic()
        if self._added >= self._most and time.monotonic() - self._ended >= _SECONDS:
            self._added = 0
            if self._count() >= self._most:
                self._start()

    def _count(self) -> int:
        try:
            with os.scandir(self._git.shared_dir / "objects" / "pack") as found:
                return sum(entry.name.endswith(".pack") for entry in found)
        except OSError:
            return 0

    def _start(self) -> None:
        # Whole packs are joined whose sizes do not double; nothing is lost that no branch leads to yet.
        process = self._git.popen(
            "-c", "pack.threads=1", "-c", "repack.writeBitmaps=false",
            "repack", "--geometric=2", "-d", "--quiet", "--no-write-bitmap-index", stdout=DISCARDED,
        )  # fmt: skip
        if process.stdin is not None:
            process.stdin.close()
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # it has ended
                os.setpriority(os.PRIO_PROCESS, process.pid, 19)
        self._process = process

    def close(self) -> None:
        """End the process; what it has not finished, Git removes later."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
