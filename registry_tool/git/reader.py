"""Reading objects: one long-lived git process for all of them, started when it is first asked."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Final

from registry_tool.errors import EnvironmentTrouble, GitTrouble, OfflineError
from registry_tool.git.addresses import without_credentials
from registry_tool.git.plumbing import Git, GitFailed

if TYPE_CHECKING:
    import subprocess

__all__ = ["BlobReader"]

# What a full id names never changes. A change asks for the same few files of the registry and a model again and again.
_FIXED: Final = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})(?::.*)?", re.DOTALL)
_KEPT: Final = 128
_SMALL: Final = 16 * 1024
_REVISION = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (\w+) (\d+)\n?")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a process, end it, and wait for it."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    # One that waits for a server or a disk does not see that its pipes are closed; on this signal git still tidies up.
    process.terminate()
    process.wait()


def _answer(stdout: IO[bytes], limit: int | None) -> tuple[str, str, bytes] | None:
    """One answer of ``git cat-file --batch``; ValueError when it is none."""
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


class BlobReader:
    """One long-lived ``git cat-file --batch``: objects by id or by ``revision:path``; safe for threads."""

    def __init__(self, git: Git, env: Mapping[str, str] | None = None) -> None:
        self._git = git
        self._env = env
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, str, bytes]] = {}
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
            GitTrouble: The git program went away.
            OfflineError: A partial clone could not fetch the blob.
        """
        if "\n" in name or name.endswith("\r"):  # a name ends with its line
            return None
        with self._lock:
            if name in self._kept:
                oid, kind, data = self._kept[name]
                return oid, kind, data if limit is None else data[: limit + 1]
            try:
                found = self._ask(name, limit)
            except (BrokenPipeError, ValueError) as exc:
                self._stop()
                raise self._trouble(name) from exc
            self._keep(name, found, limit)
            return found

    def _keep(self, name: str, found: tuple[str, str, bytes] | None, limit: int | None) -> None:
        """Keep a small object that is whole, under a name that always means it; of many the oldest goes."""
        whole = found is not None and (limit is None or len(found[2]) <= limit)
        if found is not None and whole and len(found[2]) <= _SMALL and _FIXED.fullmatch(name):
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[name] = found

    def read_many(
        self, names: Sequence[str], *, limit: int | None = None
    ) -> list[tuple[str, str, bytes] | None]:
        """As ``read`` for several objects, in their order: asked for at once, so that git works while we read.

        Args:
            names: Object ids or ``revision:path``, few enough to fit in a pipe (a thousand ids do).
            limit: As for ``read``.

        Raises:
            GitTrouble: The git program went away.
            OfflineError: A partial clone could not fetch a blob.
        """
        with self._lock:
            try:
                stdin, stdout = self._pipes()
                stdin.write("".join(f"{name}\n" for name in names).encode())
                stdin.flush()
                return [_answer(stdout, limit) for _ in names]
            except (BrokenPipeError, ValueError) as exc:
                self._stop()
                raise self._trouble(names[0]) from exc

    def _trouble(self, name: str) -> EnvironmentTrouble:
        """What git says when it is asked for that one object."""
        try:
            self._git.run("cat-file", "-e", name, env=self._env)
        except GitFailed as failed:
            said = [
                w for w in failed.words.splitlines() if w.startswith(("fatal:", "error:", "ssh:"))
            ]
            words = without_credentials(said[0]) if said else failed.message
        else:
            words = "git went away"
        message = f"{name!a} cannot be read in {self._git.place}: {words}"
        if self._git.flag("remote.origin.promisor"):
            return OfflineError(
                message,
                remedy="the clone leaves files on its remote until they are read: is it reachable?",
            )
        return GitTrouble(message, remedy="see what is broken: git fsck")

    def _ask(self, name: str, limit: int | None) -> tuple[str, str, bytes] | None:
        stdin, stdout = self._pipes()
        stdin.write(name.encode(errors="surrogateescape") + b"\n")
        stdin.flush()
        return _answer(stdout, limit)

    def _stop(self) -> None:
        self._process = None
        if self._finalizer is not None:
            self._finalizer()

    def close(self) -> None:
        """End the git process; a later read starts another."""
        with self._lock:
            self._stop()
