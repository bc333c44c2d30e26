"""Commits by compare-and-swap: a branch moves only if it is still at the commit that the change was made on.

In a checkout only the changed paths of index and work tree are updated; other staged or uncommitted changes stay as they
are. The visible steps are recorded in a journal first (see ``transaction``), and Git's own lock on the index is taken
until the last step, so that no other git command sees or uses an intermediate state.

``RefUpdate`` moves the branch with ``git update-ref``, which applies hooks, reflogs and every ref format. Starting a
program takes longer than moving a branch, so it starts early and waits while the objects are written.

Plain commits are written here, without a git process. Git writes a commit that needs more: a signature, a date from the
environment, another encoding.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from registry_tool.errors import (
    DirtyFilesError,
    GitError,
    OperationalError,
    RefusedError,
    RegistryError,
    StaleBaseError,
)
from registry_tool.git.command import CAPTURED, DISCARDED, Git, GitCommandError
from registry_tool.git.objects.writer import ObjectWriter, tree_with
from registry_tool.git.transaction.files import check_inside, write_files
from registry_tool.git.transaction.index import Index, lock_index
from registry_tool.git.transaction.journal import (
    FileStep,
    Journal,
    delete_journal,
    plan_steps,
    staging_folder,
    write_journal,
)
from registry_tool.git.transaction.lock import ignore_message
from registry_tool.git.tree import Tree

if TYPE_CHECKING:
    import subprocess

__all__ = [
    "CheckoutChange",
    "RefUpdate",
    "Target",
    "build_commit",
    "check_clean",
    "commit_change",
    "configured_identity",
    "explain_failed_update",
    "find_uncommitted",
    "identity",
    "move_checkout",
]


def explain_failed_update(ref: str, words: str, status: int) -> GitError | StaleBaseError:
    """The error of a ``git update-ref`` that did not move a branch.

    Args:
        ref: The full name of the branch.
        words: What Git complained of.
        status: Its exit code.
    """
    branch = ref.removeprefix("refs/heads/")
    if "but expected" in words or "already exists" in words:
        return StaleBaseError(
            f"{branch} moved while this command was running", remedy="run the command again"
        )
    last = words.splitlines()[-1] if words else f"exit code {status}"
    if "File exists" in words:
        return GitError(
            f"another git process is updating {branch}, or was killed while doing so: {last}",
            remedy="if no git command is running, delete the file that ends in .lock",
        )
    return GitCommandError(f"git update-ref failed: {last}", status=status, words=words)


class RefUpdate:
    """A pending update of one branch. Use it in a ``with`` block; without a call of ``to`` nothing moves.

    Args:
        git: The repository.
        ref: The full name of the branch.
        message: The message in the reflog.
    """

    def __init__(self, git: Git, ref: str, message: str) -> None:
        self._git = git
        self._ref = ref
        self._arguments = ("update-ref", "--create-reflog", "-m", message, "--stdin", "-z")
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._git.popen(*self._arguments, stdout=DISCARDED, stderr=CAPTURED)
        # Git applies a transaction only after an explicit commit, so not if this process is killed.
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(b"start\0")
                process.stdin.flush()
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        process = self._process
        if process.poll() is None:
            process.terminate()  # not a kill: git then removes its locks
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()

    def to(self, commit: str, before: str) -> None:
        """Move the branch.

        Args:
            commit: The full id of its new commit.
            before: The id of its present commit; empty if it must not exist yet.

        Raises:
            StaleBaseError: It is at another commit.
            GitError: Git does not move it; or another git command is moving it, or was killed while doing so.
        """
        if self._process.poll() is not None:  # it was killed
            self._end()
            self._process = self._start()
        words = [f"update {self._ref}", commit, before or "0" * len(commit), "commit", ""]
        said = self._send("\0".join(words).encode(errors="surrogateescape"))
        if self._process.wait() != 0:
            complaint = said.decode(errors="replace").strip()
            raise explain_failed_update(self._ref, complaint, self._process.returncode)

    def _send(self, words: bytes) -> bytes:
        """Pass the commands to the program; its error output until it ends."""
        stdin, stderr = self._process.stdin, self._process.stderr
        if stdin is None or stderr is None:
            raise GitError("git update-ref started without pipes")
        with contextlib.suppress(BrokenPipeError):  # it says why
            stdin.write(words)
            stdin.close()
        return stderr.read()


_ROLES: Final = ("author", "committer")
_CONFIGURED: Final[Mapping[str, str]] = MappingProxyType({})
# What Git does not take into a name or an address (ident.c, crud).
_CRUD: Final = " .,:;<>\"\\'"


def _configured_identity(git: Git, role: str, part: str) -> str:
    """A name or an address from the environment or the settings, in Git's order; empty if there is none."""
    own = os.environ.get(f"GIT_{role.upper()}_{part.upper()}")
    if own:
        return own
    return git.config(f"{role}.{part}") or git.config(f"user.{part}") or ""


