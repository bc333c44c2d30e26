"""What a server remembers of one repository from one run to the next.

It is in the user's state folder, not in the repository, because it says what this server has done. A file that is missing, of
another user, or damaged counts as empty: what is in it spares work, or keeps former answers valid, and no truth depends on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

from registry_tool.paths import is_ours, state_folder

__all__ = ["StateFiles", "find_state_folder"]

_KEY: Final = 24  # characters of a digest
_LARGEST: Final = 16 << 20


def find_state_folder(kind: str, git_dir: Path) -> Path:
    """The folder with one kind of state about a repository; it may not exist."""
    place = str(git_dir.resolve()).encode(errors="surrogateescape")
    return state_folder() / kind / hashlib.sha256(place).hexdigest()[:_KEY]


class StateFiles:
    """The files in a folder; where nothing can be written, nothing is remembered.

    Args:
        folder: Made when the first file is written; None for no memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def _path(self, name: str) -> Path | None:
        if self._folder is None:
            return None
        return self._folder / hashlib.sha256(name.encode()).hexdigest()[:_KEY]

    def read(self, name: str) -> bytes:
        """The content of a file; empty where there is none that counts."""
        path = self._path(name)
        if path is None:
            return b""
        try:
            with path.open("rb") as stream:
                info = os.fstat(stream.fileno())
                return stream.read() if is_ours(info) and info.st_size <= _LARGEST else b""
        except OSError:
            return b""

    def replace(self, name: str, content: bytes) -> None:
        """Write a file as a whole, or not at all."""
        import tempfile  # a start does without

        path = self._path(name)
        if path is None:
            return
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, made = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(content)
                Path(made).replace(path)
            except OSError:
                Path(made).unlink(missing_ok=True)

    def append(self, name: str, line: bytes) -> None:
        """Add to the end of a file."""
        path = self._path(name)
        if path is None:
            return
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as stream:
                stream.write(line)
