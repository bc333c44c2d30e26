"""Moving branches by one kept git process: a compare-and-swap without starting a program for each."""

from __future__ import annotations

import contextlib
import weakref
from typing import IO, TYPE_CHECKING, Final

from registry_tool.errors import GitError, StaleBaseError
from registry_tool.git.command import CAPTURED, Git
from registry_tool.git.commit import explain_failed_update

if TYPE_CHECKING:
    import subprocess

__all__ = ["RefMover"]

# How Git says that a branch that should move does not exist.
_GONE: Final = "unable to resolve reference"
_OK: Final = (b"start: ok\n", b"commit: ok\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    process.terminate()  # not a kill: git then removes its locks
    process.wait()


class RefMover:
    """One ``git update-ref --stdin``, which starts on first use and again after an error.

    Args:
        git: The repository.
        message: What the reflog says of each move, where there is one.
    """

    def __init__(self, git: Git, message: str) -> None:
        self._git = git
        self._message = message
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., RefMover] | None = None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        process = self._process
        if process is None or process.poll() is not None:
            self.close()
            arguments = ("update-ref", "-m", self._message, "--stdin", "-z")
            process = self._process = self._git.popen(*arguments, stderr=CAPTURED)
            self._finalizer = weakref.finalize(self, _end, process)
        if process.stdin is None or process.stdout is None:
            raise GitError("git update-ref started without pipes")
        return process.stdin, process.stdout

    def move(self, ref: str, commit: str, before: str) -> None:
        """Move a branch.

        Args:
            ref: Its full name.
            commit: The full id of its new commit.
            before: The id of its present commit; empty if it must not exist yet.

        Raises:
            StaleBaseError: It is at another commit.
            GitError: Git does not move it; or another git command is moving it, or was killed while doing so.
        """
        words = ["start", f"update {ref}", commit, before or "0" * len(commit), "commit", ""]
        raw = "\0".join(words).encode(errors="surrogateescape")
        said = self._send(raw)
        if not said and self._was_killed():
            said = self._send(
                raw
            )  # nothing was answered, so nothing moved, or the second one says so
        if said != _OK:
            raise self._explain(ref)

    def _send(self, raw: bytes) -> tuple[bytes, ...]:
        """The answers to one transaction, as many as came."""
        stdin, stdout = self._pipes()
        try:
            stdin.write(raw)
            stdin.flush()
        except BrokenPipeError:  # its last words say why
            return ()
        # https://git-scm.com/docs/git-update-ref: each step of a transaction is answered.
        return tuple(filter(None, (stdout.readline() for _ in _OK)))

    def _was_killed(self) -> bool:
        return self._process is not None and self._process.wait() < 0

    def _explain(self, ref: str) -> GitError | StaleBaseError:
        process = self._process
        if process is None or process.stderr is None:
            return GitError("git update-ref ended unexpectedly")
        words = process.stderr.read().decode(errors="replace").strip()
        status = process.wait()
        self.close()
        if _GONE in words:
            return StaleBaseError(f"{ref} was deleted", remedy="git branch --list")
        return explain_failed_update(ref, words, status)

    def close(self) -> None:
        """End the process; a later move starts another."""
        self._process = None
        if self._finalizer is not None:
            self._finalizer()
