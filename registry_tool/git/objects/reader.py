"""Reading objects through one long-lived git process, which starts on first use.

``PartialCloneReader`` fetches missing objects of a partial clone in few requests. Git itself would fetch a missing object
when it is read, a folder with everything below it, with a process and a connection for each.
"""

from __future__ import annotations

import contextlib
import re
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING, Final

from registry_tool.errors import GitError, OfflineError, OperationalError
from registry_tool.git.command import Git, GitCommandError
from registry_tool.git.remote.url import without_credentials

if TYPE_CHECKING:
    import subprocess

__all__ = [
    "ALONE",
    "WITH_FILES",
    "BlobReader",
    "PartialCloneReader",
    "fetch_objects",
    "list_missing",
    "promisor_options",
    "request_objects",
]

# An object never changes. A command reads the same few files of the registry and a model repeatedly.
_FIXED: Final = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})(?::.*)?", re.DOTALL)
_KEPT: Final = 4096
_KEPT_BYTES: Final = 4 << 20
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
    """One response of ``git cat-file --batch``; ValueError if it is malformed."""
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
        self._kept_bytes = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., BlobReader] | None = None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        process = self._process
        if process is None or process.poll() is not None:
            self._stop()
            process = self._process = self._git.popen("cat-file", "--batch", env=self._env)
            # If a registry is never closed, its process ends when it is collected.
            self._finalizer = weakref.finalize(self, _end, process)
        if process.stdin is None or process.stdout is None:
            raise GitError("git cat-file started without pipes")
        return process.stdin, process.stdout

    def read(self, name: str, *, limit: int | None = None) -> tuple[str, str, bytes] | None:
        """The object's id, type and bytes; None when there is no such object.

        With ``limit``, at most ``limit`` + 1 bytes come back, so that a caller sees that there were more.

        Raises:
            GitError: git exited unexpectedly.
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
        if found is None or not whole or len(found[2]) > _SMALL or not _FIXED.fullmatch(name):
            return
        if name not in self._kept:
            self._kept_bytes += len(found[2])
            self._kept[name] = found
        while len(self._kept) > _KEPT or self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.pop(next(iter(self._kept)))[2])

    def read_ahead(self, oids: Iterable[str], *, limit: int) -> None:
        """Read some objects that ``read`` will be asked for, with one request; large ones are left to it.

        Args:
            oids: Full ids, at most some hundreds.
            limit: How many bytes of each are read.

        Raises:
            GitError: git exited unexpectedly.
            OfflineError: A partial clone could not fetch a blob.
        """
        with self._lock:
            unknown = [oid for oid in dict.fromkeys(oids) if oid not in self._kept]
        answers = self.read_many(unknown, limit=limit)
        with self._lock:
            for oid, found in zip(unknown, answers, strict=True):
                self._keep(oid, found, limit)

    def read_many(
        self, names: Sequence[str], *, limit: int | None = None
    ) -> list[tuple[str, str, bytes] | None]:
        """As ``read`` for several objects, in their order, with one request, so that git works while this process reads.

        Args:
            names: Object ids or ``revision:path``, few enough to fit in a pipe (a thousand ids do).
            limit: As for ``read``.

        Raises:
            GitError: git exited unexpectedly.
            OfflineError: A partial clone could not fetch a blob.
        """
        if not names:
            return []
        with self._lock:
            try:
                stdin, stdout = self._pipes()
                stdin.write("".join(f"{name}\n" for name in names).encode())
                stdin.flush()
                return [_answer(stdout, limit) for _ in names]
            except (BrokenPipeError, ValueError) as exc:
                self._stop()
                raise self._trouble(names[0]) from exc

    def _trouble(self, name: str) -> OperationalError:
        """The error of git for that one object."""
        try:
            self._git.run("cat-file", "-e", name, env=self._env)
        except GitCommandError as failed:
            said = [
                w for w in failed.words.splitlines() if w.startswith(("fatal:", "error:", "ssh:"))
            ]
            words = without_credentials(said[0]) if said else failed.message
        else:
            words = "git exited unexpectedly"
        message = f"{name!a} cannot be read in {self._git.place}: {words}"
        if self._git.flag("remote.origin.promisor"):
            return OfflineError(
                message,
                remedy="this clone fetches files from its remote on first use; check that the remote is reachable",
            )
        return GitError(message, remedy="find the damage: git fsck")

    def _ask(self, name: str, limit: int | None) -> tuple[str, str, bytes] | None:
        stdin, stdout = self._pipes()
        stdin.write(name.encode(errors="surrogateescape") + b"\n")
        stdin.flush()
        return _answer(stdout, limit)

    def _stop(self) -> None:
        self._process = None
        if self._finalizer is not None:
            self._finalizer()

    def start(self) -> None:
        """Start the git process now: it reads its packs while this process does something else."""
        with self._lock:
            self._pipes()

    def close(self) -> None:
        """End the git process; a later read starts another."""
        with self._lock:
            self._stop()


# Filters for a requested folder: nothing else; or its whole content, except files larger than any manifest.
ALONE: Final = "tree:0"
WITH_FILES: Final = "blob:limit=1m"
_FILES: Final = "blob:none"
# A server may refuse a request of more than 10 MiB (`http.maxRequestBuffer`); Git sends up to 1 MiB in one piece.
_AT_ONCE: Final = 20_000
_IN_A_PIPE: Final = 512
_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def promisor_options(chosen: str) -> tuple[str, ...]:
    """Arguments of git under which a clone is a partial one, whatever its settings say.

    Args:
        chosen: The filter; without one that it takes for its own, git would write it into the settings.
    """
    return ("-c", "remote.origin.promisor=true", "-c", f"remote.origin.partialclonefilter={chosen}")


def request_objects(git: Git, oids: Iterable[str], chosen: str) -> None:
    """Fetch objects from the remote, all of which are missing here.

    Args:
        git: A partial clone.
        oids: Their ids; if one of them exists here, git fetches none.
        chosen: The filter for other objects.

    Raises:
        GitCommandError: The remote cannot be reached, or does not serve single objects.
    """
    waiting = iter(sorted(set(oids)))
    while batch := list(islice(waiting, _AT_ONCE)):
        git.run(
            *promisor_options(chosen), "-c", "fetch.negotiationAlgorithm=noop", "fetch", "origin",
            "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no",
            "--no-auto-maintenance", f"--filter={chosen}", "--stdin",
            stdin="\n".join(batch).encode() + b"\n",
        )  # fmt: skip


def fetch_objects(git: Git, oids: Iterable[str]) -> None:
    """Fetch the missing ones of some blobs; an unreachable remote is not an error here.

    Each missing blob is fetched again when it is read, and fails there with its name.

    Args:
        git: A partial clone.
        oids: Ids of blobs.
    """
    wanted = sorted(set(oids))
    if not wanted:
        return
    # The one way to ask that fetches nothing itself, before Git 2.45 too.
    known = git.run(
        "rev-list", "--objects", "--no-walk", "--no-object-names", "--ignore-missing",
        "--missing=allow-any", "--stdin", stdin="\n".join(wanted).encode() + b"\n",
    )  # fmt: skip
    missing = {oid.encode() for oid in wanted}.difference(known.split())
    with contextlib.suppress(GitCommandError):
        request_objects(git, (oid.decode() for oid in missing), _FILES)


def list_missing(git: Git, folders: Sequence[str]) -> list[str]:
    """The missing objects below some folders, files included.

    Args:
        git: A partial clone.
        folders: Ids of existing trees; objects below a missing tree are unknown and not reported.
    """
    if not folders:
        return []
    # Without an order, git reads the trees once; `--quiet` prints only the missing objects.
    out = git.run(
        "rev-list", "--quiet", "--objects", "--missing=print", "--no-object-names", "--stdin",
        stdin="\n".join(folders).encode() + b"\n",
    )  # fmt: skip
    return [line.removeprefix("?") for line in out.decode().split()]


class PartialCloneReader(BlobReader):
    """Reads the objects of a clone that git does not know to be partial: only missing objects are fetched."""

    def __init__(self, git: Git, env: Mapping[str, str] | None = None) -> None:
        super().__init__(git, env)
        self._remote = git

    def read(self, name: str, *, limit: int | None = None) -> tuple[str, str, bytes] | None:
        """See ``BlobReader.read``.

        Raises:
            GitError: git exited unexpectedly.
            OfflineError: The object is missing and cannot be fetched.
        """
        found = super().read(name, limit=limit)
        if found is None and _ID.fullmatch(name):
            self._bring([name])
            found = super().read(name, limit=limit)
        return found

    def read_many(
        self, names: Sequence[str], *, limit: int | None = None
    ) -> list[tuple[str, str, bytes] | None]:
        """See ``BlobReader.read_many``; missing objects are fetched in one request.

        Raises:
            GitError: git exited unexpectedly.
            OfflineError: An object is missing and cannot be fetched.
        """
        found = super().read_many(names, limit=limit)
        missing = [
            n for n, one in zip(names, found, strict=True) if one is None if _ID.fullmatch(n)
        ]
        if not missing:
            return found
        self._bring(missing)
        again = dict(zip(missing, super().read_many(missing, limit=limit), strict=True))
        return [again.get(n) if one is None else one for n, one in zip(names, found, strict=True)]

    def absent(self, names: Sequence[str]) -> set[str]:
        """Those of some objects, given by id, that are missing here."""
        missing: set[str] = set()
        for start in range(0, len(names), _IN_A_PIPE):
            batch = names[start : start + _IN_A_PIPE]
            found = super().read_many(batch, limit=0)
            missing.update(name for name, one in zip(batch, found, strict=True) if one is None)
        return missing

    def _bring(self, oids: Sequence[str]) -> None:
        try:
            request_objects(self._remote, oids, ALONE)
        except GitCommandError as exc:
            said = [w for w in exc.words.splitlines() if w.startswith(("fatal:", "error:", "ssh:"))]
            raise OfflineError(
                f"{oids[0]!a} cannot be read in {self._remote.place}: "
                + without_credentials((said or [exc.message])[0]),
                remedy="this clone fetches files from its remote on first use; check that the remote is reachable",
            ) from exc
