"""One commit by compare-and-swap, and a checkout that follows it without touching anything else.

The branch moves only if it still is where the change was made from. Of the index and the work tree only the changed
paths are brought along: what else is staged or dirty stays exactly as it is. The steps that can be seen stand in a
journal before the first of them, and Git's own lock on the index is held until the last, so that no git command sees
a state in between or builds on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.errors import (
    DirtyFiles,
    EnvironmentTrouble,
    GitTrouble,
    Refused,
    RegistryError,
)
from registry_tool.git.index import Index, hold_index
from registry_tool.git.journal import Journal, Step, forget, steps_of, workshop, write_down
from registry_tool.git.lock import say_nothing
from registry_tool.git.moves import Move
from registry_tool.git.objects import ObjectWriter, tree_with
from registry_tool.git.people import identity_of, plain_commit
from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.tree import Tree
from registry_tool.git.working_files import check_places, write_files

__all__ = ["Target", "author_of", "check_clean", "commit_change"]

_PATTERNS: Final = 100
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


def _who(failed: GitFailed) -> GitTrouble:
    """What git said, or, where it does not know who commits, how to tell it."""
    if not any(words in failed.words for words in _NO_IDENTITY):
        return failed
    return GitTrouble(
        "Git does not know who you are",
        remedy='git config --global user.name "NAME"; git config --global user.email EMAIL',
    )


def author_of(git: Git) -> str:
    """Who commits here, as ``Name <email>``.

    Raises:
        GitTrouble: Git does not know.
    """
    known = identity_of(git, "author")
    if known is not None:
        return known
    try:
        ident = git.line("var", "GIT_AUTHOR_IDENT")
    except GitFailed as exc:
        raise _who(exc) from exc
    return ident.rsplit(">", 1)[0] + ">"


def _lies_at(path: str, places: set[str]) -> bool:
    """True for a path that is one of the places, or lies in one."""
    while path not in places and path:
        path = path.rpartition("/")[0]
    return path in places


def _dirty(git: Git, paths: list[str]) -> list[str]:
    """The paths among those given at which something is not committed."""
    # Many patterns cost Git more than a whole status, and the system bounds a command line.
    literal = [f":(literal){path}" for path in paths] if len(paths) <= _PATTERNS else []
    out = git.run(
        "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", *literal
    )
    found = [line[3:].decode(errors="surrogateescape") for line in out.split(b"\0") if line]
    return found if literal else [path for path in found if _lies_at(path, set(paths))]


def check_clean(git: Git, paths: list[str]) -> None:
    """See that nothing uncommitted lies at some paths.

    Raises:
        DirtyFiles: Something does.
    """
    if dirty := _dirty(git, paths):
        raise DirtyFiles(
            f"uncommitted work is in the way: {', '.join(dirty[:5])}",
            remedy="commit it, or put it aside: git stash",
        )


def _commit_object(
    git: Git, writer: ObjectWriter, tree: str, parent: str | None, message: str
) -> str:
    """Write the commit and everything it holds; its id."""
    raw = None if git.flag("commit.gpgsign") else plain_commit(git, tree, parent, message)
    if raw is not None:
        commit = writer.write("commit", raw)
        writer.sync()
        return commit
    writer.sync()
    signing = ["-S"] if git.flag("commit.gpgsign") else []
    parents = [] if parent is None else ["-p", parent]
    arguments = ["commit-tree", *signing, *parents, "-F", "-", tree]
    try:
        return git.run(*arguments, stdin=message.encode()).decode().strip()
    except GitFailed as exc:
        raise _who(exc) from exc


def _index_as_it_is(git: Git) -> tuple[int, ...]:
    """Another one after each change of the index."""
    try:
        info = (git.git_dir / "index").stat()
    except FileNotFoundError:
        return ()
    return info.st_ino, info.st_size, info.st_mtime_ns


def _follow(git: Git, root: Path, index: Index, journal: Journal) -> None:
    """Bring the changed paths of index and work tree to the commit."""
    try:
        index.switch()
        write_files(root, journal.puts, journal.deletes, staging=workshop(git))
    except (EnvironmentTrouble, Refused, OSError) as exc:
        forget(git)
        words = exc.message if isinstance(exc, RegistryError) else str(exc)
        raise EnvironmentTrouble(
            f"commit {journal.commit[:12]} was made, but the work tree does not follow: {words}",
            remedy="move what is in the way, then: git restore .",
        ) from exc


def _move_checkout(git: Git, root: Path, move: Move, index: Index, journal: Journal) -> None:
    index.prepare(journal.steps)
    write_down(git, journal)
    try:
        move.to(journal.commit, journal.tip)
    except RegistryError:
        forget(git)
        raise
    _follow(git, root, index, journal)
    forget(git)


def _with_blobs(steps: tuple[Step, ...], base: Tree, writer: ObjectWriter) -> tuple[Step, ...]:
    def filled(step: Step) -> Step:
        old = base.entry(step.path)
        return step._replace(
            old_blob="" if old is None or old.is_folder else old.oid,
            new_blob="" if step.data is None else writer.write("blob", step.data),
        )

    return tuple(map(filled, steps))


def commit_change(
    git: Git,
    target: Target,
    base: Tree,
    *,
    puts: Mapping[str, bytes],
    deletes: frozenset[str],
    message: str,
    tell: Callable[[str], None] = say_nothing,
) -> str:
    """Make one commit of a change and move the branch to it; the commit's id.

    Args:
        git: The repository.
        target: Where the commit goes.
        base: The files of ``target.parent``.
        puts: New bytes by path.
        deletes: Paths that go.
        message: The commit's message.
        tell: Told when a git command has to be waited for.

    Raises:
        StaleBase: The branch is not at ``target.tip`` any more; nothing was written.
        DirtyFiles: Uncommitted work lies at the changed paths; nothing was written.
        UntrustedRepository: The repository belongs to somebody else.
        GitTrouble: Git does not know who commits, or fails; or another git command holds the index.
        EnvironmentTrouble: The disk is full; or the commit was made and a file could not follow it.
    """
    git.check_trusted()
    root = git.work_tree if target.checked_out else None
    paths = sorted({*puts, *deletes})
    seen = _index_as_it_is(git)
    if root is not None:
        check_clean(git, paths)
        check_places(root, paths)
    what = message.split("\n", 1)[0]
    with Move(git, target.ref, f"registry: {what}") as move:
        writer = ObjectWriter(git)
        tree = tree_with(writer, base.folder, puts, deletes)
        commit = _commit_object(git, writer, tree, target.parent, message)
        if root is None:
            move.to(commit, target.tip or "")
            return commit
        with hold_index(git, tell=tell) as index:
            if _index_as_it_is(git) != seen:  # meanwhile
                check_clean(git, paths)
            steps = _with_blobs(steps_of(root, puts, deletes), base, writer)
            journal = Journal(what, steps, commit, target.ref, target.tip or "")
            _move_checkout(git, root, move, index, journal)
    return commit
