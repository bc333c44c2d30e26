"""One commit by compare-and-swap, and a checkout that follows it without touching anything else.

The branch moves only if it still is where the change was made from. Of the index and the work tree only the changed
paths are brought along: what else is staged or dirty stays exactly as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from registry_tool.errors import DirtyFiles, EnvironmentTrouble, GitTrouble, Refused, StaleBase
from registry_tool.git.objects import ObjectWriter, tree_with
from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.tree import Tree
from registry_tool.git.working_files import check_places, write_files

__all__ = ["Target", "author_of", "check_clean", "commit_change"]

_NO_IDENTITY = ("ident name", "tell me who you are", "auto-detect email", "no email was given")


class Target(NamedTuple):
    """Where a commit goes.

    Attributes:
        ref: The full name of the branch.
        tip: The commit the branch is at; None for a branch that is not there yet.
        parent: The commit to build on: the tip, or for a new branch the commit it starts from; None for the first.
        checked_out: True when the work tree follows.
    """

    ref: str
    tip: str | None
    parent: str | None
    checked_out: bool

    @property
    def branch(self) -> str:
        """The branch's short name."""
        return self.ref.removeprefix("refs/heads/")


def author_of(git: Git) -> str:
    """Who commits here, as ``Name <email>``.

    Raises:
        GitTrouble: Git does not know.
    """
    try:
        ident = git.line("var", "GIT_AUTHOR_IDENT")
    except GitFailed as exc:
        if any(words in exc.words for words in _NO_IDENTITY):
            raise GitTrouble(
                "Git does not know who you are",
                remedy='git config --global user.name "NAME"; git config --global user.email EMAIL',
            ) from exc
        raise
    return ident.rsplit(">", 1)[0] + ">"


def check_clean(git: Git, paths: list[str]) -> None:
    """See that nothing uncommitted lies at some paths.

    Raises:
        DirtyFiles: Something does.
    """
    literal = [f":(literal){path}" for path in paths]
    out = git.run(
        "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", *literal
    )
    dirty = [line[3:].decode(errors="surrogateescape") for line in out.split(b"\0") if line]
    if dirty:
        raise DirtyFiles(
            f"uncommitted work is in the way: {', '.join(dirty[:5])}",
            remedy="commit it, or put it aside: git stash",
        )


def _commit_object(git: Git, tree: str, parent: str | None, message: str) -> str:
    signing = ["-S"] if git.flag("commit.gpgsign") else []
    parents = [] if parent is None else ["-p", parent]
    out = git.run("commit-tree", *signing, *parents, "-F", "-", tree, stdin=message.encode())
    return out.decode().strip()


def _move(git: Git, target: Target, commit: str, message: str) -> None:
    before = target.tip or ""  # empty: the branch must not be there
    try:
        git.run(
            "update-ref",
            "--create-reflog",
            "-m",
            f"registry: {message}",
            target.ref,
            commit,
            before,
        )
    except GitFailed as exc:
        if "but expected" in exc.words or "already exists" in exc.words:
            raise StaleBase(
                f"{target.branch} moved while the change was made",
                remedy="make the change again",
            ) from exc
        raise


def _follow(git: Git, puts: Mapping[str, bytes], deletes: frozenset[str], commit: str) -> None:
    """Bring the changed paths of index and work tree to the commit."""
    no_object = b"0" * len(commit)  # 40 digits, or 64 where ids are SHA-256
    lines = [b"0 %s\t%s" % (no_object, path.encode()) for path in sorted(deletes)]
    listed = git.run("ls-tree", "-r", "-z", commit, "--", *sorted(puts)) if puts else b""
    for line in listed.split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            mode, _, oid = meta.split(b" ")
            lines.append(b"%s %s\t%s" % (mode, oid, path))
    git.run("update-index", "-z", "--index-info", stdin=b"\0".join(lines) + b"\0")
    if git.work_tree is None:
        return
    try:
        write_files(git.work_tree, puts, deletes)
    except (EnvironmentTrouble, Refused) as exc:
        raise EnvironmentTrouble(
            f"commit {commit[:12]} was made, but the work tree does not follow: {exc.message}",
            remedy="move what is in the way, then: git restore .",
        ) from exc


def commit_change(
    git: Git,
    target: Target,
    base: Tree,
    *,
    puts: Mapping[str, bytes],
    deletes: frozenset[str],
    message: str,
) -> str:
    """Make one commit of a change and move the branch to it; the commit's id.

    Raises:
        StaleBase: The branch is not at ``target.tip`` any more; nothing was written.
        DirtyFiles: Uncommitted work lies at the changed paths; nothing was written.
        GitTrouble: Git does not know who commits, or fails.
        EnvironmentTrouble: The disk is full; or the commit was made and a file could not follow it.
    """
    author_of(git)
    if target.checked_out:
        check_clean(git, sorted({*puts, *deletes}))
        if git.work_tree is not None:
            check_places(git.work_tree, [*puts, *deletes])
    writer = ObjectWriter(git)
    tree = tree_with(writer, base.folder, puts, deletes)
    writer.sync()
    commit = _commit_object(git, tree, target.parent, message)
    _move(git, target, commit, message.split("\n", 1)[0])
    if target.checked_out:
        _follow(git, puts, deletes, commit)
    return commit
