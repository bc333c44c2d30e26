"""What is published: the main branch, as far as this clone knows it, and where another history left it.

What is published is frozen; what is committed on a branch of one's own may still be mended. In a clone that is what
the remote's main branch had when it was fetched last; without a remote it is the main branch itself.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Final, NamedTuple

from registry_tool.errors import NotFound, ShallowHistory
from registry_tool.git.plumbing import Git
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
    """

    name: str
    tip: str


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def _commit(git: Git, name: str) -> str:
    """The commit of a name; empty when there is none."""
    arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    return git.run(*arguments, allowed=(0, 1, 128)).decode().strip()


def _named(git: Git, name: str) -> Published:
    tip = _commit(git, name)
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
    return Published(_short(target or ref), tip)


def merging(git: Git) -> tuple[str, ...]:
    """The commits that a merge under way brings in; empty when there is none."""
    named = {match[1] for match in map(_MERGED.fullmatch, os.environ) if match}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named.update((git.git_dir / "MERGE_HEAD").read_text(encoding="ascii").split())
    return tuple(sorted(commit for commit in named if _commit(git, commit)))


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
