"""Hooks for plain Git: scripts, put where Git looks for them, in a clone or in the bare repository of a server.

The scripts lie in ``hooks/`` and are copied, with the interpreter that runs this program written into the copy, so that
they work outside its virtual environment too. A hook of somebody else is never overwritten unless that is asked for, and
nothing that somebody wrote is lost even then: it is kept beside the new one.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from registry_tool.errors import Conflict, EnvironmentTrouble, NotARegistry, UsageError
from registry_tool.git.plumbing import Git
from registry_tool.resources import resource_text

__all__ = ["Installed", "install_hooks", "install_server_hook", "look_at_hooks", "look_at_server"]

State = Literal["installed", "updated", "kept", "edited", "replaced"]

# What Git calls -> the script. Git runs pre-merge-commit, not pre-commit, for a merge without conflicts.
_CLONE: Final = {
    "pre-commit": "pre-commit",
    "pre-merge-commit": "pre-commit",
    "pre-push": "pre-push",
}
_SERVER: Final = {"pre-receive": "pre-receive"}
_OURS: Final = b"Installed by `registry hooks install"
_UNSET: Final = "\npython=''\n"
_PYTHON: Final = re.compile(rb"^python=.*$", re.MULTILINE)
_CHAIN: Final = {
    "pre-commit": "registry check --staged || exit 1",
    "pre-merge-commit": "registry check --staged || exit 1",
    "pre-push": "registry check --all || exit 1",
    "pre-receive": "registry hooks receive || exit 1",
}
_KEEP: Final = frozenset({"edited", "replaced"})


class Installed(NamedTuple):
    """One hook after installing; or where nothing is installed, what installing would be.

    Attributes:
        path: Where it lies.
        state: ``kept``: it was there as it should be; ``edited``: it was one of ours with other words in it, and
            ``replaced``: somebody else's; both lie beside it as ``NAME.replaced``.
    """

    path: Path
    state: State


class _Folder(NamedTuple):
    """Where Git takes hooks from, and the interpreter to write into them; empty where other machines read them too."""

    path: Path
    python: str


def _common_folder(git: Git) -> Path:
    """The ``.git`` folder that linked work trees share."""
    return (git.place / git.line("rev-parse", "--git-common-dir")).resolve()


def _is_inside(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _sources(scripts: Mapping[str, str], folder: _Folder) -> dict[Path, bytes]:
    return {folder.path / name: _source(script, folder.python) for name, script in scripts.items()}


def _source(script: str, python: str) -> bytes:
    text = resource_text(f"hooks/{script}")
    if _UNSET not in text:
        raise EnvironmentTrouble(f"the script hooks/{script} of this installation is broken")
    return text.replace(_UNSET, f"\npython={shlex.quote(python)}\n").encode()


def _state(path: Path, source: bytes) -> State:
    """What writing a hook would be; a link, even a broken one, is somebody else's."""
    if not os.path.lexists(path):
        return "installed"
    if path.is_symlink() or not path.is_file():
        return "replaced"
    before = path.read_bytes()
    if before == source and os.access(path, os.X_OK):
        return "kept"
    if _OURS not in before:
        return "replaced"
    same = _PYTHON.sub(b"", before, count=1) == _PYTHON.sub(b"", source, count=1)
    return "updated" if same else "edited"


def _free_name(path: Path) -> Path:
    """Where a replaced hook goes: nothing that was kept before is lost."""
    kept = path.with_name(f"{path.name}.replaced")
    number = 1
    while os.path.lexists(kept):
        number += 1
        kept = path.with_name(f"{path.name}.replaced-{number}")
    return kept


def _keep(path: Path) -> None:
    """Keep what lies at a path beside it. A file stays until the new one takes its place: no push slips through."""
    if path.is_dir() and not path.is_symlink():
        path.rename(_free_name(path))
    else:
        shutil.copy2(path, _free_name(path), follow_symlinks=False)


def _write(path: Path, source: bytes, state: State) -> None:
    if state == "kept":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if state in _KEEP:
        _keep(path)
    new = path.with_name(f".{path.name}.new-{os.getpid()}")
    try:
        new.write_bytes(source)
        new.chmod(new.stat().st_mode | 0o111)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _shared(folder: Path, own: str) -> Conflict:
    return Conflict(
        f"Git takes the hooks from {folder} (core.hooksPath), which other repositories may share",
        remedy=f"give this one its own: git config --local core.hooksPath {own}; or install there with --force",
    )


