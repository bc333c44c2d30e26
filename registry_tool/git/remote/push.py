"""Pushing a branch, with the server's own message when it refuses.

When two users push at once, one fails. The failed commit stays on its branch, and the error explains how to continue.
``give_way`` resets the branch if the change can be made again without overwriting the other push. If both changed the
same file, such as an alias, a person has to decide.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from registry_tool.errors import ConflictError, GitError, OfflineError
from registry_tool.git.command import CAPTURED, Git, GitCommandError
from registry_tool.git.history import ensure_history
from registry_tool.git.remote.ref_updates import BRANCHES, LOST_RACE
from registry_tool.git.remote.url import without_credentials
from registry_tool.git.revisions import find_tip
from registry_tool.git.shallow import has_latest_only

__all__ = [
    "LostRaceError",
    "RefusedPushError",
    "check_remote",
    "fetch_branch",
    "give_way",
    "push_branch",
    "push_commit",
]

# How Git says that the branch on the server is not where this clone saw it: refused here, or by the lock there.
_LOST: Final = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value provided",
)
_NAMED = 3
_LONGEST: Final = 8.0
_RECORD: Final = "version.yaml"
_INDENT = "\n       "  # as wide as `try:   ` before it


class LostRaceError(ConflictError):
    """Another clone pushed to the branch first; the commit stays in this clone."""


def check_remote(git: Git, remote: str = "origin") -> None:
    """See that a Git remote is configured, before a commit is made that is to go there.

    Raises:
        GitError: It is not.
    """
    if git.config(f"remote.{remote}.url") is None:
        raise GitError(
            f"Git remote {remote} does not exist", remedy=f"add one: git remote add {remote} URL"
        )


def _asking_first(git: Git) -> tuple[str, ...]:
    """Options that make git negotiate common commits; without them it would send files that are not in this clone."""
    return ("-c", "push.negotiate=true") if has_latest_only(git) else ()


def push_branch(git: Git, branch: str, *, remote: str = "origin") -> None:
    """Push a branch to the branch of that name; the local branch does not change.

    Raises:
        GitError: There is no such remote, or it cannot be reached.
        LostRaceError: Another clone pushed first.
        ConflictError: The server refused the push for another reason.
    """
    git.check_trusted()
    check_remote(git, remote)
    refspec = f"{BRANCHES}{branch}:{BRANCHES}{branch}"
    # https://git-scm.com/docs/git-push, "Output": with --porcelain one line for each ref, on standard output.
    arguments = ["push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no"]
    try:
        git.run(*_asking_first(git), *arguments, "--", remote, refspec)
    except GitCommandError as exc:
        lines = exc.out.decode(errors="replace").split("\n")
        refused = next((line for line in lines if line.startswith("!\t")), None)
        if refused is not None and not _is_own(refused):
            raise _refusal(git, branch, remote, refused.split("\t")[2], exc.words) from exc
        raise GitError(
            f"git push failed: {_words(exc.words)}",
            remedy=f"the commit is on {branch} in this clone",
        ) from exc


class RefusedPushError(ConflictError):
    """The server refused a commit for another reason than a lost race; no branch moved, here or there.

    Attributes:
        said: What its hooks printed.
    """

    def __init__(self, message: str, said: Sequence[str]) -> None:
        super().__init__(message, remedy=_INDENT.join(said))
        self.said = tuple(said)


def _remote_lines(words: str) -> list[str]:
    """What the server's hooks printed."""
    lines = (
        line.strip().removeprefix("remote:").strip()
        for line in words.splitlines()
        if "remote:" in line
    )
    return [line for line in lines if line]


def push_commit(
    git: Git,
    commit: str,
    branch: str,
    *,
    remote: str = "origin",
    options: Sequence[str] = (),
    replaces: str = "",
) -> list[str]:
    """Push a commit to a branch of the server; no branch of this clone moves.

    Args:
        git: The repository.
        commit: The full id of a commit.
        branch: The branch there, without ``refs/heads/``.
        remote: The server.
        options: Push options; the server must accept some.
        replaces: The commit that the branch is at there and that may be lost; empty to lose none.

    Returns:
        What the server's hooks printed, such as the address that opens a pull request.

    Raises:
        GitError: There is no such remote, it cannot be reached, or takes no push options.
        LostRaceError: Another clone pushed first.
        RefusedPushError: The server refused for another reason, such as a protected branch.
    """
    git.check_trusted()
    check_remote(git, remote)
    ref = f"{BRANCHES}{branch}"
    arguments = ["push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no"]
    arguments += [f"--push-option={option}" for option in options]
    arguments += [f"--force-with-lease={ref}:{replaces}"] if replaces else []
    asked = (*_asking_first(git), *arguments, "--", remote, f"{commit}:{ref}")
    process = git.popen(*asked, stderr=CAPTURED)
    out, err = process.communicate()
    said = err.decode(errors="replace")
    lines = _remote_lines(said)
    if process.returncode == 0:
        return lines
    reports = out.decode(errors="replace").split("\n")
    refused = next((line for line in reports if line.startswith("!\t")), None)
    if refused is None or _is_own(refused):
        raise GitError(f"git push failed: {_words(said)}", remedy="nothing was written; retry")
    summary = refused.split("\t")[2]
    message = f"{remote} refused {branch}: {summary}"
    if any(words in summary for words in _LOST) or any(LOST_RACE in line for line in lines):
        raise LostRaceError(message)
    raise RefusedPushError(message, lines)


def _is_own(refused: str) -> bool:
    """True where Git itself gave up, and no server said a word."""
    return refused.endswith("[remote failure] (remote failed to report status)")


