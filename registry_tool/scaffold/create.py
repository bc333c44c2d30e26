"""New registries: built in a temporary folder, checked, committed, then moved into place in one step.

The target is not touched before the last step; if a step fails, nothing is left behind. CI can be added to an existing
registry file by file, and no existing file is overwritten.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from registry_tool.api.changes.publish import Destination, publish
from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.rules.dvc import find_hidden
from registry_tool.edits.changeset import ChangeSet
from registry_tool.edits.codeowners import Host
from registry_tool.errors import (
    ConflictError,
    GitError,
    OperationalError,
    RegistryError,
    UsageError,
)
from registry_tool.git.command import Git, find_repository
from registry_tool.git.commit import Target, commit_change, identity
from registry_tool.git.ignore_rules import parse_ignore_rules
from registry_tool.git.repository import Repository
from registry_tool.git.transaction.journal import plan_steps, write_with_journal
from registry_tool.git.transaction.lock import acquire, is_locked
from registry_tool.git.transaction.recovery import exclusive
from registry_tool.git.tree import DictTree
from registry_tool.hooks.install import Installed, install_hooks
from registry_tool.installation import package_for
from registry_tool.manifests.data import text
from registry_tool.scaffold.templates import (
    ci_files,
    registry_files,
    remote_url,
    repaired_ignore_file,
    stored_url,
)

__all__ = [
    "AddedCi",
    "NewRegistry",
    "RepairedRules",
    "add_ci",
    "new_registry",
    "repair_ignore_rules",
]

_BRANCH: Final = "refs/heads/main"
_IGNORE: Final = ".gitignore"
_BUILDING: Final = ".new-registry-"
_OWN: Final = re.compile(r"\.new-registry-[0-9a-f]{8}")


class NewRegistry(NamedTuple):
    """A created registry.

    Attributes:
        folder: Its folder.
        branch: Its branch, without ``refs/heads/``.
        commit: Its first commit.
        hooks: The installed Git hooks.
        notes: Notes for the user.
    """

    folder: Path
    branch: str
    commit: str
    hooks: tuple[Installed, ...]
    notes: tuple[str, ...]


class AddedCi(NamedTuple):
    """The CI files added to an existing registry.

    Attributes:
        written: Written files, by path in the registry.
        kept: Existing files that differ from the templates; they were left alone.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]


class RepairedRules(NamedTuple):
    """The result of a repair of the ignore rules.

    Attributes:
        written: True if ``.gitignore`` was written.
        left: Other lines that hide manifests, with their numbers.
    """

    written: bool
    left: tuple[tuple[int, str], ...]


def _is_empty_repository(folder: Path) -> bool:
    """True for ``git init`` and nothing else, or a clone of an empty repository."""
    if [p.name for p in folder.iterdir()] != [".git"]:
        return False
    git = find_repository(folder)
    if git is None or git.work_tree != folder:
        return False
    return git.head() is None and not git.run("for-each-ref", "--count=1")


def _check_target(folder: Path) -> bool:
    """Check that a registry can be created there; True if it is an empty Git repository."""
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise UsageError(f"{there} is not a folder", remedy="use another path")
    if there != folder:
        return False
    if not any(folder.iterdir()):
        return False
    if _is_empty_repository(folder):
        return True
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        raise ConflictError(
            f"{folder} is a bare repository; nothing was written",
            remedy="clone it, create the registry in the clone, and push",
        )
    raise ConflictError(
        f"{folder} is not empty; nothing was written",
        remedy="use a new folder, an empty folder or an empty Git repository",
    )


