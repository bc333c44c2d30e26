"""What was worked out before, kept in the user's cache under a digest of everything it depends on.

One small file holds one answer. Its name is a digest over this program and over what the answer was worked out from, so
nothing on the shelf is ever out of date: what changed is looked for elsewhere. A file that is cut short, changed or
foreign does not have the digest it begins with, or has another owner, and is not there at all; it can cost time, never truth. Files are put in
place whole, so any number of processes may take and put at once. What nobody took for a month goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from registry_tool._version import VERSION
from registry_tool.paths import is_ours, resource

__all__ = ["ResultCache", "program_digest"]

_PACKAGE: Final = Path(__file__).parents[2]
_DAY: Final = 86400
_OLD: Final = 30 * _DAY
_DIGEST: Final = 64


@cache
def program_digest(parts: tuple[str, ...]) -> str:
    """A digest of this program: its version, and size and time of the files an answer can depend on.

    Args:
        parts: The files and folders of the package.
    """
    found = hashlib.sha256(VERSION.encode())
    for part in (*(_PACKAGE / name for name in parts), resource("schemas")):
        for place in sorted(part.rglob("*") if part.is_dir() else [part]):
            if place.suffix in {".py", ".json"}:
                info = place.stat()
                found.update(f"{place.name} {info.st_size} {info.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _seal(name: str, body: str) -> str:
    """The digest a file begins with: over its content and its name, so that it counts in its own place only."""
    return hashlib.sha256(f"{name}\n{body}".encode()).hexdigest()


class ResultCache:
    """Answers that one part of this program keeps between runs.

    Args:
        folder: Where they lie; made when the first is put there.
        program: The files and folders of the package that an answer can depend on.
    """

    def __init__(self, folder: Path, program: Iterable[str]) -> None:
        self._root = folder
        self._parts = tuple(program)

    @cached_property
    def _folder(self) -> Path:
        return self._root / program_digest(self._parts)[:16]

    def _place(self, basis: Iterable[str]) -> Path:
        words = "\0".join([program_digest(self._parts), *basis])
        key = hashlib.sha256(words.encode(errors="surrogateescape")).hexdigest()
        return self._folder / key[:2] / key[2:]

    def take(self, *basis: str) -> str | None:
        """What was put here for some basis; None when nothing was, or it is damaged.

        Args:
            basis: All it depends on, in the same order as it was put.
        """
        place = self._place(basis)
        try:
            with place.open(encoding="ascii", newline="") as stream:
                info = os.fstat(stream.fileno())
                if not is_ours(info):  # what another user put there may say anything
                    return None
                text, taken = stream.read(), info.st_mtime
        except (OSError, UnicodeDecodeError):
            return None
        if time.time() - taken > _DAY:
            with contextlib.suppress(OSError):
                os.utime(place)
        digest, body = text[:_DIGEST], text[_DIGEST + 1 :]
        return body if _seal(place.name, body) == digest else None

    def put(self, body: str, *basis: str) -> None:
        """Keep something; where nothing can be written, nothing is.

        Args:
            body: ASCII text.
            basis: All it depends on.
        """
        place = self._place(basis)
        try:
            self._tidy()
            _write(place, f"{_seal(place.name, body)}\n{body}")
        except OSError:
            return

    def _tidy(self) -> None:
        """Once a day, remove what nobody took for a month; the time of the folder says when that was done last."""
        self._root.mkdir(parents=True, exist_ok=True)
        now = time.time()
        if self._folder.exists() and now - self._root.stat().st_mtime < _DAY:
            return
        self._folder.mkdir(exist_ok=True)
        os.utime(self._root)
        for parent, folders, files in os.walk(self._root, topdown=False):
            for name in (*files, *folders):
                _remove_old(Path(parent, name), now - _OLD)


def _remove_old(place: Path, moment: float) -> None:
    """Remove a file or an empty folder that was not touched since a moment; another process may do the same."""
    with contextlib.suppress(OSError):
        if place.stat().st_mtime < moment:
            place.rmdir() if place.is_dir() else place.unlink()


def _write(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", dir=place.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii", newline="") as stream:
            stream.write(text)
        Path(name).replace(place)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