def configured_identity(git: Git, role: str) -> str | None:
    """The configured author or committer, as ``Name <email>``; None if Git has to determine it.

    Args:
        git: The repository.
        role: ``author`` or ``committer``.
    """
    name, email = _configured_identity(git, role, "name"), _configured_identity(git, role, "email")
    plain = all(text.isprintable() and text.strip(_CRUD) == text for text in (name, email))
    if not name or not email or not plain or "<" in name + email or ">" in name + email:
        return None
    return f"{name} <{email}>"


def _zone(now: float) -> str:
    minutes = time.localtime(now).tm_gmtoff // 60
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def build_commit(
    git: Git, tree: str, parent: str | None, message: str, people: Mapping[str, str] = _CONFIGURED
) -> bytes | None:
    """A commit object with the present time; None if Git's own program has to make it.

    Args:
        git: The repository.
        tree: The id of its tree.
        parent: The id of its parent; None for the first.
        message: Its message.
        people: ``Name <email>`` of ``author`` and ``committer``, where they are not those of Git's configuration.
    """
    dated = any(f"GIT_{role.upper()}_DATE" in os.environ for role in _ROLES)
    if dated or git.config("i18n.commitencoding") or "\0" in message:
        return None
    who = {role: people.get(role) or configured_identity(git, role) for role in _ROLES}
    if None in who.values():
        return None
    now = time.time()
    lines = [f"tree {tree}", *([] if parent is None else [f"parent {parent}"])]
    lines += [f"{role} {person} {int(now)} {_zone(now)}" for role, person in who.items()]
    try:
        return "\n".join([*lines, "", message]).encode()
    except UnicodeEncodeError:
        return None


_PATTERNS: Final = 100
_NO_IDENTITY = ("ident name", "tell me who you are", "auto-detect email", "no email was given")


class Target(NamedTuple):
    """The branch that a commit goes to.

    Attributes:
        ref: The full name of the branch.
        tip: The commit of the branch; None for a new branch.
        parent: The parent of the commit: the tip, or the start of a new branch; None for the first commit.
        checked_out: True if the work tree is updated too.
    """

    ref: str
    tip: str | None
    parent: str | None
    checked_out: bool

    @property
    def branch(self) -> str:
        """The branch's short name."""
        return self.ref.removeprefix("refs/heads/")


def _explain_identity(failed: GitCommandError) -> GitError:
    """The error of git; if git does not know the author, an error with the commands that set it."""
    if not any(words in failed.words for words in _NO_IDENTITY):
        return failed
    return GitError(
        "Git does not know who you are",
        remedy='git config --global user.name "NAME"; git config --global user.email EMAIL',
    )


def identity(git: Git) -> str:
    """The author of commits here, as ``Name <email>``.

    Raises:
        GitError: Git does not know it.
    """
    known = configured_identity(git, "author")
    if known is not None:
        return known
    try:
        ident = git.line("var", "GIT_AUTHOR_IDENT")
    except GitCommandError as exc:
        raise _explain_identity(exc) from exc
    return ident.rsplit(">", 1)[0] + ">"


