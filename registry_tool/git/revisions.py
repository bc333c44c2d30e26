"""Revisions that a user names, resolved to one commit, or refused as ambiguous (decision 0024).

Git prefers a tag to a branch of the same name, and any ref to an abbreviated id, with a warning that no program reads. So
anyone who may push a tag could choose what `--base origin/main` compares with. Here ``origin/main`` is the branch of the
remote ``origin``, and a name that matches two commits must be given in full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from registry_tool.errors import UsageError
from registry_tool.git.command import Git

__all__ = ["candidate_refs", "commits_with_prefix", "find_commit", "find_tip", "qualify"]

_FULL: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PREFIX: Final = re.compile(r"[0-9a-f]{4,63}")
# `HEAD`, `FETCH_HEAD` and the like are outside `refs`; Git tries them first.
_HEADS: Final = re.compile(r"@|[A-Z_]*HEAD")
_OF_BRANCHES: Final = re.compile(r"@\{(?:u|upstream|push)\}", re.IGNORECASE)
# What may follow a name: `~3`, `^2`, `^{tree}`, `@{1}`.
_STEP: Final = re.compile(r"[~^]|@\{")
# Of two with one name the earlier counts, where it is a remote's branch; see ``qualify``.
_REMOTES: Final = ("refs/remotes/{}", "refs/remotes/{}/HEAD")
_OTHERS: Final = ("refs/heads/{}", "refs/tags/{}", "refs/{}")


def _split(revision: str) -> tuple[str, str]:
    """A name, and the way from there to the commit that is meant."""
    step = _STEP.search(revision)
    return (revision[: step.start()], revision[step.start() :]) if step else (revision, "")


def candidate_refs(revision: str) -> list[str]:
    """The full names of the refs that a revision may begin with; none where it can mean one thing only."""
    name, way = _split(revision)
    if not name.isprintable() or ":" in name or _OF_BRANCHES.search(way):
        return []
    # `refs/…` is a full name, which Git looks for first.
    if not name or name.startswith("refs/") or _FULL.fullmatch(name) or _HEADS.fullmatch(name):
        return []
    return [place.format(name) for place in (*_REMOTES, *_OTHERS)]


def _ambiguous(name: str, found: Iterable[str]) -> UsageError:
    refs = list(found)
    return UsageError(
        f"{name!a} is ambiguous: it matches {' and '.join(refs)}",
        remedy=f"use the full name, such as {refs[0]}",
    )


def qualify(
    revision: str, found: Mapping[str, str], abbreviated: Callable[[str], Sequence[str]]
) -> str:
    """A revision that Git cannot take for something else.

    Args:
        revision: As a person gave it.
        found: Those of ``candidate_refs`` that there are, and the commits they lead to.
        abbreviated: Gives the ids of the commits that begin with some digits.

    Returns:
        The revision with the full name of a ref; as it was, where it begins with none.

    Raises:
        UsageError: It may mean several commits.
    """
    name, way = _split(revision)
    remote = next((r for place in _REMOTES if (r := place.format(name)) in found), None)
    # A local branch or tag called `origin/main` is a mistake or an attack.
    rivals = {r: found[r] for r in found if remote is None or r in {remote, f"refs/heads/{name}"}}
    if not rivals:
        return revision
    if len(set(rivals.values())) > 1:
        raise _ambiguous(name, rivals)
    commit = next(iter(rivals.values()))
    if _PREFIX.fullmatch(name) and any(oid != commit for oid in abbreviated(name)):
        raise _ambiguous(name, [*rivals, f"a commit whose id begins with {name}"])
    return f"{remote or next(iter(rivals))}{way}"


def _find_refs(git: Git, wanted: Sequence[str]) -> dict[str, str]:
    """Those of some refs that there are, by full name, and the objects they lead to."""
    out = git.run("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", *wanted)
    lines = (line.split(" ") for line in out.decode(errors="surrogateescape").splitlines())
    known = {ref: peeled or oid for ref, oid, peeled in lines}
    return {ref: known[ref] for ref in wanted if ref in known}


def commits_with_prefix(git: Git, digits: str) -> list[str]:
    """The ids of the commits that begin with some digits."""
    ids = git.run("rev-parse", f"--disambiguate={digits}", allowed=(0, 1, 128)).decode().split()
    asked = "".join(f"{oid}\n" for oid in ids).encode()
    out = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked)
    return [line.removesuffix(" commit") for line in out.decode().splitlines() if " commit" in line]


def find_commit(git: Git, revision: str) -> str:
    """The commit of a revision; empty where there is none.

    Raises:
        UsageError: It may mean several commits.
    """
    wanted = candidate_refs(revision)
    name = revision
    if wanted:
        name = qualify(
            revision, _find_refs(git, wanted), lambda digits: commits_with_prefix(git, digits)
        )
    arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    return git.run(*arguments, allowed=(0, 1, 128)).decode().strip()


def find_tip(git: Git, ref: str) -> str | None:
    """The object a ref is at, by its full name and no other; None where there is no such ref."""
    # `rev-parse refs/heads/x` would find a tag of that whole name.
    out = git.run("show-ref", "--verify", "--hash", "--", ref, allowed=(0, 1, 128))
    return out.decode().strip() or None
