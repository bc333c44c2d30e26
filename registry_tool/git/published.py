"""What is published: the main branch, as far as this clone knows it, and where another history left it.

What is published is frozen; what is committed on a branch of one's own may still be mended. In a clone that is what
the remote's main branch had when it was fetched last; without a remote it is the main branch itself.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from registry_tool.errors import NotFound, ShallowHistory
from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.revisions import commit_of
from registry_tool.git.shallow import boundary, with_history

__all__ = ["Published", "are_related", "merging", "parting", "published"]

# A fork's main branch is `origin`'s, and what counts is that of the repository it was forked from.
_CANDIDATES: Final = (
    "refs/remotes/upstream/HEAD",
    "refs/remotes/upstream/main",
    "refs/remotes/upstream/master",
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)
_REMOTES: Final = ("upstream", "origin")
_SET_HEAD: Final = "git remote set-head"
_OWN: Final = _CANDIDATES[-2:]
_SETTING: Final = "registry.published"
# How far back the main branch is searched for the newest of several merge bases.
_FAR: Final = 10_000
# `git merge` names in its hooks what it merges; MERGE_HEAD is written after them.
_MERGED: Final = re.compile(r"GITHEAD_([0-9a-f]{40}|[0-9a-f]{64})")


class Published(NamedTuple):
    """The main branch.

    Attributes:
        name: As people write it, such as ``origin/main``.
        tip: The commit it is at.
        doubt: Why it may be another one, and what to do; empty where nothing says so.
    """

    name: str
    tip: str
    doubt: str = ""


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def _named(git: Git, name: str) -> Published:
    tip = commit_of(git, name)
    if not tip:
        raise NotFound(
            f"Git's setting {_SETTING} names {name!a}, and there is no such branch",
            remedy=f"git fetch; or: git config --unset {_SETTING}",
        )
    return Published(_short(name), tip)


def published(git: Git) -> Published | None:
    """The main branch; None where there is none yet.

    Git's setting ``registry.published`` names it; otherwise it is the main branch of ``upstream``, of ``origin``, or of
    this repository.

    Raises:
        NotFound: The setting names what is not there.
        UsageError: The setting's name may mean several commits.
    """
    chosen = git.config(_SETTING)
    if chosen is not None:
        return _named(git, chosen)
    if git.work_tree is None and (own := git.branch()) is not None and (tip := git.head()):
        return Published(_short(own), tip)
    # What a bare repository has is its own, whatever it was cloned from.
    patterns = _CANDIDATES if git.work_tree is not None else (git.branch() or "HEAD", *_OWN)
    out = git.run("for-each-ref", "--format=%(refname) %(objectname) %(symref)", *patterns)
    lines = out.decode(errors="surrogateescape").rstrip("\n").split("\n") if out else []
    found = {ref: (tip, target) for ref, tip, target in (line.split(" ", 2) for line in lines)}
    ref = next((ref for ref in patterns if ref in found), None)
    if ref is None:
        return None
    tip, target = found[ref]
    doubt = _renamed(git, ref, target, {name: tip for name, (tip, _) in found.items()})
    return Published(_short(target or ref), tip, doubt)


def _renamed(git: Git, ref: str, target: str, tips: Mapping[str, str]) -> str:
    """Why a remote's HEAD, which Git sets when it clones and seldom again, may name a branch that was renamed since.

    Only the remote knows which branch is its main one now. What is known here: that the branch is gone, or that the
    other usual name has all of it and more.
    """
    remote, _, name = ref.removeprefix("refs/remotes/").rpartition("/")
    if not ref.startswith("refs/remotes/"):
        remote = next((r for r in _REMOTES if _dangles(git, r, tips)), "")
        return (
            f"{remote}/HEAD names a branch that is gone: {_SET_HEAD} {remote} --auto"
            if remote
            else ""
        )
    if _dangles(git, remote, tips):
        return f"{remote}/HEAD names a branch that is gone: {_SET_HEAD} {remote} --auto"
    others = {f"refs/remotes/{remote}/{usual}" for usual in ("main", "master")} - {target}
    for other in sorted(others & tips.keys()) if name == "HEAD" else ():
        if tips[other] != tips[ref] and _follows(git, tips[other], tips[ref]):
            return (
                f"{_short(other)} has all of {_short(target)} and more: if the main branch was renamed, run: "
                f"{_SET_HEAD} {remote} --auto"
            )
    return ""


def _dangles(git: Git, remote: str, tips: Mapping[str, str]) -> bool:
    head = f"refs/remotes/{remote}/HEAD"
    return head not in tips and os.path.lexists(git.shared_dir / head)


def _follows(git: Git, later: str, earlier: str) -> bool:
    try:
        git.run("merge-base", "--is-ancestor", earlier, later)
    except GitFailed:
        return False
    return True


def merging(git: Git) -> tuple[str, ...]:
    """The commits that a merge under way brings in; empty when there is none."""
    named = {match[1] for match in map(_MERGED.fullmatch, os.environ) if match}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named.update((git.git_dir / "MERGE_HEAD").read_text(encoding="ascii").split())
    return tuple(sorted(commit for commit in named if commit_of(git, commit)))


def _newest(git: Git, main: str, bases: list[str]) -> str:
    """Of several merge bases, the newest on the main branch's first-parent line: what is published since is known."""
    out = git.run(
        "rev-list", "--first-parent", f"--max-count={_FAR}", "--end-of-options", main, "--"
    )
    return next((commit for commit in out.decode().split() if commit in bases), bases[0])


def parting(git: Git, main: str, *tips: str) -> str:
    """The commit at which a history left another; the other itself when they share nothing.

    Args:
        git: The repository.
        main: A commit of what is published.
        tips: The commit of the change; several of a merge that is under way.

    Raises:
        ShallowHistory: The clone does not reach back so far.
    """
    if main in tips:
        return main
    with_history(git)
    out = git.run("merge-base", "--all", "--end-of-options", main, *tips, allowed=(0, 1)).decode()
    bases = out.split()
    if len(bases) == 1:
        return bases[0]
    if bases:
        return _newest(git, main, bases)
    if boundary(git):
        raise ShallowHistory(
            f"the clone is shallow and does not reach back to where {tips[0][:12]} left {main[:12]}",
            remedy="bring more history: git fetch --deepen=100; or: git fetch --unshallow",
        )
    return main


def are_related(git: Git, one: str, other: str) -> bool:
    """True when two commits share history that this clone has."""
    arguments = ("merge-base", "--end-of-options", one, other)
    return bool(git.run(*arguments, allowed=(0, 1)).strip())