def _is_at_or_below(path: str, places: set[str]) -> bool:
    """True for a path that is one of the places, or is inside one."""
    while path not in places and path:
        path = path.rpartition("/")[0]
    return path in places


def find_uncommitted(git: Git, paths: list[str]) -> list[str]:
    """The given paths that have uncommitted changes."""
    # Many patterns cost Git more than a whole status, and the system bounds a command line.
    literal = [f":(literal){path}" for path in paths] if len(paths) <= _PATTERNS else []
    out = git.run(
        "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", *literal
    )
    found = [line[3:].decode(errors="surrogateescape") for line in out.split(b"\0") if line]
    return found if literal else [path for path in found if _is_at_or_below(path, set(paths))]


def check_clean(git: Git, paths: list[str]) -> None:
    """Check that some paths have no uncommitted changes.

    Raises:
        DirtyFilesError: One has.
    """
    if dirty := find_uncommitted(git, paths):
        raise DirtyFilesError(
            f"uncommitted changes would be overwritten: {', '.join(dirty[:5])}",
            remedy="commit them, or stash them: git stash",
        )


def _person_variables(people: Mapping[str, str]) -> dict[str, str]:
    """The environment in which Git's own program commits for these people."""
    found: dict[str, str] = {}
    for role, person in people.items():
        name, _, email = person.removesuffix(">").rpartition(" <")
        found |= {f"GIT_{role.upper()}_NAME": name, f"GIT_{role.upper()}_EMAIL": email}
    return found


def _commit_object(
    git: Git,
    writer: ObjectWriter,
    tree: str,
    parent: str | None,
    message: str,
    *,
    people: Mapping[str, str],
) -> str:
    """Write the commit and its objects; its id."""
    raw = None if git.flag("commit.gpgsign") else build_commit(git, tree, parent, message, people)
    if raw is not None:
        commit = writer.write("commit", raw)
        writer.sync()
        return commit
    writer.sync()
    signing = ["-S"] if git.flag("commit.gpgsign") else []
    parents = [] if parent is None else ["-p", parent]
    arguments = ["commit-tree", *signing, *parents, "-F", "-", tree]
    try:
        made = git.run(*arguments, stdin=message.encode(), env=_person_variables(people))
        return made.decode().strip()
    except GitCommandError as exc:
        raise _explain_identity(exc) from exc


def _index_stamp(git: Git) -> tuple[int, ...]:
    """A stamp that differs after each change of the index."""
    try:
        info = (git.git_dir / "index").stat()
    except FileNotFoundError:
        return ()
    return info.st_ino, info.st_size, info.st_mtime_ns


def _update_checkout(git: Git, root: Path, index: Index, journal: Journal) -> None:
    """Update the changed paths of index and work tree to the commit."""
    try:
        index.switch()
        write_files(root, journal.puts, journal.deletes, staging=staging_folder(git))
    except (OperationalError, RefusedError, OSError) as exc:
        delete_journal(git)
        words = exc.message if isinstance(exc, RegistryError) else str(exc)
        raise OperationalError(
            f"commit {journal.commit[:12]} was created, but the working tree could not be updated: {words}",
            remedy="move the files that block it, then run: git restore .",
        ) from exc


def _move_checkout(git: Git, root: Path, move: RefUpdate, index: Index, journal: Journal) -> None:
    index.prepare(journal.steps)
    write_journal(git, journal)
    try:
        move.to(journal.commit, journal.tip)
    except RegistryError:
        delete_journal(git)
        raise
    _update_checkout(git, root, index, journal)
    delete_journal(git)


def _add_blobs(
    steps: tuple[FileStep, ...], base: Tree, writer: ObjectWriter
) -> tuple[FileStep, ...]:
    def fill(step: FileStep) -> FileStep:
        old = base.entry(step.path)
        return step._replace(
            old_blob="" if old is None or old.is_folder else old.oid,
            new_blob="" if step.data is None else writer.write("blob", step.data),
        )

    return tuple(map(fill, steps))