def _existing(folder: Path) -> Path:
    """The folder itself, or its nearest existing parent."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _sibling(place: Path, what: str) -> Path:
    return place.with_name(f"{place.name}.{what}")


@contextmanager
def _building_place(folder: Path) -> Iterator[Path]:
    """A temporary folder on the same disk; while it is locked, a process is using it."""
    # Not tempfile: its folders are closed to the group, and this one becomes the registry.
    place = _existing(folder) / f"{_BUILDING}{secrets.token_hex(4)}"
    lock = _sibling(place, "lock")
    try:
        with acquire(lock, place=str(place)):
            place.mkdir()
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        for file in (_sibling(place, "ready"), lock):
            file.unlink(missing_ok=True)


def _clean_up(folder: Path) -> None:
    """Delete what killed commands left; a finished registry that was half moved is completed."""
    for lock in sorted(folder.glob(f"{_BUILDING}*.lock")):
        place = lock.with_name(lock.name.removesuffix(".lock"))
        # Folders of others, and of running commands, stay.
        if not _OWN.fullmatch(place.name) or lock.is_symlink() or is_locked(lock):
            continue
        with suppress(OSError):
            if _sibling(place, "ready").exists():
                for piece in sorted(place.iterdir()):
                    if not os.path.lexists(folder / piece.name):
                        piece.rename(folder / piece.name)
            shutil.rmtree(place, ignore_errors=True)
            _sibling(place, "ready").unlink(missing_ok=True)
            lock.unlink()


def _move_into_place(built: Path, folder: Path) -> None:
    """Move the finished registry to its path."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        built.rename(folder)
        return
    # Into an empty folder piece by piece: a shell may have it as its current folder.
    _sibling(built, "ready").touch()
    moved: list[Path] = []
    try:
        for piece in sorted(built.iterdir()):
            moved += [piece.rename(folder / piece.name)]
    except OSError:
        for piece in moved:
            piece.rename(built / piece.name)
        raise


def _first_commit(git: Git, files: Mapping[str, bytes], name: str) -> tuple[str, str]:
    identity(git)
    branch = git.branch() or _BRANCH
    target = Target(branch, None, None, checked_out=True)
    message = f"Start registry {name}"
    commit = commit_change(
        git, target, DictTree({}), puts=files, deletes=frozenset(), message=message
    )
    return target.branch, commit


def _install_hooks(git: Git, notes: list[str]) -> tuple[Installed, ...]:
    """The installed hooks; a registry works without them, so a failure is only a note."""
    try:
        return install_hooks(git)
    except RegistryError as exc:
        notes.append(f"hooks were not installed: {exc.message}")
        notes.append(
            f"install them later: registry hooks install ({exc.remedy})" if exc.remedy else ""
        )
        return ()


def _init(place: Path) -> Git:
    with package_for("a new registry"):
        from git import Repo
        from git.exc import GitCommandError

    git = Git(place / ".git", place)
    # Inside a hook Git names another repository by these.
    env = {"GIT_DIR": str(git.git_dir), "GIT_WORK_TREE": str(place)}
    try:
        Repo.init(place, initial_branch=_BRANCH.removeprefix("refs/heads/"), env=env).close()
    except GitCommandError as exc:
        raise GitError(f"git init failed: {str(exc.stderr).strip()}") from exc
    return git


def _create(
    folder: Path, files: Mapping[str, bytes], name: str, *, hooks: bool, into_repository: bool
) -> NewRegistry:
    notes: list[str] = []
    if into_repository:
        git = Git(folder / ".git", folder)
        branch, commit = _first_commit(git, files, name)
        done = _install_hooks(git, notes) if hooks else ()
    else:
        with _building_place(folder) as place:
            git = _init(place)
            branch, commit = _first_commit(git, files, name)
            done = _install_hooks(git, notes) if hooks else ()
            _move_into_place(place, folder)
        done = tuple(h._replace(path=folder / h.path.relative_to(place.resolve())) for h in done)
    return NewRegistry(folder, branch, commit, done, tuple(n for n in notes if n))


