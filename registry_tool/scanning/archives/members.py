"""Members of archives: names that leave the folder, links, and sums that no honest archive has."""

from __future__ import annotations

import re
from typing import Final

from registry_tool.scanning.context import Look

__all__ = ["Sizes", "link_problem", "name_problem"]

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_SMALL: Final = 1 << 30
_RATIO: Final = 100


def name_problem(name: str) -> str:
    """Why a member must not be unpacked under its name, in words; empty where it may."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or _DRIVE.match(plain):
        return "an absolute path"
    if ".." in plain.split("/"):
        return "a path that leaves the folder"
    if _CONTROL.search(name):
        return "a name with control characters"
    return ""


def _leaves(parts: list[str]) -> bool:
    depth = 0
    for part in parts:
        if part in {"", "."}:
            continue
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def link_problem(name: str, target: str, *, symbolic: bool) -> str:
    """Why a link leads out of the archive's folder, in words; empty where it stays inside.

    Args:
        name: The link.
        target: Where it leads: from its own folder for a symbolic link, from the archive's for a hard one.
        symbolic: Which of the two it is.
    """
    plain = target.replace("\\", "/")
    if plain.startswith("/") or _DRIVE.match(plain):
        return "a link to an absolute path"
    above = name.replace("\\", "/").split("/")[:-1] if symbolic else []
    return "a link that leads out of the folder" if _leaves([*above, *plain.split("/")]) else ""


class Sizes:
    """Adds up what members claim to unpack to, and says once when it is too much.

    Args:
        look: The archive; it is measured by the size of the file on disk, in which it may lie.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        packed = look.report.size
        self._most = max(_SMALL, _RATIO * packed)
        self._packed = packed
        self.total = 0

    def add(self, size: int) -> None:
        """One more member."""
        before, self.total = self.total, self.total + size
        if before <= self._most < self.total:
            message = f"it has {self._packed} bytes and unpacks to more than {self._most}"
            self._look.finds("dangerous", message)