def commit_change(
    git: Git,
    target: Target,
    base: Tree,
    *,
    puts: Mapping[str, bytes],
    deletes: frozenset[str],
    message: str,
    notify: Callable[[str], None] = ignore_message,
    people: Mapping[str, str] = _CONFIGURED,
) -> str:
    """Make one commit of a change and move the branch to it; the commit's id.

    Args:
        git: The repository.
        target: Where the commit goes.
        base: The files of ``target.parent``.
        puts: New bytes by path.
        deletes: Paths to delete.
        message: The commit's message.
        notify: Receives a message when it waits for another git command.
        people: As for ``build_commit``.

    Raises:
        StaleBaseError: The branch has moved from ``target.tip``; nothing was written.
        DirtyFilesError: The changed paths have uncommitted changes; nothing was written.
        UntrustedRepositoryError: The repository belongs to another user.
        GitError: Git does not know the author, or fails; or another git command is using the index.
        OperationalError: The disk is full; or the commit was made and a file could not follow it.
    """
    git.check_trusted()
    root = git.work_tree if target.checked_out else None
    paths = sorted({*puts, *deletes})
    seen = _index_stamp(git)
    if root is not None:
        check_clean(git, paths)
        check_inside(root, paths)
    what = message.split("\n", 1)[0]
    with RefUpdate(git, target.ref, f"registry: {what}") as move:
        writer = ObjectWriter(git)
        tree = tree_with(writer, base.folder, puts, deletes)
        commit = _commit_object(git, writer, tree, target.parent, message, people=people)
        if root is None:
            move.to(commit, target.tip or "")
            return commit
        change = CheckoutChange(commit, base, puts, deletes, what)
        _follow_commit(git, target, change, seen=seen, move=move, notify=notify)
    return commit


class CheckoutChange(NamedTuple):
    """A commit, and what it changes in the files of the branch.

    Attributes:
        commit: Its full id.
        base: The files of the branch before.
        puts: New bytes by path.
        deletes: Paths to delete.
        what: A description, in one line.
    """

    commit: str
    base: Tree
    puts: Mapping[str, bytes]
    deletes: frozenset[str]
    what: str


def _follow_commit(
    git: Git,
    target: Target,
    change: CheckoutChange,
    *,
    seen: tuple[int, ...],
    move: RefUpdate,
    notify: Callable[[str], None],
) -> None:
    """Move the checked-out branch to a commit, with the index and the files that it changes."""
    root = git.work_tree
    if root is None:
        raise OperationalError(f"{git.place} is a bare repository and has no work tree")
    with lock_index(git, notify=notify) as index:
        if _index_stamp(git) != seen:  # meanwhile
            check_clean(git, sorted({*change.puts, *change.deletes}))
        planned = plan_steps(root, change.puts, change.deletes)
        steps = _add_blobs(planned, change.base, ObjectWriter(git))
        journal = Journal(change.what, steps, change.commit, target.ref, target.tip or "")
        _move_checkout(git, root, move, index, journal)


def move_checkout(
    git: Git,
    target: Target,
    change: CheckoutChange,
    *,
    notify: Callable[[str], None] = ignore_message,
) -> None:
    """Move the checked-out branch to a commit that is on the disk; its index and its files follow.

    Raises:
        StaleBaseError: The branch has moved from ``target.tip``; nothing was written.
        DirtyFilesError: The changed paths have uncommitted changes; nothing was written.
        GitError: Another git command is using the index.
        OperationalError: The branch has moved, and a file could not follow it.
    """
    root, seen = git.work_tree, _index_stamp(git)
    paths = sorted({*change.puts, *change.deletes})
    check_clean(git, paths)
    if root is not None:
        check_inside(root, paths)
    with RefUpdate(git, target.ref, f"registry: {change.what}") as move:
        _follow_commit(git, target, change, seen=seen, move=move, notify=notify)
