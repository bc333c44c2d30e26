"""The only module that runs the git program.

Rules, in one place: arguments are a list, never a shell line; what comes from a user or from the repository stands
behind ``--end-of-options`` or ``--``; output is NUL-separated; the environment is cleaned of everything that would
make Git look at another repository than the one named; only transports that cannot run a command are allowed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from registry_tool.errors import GitTrouble

__all__ = [
    "TRANSPORTS",
    "BlobReader",
    "Git",
    "GitFailed",
    "clean_environment",
    "clone_bare",
    "find_repository",
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
    }
)
# `ext::` and `fd::` run commands; Git's default refuses them too, but a user's configuration may not.
TRANSPORTS = "file:git:http:https:ssh"
_REVISION = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (\w+) (\d+)\n?")


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
    env.setdefault("GIT_TERMINAL_PROMPT", "0")  # a library must not wait for a password
    env.update(extra or {})
    return env


def _git_program() -> str:
    program = shutil.which("git")
    if program is None:
        raise GitTrouble("git is not installed", remedy="install Git 2.38 or newer")
    return program


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


def clone_bare(url: str, destination: Path, *, filters: Sequence[str] = ()) -> None:
    """Clone a repository bare, without the objects that filters leave on the remote.

    Raises:
        GitFailed: It cannot be reached, or refuses.
    """
    chosen = [f"--filter={word}" for word in filters]
    arguments = ["clone", "--quiet", "--bare", *chosen, "--", url, str(destination)]
    _execute([_git_program(), *arguments], cwd=destination.parent)


class Git:
    """The git program, bound to one repository.

    Args:
        git_dir: The repository's ``.git`` folder, or the bare repository itself.
        work_tree: The folder with the checked-out files; None for a bare repository.
    """

    def __init__(self, git_dir: Path, work_tree: Path | None = None) -> None:
        self.git_dir = git_dir
        self.work_tree = work_tree

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
        return _execute(command, stdin=stdin, env=env, allowed=allowed, cwd=self.place)

    def line(self, *arguments: str) -> str:
        """The first line of one git command's output."""
        return self.run(*arguments).decode(errors="surrogateescape").split("\n", 1)[0]

    def config(self, key: str) -> str | None:
        """One configuration value, or None."""
        out = self.run("config", "--get", key, allowed=(0, 1))
        return out.decode(errors="replace").rstrip("\n") or None

    def flag(self, key: str) -> bool:
        """One configuration value as Git reads it: ``true``, ``yes``, ``on`` and ``1`` are true."""
        out = self.run("config", "--type=bool", "--get", key, allowed=(0, 1, 128))
        return out.strip() == b"true"

    def head(self) -> str | None:
        """The commit HEAD is at, or None before the first commit."""
        out = self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", allowed=(0, 1, 128))
        return out.decode().strip() or None

    def branch(self) -> str | None:
        """The full name of the checked-out branch, or None on a detached HEAD."""
        out = self.run("symbolic-ref", "--quiet", "HEAD", allowed=(0, 1, 128))
        return out.decode().strip() or None

    @property
    def place(self) -> Path:
        """The folder to name in messages."""
        return self.work_tree or self.git_dir

    def popen(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A git command that stays open, with pipes both ways."""
        return subprocess.Popen(
            self._command(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(env),
            cwd=self.place,
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a process, which ends it, and wait for it."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    process.wait()


class BlobReader:
    """One long-lived ``git cat-file --batch``: objects by id or by ``revision:path``; safe for threads."""

    def __init__(self, git: Git, env: Mapping[str, str] | None = None) -> None:
        self._git = git
        self._env = env
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., BlobReader] | None = None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        process = self._process
        if process is None or process.poll() is not None:
            self._stop()
            process = self._process = self._git.popen("cat-file", "--batch", env=self._env)
            # A registry that nobody closes takes its process along when it is collected.
            self._finalizer = weakref.finalize(self, _end, process)
        if process.stdin is None or process.stdout is None:
            raise GitTrouble("git cat-file has no pipes")
        return process.stdin, process.stdout

    def read(self, name: str, *, limit: int | None = None) -> tuple[str, str, bytes] | None:
        """The object's id, type and bytes; None when there is no such object.

        With ``limit``, at most ``limit`` + 1 bytes come back, so that a caller sees that there were more.

        Raises:
            GitTrouble: The git program went away, or could not fetch a blob of a partial clone.
        """
        if "\n" in name or name.endswith("\r"):  # a name ends with its line
            return None
        with self._lock:
            try:
                return self._ask(name, limit)
            except (BrokenPipeError, ValueError) as exc:
                self._stop()
                raise self._trouble(name) from exc

    def _trouble(self, name: str) -> GitTrouble:
        """What git says when it is asked for that one object."""
        try:
            self._git.run("cat-file", "-e", name, env=self._env)
        except GitFailed as failed:
            said = [
                w for w in failed.words.splitlines() if w.startswith(("fatal:", "error:", "ssh:"))
            ]
            words = said[0] if said else failed.message
        else:
            words = "git went away"
        return GitTrouble(
            f"{name!a} cannot be read in {self._git.place}: {words}",
            remedy="in a partial clone it must be fetched: is the remote reachable?",
        )

    def _ask(self, name: str, limit: int | None) -> tuple[str, str, bytes] | None:
        stdin, stdout = self._pipes()
        stdin.write(name.encode(errors="surrogateescape") + b"\n")
        stdin.flush()
        header = stdout.readline()
        match = _REVISION.fullmatch(header)
        if match is None:
            if header.endswith((b" missing\n", b" ambiguous\n", b" submodule\n")):
                return None
            raise ValueError(header)
        size = int(match[3])
        wanted = size if limit is None else min(size, limit + 1)
        data = stdout.read(wanted)
        rest = size - wanted + 1
        while rest > 0:
            chunk = stdout.read(min(rest, 1 << 20))
            if not chunk:
                raise ValueError(header)
            rest -= len(chunk)
        return match[1].decode(), match[2].decode(), data

    def _stop(self) -> None:
        self._process = None
        if self._finalizer is not None:
            self._finalizer()

    def close(self) -> None:
        """End the git process; a later read starts another."""
        with self._lock:
            self._stop()


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
    here = start.absolute()
    for folder in (here, *here.parents):
        git_dir = _git_dir_of(folder)
        if git_dir is not None:
            bare = git_dir == folder
            return Git(git_dir, None if bare else folder)
    return None
