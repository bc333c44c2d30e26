"""Every ref of a repository: what a question about the whole registry, not about one state of it, has to look at.

What was not fetched is not here. The remotes can be asked which refs they have. Branches and tags that were not fetched
are named; what lies outside them, such as the heads of pull requests, is not fetched by people, and so is brought here
without a ref of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.shallow import with_history

__all__ = ["Tip", "advertised", "tips", "unfetched"]

# Replacements by `git replace` are one machine's view; the refs that hold them are listed like all others.
_FORMAT = "--format=%(objectname) %(objecttype) %(*objecttype) %(refname)"
_PREFIXES = ("refs/heads/", "refs/remotes/", "refs/")
_WITH_FILES = frozenset({"commit", "tag", "tree"})
_ASKED = ("origin", "upstream")
_BRANCHES_AND_TAGS = ("refs/heads/", "refs/tags/")


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


def _remotes(git: Git) -> list[str]:
    """The remotes whose refs count: ``origin`` and ``upstream``, or all where a clone has given them other names."""
    if not git.is_trusted:  # its remotes are its own to name, and none is asked for it
        return []
    configured = git.run("config", "--get-regexp", r"^remote\..*\.url$", allowed=(0, 1)).decode(
        errors="surrogateescape"
    )
    keys = (line.partition(" ")[0] for line in configured.splitlines())
    names = [key.removeprefix("remote.").removesuffix(".url") for key in keys]
    return [name for name in _ASKED if name in names] or sorted(set(names))


def _listed(git: Git, remote: str) -> dict[str, str]:
    """The refs of a remote and where they are."""
    try:
        out = git.run("ls-remote", "--quiet", "--refs", "--", remote)
    except GitFailed as failed:
        raise GitFailed(
            f"{remote} cannot be asked which branches it has: {failed.message}",
            status=failed.status,
            words=failed.words,
            remedy="check its address, the network and your credentials: git ls-remote " + remote,
        ) from failed
    lines = out.decode(errors="surrogateescape").split("\n")
    return {ref: oid for oid, _, ref in (line.partition("\t") for line in lines if line)}


def _hidden(refs: dict[str, str]) -> dict[str, str]:
    return {r: oid for r, oid in refs.items() if not r.startswith(_BRANCHES_AND_TAGS)}


def _lacking(git: Git, oids: Iterable[str]) -> frozenset[str]:
    """Which of some objects are not here; a partial clone fetches none of them for that."""
    wanted = list(dict.fromkeys(oids))
    if not wanted:
        return frozenset()
    out = git.run(
        "cat-file", "--batch-check=%(objectname)", stdin="".join(f"{o}\n" for o in wanted).encode(),
        env={"GIT_NO_LAZY_FETCH": "1"},
    )  # fmt: skip
    said = out.decode(errors="surrogateescape").splitlines()
    return frozenset(line.partition(" ")[0] for line in said if line.endswith(" missing"))


def _bring(git: Git, remote: str, refs: dict[str, str]) -> None:
    """Fetch what refs outside branches and tags lead to; no ref is made of it.

    Raises:
        GitFailed: The remote does not give it.
    """
    lacking = _lacking(git, refs.values())
    wanted = [ref for ref, oid in refs.items() if oid in lacking]
    if not wanted:
        return
    with_history(git)
    asked = ("--no-tags", "--no-write-fetch-head", "--refmap=", "--no-auto-maintenance", "--stdin")
    git.run(
        "fetch", "--quiet", *asked, "--", remote,
        stdin="".join(f"{ref}\n" for ref in wanted).encode(errors="surrogateescape"),
    )  # fmt: skip


def advertised(git: Git) -> list[Tip]:
    """What remotes list outside branches and tags and is here: heads of pull requests, changes under review and such.

    A remote that cannot be asked lists nothing here; ``unfetched`` says so.
    """
    found: dict[str, str] = {}
    for remote in _remotes(git):
        with suppress(GitFailed):
            hidden = _hidden(_listed(git, remote))
            with suppress(GitFailed):
                _bring(git, remote, hidden)
            lacking = _lacking(git, hidden.values())
            found |= {oid: f"{remote} {ref}" for ref, oid in hidden.items() if oid not in lacking}
    return [Tip(name, oid) for oid, name in found.items()]


def unfetched(git: Git) -> list[str]:
    """The refs of ``origin`` and ``upstream`` that are somewhere else than this clone knows.

    Those outside branches and tags are brought here first; see ``advertised``.

    Raises:
        GitFailed: One of them cannot be asked, or does not give what it lists.
    """
    names = []
    # The ids of refs, not of all objects: only what a ref leads to is looked at.
    here = frozenset(git.run("for-each-ref", "--format=%(objectname)").decode().split())
    for remote in _remotes(git):
        refs = _listed(git, remote)
        hidden = _hidden(refs)
        _bring(git, remote, hidden)
        named = ((ref, oid) for ref, oid in refs.items() if ref not in hidden)
        names += [f"{remote}/{_short(ref)}" for ref, oid in named if oid not in here]
    return names
