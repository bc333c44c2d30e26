"""Git hooks: the table for pre-commit and prek, and the scripts for plain Git.

Both do one thing, run ``registry check``. The table is written once, here; ``.pre-commit-hooks.yaml`` is generated from
it. The scripts lie in ``hooks/`` and are copied to where Git looks for hooks, with the interpreter that runs this
program written into the copy, so that they work outside its virtual environment too. A hook of somebody else is never
overwritten unless that is asked for, and is kept even then.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from registry_tool.derived import print_or_compare
from registry_tool.errors import Conflict, EnvironmentTrouble, NotARegistry, UsageError
from registry_tool.git.plumbing import Git
from registry_tool.resources import resource_text

__all__ = [
    "FRAMEWORK_HOOKS",
    "FrameworkHook",
    "Installed",
    "framework_yaml",
    "install_hooks",
    "main",
]


class FrameworkHook(NamedTuple):
    """One hook that pre-commit and prek offer from this repository."""

    id: str
    name: str
    description: str
    entry: str
    stages: tuple[str, ...]


# `--repo .`: a REGISTRY_REPO that is set for other work does not count in a hook.
FRAMEWORK_HOOKS: Final = (
    FrameworkHook(
        "registry-check",
        "check the registry",
        "Checks what is staged in a model registry: files, names, references, uniqueness.",
        "registry check --repo . --staged",
        ("pre-commit", "pre-merge-commit"),
    ),
    FrameworkHook(
        "registry-check-all",
        "check the whole registry",
        "Checks every file of a model registry; for CI and for a look by hand.",
        "registry check --repo . --all",
        ("manual",),
    ),
)
FRAMEWORK_FILE: Final = ".pre-commit-hooks.yaml"
_COMMAND: Final = f"python -m registry_tool.hooks > {FRAMEWORK_FILE}"

# What Git calls -> the script. Git runs pre-merge-commit, not pre-commit, for a merge without conflicts.
_SCRIPTS: Final = {
    "pre-commit": "pre-commit",
    "pre-merge-commit": "pre-commit",
    "pre-push": "pre-push",
}
_OURS: Final = "Installed by `registry hooks install`"
_UNSET: Final = "\npython=''\n"
_CHAIN: Final = {
    "pre-commit": "registry check --staged || exit 1",
    "pre-merge-commit": "registry check --staged || exit 1",
    "pre-push": "registry check --all || exit 1",
}


class Installed(NamedTuple):
    """One hook after installing.

    Attributes:
        path: Where it lies.
        state: ``kept``: it was there as it should be; ``replaced``: somebody else's lies beside it as ``NAME.replaced``.
    """

    path: Path
    state: Literal["installed", "updated", "kept", "replaced"]


def framework_yaml() -> str:
    """The text of ``.pre-commit-hooks.yaml``."""
    lines = [f"# Generated: {_COMMAND}"]
    for hook in FRAMEWORK_HOOKS:
        lines += [
            f"- id: {hook.id}",
            f"  name: {hook.name}",
            f'  description: "{hook.description}"',
            f"  entry: {hook.entry}",
            "  language: python",
            # The check needs every file that is staged, also where none of a certain type changed.
            "  always_run: true",
            "  pass_filenames: false",
            "  require_serial: true",
            f"  stages: [{', '.join(hook.stages)}]",
            '  minimum_pre_commit_version: "3.2.0"',
        ]
    return "\n".join(lines) + "\n"


def _common_folder(git: Git) -> Path:
    """The ``.git`` folder that linked work trees share."""
    return (git.place / git.line("rev-parse", "--git-common-dir")).resolve()


def _is_inside(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _script(name: str, python: str) -> bytes:
    text = resource_text(f"hooks/{_SCRIPTS[name]}")
    if _UNSET not in text:
        raise EnvironmentTrouble(
            f"the script hooks/{_SCRIPTS[name]} of this installation is broken"
        )
    return text.replace(_UNSET, f"\npython={shlex.quote(python)}\n").encode()


def _state(path: Path, source: bytes) -> Literal["installed", "updated", "kept", "replaced"]:
    """What writing a hook would be; a link, even a broken one, is somebody else's."""
    if not os.path.lexists(path):
        return "installed"
    if path.is_symlink() or not path.is_file():
        return "replaced"
    before = path.read_bytes()
    if before == source and os.access(path, os.X_OK):
        return "kept"
    return "updated" if _OURS.encode() in before else "replaced"


def _free_name(path: Path) -> Path:
    """Where a replaced hook goes: nothing that was kept before is lost."""
    kept = path.with_name(f"{path.name}.replaced")
    number = 1
    while os.path.lexists(kept):
        number += 1
        kept = path.with_name(f"{path.name}.replaced-{number}")
    return kept


def _write(path: Path, source: bytes, state: str) -> None:
    if state == "kept":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if state == "replaced":
        path.rename(_free_name(path))
    new = path.with_name(f".{path.name}.new-{os.getpid()}")
    try:
        new.write_bytes(source)
        new.chmod(new.stat().st_mode | 0o111)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _hooks_folder(git: Git, *, force: bool) -> tuple[Path, bool]:
    """Where Git takes hooks from, and whether that is a place of this machine alone, not a committed one."""
    top = git.work_tree
    if top is None:
        raise UsageError(
            f"{git.git_dir} is a bare repository: nobody commits in it",
            remedy="install the hooks in a clone",
        )
    if not (top / "registry.yaml").is_file():
        raise NotARegistry(
            f"{top} is a Git repository but not a registry: it has no registry.yaml",
            remedy="make one: registry init DIR --name NAME",
        )
    folder = (top / git.line("rev-parse", "--git-path", "hooks")).resolve()
    if _is_inside(folder, _common_folder(git)):
        return folder, True
    if not force and not _is_inside(folder, top.resolve()):
        raise Conflict(
            f"Git takes the hooks from {folder} (core.hooksPath), which other repositories may share",
            remedy="give this one its own: git config --local core.hooksPath .git/hooks; or install there with --force",
        )
    return folder, False


def install_hooks(
    git: Git, *, force: bool = False, python: str | None = None
) -> tuple[Installed, ...]:
    """Put the hooks where Git looks for them; again and again gives the same.

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
    folder, private = _hooks_folder(git, force=force)
    interpreter = (sys.executable if python is None else python) if private else ""
    sources = {folder / name: _script(name, interpreter) for name in _SCRIPTS}
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
        raise EnvironmentTrouble(f"{folder} cannot be written: {exc.strerror}") from exc
    return tuple(Installed(path, state) for path, state in states.items())


def main(arguments: Sequence[str]) -> int:
    """``python -m registry_tool.hooks [--check]``: print the generated file, or compare it."""
    return print_or_compare(framework_yaml, FRAMEWORK_FILE, "registry_tool.hooks", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