def new_registry(
    folder: Path,
    *,
    name: str,
    remote_url: str | None = None,
    description: str = "",
    shard: int = 0,
    ci: Host | None = None,
    hooks: bool = True,
) -> NewRegistry:
    """Create a registry with one commit, completely or not at all.

    Args:
        folder: A new folder, an empty one, or an empty Git repository.
        name: The registry's name.
        remote_url: The DVC remote that keeps the bytes; a relative path starts at the current folder. None writes
            no remote; one is added later with ``dvc remote add -d storage URL``.
        description: What the registry is for.
        shard: The number of hexadecimal digits of a folder before each model, for a hundred thousand models in one
            namespace; it cannot be changed later.
        ci: The Git host whose CI is set up as well.
        hooks: Install the Git hooks.

    Raises:
        InvalidNameError: The name is not one.
        UsageError: The folder is a file, or the address of the remote cannot be used.
        ConflictError: The folder is not empty.
        GitError: Git is missing, fails, or does not know who commits.
        OperationalError: The folder cannot be written.
    """
    target = folder.absolute()
    stored = None if remote_url is None else stored_url(remote_url, target)
    files = registry_files(name=name, description=description, remote=stored, shard=shard, ci=ci)
    try:
        _clean_up(_existing(target))
        into_repository = _check_target(target)
        outer = None if into_repository else find_repository(_existing(target))
        made = _create(target, files, name, hooks=hooks, into_repository=into_repository)
    except OSError as exc:
        raise OperationalError(
            f"{folder} cannot be written: {exc.strerror}", remedy="nothing was written"
        ) from exc
    if outer is None:
        return made
    note = f"it is inside another Git repository, {outer.place}: do not add it there"
    return made._replace(notes=(*made.notes, note))


def _differs(place: Path, source: bytes) -> bool:
    """True if the path exists with other content."""
    if not os.path.lexists(place):
        return False
    return place.is_symlink() or not place.is_file() or place.read_bytes() != source


def add_ci(folder: Path, host: Host) -> AddedCi:
    """Add the files of a Git host's CI to the work tree of a registry; existing files are not overwritten.

    Args:
        folder: The registry's folder, or one in it.
        host: Whose CI runs them.

    Raises:
        NotARegistryError: The folder is not in a registry.
        OperationalError: The registry is a bare repository, or cannot be written.
        RefusedError: A folder on the path is a link that leads out of the registry.
    """
    repository = Repository.open(folder)
    try:
        catalog = Catalog(repository.work())
        named = text(catalog.settings, "remote")
        url = remote_url(catalog.tree.read(".dvc/config") or b"", named)
        wanted = ci_files(host, url)
        root = repository.git.work_tree or folder  # without one, publishing says so
        kept = [path for path, source in wanted.items() if _differs(root / path, source)]
        puts = {p: source for p, source in wanted.items() if not os.path.lexists(root / p)}
        publish(repository, lambda _: ChangeSet(f"Add CI for {host}", puts), Destination())
    finally:
        repository.close()
    return AddedCi(tuple(sorted(puts)), tuple(sorted(kept)))


def repair_ignore_rules(folder: Path) -> RepairedRules:
    """Rewrite the lines of ``.gitignore`` that `registry init` wrote, where the file hides manifests from Git or DVC.

    Other lines stay. The file is written in the work tree; nothing is committed, and other files are not checked: a
    manifest that is missing because it is hidden must not prevent the repair.

    Args:
        folder: The registry's folder, or one in it.

    Returns:
        Whether the file was written, and the other lines that hide manifests.

    Raises:
        NotARegistryError: The folder is not in a registry.
        OperationalError: The registry is a bare repository, or cannot be written.
        RefusedError: A folder on the path is a link that leads out of the registry.
    """
    repository = Repository.open(folder)
    try:
        catalog, root = Catalog(repository.work()), repository.git.work_tree or folder
        layout, source = catalog.layout, catalog.tree.read(_IGNORE)
        if source is not None and not list(find_hidden(parse_ignore_rules(source), layout)):
            return RepairedRules(written=False, left=())
        fresh = repaired_ignore_file(source or b"", layout.shard)
        if fresh != source:
            with exclusive(repository.git):
                steps = plan_steps(root, {_IGNORE: fresh}, frozenset())
                write_with_journal(repository.git, root, "Repair the ignore rules", steps)
        hidden = find_hidden(parse_ignore_rules(fresh), layout)
        left = {one.pattern.line: one.pattern.text for one in hidden}
        return RepairedRules(fresh != source, tuple(sorted(left.items())))
    finally:
        repository.close()
