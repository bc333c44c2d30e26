"""Running git: the only module that starts the program.

Arguments are a list, never a shell line. Values from users or from the repository follow ``--end-of-options`` or ``--``.
Output is NUL-separated. The environment and the settings are fixed by ``environment``. If a repository belongs to
another user, its configuration is ignored (``ownership``). ``receiving_repository`` is the only exception: it also sees
pushed objects that are not accepted yet.
"""

from __future__ import annotations

import os
import re
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Final

from registry_tool.errors import GitError, UntrustedRepositoryError, UsageError
from registry_tool.git.config import Settings, is_true, parse_config_list
from registry_tool.git.environment import FIXED, clean_environment, with_settings
from registry_tool.git.ownership import are_ours, ceilings, make_view, read_start, reads_only
from registry_tool.git.remote.url import without_credentials

__all__ = [
    "CAPTURED",
    "DISCARDED",
    "BackgroundCommand",
    "Git",
    "GitCommandError",
    "clone_bare",
    "find_repository",
    "quote",
    "receiving_repository",
]

# `git help receive-pack`, "Quarantine environment": pushed objects are stored there until the hook accepts them.
_QUARANTINE = (
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
)
# For what a command says or complains of: through a pipe, or nowhere.
CAPTURED: Final = subprocess.PIPE
DISCARDED: Final = subprocess.DEVNULL


