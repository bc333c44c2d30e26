"""Where a shallow clone's history ends.

Git shows the commits at the boundary of a shallow clone as root commits that add every file. Code that reads history
checks for the boundary, because the result would be wrong without an error.

A cached clone of a URL starts with the latest commits only. ``history.ensure_history`` fetches the rest on first use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from registry_tool.errors import ShallowHistoryError
from registry_tool.git.command import Git

__all__ = [
    "LATEST_ONLY",
    "boundary",
    "common_dir",
    "has_latest_only",
    "too_shallow",
]

# Marks a cached clone that has only the latest commits. Its content is the object filter that the server supports.
LATEST_ONLY: Final = "newest"


def common_dir(git: Git) -> Path:
    """The Git folder that linked work trees share; without linked work trees, the repository's own."""
    return git.shared_dir


def boundary(git: Git) -> frozenset[str]:
    """The commits whose parents a shallow clone does not have; empty for a complete clone."""
    try:
        text = (common_dir(git) / "shallow").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(text.split())


def too_shallow(git: Git, commit: str) -> ShallowHistoryError:
    """The error for a query that needs the parents of a boundary commit."""
    return ShallowHistoryError(
        f"{git.place} is a shallow clone: it has no history before commit {commit[:12]}",
        remedy="git fetch --unshallow",
    )


def has_latest_only(git: Git) -> bool:
    """True for a cached clone without history; some of its trees may exist only on the remote."""
    return git.work_tree is None and (git.git_dir / LATEST_ONLY).exists()
