"""What is published: the main branch, as far as this clone knows it, and where another history left it.

What is published is frozen; what is committed on a branch of one's own may still be mended. In a clone that is what
the remote's main branch had when it was fetched last; without a remote it is the main branch itself.
"""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

from registry_tool.errors import NotFound, ShallowHistory
from registry_tool.git.plumbing import Git

__all__ = ["Published", "is_shallow", "parting", "published"]

# A fork's main branch is `origin`'s, and what counts is that of the repository it was forked from.
_CANDIDATES: Final = (
    "refs/remotes/upstream/HEAD",
    "refs/remotes/upstream/main",
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)
_SETTING: Final = "registry.published"
# How far back the main branch is searched for the newest of several merge bases.
_FAR: Final = 10_000


class Published(NamedTuple):
    """The main branch.

    Attributes:
        name: As people write it, such as ``origin/main``.
        tip: The commit it is at.
    """

    name: str
    tip: str


def is_shallow(git: Git) -> bool:
    """True when the clone lacks older history; asked of Git, since linked work trees share it."""
    return git.line("rev-parse", "--is-shallow-repository") == "true"


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/").removesuffix("/HEAD")


def _named(git: Git, name: str) -> Published:
    arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    tip = git.run(*arguments, allowed=(0, 1, 128)).decode().strip()
    if not tip:
        raise NotFound(
            f"Git's setting {_SETTING} names {name!a}, and there is no such branch",
            remedy=f"git fetch, or: git config --unset {_SETTING}",
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
    if git.work_tree is None and (own := git.branch()) is not None:
        patterns: tuple[str, ...] = (own,)
    else:
        patterns = _CANDIDATES
    out = git.run("for-each-ref", "--format=%(refname) %(objectname)", *patterns).decode()
    found = dict(line.split(" ", 1) for line in out.splitlines())
    ref = next((ref for ref in patterns if ref in found), None)
    return None if ref is None else Published(_short(ref), found[ref])


def _newest(git: Git, main: str, bases: list[str]) -> str:
    """Of several merge bases, the newest on the main branch's first-parent line: what is published since is known."""
    out = git.run("rev-list", "--first-parent", f"--max-count={_FAR}", "--end-of-options", main)
    line = islice((commit.decode() for commit in out.split(b"\n")), _FAR)
    return next((commit for commit in line if commit in bases), bases[0])


def parting(git: Git, main: str, tip: str) -> str:
    """The commit at which a history left another; the other itself when they share nothing.

    Args:
        git: The repository.
        main: A commit of what is published.
        tip: A commit of the change.

    Raises:
        ShallowHistory: The clone does not reach back so far.
    """
    if main == tip:
        return main
    out = git.run("merge-base", "--all", "--end-of-options", main, tip, allowed=(0, 1)).decode()
    bases = out.split()
    if len(bases) == 1:
        return bases[0]
    if bases:
        return _newest(git, main, bases)
    if is_shallow(git):
        raise ShallowHistory(
            f"the clone is shallow and does not reach back to where {tip[:12]} left {main[:12]}",
            remedy="bring more history: git fetch --deepen=100, or git fetch --unshallow",
        )
    return main
