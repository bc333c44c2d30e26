"""Where a shallow clone's history ends.

Git shows the commits at the boundary of a shallow clone as if they were first commits, with everything in them added.
Whoever reads history has to know them, or answers wrongly without noticing.
"""

from __future__ import annotations

from pathlib import Path

from registry_tool.errors import ShallowHistory
from registry_tool.git.plumbing import Git

__all__ = ["boundary", "common_dir", "too_shallow"]


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


def too_shallow(git: Git, commit: str) -> ShallowHistory:
    """What to raise when an answer would need the parents of a commit at the boundary."""
    return ShallowHistory(
        f"{git.place} is a shallow clone: what was before commit {commit[:12]} is not here",
        remedy="git fetch --unshallow",
    )
