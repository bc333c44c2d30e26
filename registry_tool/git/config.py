"""Git's configuration, read with one command, and again when one of its files has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

__all__ = ["Settings", "is_true", "parse_config_list"]

_TRUE: Final = frozenset({"true", "yes", "on"})


def is_true(value: str | None) -> bool:
    """A value as Git reads it: ``true``, ``yes``, ``on`` and numbers other than 0 are true, and so is a bare name."""
    if value is None:
        return False
    plain = value.strip().lower()
    return plain in _TRUE or (plain.lstrip("-").isdigit() and int(plain) != 0)


def _normal(key: str) -> str:
    """A name as Git lists it: section and variable in lower case, the part between them unchanged."""
    section, dot, rest = key.partition(".")
    middle, inner, variable = rest.rpartition(".")
    return f"{section.lower()}{dot}{middle}{inner}{variable.lower()}"


def parse_config_list(said: bytes) -> Mapping[str, str]:
    """Name and value of each setting in what ``git config --list -z`` prints; of several values the last counts."""
    found: dict[str, str] = {}
    for item in said.decode(errors="replace").split("\0"):
        name, line_feed, value = item.partition("\n")
        if name:
            found[name] = value if line_feed else "true"
    return found


class Settings:
    """The configuration of one repository.

    Args:
        git_dir: The repository's own folder.
        listed: What ``git config --list -z --includes`` prints.
    """

    def __init__(self, git_dir: Path, listed: Callable[[], bytes]) -> None:
        self._git_dir = git_dir
        self._listed = listed
        self._stamp: tuple[object, ...] = ()
        self._values: Mapping[str, str] = {}

    def _files(self) -> Iterator[str]:
        own = str(self._git_dir)
        yield f"{own}/config"
        yield f"{own}/config.worktree"
        if not os.path.exists(f"{own}/objects"):  # noqa: PTH110 (a linked work tree; as below)
            yield f"{own}/../../config"
        home = os.environ.get("HOME", "")
        yield os.environ.get("GIT_CONFIG_GLOBAL") or f"{home}/.gitconfig"
        yield f"{os.environ.get('XDG_CONFIG_HOME') or f'{home}/.config'}/git/config"
        yield os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig"

    def _now(self) -> tuple[object, ...]:
        """A stamp that differs after each change of a configuration file; included files are not checked."""
        found: list[object] = []
        for name in self._files():
            try:
                info = os.stat(name)  # noqa: PTH116 (runs for each value; a Path costs more than the call)
                found.append((name, info.st_ino, info.st_size, info.st_mtime_ns))
            except OSError:
                found.append(name)
        return tuple(found)

    def get(self, key: str) -> str | None:
        """The effective value, or None; ``true`` for a name without a value."""
        stamp = self._now()
        if stamp != self._stamp:
            self._values = parse_config_list(self._listed())
            self._stamp = stamp
        return self._values.get(_normal(key))