# For a repository that is not trusted: no transport, and nothing is fetched because it is missing.
_NO_REMOTE: Final = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}
# Of what Git says where `safe.bareRepository` is `explicit`.
_BARE: Final = "safe.bareRepository"
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitCommandError(GitError):
    """One git command ended with an error.

    Attributes:
        status: Its exit code.
        words: What it complained of.
        out: What it printed before.
    """

    def __init__(
        self, message: str, *, status: int, words: str, remedy: str = "", out: bytes = b""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.words = words
        self.out = out


def _git_program() -> str:
    for (
        folder
    ) in os.get_exec_path():  # not shutil.which, which imports compressors: 2 ms of a cold start
        program = os.path.join(folder, "git")  # noqa: PTH118 (runs for each command)
        if os.access(program, os.X_OK) and os.path.isfile(program):  # noqa: PTH113
            return program
    raise GitError("git is not installed", remedy="install Git 2.38 or newer")


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
        raise GitCommandError(
            without_credentials(f"git {name} failed: {last}"),
            status=done.returncode,
            words=words,
            out=done.stdout,
        )
    return done.stdout


def clone_bare(
    url: str, destination: Path, *options: str, settings: Mapping[str, str] | None = None
) -> None:
    """Clone a repository bare.

    Args:
        url: As for ``git clone``.
        destination: The new folder.
        options: More options of ``git clone``, such as filters.
        settings: Git settings for this command only, by name.

    Raises:
        GitCommandError: The server cannot be reached, or refuses.
    """
    arguments = ["clone", "--quiet", "--bare", *options, "--", url, str(destination)]
    env = with_settings({**FIXED, **(settings or {})})
    _execute([_git_program(), *arguments], cwd=destination.parent, env=env)


def quote(text: str) -> str:
    """A path for messages and for commands that are pasted into a shell."""
    # As shlex.quote, whose import costs more than the rest of this module's.
    plain = text and not re.search(r"[^\w@%+=:,./-]", text, re.ASCII)
    return text if plain else "'" + text.replace("'", "'\"'\"'") + "'"


def _refusal(git_dir: Path, folder: Path) -> str:
    """Why Git does not open a repository; empty if it does, as ``safe.directory`` may allow."""
    # The user's own settings from the command line apply, as they do for Git; ours do not matter here.
    own = {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG")}
    asked = [_git_program(), "rev-parse", "--absolute-git-dir"]
    dubious = f"detected dubious ownership in repository at {quote(os.path.realpath(folder))}"
    try:
        said = _execute(asked, cwd=folder, env={"GIT_CONFIG_COUNT": "0", **own})
    except GitCommandError as exc:
        first = exc.words.split("\n", 1)[0].removeprefix("fatal: ")
        return first if _BARE in first else dubious
    except OSError:  # not a folder that we may go into
        return dubious
    found = os.fsdecode(said.removesuffix(b"\n"))
    return "" if os.path.realpath(found) == os.path.realpath(git_dir) else dubious


def _remedy(distrust: str, folder: Path) -> str:
    place = quote(os.path.realpath(folder))
    if _BARE in distrust:
        return f"pass its path from another folder: --repo {place}"
    return f"git config --global --add safe.directory {place}"


def _loose(place: Path) -> str:
    """The content of a loose ref; empty if it is packed, missing, or stored in another format."""
    said = read_start(place)
    return said.decode().rstrip("\n") if said.endswith(b"\n") and said.isascii() else ""


class Git:
    """The git program, bound to one repository.

    Args:
        git_dir: The repository's ``.git`` folder, or the bare repository itself.
        work_tree: The folder with the checked-out files; None for a bare repository.
        own: Environment variables for this repository only.
        settings: Git settings for this repository only, by name; they are not written to a file.
        found: True for a bare repository that was not named but found around the current folder.
        vouched: True if Git itself has opened the repository and checked its owner.
    """

    def __init__(
        self,
        git_dir: Path,
        work_tree: Path | None = None,
        *,
        own: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        found: bool = False,
        vouched: bool = False,
    ) -> None:
        self.git_dir = git_dir
        self.work_tree = work_tree
        self.settings = dict(settings or {})
        self._own = {
            **(with_settings({**FIXED, **self.settings}) if settings else {}),
            **(own or {}),
        }
        self._found = found
        self._vouched = vouched

    @cached_property
    def distrust(self) -> str:
        """Why Git would ignore this repository's configuration, as a message of Git; empty if it applies."""
        if self._vouched:
            return ""
        top = self.work_tree
        places = [self.git_dir] if top is None else [top, top / ".git", self.git_dir]
        return "" if are_ours(places) and not self._found else _refusal(self.git_dir, self.place)

    @property
    def is_trusted(self) -> bool:
        """False for another user's repository: it is read, and its configuration is ignored."""
        return not self.distrust

    def check_trusted(self) -> None:
        """Check, before a write, that Git would apply this repository's configuration.

        Raises:
            UntrustedRepositoryError: It would not.
        """
        if self.distrust:
            raise UntrustedRepositoryError(self.distrust, remedy=self.remedy)

    @property
    def remedy(self) -> str:
        """The command that makes Git trust this repository."""
        return _remedy(self.distrust, self.place)

    @cached_property
    def _view(self) -> Path:
        """The folder of ours through which git reads an untrusted repository; deleted with this object."""
        import shutil
        import weakref

        config = self.shared_dir / "config"
        listing = ["config", "--list", "-z", "--no-includes", "--file", str(config)]
        said = _execute([_git_program(), *listing], cwd=Path(os.sep), env={"GIT_DIR": os.devnull})
        try:
            bare = self.work_tree is None
            view = make_view(self.git_dir, self.shared_dir, parse_config_list(said), bare=bare)
        except OSError as exc:
            raise UntrustedRepositoryError(self.distrust, remedy=self.remedy) from exc
        weakref.finalize(self, shutil.rmtree, view, ignore_errors=True)
        return view

    def _command(self, arguments: Sequence[str]) -> list[str]:
        if self.distrust and not reads_only(arguments):
            self.check_trusted()
        place = [f"--git-dir={self._view if self.distrust else self.git_dir}"]
        if self.work_tree is not None:
            place.append(f"--work-tree={self.work_tree}")
        return [_git_program(), *place, *arguments]

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        allowed: Sequence[int] = (0,),
    ) -> bytes:
        """The standard output of one git command.

        Raises:
            GitCommandError: Its exit code is not among ``allowed``.
        """
        command = self._command(arguments)
        return _execute(command, stdin=stdin, env=self._env(env), allowed=allowed, cwd=self.place)

    def _env(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        return {**self._own, **(extra or {}), **(_NO_REMOTE if self.distrust else {})}

    def line(self, *arguments: str) -> str:
        """The first line of one git command's output."""
        return self.run(*arguments).decode(errors="surrogateescape").split("\n", 1)[0]

    def config(self, key: str) -> str | None:
        """One configuration value, or None."""
        return self._configured.get(key) or None

    def flag(self, key: str) -> bool:
        """One configuration value as Git reads it: ``true``, ``yes``, ``on`` and ``1`` are true."""
        return is_true(self._configured.get(key))

    @cached_property
    def _configured(self) -> Settings:
        return Settings(self.git_dir, self._list_config)

    def _list_config(self) -> bytes:
        # As the user has them, and not as they are fixed for our own commands.
        return self.run("config", "--list", "-z", "--includes", env={"GIT_CONFIG_COUNT": "0"})

    @cached_property
    def shared_dir(self) -> Path:
        """The folder that linked work trees share; the repository's own one everywhere else."""
        text = read_start(self.git_dir / "commondir").decode(errors="surrogateescape")
        return (self.git_dir / text.strip()).resolve() if text else self.git_dir

    def head(self) -> str | None:
        """The commit HEAD is at, or None before the first commit."""
        branch = self.branch()
        commit = "" if branch is None else _loose(self.shared_dir / branch)
        if _ID.fullmatch(commit):
            return commit
        # `rev-parse HEAD` would find a tag of that name before the first commit.
        ref = branch or "HEAD"
        out = self.run("show-ref", "--verify", "--hash", "--", ref, allowed=(0, 1, 128))
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
        stdout: int | IO[bytes] = CAPTURED,
        stderr: int = DISCARDED,
    ) -> subprocess.Popen[bytes]:
        """A git command that stays open, with pipes both ways unless it is to write elsewhere."""
        command, own = self._command(arguments), clean_environment(self._env(env))
        return subprocess.Popen(
            command, stdin=CAPTURED, stdout=stdout, stderr=stderr, env=own, cwd=self.place
        )


def _find_git_dir(folder: Path) -> Path | None:
    """The git directory of a folder that is a work tree's top or a bare repository."""
    dot_git = folder / ".git"
    if dot_git.is_dir():
        return dot_git
    if dot_git.is_file():  # linked work tree or submodule: "gitdir: PATH"
        text = read_start(dot_git).decode(errors="surrogateescape").strip()
        if text.startswith("gitdir: "):
            return (folder / text.removeprefix("gitdir: ")).resolve()
        return None
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir():
        return folder
    return None


def find_repository(start: Path) -> Git | None:
    """The repository around ``start``, or None; a folder inside a bare repository counts.

    The owner is not checked here: see ``Git.distrust``.
    """
    # The parents of `clone/../other` include `clone`; without `..` a path stays as the user wrote it, links included.
    here = start.resolve() if ".." in start.parts else start.absolute()
    above = ceilings()
    for folder in (here, *here.parents):
        if folder != here and str(folder) in above:
            return None
        git_dir = _find_git_dir(folder)
        if git_dir is not None and git_dir != folder:
            return Git(git_dir, folder)
        if git_dir is not None:
            # A bare repository may be part of a checkout, with any committed content (safe.bareRepository).
            return Git(git_dir, found=folder != here or os.fspath(folder) == os.getcwd())  # noqa: PTH109
    return None


def receiving_repository() -> Git:
    """The repository that receives a push, for the hook pre-receive: it sees the pushed objects.

    Only here Git's variables for the quarantine are passed on, and only for this repository.

    Raises:
        UsageError: Git did not start this process as a hook.
    """
    git_dir = os.environ.get("GIT_DIR")
    if git_dir is None:
        raise UsageError(
            "only Git may run this, in the pre-receive hook of a server",
            remedy="registry hooks install --server BARE_DIR",
        )
    own = {name: os.environ[name] for name in _QUARANTINE if name in os.environ}
    # A push that only deletes refs has no objects and no quarantine; then such variables come from elsewhere.
    if own.get("GIT_QUARANTINE_PATH", "") != own.get("GIT_OBJECT_DIRECTORY"):
        own = {}
    return Git(Path(git_dir).absolute(), own=own, vouched=True)


def _end(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """End a process whose result is not needed any more."""
    if process.poll() is None:
        process.kill()
        process.wait()
    said.close()


def _somewhere() -> IO[bytes]:
    """An unnamed file. Not a pipe, which has room for 64 kB: git would wait for this process."""
    if hasattr(os, "memfd_create"):  # Linux; the module tempfile takes 3 ms to load
        return os.fdopen(os.memfd_create("git"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


class BackgroundCommand:
    """One git command, which begins at once; its answer is waited for when it is wanted, or never.

    Args:
        git: The repository.
        arguments: The command.
        allowed: The exit codes that are answers.
        env: Variables for it alone.
    """

    def __init__(
        self,
        git: Git,
        *arguments: str,
        allowed: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._git = git
        self._arguments = arguments
        self._allowed = allowed
        self._env = env
        self._said = _somewhere()
        self._process = git.popen(*arguments, stdout=self._said, env=env)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._finalizer = weakref.finalize(self, _end, self._process, self._said)

    def answer(self) -> bytes:
        """What git says; asked once.

        Raises:
            GitCommandError: The exit code is not among those allowed.
        """
        try:
            if self._process.wait() not in self._allowed:
                # Asked again, it says why.
                return self._git.run(*self._arguments, allowed=self._allowed, env=self._env)
            self._said.seek(0)
            return self._said.read()
        finally:
            self._finalizer()
