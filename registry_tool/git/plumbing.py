"""The only module that runs the git program.

Rules, in one place: arguments are a list, never a shell line; what comes from a user or from the repository stands
behind ``--end-of-options`` or ``--``; output is NUL-separated; the environment is cleaned of everything that would
make Git look at another repository than the one named; only transports that cannot run a command are allowed. The one
exception is ``receiving_repository``: there, pushed objects are seen before they are accepted.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Final

from registry_tool.errors import GitTrouble, UsageError
from registry_tool.git.settings import Settings, is_true

__all__ = [
    "HEARD",
    "TRANSPORTS",
    "UNHEARD",
    "Git",
    "GitFailed",
    "clean_environment",
    "clone_bare",
    "find_repository",
    "receiving_repository",
]

# `git rev-parse --local-env-vars` (2.39): set by Git around hooks, and wrong for any other repository.
_LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_COUNT",
        "GIT_OBJECT_DIRECTORY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR",
        "GIT_INTERNAL_SUPER_PREFIX",
        # Not in that list; it forbids every change of a ref, and would do so in other repositories too.
        "GIT_QUARANTINE_PATH",
    }
)
# `git help receive-pack`, "Quarantine environment": where pushed objects lie until the hook has accepted them.
_QUARANTINE = (
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
)
# `ext::` and `fd::` run commands; Git's default refuses them too, but a user's configuration may not.
TRANSPORTS = "file:git:http:https:ssh"
# For what a command says or complains of: through a pipe, or nowhere.
HEARD: Final = subprocess.PIPE
UNHEARD: Final = subprocess.DEVNULL


_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitFailed(GitTrouble):
    """One git command ended with an error; ``status`` is its exit code and ``words`` what it said."""

    def __init__(self, message: str, *, status: int, words: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.words = words


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for git: ours, without what points at another repository."""
    env = {k: v for k, v in os.environ.items() if k not in _LOCAL_VARIABLES}
    env["LC_ALL"] = "C"  # messages are matched in a few places
    env["GIT_ALLOW_PROTOCOL"] = TRANSPORTS
    env["GIT_OPTIONAL_LOCKS"] = "0"  # reading must not rewrite the user's index
    # What `git replace` shows is one repository's view: a check of it would be no check of what others fetch.
    env["GIT_NO_REPLACE_OBJECTS"] = "1"
    env.setdefault("GIT_TERMINAL_PROMPT", "0")  # a library must not wait for a password
    env.update(extra or {})
    return env


def _git_program() -> str:
    for folder in (
        os.get_exec_path()
    ):  # not shutil.which, which brings compressors with it: 2 ms of a cold start
        program = os.path.join(folder, "git")  # noqa: PTH118 (asked for each command)
        if os.access(program, os.X_OK) and os.path.isfile(program):  # noqa: PTH113
            return program
    raise GitTrouble("git is not installed", remedy="install Git 2.38 or newer")


def _execute(
    command: Sequence[str],
    *,
    cwd: Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    allowed: Sequence[int] = (0,),
) -> bytes:
    done = subprocess.run(
        command, input=stdin, capture_output=True, env=clean_environment(env), cwd=cwd, check=False
    )
    if done.returncode not in allowed:
        words = done.stderr.decode(errors="replace").strip()
        last = words.splitlines()[-1] if words else f"exit code {done.returncode}"
        name = next((c for c in command[1:] if not c.startswith("-") and "=" not in c), "")
        raise GitFailed(f"git {name} failed: {last}", status=done.returncode, words=words)
    return done.stdout


def clone_bare(url: str, destination: Path, *options: str) -> None:
    """Clone a repository bare.

    Args:
        url: What ``git clone`` takes.
        destination: Where to make it.
        options: More of ``git clone``: what is to be left on the remote.

    Raises:
        GitFailed: It cannot be reached, or refuses.
    """
    arguments = ["clone", "--quiet", "--bare", *options, "--", url, str(destination)]
    _execute([_git_program(), *arguments], cwd=destination.parent)


def _loose(place: Path) -> str:
    """What a loose ref says; empty where it is packed, missing, or kept in another way."""
    try:
        said = place.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return said.rstrip("\n") if said.endswith("\n") else ""


