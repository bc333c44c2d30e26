"""Refs: all of them, the branch that a commit goes to, and the main branch.

A query about the whole registry reads every ref. Refs that were not fetched are missing in a clone, so the remotes are
queried for theirs. Unfetched branches and tags are reported. Refs outside them, such as the heads of pull requests, are
fetched without creating a ref.

Files on the main branch are published and frozen; commits on other branches can still change. In a clone the main
branch is the remote's as last fetched; without a remote it is the local one.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.errors import (
    ConflictError,
    GitError,
    NotFoundError,
    ShallowHistoryError,
    UsageError,
)
from registry_tool.git.command import Git, GitCommandError
from registry_tool.git.history import ensure_history
from registry_tool.git.remote.url import without_credentials
from registry_tool.git.revisions import find_commit, find_tip
from registry_tool.git.shallow import boundary

if TYPE_CHECKING:
    from registry_tool.git.commit import Target

__all__ = [
    "MainBranch",
    "Tip",
    "are_related",
    "find_target",
    "hidden_tips",
    "is_ancestor",
    "list_tips",
    "list_unfetched",
    "main_branch",
    "merge_base",
    "merge_heads",
]

# Replacements by `git replace` are one machine's view; their refs are listed like all others.
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


def list_tips(git: Git) -> list[Tip]:
    """The refs that lead to files, each object once, by name; a detached HEAD is one of them.

    Branches and tags, those of remotes, the stash, and whatever else was fetched or pushed here.

    Raises:
        GitError: A ref leads nowhere.
        OfflineError: A cached clone of the newest commits cannot be given what its refs lead to.
    """
    ensure_history(git)
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
    if not git.is_trusted:  # an untrusted repository must not choose which remotes are contacted
        return []
    configured = git.run("config", "--get-regexp", r"^remote\..*\.url$", allowed=(0, 1)).decode(
        errors="surrogateescape"
    )
    keys = (line.partition(" ")[0] for line in configured.splitlines())
    names = [key.removeprefix("remote.").removesuffix(".url") for key in keys]
    return [name for name in _ASKED if name in names] or sorted(set(names))


def _list_remote_refs(git: Git, remote: str) -> dict[str, str]:
    """The refs of a remote and where they are."""
    try:
        out = git.run("ls-remote", "--quiet", "--refs", "--", remote)
    except GitCommandError as failed:
        # Git ends with advice about access rights; what it found comes first.
        said = [w for w in failed.words.splitlines() if w.startswith(("fatal:", "error:", "ssh:"))]
        found = without_credentials(said[0]) if said else failed.message
        raise GitCommandError(
            f"{remote} does not list its branches: {found}",
            status=failed.status,
            words=failed.words,
            remedy="check its address, the network and your credentials: git ls-remote " + remote,
        ) from failed
    lines = out.decode(errors="surrogateescape").split("\n")
    return {ref: oid for oid, _, ref in (line.partition("\t") for line in lines if line)}


def _outside_branches(refs: dict[str, str]) -> dict[str, str]:
    return {r: oid for r, oid in refs.items() if not r.startswith(_BRANCHES_AND_TAGS)}


def _missing_objects(git: Git, oids: Iterable[str]) -> frozenset[str]:
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


def _fetch_hidden(git: Git, remote: str, refs: dict[str, str]) -> None:
    """Fetch what refs outside branches and tags lead to; no ref is made of it.

    Raises:
        GitCommandError: The remote does not give it.
    """
    lacking = _missing_objects(git, refs.values())
    wanted = [ref for ref, oid in refs.items() if oid in lacking]
    if not wanted:
        return
    ensure_history(git)
    asked = ("--no-tags", "--no-write-fetch-head", "--refmap=", "--no-auto-maintenance", "--stdin")
    git.run(
        "fetch", "--quiet", *asked, "--", remote,
        stdin="".join(f"{ref}\n" for ref in wanted).encode(errors="surrogateescape"),
    )  # fmt: skip


def hidden_tips(git: Git) -> list[Tip]:
    """The refs of remotes outside branches and tags that are in this clone: pull requests, changes under review.

    An unreachable remote lists nothing here; ``list_unfetched`` reports it.
    """
    found: dict[str, str] = {}
    for remote in _remotes(git):
        with suppress(GitCommandError):
            hidden = _outside_branches(_list_remote_refs(git, remote))
            with suppress(GitCommandError):
                _fetch_hidden(git, remote, hidden)
            lacking = _missing_objects(git, hidden.values())
            found |= {oid: f"{remote} {ref}" for ref, oid in hidden.items() if oid not in lacking}
    return [Tip(name, oid) for oid, name in found.items()]


def list_unfetched(git: Git) -> list[str]:
    """The refs of ``origin`` and ``upstream`` whose commits are not in this clone.

    Refs outside branches and tags are fetched first; see ``hidden_tips``.

    Raises:
        GitCommandError: A remote cannot be reached, or does not serve a ref that it lists.
    """
    names = []
    # The ids of refs, not of all objects: only refs count.
    here = frozenset(git.run("for-each-ref", "--format=%(objectname)").decode().split())
    for remote in _remotes(git):
        refs = _list_remote_refs(git, remote)
        hidden = _outside_branches(refs)
        _fetch_hidden(git, remote, hidden)
        named = ((ref, oid) for ref, oid in refs.items() if ref not in hidden)
        names += [f"{remote}/{_short(ref)}" for ref, oid in named if oid not in here]
    return names


_BRANCH_LENGTH: Final = 200  # a branch is a file, and its lock file has a longer name


def _branch_ref(git: Git, branch: str) -> str:
    ref = f"refs/heads/{branch}"
    try:
        # What `git branch` refuses too, and `git check-ref-format` alone does not.
        if branch.startswith("-") or branch == "HEAD" or len(ref.encode()) > _BRANCH_LENGTH:
            raise UsageError(f"{branch[:60]!a} is not a valid branch name")
        git.run("check-ref-format", ref)
    except (GitCommandError, UnicodeEncodeError) as exc:
        raise UsageError(f"{branch[:60]!a} is not a valid branch name") from exc
    return ref


def _check_not_elsewhere(git: Git, ref: str) -> None:
    """A branch that moves under a checkout makes its files look like deletions."""
    place = ""
    for field in git.run("worktree", "list", "--porcelain", "-z").split(b"\0"):
        word, _, rest = field.decode(errors="replace").partition(" ")
        place = rest if word == "worktree" else place
        if word == "branch" and rest == ref:
            raise ConflictError(
                f"{ref.removeprefix('refs/heads/')} is checked out in {place}",
                remedy="run the command there, or name another branch",
            )


def find_target(git: Git, branch: str | None) -> Target:
    """The branch a commit goes to: the named one, or the checked-out one.

    Raises:
        GitError: HEAD is detached and no branch is named.
        UsageError: The name is not one for a branch.
        ConflictError: The branch is checked out in another work tree.
    """
    from registry_tool.git.commit import Target  # readers start without the modules that write

    current, head = git.branch(), git.head()
    if branch is None:
        if current is None:
            raise GitError(
                "HEAD is detached, so there is no branch to commit to",
                remedy="name one with --branch NAME, or switch to one: git switch NAME",
            )
        return Target(current, head, head, checked_out=git.work_tree is not None)
    ref = _branch_ref(git, branch)
    tip = find_tip(git, ref)
    if ref == current and git.work_tree is not None:
        return Target(ref, tip, tip, checked_out=True)
    _check_not_elsewhere(git, ref)
    return Target(ref, tip, tip or head, checked_out=False)


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


class MainBranch(NamedTuple):
    """The main branch.

    Attributes:
        name: As people write it, such as ``origin/main``.
        tip: The commit it is at.
        doubt: Why it may be another one, and what to do; empty where nothing says so.
    """

    name: str
    tip: str
    doubt: str = ""


def _short_name(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def _configured_branch(git: Git, name: str) -> MainBranch:
    tip = find_commit(git, name)
    if not tip:
        raise NotFoundError(
            f"Git's setting {_SETTING} names {name!a}, which does not exist",
            remedy=f"git fetch; or: git config --unset {_SETTING}",
        )
    return MainBranch(_short_name(name), tip)


def main_branch(git: Git) -> MainBranch | None:
    """The main branch; None where there is none yet.

    Git's setting ``registry.published`` names it; otherwise it is the main branch of ``upstream``, of ``origin``, or of
    this repository.

    Raises:
        NotFoundError: The setting names a missing branch.
        UsageError: The setting's name may mean several commits.
    """
    chosen = git.config(_SETTING)
    if chosen is not None:
        return _configured_branch(git, chosen)
    if git.work_tree is None and (own := git.branch()) is not None and (tip := git.head()):
        return MainBranch(_short_name(own), tip)
    # What a bare repository has is its own, whatever it was cloned from.
    patterns = _CANDIDATES if git.work_tree is not None else (git.branch() or "HEAD", *_OWN)
    out = git.run("for-each-ref", "--format=%(refname) %(objectname) %(symref)", *patterns)
    lines = out.decode(errors="surrogateescape").rstrip("\n").split("\n") if out else []
    found = {ref: (tip, target) for ref, tip, target in (line.split(" ", 2) for line in lines)}
    ref = next((ref for ref in patterns if ref in found), None)
    if ref is None:
        return None
    tip, target = found[ref]
    doubt = _explain_doubt(git, ref, target, {name: tip for name, (tip, _) in found.items()})
    return MainBranch(_short_name(target or ref), tip, doubt)


def _explain_doubt(git: Git, ref: str, target: str, tips: Mapping[str, str]) -> str:
    """Why a remote's HEAD, which Git sets when it clones and seldom again, may name a branch that was renamed since.

    Only the remote knows its present main branch. This clone knows that the branch is gone, or that the other usual
    name contains it and has more commits.
    """
    remote, _, name = ref.removeprefix("refs/remotes/").rpartition("/")
    if not ref.startswith("refs/remotes/"):
        remote = next((r for r in _REMOTES if _dangles(git, r, tips)), "")
        return (
            f"{remote}/HEAD names a branch that does not exist: {_SET_HEAD} {remote} --auto"
            if remote
            else ""
        )
    if _dangles(git, remote, tips):
        return f"{remote}/HEAD names a branch that does not exist: {_SET_HEAD} {remote} --auto"
    others = {f"refs/remotes/{remote}/{usual}" for usual in ("main", "master")} - {target}
    for other in sorted(others & tips.keys()) if name == "HEAD" else ():
        if tips[other] != tips[ref] and is_ancestor(git, tips[other], tips[ref]):
            return (
                f"{_short_name(other)} contains {_short_name(target)} and has more commits: if the main branch was renamed, run: "
                f"{_SET_HEAD} {remote} --auto"
            )
    return ""


def _dangles(git: Git, remote: str, tips: Mapping[str, str]) -> bool:
    head = f"refs/remotes/{remote}/HEAD"
    return head not in tips and os.path.lexists(git.shared_dir / head)


def is_ancestor(git: Git, later: str, earlier: str) -> bool:
    """True where a commit has another one in its history; False too where either does not exist."""
    try:
        git.run("merge-base", "--is-ancestor", earlier, later)
    except GitCommandError:
        return False
    return True


def merge_heads(git: Git) -> tuple[str, ...]:
    """The commits that a merge in progress merges; empty if there is none."""
    named = {match[1] for match in map(_MERGED.fullmatch, os.environ) if match}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        named.update((git.git_dir / "MERGE_HEAD").read_text(encoding="ascii").split())
    return tuple(sorted(commit for commit in named if find_commit(git, commit)))


def _newest_base(git: Git, main: str, bases: list[str]) -> str:
    """Of several merge bases, the newest on the main branch's first-parent line."""
    out = git.run(
        "rev-list", "--first-parent", f"--max-count={_FAR}", "--end-of-options", main, "--"
    )
    return next((commit for commit in out.decode().split() if commit in bases), bases[0])


def merge_base(git: Git, main: str, *tips: str) -> str:
    """The commit where a change branched off; the main commit itself if they share no history.

    Args:
        git: The repository.
        main: A published commit.
        tips: The commit of the change; several for a merge in progress.

    Raises:
        ShallowHistoryError: The clone does not contain that commit.
    """
    if main in tips:
        return main
    ensure_history(git)
    out = git.run("merge-base", "--all", "--end-of-options", main, *tips, allowed=(0, 1)).decode()
    bases = out.split()
    if len(bases) == 1:
        return bases[0]
    if bases:
        return _newest_base(git, main, bases)
    if boundary(git):
        raise ShallowHistoryError(
            f"the clone is shallow and does not contain the commit where {tips[0][:12]} branched off {main[:12]}",
            remedy="fetch more history: git fetch --deepen=100; or: git fetch --unshallow",
        )
    return main


def are_related(git: Git, one: str, other: str) -> bool:
    """True when two commits share history that this clone has."""
    arguments = ("merge-base", "--end-of-options", one, other)
    return bool(git.run(*arguments, allowed=(0, 1)).strip())
