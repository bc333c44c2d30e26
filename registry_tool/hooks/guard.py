"""The main branch of a server: which it is, and that it only grows.

It is the one that HEAD of the bare repository names. It is not deleted, not rewound, not replaced, and each state that was
published stays on its first-parent line, which is what history reads. While it is not there, every branch is guarded as
the main one, so that a HEAD that names the wrong branch opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from registry_tool.errors import MalformedTree
from registry_tool.git.line import Line
from registry_tool.git.plumbing import Git
from registry_tool.git.repository import Repository
from registry_tool.git.updates import BRANCHES, FASTER, Update
from registry_tool.manifests.layout import REGISTRY

__all__ = ["Main", "Objection", "guarded", "main_of", "objection", "shadowing"]

_TAGS: Final = "refs/tags/"
# What clones call the server, as a rule.
_REMOTES: Final = ("origin", "upstream")


class Main(NamedTuple):
    """The main branch of a server.

    Attributes:
        ref: Its full name; empty when HEAD is at a commit and names no branch.
        names: That, and symbolic refs that lead to it.
        tip: The commit it is at; None when it is not there.
    """

    ref: str
    names: frozenset[str]
    tip: str | None


class Objection(NamedTuple):
    """Why a branch may not change so, and what to do instead."""

    message: str
    remedy: str


def main_of(git: Git) -> Main:
    """The main branch of a bare repository."""
    ref = git.branch() or ""
    out = git.run("for-each-ref", "--format=%(refname) %(objectname) %(symref)", BRANCHES)
    found = [line.split(" ") for line in out.decode(errors="surrogateescape").splitlines()]
    # A push to a symbolic ref moves what it leads to.
    names = {name for name, _, leads_to in found if leads_to == ref} | {ref} if ref else set()
    tip = next((commit for name, commit, _ in found if name == ref), None)
    return Main(ref, frozenset(names), tip)


def guarded(main: Main, updates: Iterable[Update]) -> frozenset[str]:
    """The names of the branches that only grow and hold nothing wrong."""
    pushed = {update.ref for update in updates if update.is_branch}
    return frozenset(pushed) if main.tip is None and not pushed & main.names else main.names


def shadowing(main: Main, update: Update) -> bool:
    """True for a tag or branch after which the name of the main branch means two things, here and in every clone."""
    if update.deletes or update.ref in main.names:
        return False
    names = {"HEAD"}
    for ref in main.names:
        name = ref.removeprefix(BRANCHES)
        names |= {name, f"heads/{name}", ref, *(f"{remote}/{name}" for remote in _REMOTES)}
    tag = update.ref.removeprefix(_TAGS) if update.ref.startswith(_TAGS) else ""
    branch = update.ref.removeprefix(BRANCHES) if update.is_branch else ""
    # A branch called `origin/main` is `origin/origin/main` in a clone.
    return tag in names or (branch != "" and branch in {"HEAD", *main.names})


def _rebase(update: Update) -> str:
    return f"git pull --rebase origin {update.shown}; then push again"


def _rewound(git: Git, update: Update) -> Objection | None:
    bases = ("merge-base", "--end-of-options", update.old, update.new)
    parted = git.run(*bases, allowed=(0, 1)).decode().strip()
    if not parted:
        return Objection(
            f"{update.shown}: this shares no history with what is published",
            f"start from what is there: git fetch origin; git switch -c NAME origin/{update.shown}",
        )
    if parted != update.old:
        return Objection(
            f"{update.shown}: this would take back what is published; the branch only grows",
            f"{_rebase(update)}; to undo a commit: git revert COMMIT",
        )
    return None


def _aside(git: Git, update: Update) -> Objection | None:
    if Line(git, update.new).holds(update.old):
        return None
    return Objection(
        f"{update.shown}: a merge the wrong way round puts what is published on its side; history reads first parents",
        f"{_rebase(update)}; or: git switch {update.shown}; git merge --no-ff BRANCH",
    )


def _no_commit(repository: Repository, update: Update) -> Objection | None:
    found = repository.reader.read(update.new, limit=0)
    if found is not None and found[1] == "commit":
        return None
    kind = "nothing" if found is None else f"a {found[1]}"
    return Objection(f"{update.shown}: {update.new[:12]} is {kind}, not a commit", "push a commit")


def _holds_registry(repository: Repository, commit: str) -> bool:
    try:
        return repository.tree(commit).entry(REGISTRY) is not None
    except MalformedTree:
        return True  # for the check to report


def objection(repository: Repository, main: Main, update: Update) -> Objection | None:
    """Why a guarded branch may not change so, whatever the files say; None when it may.

    Raises:
        GitTrouble: Its history cannot be read.
    """
    if update.deletes:
        return Objection(
            f"{update.shown}: it is published and cannot be deleted",
            "leave it; other branches can be deleted",
        )
    if update.ref in main.names and main.tip is not None and update.old != main.tip:
        return Objection(
            f"{update.shown}: {FASTER}, it moved while this was pushed", _rebase(update)
        )
    found = _no_commit(repository, update)
    if found is None and not update.creates:
        found = _rewound(repository.git, update) or _aside(repository.git, update)
    if found is None and not _holds_registry(repository, update.new):
        found = Objection(
            f"{update.shown}: it must hold {REGISTRY}",
            "push to a branch of another name; or make a registry: registry init DIR --name NAME",
        )
    return found