class Git:
    """The git program, bound to one repository.

    Args:
        git_dir: The repository's ``.git`` folder, or the bare repository itself.
        work_tree: The folder with the checked-out files; None for a bare repository.
        own: Variables of the environment that count for this repository and for no other.
    """

    def __init__(
        self, git_dir: Path, work_tree: Path | None = None, *, own: Mapping[str, str] | None = None
    ) -> None:
        self.git_dir = git_dir
        self.work_tree = work_tree
        self._own = dict(own or {})

    def _command(self, arguments: Sequence[str]) -> list[str]:
        place = [f"--git-dir={self.git_dir}"]
        if self.work_tree is not None:
            place.append(f"--work-tree={self.work_tree}")
        # A hostile repository configuration may name programs to run on reads.
        return [_git_program(), *place, "-c", "core.fsmonitor=false", *arguments]

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        allowed: Sequence[int] = (0,),
    ) -> bytes:
        """The standard output of one git command.

        Raises:
            GitFailed: Its exit code is not among ``allowed``.
        """
        command = self._command(arguments)
        own = {**self._own, **(env or {})}
        return _execute(command, stdin=stdin, env=own, allowed=allowed, cwd=self.place)

    def line(self, *arguments: str) -> str:
        """The first line of one git command's output."""
        return self.run(*arguments).decode(errors="surrogateescape").split("\n", 1)[0]

    def config(self, key: str) -> str | None:
        """One configuration value, or None."""
        return self._settings.get(key) or None

    def flag(self, key: str) -> bool:
        """One configuration value as Git reads it: ``true``, ``yes``, ``on`` and ``1`` are true."""
        return is_true(self._settings.get(key))

    @cached_property
    def _settings(self) -> Settings:
        return Settings(self.git_dir, lambda: self.run("config", "--list", "-z", "--includes"))

    @cached_property
    def shared_dir(self) -> Path:
        """The folder that linked work trees share; the repository's own one everywhere else."""
        try:
            text = (self.git_dir / "commondir").read_text(errors="surrogateescape")
        except OSError:
            return self.git_dir
        return (self.git_dir / text.strip()).resolve()

    def head(self) -> str | None:
        """The commit HEAD is at, or None before the first commit."""
        branch = self.branch()
        commit = "" if branch is None else _loose(self.shared_dir / branch)
        if _ID.fullmatch(commit):
            return commit
        out = self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", allowed=(0, 1, 128))
        return out.decode().strip() or None

    def branch(self) -> str | None:
        """The full name of the checked-out branch, or None on a detached HEAD."""
        said = _loose(self.git_dir / "HEAD")
        # Where refs are not files (reftable), the file HEAD names what no branch can be.
        if said.startswith("ref: refs/heads/") and not said.endswith("/.invalid"):
            return said.removeprefix("ref: ")
        out = self.run("symbolic-ref", "--quiet", "HEAD", allowed=(0, 1, 128))
        return out.decode().strip() or None

    @property
    def place(self) -> Path:
        """The folder to name in messages."""
        return self.work_tree or self.git_dir

    def popen(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdout: int | IO[bytes] = HEARD,
        stderr: int = UNHEARD,
    ) -> subprocess.Popen[bytes]:
        """A git command that stays open, with pipes both ways unless it is to write elsewhere."""
        own = clean_environment({**self._own, **(env or {})})
        command = self._command(arguments)
        return subprocess.Popen(
            command, stdin=HEARD, stdout=stdout, stderr=stderr, env=own, cwd=self.place
        )


def _git_dir_of(folder: Path) -> Path | None:
    """The git directory of a folder that is a work tree's top or a bare repository."""
    dot_git = folder / ".git"
    if dot_git.is_dir():
        return dot_git
    if dot_git.is_file():  # linked work tree or submodule: "gitdir: PATH"
        text = dot_git.read_text(encoding="utf-8", errors="surrogateescape").strip()
        if text.startswith("gitdir: "):
            return (folder / text.removeprefix("gitdir: ")).resolve()
        return None
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir():
        return folder
    return None


def find_repository(start: Path) -> Git | None:
    """The repository that holds ``start``, or None; a folder inside a bare repository counts."""
    # The parents of `clone/../other` hold `clone`; without `..` a path stays as people wrote it, links and all.
    here = start.resolve() if ".." in start.parts else start.absolute()
    for folder in (here, *here.parents):
        git_dir = _git_dir_of(folder)
        if git_dir is not None:
            bare = git_dir == folder
            return Git(git_dir, None if bare else folder)
    return None


def receiving_repository() -> Git:
    """The repository that is being pushed to, for the hook pre-receive: it sees what is pushed.

    This is the only place where Git's variables for the quarantine pass, and they pass for this repository alone.

    Raises:
        UsageError: Git did not start this process as a hook.
    """
    git_dir = os.environ.get("GIT_DIR")
    if git_dir is None:
        raise UsageError(
            "this is for Git to call, in the hook pre-receive of a server",
            remedy="registry hooks install --server BARE_DIR",
        )
    own = {name: os.environ[name] for name in _QUARANTINE if name in os.environ}
    # A push that only deletes brings no objects and has no quarantine: without one, such variables are a stranger's.
    if own.get("GIT_QUARANTINE_PATH", "") != own.get("GIT_OBJECT_DIRECTORY"):
        own = {}
    return Git(Path(git_dir).absolute(), own=own)
