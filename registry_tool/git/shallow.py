"""Where a shallow clone's history ends.

Git shows the commits at the boundary of a shallow clone as if they were first commits, with everything in them added.
Whoever reads history has to know them, or answers wrongly without noticing.

A cached clone of a URL begins without history, and is given it the first time somebody asks for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from registry_tool.errors import ShallowHistoryError
from registry_tool.git.command import Git

__all__ = ["NEWEST", "boundary", "common_dir", "is_newest", "too_shallow", "with_history"]

# A file in a cached clone that has the newest commits only; it holds the filter that the server allows.
NEWEST: Final = "newest"


def common_dir(git: Git) -> Path:
    """The folder that linked work trees share; the repository's own one everywhere else."""
    return git.shared_dir


def boundary(git: Git) -> frozenset[str]:
    """The commits whose parents a shallow clone does not have; empty for a whole one."""
    try:
        text = (common_dir(git) / "shallow").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(text.split())


def too_shallow(git: Git, commit: str) -> ShallowHistoryError:
    """What to raise when an answer would need the parents of a commit at the boundary."""
    return ShallowHistoryError(
        f"{git.place} is a shallow clone: what was before commit {commit[:12]} is not here",
        remedy="git fetch --unshallow",
    )


def is_newest(git: Git) -> bool:
    """True for a cached clone that has no history yet, and whose folders may be on the remote."""
    return git.work_tree is None and (git.git_dir / NEWEST).exists()


def with_history(git: Git) -> None:
    """See that a cached clone has its history; other repositories have what they have.

    Raises:
        OfflineError: It cannot be brought.
        OperationalError: Another process has been bringing it for ten minutes.
    """
    if is_newest(git):
        from registry_tool.git.remote.clone import deepen  # whoever reads what is here does without

        deepen(git)