def _refusal(git: Git, branch: str, remote: str, summary: str, said: str) -> ConflictError:
    # What hooks of the server print.
    stripped = (line.strip() for line in said.splitlines())
    lines = [line for line in stripped if line.startswith("remote:") and line != "remote:"]
    message = f"{remote} refused {branch}: {summary}"
    if any(words in summary for words in _LOST) or any(LOST_RACE in line for line in lines):
        return LostRaceError(message, remedy=_INDENT.join(_after_losing(git, branch, remote)))
    own = _INDENT.join(lines) or f"check the push rules of {remote} for {branch}"
    return ConflictError(message, remedy=f"the commit is on {branch} in this clone; {own}")


def _after_losing(git: Git, branch: str, remote: str) -> list[str]:
    """What the loser does; where both changed one file, who changed it there."""
    ref, theirs = f"{BRANCHES}{branch}", fetch_branch(git, branch, remote)
    there = [] if git.branch() == ref else [f"git switch {branch}"]
    rebase = [f"git pull --rebase {remote} {branch}", f"git push {remote} {branch}"]
    both = set() if theirs is None else _changed_by_both(git, branch, theirs)
    if theirs is None or not both:
        stays = f"the commit is on {branch} in this clone; rebase it and push:"
        return [stays, *there, *rebase]
    said = ["both sides changed:", *_makers(git, branch, theirs, sorted(both))]
    if len(_list_unpushed(git, branch, theirs)) > 1:
        return [*said, "the rebase stops at these files; resolve them:", *there, *rebase]
    return [
        *said,
        "to keep the remote's change, then run your command again if you still need it:",
        *there,
        f"git reset --keep {remote}/{branch}",
        "to replace it with yours by hand, if the rules allow that:",
        *there,
        *rebase,
    ]


def fetch_branch(git: Git, branch: str, remote: str) -> str | None:
    """The commit the branch is at on the server now; None where it cannot be had."""
    if git.work_tree is not None:
        # `git reset --keep` takes a file for changed whose time in the index is not that of the disk.
        git.run("update-index", "-q", "--refresh", allowed=(0, 1, 128))
    tracking = f"refs/remotes/{remote}/{branch}"
    try:
        ensure_history(git)  # needed to find the files that both changed
        git.run("fetch", "--quiet", "--no-tags", "--", remote, f"+{BRANCHES}{branch}:{tracking}")
    except (GitCommandError, OfflineError):
        return None
    return find_tip(git, tracking)


def _list_changed(git: Git, old: str, new: str) -> set[str]:
    out = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new)
    return {path.decode(errors="surrogateescape") for path in out.split(b"\0") if path}


def _list_unpushed(git: Git, branch: str, theirs: str) -> list[str]:
    return git.run("rev-list", f"{theirs}..{BRANCHES}{branch}", "--").decode().split()


def _find_merge_base(git: Git, branch: str, theirs: str) -> str:
    """Where the branch here left the one on the server; empty when they share nothing."""
    out = git.run("merge-base", f"{BRANCHES}{branch}", theirs, allowed=(0, 1, 128)).decode()
    return out.strip().split("\n")[0]


def _changed_by_both(git: Git, branch: str, theirs: str) -> set[str]:
    base, ours = _find_merge_base(git, branch, theirs), find_tip(git, f"{BRANCHES}{branch}")
    if not base or ours is None:
        return set()
    return _list_changed(git, base, ours) & _list_changed(git, base, theirs)


def _makers(git: Git, branch: str, theirs: str, paths: list[str]) -> Iterator[str]:
    """Who changed some files on the server; a few of them."""
    since = f"{_find_merge_base(git, branch, theirs)}..{theirs}"
    for path in paths[:_NAMED]:
        who = git.line("log", "-1", "--format=%an in %h (%s)", since, "--", f":(literal){path}")
        yield f"{path}: on the remote by {who}"
    if len(paths) > _NAMED:
        yield f"and {len(paths) - _NAMED} more"


def _can_be_made_again(both: set[str]) -> bool:
    """True when all that both changed is one version number, which both took as the next; another is free."""
    folders = tuple(path.removesuffix(_RECORD) for path in both if path.endswith(f"/{_RECORD}"))
    return all(path.startswith(folders) for path in both)


def give_way(
    git: Git, branch: str, commit: str, *, remote: str = "origin", losses: int = 1
) -> bool:
    """Take back a commit that lost the race, so that its change can be made again on what won.

    The branch goes to where it is on the server; uncommitted work in the work tree stays. Before that it waits for a
    random while, so that many who lost together do not all try again together.

    Args:
        git: The repository.
        branch: The branch, without ``refs/heads/``.
        commit: The commit that could not be pushed.
        remote: Where it should have gone.
        losses: How often this change has lost so far; the oftener, the longer the wait may be, up to eight seconds.

    Returns:
        True when the branch is at what won. False when that cannot be had, when both changed the same file, when other
        work of this clone is not pushed either, or when uncommitted changes would be overwritten: then nothing was changed.
    """
    ref = f"{BRANCHES}{branch}"
    threading.Event().wait(random.uniform(0, min(_LONGEST, 2**losses / 4)))  # noqa: S311 (no secret)
    theirs = fetch_branch(git, branch, remote)
    if theirs is None or find_tip(git, ref) != commit:
        return False
    if _list_unpushed(git, branch, theirs) != [commit]:
        return False
    if not _can_be_made_again(_changed_by_both(git, branch, theirs)):
        return False
    try:
        if git.work_tree is not None and git.branch() == ref:
            git.run("reset", "--quiet", "--keep", theirs)
        else:
            git.run("update-ref", "-m", "registry: reset to the remote", ref, theirs, commit)
    except GitCommandError:
        return False
    return True


def _words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line.startswith(("remote:", "fatal:", "error:", "ERROR:"))]
    return without_credentials(" ".join(said or lines[-1:]))
