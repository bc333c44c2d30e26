"""Every ref of a repository: what a question about the whole registry, not about one state of it, has to look at.

What was not fetched is not here. The remotes can be asked which refs they have, and nothing is fetched by that.
"""

from __future__ import annotations

from typing import NamedTuple

from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.shallow import with_history

__all__ = ["Tip", "tips", "unfetched"]

# Replacements by `git replace` are one machine's view; the refs that hold them are listed like all others.
_FORMAT = "--format=%(objectname) %(objecttype) %(*objecttype) %(refname)"
_PREFIXES = ("refs/heads/", "refs/remotes/", "refs/")
_WITH_FILES = frozenset({"commit", "tag", "tree"})
_ASKED = ("origin", "upstream")


class Tip(NamedTuple):
    """Where a ref is.

    Attributes:
        name: As people write it, such as ``main``, ``origin/main`` or ``tags/v1``.
        oid: The id of the commit, or of the tag that leads to one.
    """

    name: str
    oid: str


def _short(ref: str) -> str:
    prefix = next((prefix for prefix in _PREFIXES if ref.startswith(prefix)), "")
    return ref.removeprefix(prefix)


def tips(git: Git) -> list[Tip]:
    """The refs that lead to files, each object once, by name; a detached HEAD is one of them.

    Branches and tags, those of remotes, the stash, and whatever else was fetched or pushed here.

    Raises:
        GitTrouble: A ref leads nowhere.
        OfflineError: A cached clone of the newest commits cannot be given what its refs lead to.
    """
    with_history(git)
    out = git.run("for-each-ref", _FORMAT).decode(errors="surrogateescape")
    found: dict[str, str] = {}
    for line in out.split("\n"):
        oid, _, rest = line.partition(" ")
        kind, _, rest = rest.partition(" ")
        peeled, _, ref = rest.partition(" ")
        if ref and (peeled or kind) in _WITH_FILES:
            found.setdefault(oid, _short(ref))
    head = git.head()
    if head is not None:
        found.setdefault(head, "HEAD")
    return [Tip(name, oid) for oid, name in found.items()]


def _unfetched_from(git: Git, remote: str, here: frozenset[str]) -> list[str]:
    try:
        out = git.run("ls-remote", "--quiet", "--heads", "--tags", "--refs", "--", remote)
    except GitFailed as failed:
        raise GitFailed(
            f"{remote} cannot be asked which branches it has: {failed.message}",
            status=failed.status,
            words=failed.words,
            remedy="check its address, the network and your credentials: git ls-remote " + remote,
        ) from failed
    lines = out.decode(errors="surrogateescape").split("\n")
    pairs = [line.partition("\t") for line in lines if line]
    return [f"{remote}/{_short(ref)}" for oid, _, ref in pairs if oid not in here]


def unfetched(git: Git) -> list[str]:
    """The branches and tags of ``origin`` and ``upstream`` that are somewhere else than this clone knows.

    Raises:
        GitFailed: One of them cannot be asked.
    """
    configured = git.run("config", "--get-regexp", r"^remote\..*\.url$", allowed=(0, 1)).decode(
        errors="surrogateescape"
    )
    remotes = [name for name in _ASKED if f"remote.{name}.url " in configured]
    if not remotes:
        return []
    # The ids of refs, not of all objects: only what a ref leads to is looked at.
    here = frozenset(git.run("for-each-ref", "--format=%(objectname)").decode().split())
    return [name for remote in remotes for name in _unfetched_from(git, remote, here)]
