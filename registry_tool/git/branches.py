"""Which branch a commit goes to, and whether it may."""

from __future__ import annotations

from typing import Final

from registry_tool.errors import Conflict, GitTrouble, UsageError
from registry_tool.git.commit import Target
from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.revisions import tip_of

__all__ = ["target_of"]

_BRANCH_LENGTH: Final = 200  # a branch is a file, and its lock file has a longer name


def _branch_ref(git: Git, branch: str) -> str:
    ref = f"refs/heads/{branch}"
    try:
        # What `git branch` refuses too, and `git check-ref-format` alone does not.
        if branch.startswith("-") or branch == "HEAD" or len(ref.encode()) > _BRANCH_LENGTH:
            raise UsageError(f"{branch[:60]!a} is not a name for a branch")
        git.run("check-ref-format", ref)
    except (GitFailed, UnicodeEncodeError) as exc:
        raise UsageError(f"{branch[:60]!a} is not a name for a branch") from exc
    return ref


def _check_not_elsewhere(git: Git, ref: str) -> None:
    """A branch that moves under a checkout makes its files look like deletions."""
    place = ""
    for field in git.run("worktree", "list", "--porcelain", "-z").split(b"\0"):
        word, _, rest = field.decode(errors="replace").partition(" ")
        place = rest if word == "worktree" else place
        if word == "branch" and rest == ref:
            raise Conflict(
                f"{ref.removeprefix('refs/heads/')} is checked out in {place}",
                remedy="make the change there, or name another branch",
            )


def target_of(git: Git, branch: str | None) -> Target:
    """The branch a commit goes to: the named one, or the checked-out one.

    Raises:
        GitTrouble: HEAD is detached and no branch is named.
        UsageError: The name is not one for a branch.
        Conflict: The branch is checked out in another work tree.
    """
    current, head = git.branch(), git.head()
    if branch is None:
        if current is None:
            raise GitTrouble(
                "HEAD is detached: a commit would belong to no branch",
                remedy="name one with --branch NAME, or go to one: git switch NAME",
            )
        return Target(current, head, head, checked_out=git.work_tree is not None)
    ref = _branch_ref(git, branch)
    tip = tip_of(git, ref)
    if ref == current and git.work_tree is not None:
        return Target(ref, tip, tip, checked_out=True)
    _check_not_elsewhere(git, ref)
    return Target(ref, tip, tip or head, checked_out=False)
