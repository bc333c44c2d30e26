"""A question that git works on while we do something else."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING

from registry_tool.git.plumbing import Git

if TYPE_CHECKING:
    import subprocess

__all__ = ["Asked"]


def _end(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """End a process that nobody waits for any more."""
    if process.poll() is None:
        process.kill()
        process.wait()
    said.close()


def _somewhere() -> IO[bytes]:
    """A file without a name. Not a pipe, which holds 64 kB: git would wait for us."""
    if hasattr(os, "memfd_create"):  # Linux; the module tempfile takes 3 ms to load
        return os.fdopen(os.memfd_create("git"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


class Asked:
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
            GitFailed: The exit code is not among those allowed.
        """
        try:
            if self._process.wait() not in self._allowed:
                # Asked again, it says why.
                return self._git.run(*self._arguments, allowed=self._allowed, env=self._env)
            self._said.seek(0)
            return self._said.read()
        finally:
            self._finalizer()
