"""A branch that has left its first-parent line, from which ids and times come: what is said of it, and what may restore it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from registry_tool.errors import RegistryError
from registry_tool.git.remote.ref_updates import RESTORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_tool.git.command import Git
    from registry_tool.live.follow import LeftLine, LiveCatalog
    from registry_tool.live.snapshot import Snapshot

__all__ = ["allow_restoring", "describe_left_line"]


def describe_left_line(left: LeftLine, branch: str) -> str:
    """What a branch has left, what follows from it, and for a clone the commands that restore it."""
    commit = left.commit[:12]
    what = (
        f"{branch} was merged into another branch and moved there, so {commit}, which was served, is not on its first-parent line;"
        " ids and times of what came since may have changed"
        if left.is_merged
        else f"{branch} no longer contains {commit}, which was served; ids of removed objects may be used again"
    )
    return (
        f"{what}; to restore it, in a clone: git fetch origin {branch} {left.commit} && git switch --detach {left.commit}"
        f" && git merge --no-ff --no-edit origin/{branch} && git config {RESTORE} {left.commit}"
        f" && git push origin HEAD:{branch}"
    )


def allow_restoring(live: LiveCatalog, git: Git) -> Callable[[Snapshot, Snapshot], None]:
    """Tells the hooks of the repository about a line that was left: they refuse what takes a commit off the line, but not that."""
    told = ""

    def moved(_: Snapshot, __: Snapshot) -> None:
        nonlocal told
        left = live.left_line
        if left is not None and left.is_merged and left.commit != told:
            told = left.commit
            with suppress(RegistryError):  # a repository that is only read
                git.run("config", RESTORE, left.commit)

    return moved