def _clone_folder(git: Git, python: str, *, force: bool) -> _Folder:
    """Of a clone; hooks that are committed themselves get no interpreter of this machine."""
    top = git.work_tree
    if top is None:
        raise UsageError(
            f"{git.git_dir} is a bare repository: nobody commits in it",
            remedy=f"install the hooks in a clone; or as a server: registry hooks install --server {git.git_dir}",
        )
    if not (top / "registry.yaml").is_file():
        raise NotARegistry(
            f"{top} is a Git repository but not a registry: it has no registry.yaml",
            remedy="make one: registry init DIR --name NAME",
        )
    folder = (top / git.line("rev-parse", "--git-path", "hooks")).resolve()
    if _is_inside(folder, _common_folder(git)):
        return _Folder(folder, python)
    if not force and not _is_inside(folder, top.resolve()):
        raise _shared(folder, ".git/hooks")
    return _Folder(folder, "")


def _server_folder(git: Git, python: str, *, force: bool) -> _Folder:
    """Of a bare repository; its hooks run on this machine, wherever they lie."""
    if git.work_tree is not None or not git.flag("core.bare"):
        raise UsageError(
            f"{git.place} is no bare repository, and a server takes pushes in one",
            remedy="make one: git init --bare --initial-branch=main DIR; or: git clone --bare REGISTRY DIR",
        )
    folder = (git.git_dir / git.line("rev-parse", "--git-path", "hooks")).resolve()
    if not force and not _is_inside(folder, git.git_dir.resolve()):
        raise _shared(folder, "hooks")
    return _Folder(folder, python)


def _install(folder: _Folder, scripts: Mapping[str, str], *, force: bool) -> tuple[Installed, ...]:
    sources = _sources(scripts, folder)
    try:
        states = {path: _state(path, source) for path, source in sources.items()}
        strangers = [path for path, state in states.items() if state == "replaced"]
        if strangers and not force:
            path = strangers[0]
            raise Conflict(
                f"{path} is a hook of somebody else, nothing was written",
                remedy=f"call this one from it, with the line `{_CHAIN[path.name]}`; or replace it with --force",
            )
        for path, source in sources.items():
            _write(path, source, states[path])
    except OSError as exc:
        raise EnvironmentTrouble(f"{folder.path} cannot be written: {exc.strerror}") from exc
    return tuple(Installed(path, state) for path, state in states.items())


def install_hooks(
    git: Git, *, force: bool = False, python: str | None = None
) -> tuple[Installed, ...]:
    """Put the hooks of a clone where Git looks for them; again and again gives the same.

    Args:
        git: A repository with a work tree.
        force: Replace hooks of somebody else, too; each is kept beside its place.
        python: The interpreter that has this package; the running one by default.

    Returns:
        The hooks in the order Git calls them.

    Raises:
        NotARegistry: The repository has no ``registry.yaml``.
        UsageError: The repository is bare.
        Conflict: There is a hook of somebody else, or the folder is shared; nothing was written.
        EnvironmentTrouble: The folder cannot be written.
    """
    folder = _clone_folder(git, sys.executable if python is None else python, force=force)
    return _install(folder, _CLONE, force=force)


def install_server_hook(
    git: Git, *, force: bool = False, python: str | None = None
) -> tuple[Installed, ...]:
    """Put the hook of a server where Git looks for it; again and again gives the same.

    Args:
        git: A bare repository, empty or not.
        force: As for ``install_hooks``.
        python: As for ``install_hooks``.

    Raises:
        UsageError: The repository has a work tree.
        Conflict: There is a hook of somebody else, or the folder is shared; nothing was written.
        EnvironmentTrouble: The folder cannot be written.
    """
    folder = _server_folder(git, sys.executable if python is None else python, force=force)
    return _install(folder, _SERVER, force=force)


def _look(folder: _Folder, scripts: Mapping[str, str]) -> tuple[Installed, ...]:
    sources = _sources(scripts, folder)
    return tuple(Installed(path, _state(path, source)) for path, source in sources.items())


def look_at_hooks(git: Git) -> tuple[Installed, ...]:
    """What ``install_hooks`` would do to each hook; nothing is written."""
    return _look(_clone_folder(git, sys.executable, force=True), _CLONE)


def look_at_server(git: Git) -> tuple[Installed, ...]:
    """What ``install_server_hook`` would do to the hook; nothing is written."""
    return _look(_server_folder(git, sys.executable, force=True), _SERVER)
