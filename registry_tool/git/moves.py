"""A branch that is about to move: Git's own program does it, started before it is needed.

Starting a program takes longer than moving a branch. So it is started first, and waits while the objects are written;
it is told where to at the very end. Everything that Git does with a ref (hooks, reflogs, packed refs, other formats)
is done by it, in the one transaction that it makes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from registry_tool.errors import GitTrouble, StaleBase
from registry_tool.git.plumbing import HEARD, UNHEARD, Git, GitFailed

if TYPE_CHECKING:
    import subprocess

__all__ = ["Move"]


class Move:
    """One branch, and the program that will move it. Use it in a ``with`` block; without ``to`` nothing moves.

    Args:
        git: The repository.
        ref: The full name of the branch.
        message: What the reflog is to say.
    """

    def __init__(self, git: Git, ref: str, message: str) -> None:
        self._git = git
        self._ref = ref
        self._arguments = ("update-ref", "--create-reflog", "-m", message, "--stdin", "-z")
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._git.popen(*self._arguments, stdout=UNHEARD, stderr=HEARD)
        # A transaction that is not committed in so many words never is, even when this process is killed.
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
            process.terminate()  # gently: then git takes its locks away, should it hold any
        for pipe in (process.stdin, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()

    def to(self, commit: str, before: str) -> None:
        """Move the branch.

        Args:
            commit: The full id of the commit it is to be at.
            before: The one it is at; empty when it must not be there yet.

        Raises:
            StaleBase: It is somewhere else.
            GitTrouble: Git does not move it; or another git command does, or was killed at it.
        """
        if self._process.poll() is not None:  # somebody ended it
            self._end()
            self._process = self._start()
        words = [f"update {self._ref}", commit, before or "0" * len(commit), "commit", ""]
        said = self._told("\0".join(words).encode(errors="surrogateescape"))
        if self._process.wait() != 0:
            raise self._trouble(said.decode(errors="replace").strip())

    def _told(self, words: bytes) -> bytes:
        """Say what to do, and hear what the program complains of until it ends."""
        stdin, stderr = self._process.stdin, self._process.stderr
        if stdin is None or stderr is None:
            raise GitTrouble("git update-ref has no pipes")
        with contextlib.suppress(BrokenPipeError):  # it says why
            stdin.write(words)
            stdin.close()
        return stderr.read()

    def _trouble(self, words: str) -> GitTrouble | StaleBase:
        branch = self._ref.removeprefix("refs/heads/")
        if "but expected" in words or "already exists" in words:
            return StaleBase(
                f"{branch} moved while the change was made", remedy="make the change again"
            )
        status = self._process.returncode
        last = words.splitlines()[-1] if words else f"exit code {status}"
        if "File exists" in words:
            return GitTrouble(
                f"a git command is moving {branch}, or one was killed at it: {last}",
                remedy="when no git command is running, remove the file that ends in .lock",
            )
        return GitFailed(f"git update-ref failed: {last}", status=status, words=words)
