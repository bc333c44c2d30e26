"""What a partial clone left on its remote, brought in few requests instead of one object at a time.

Git itself brings a missing object when it is read, and with a folder everything below it, by a process and a connection
for each. Here it is said what is wanted, and how much of it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from registry_tool.errors import OfflineError
from registry_tool.git.addresses import without_credentials
from registry_tool.git.plumbing import Git, GitFailed
from registry_tool.git.reader import BlobReader

__all__ = ["ALONE", "WITH_FILES", "PromisedReader", "bring", "lacking", "promising", "request"]

# What comes with a folder that is asked for: nothing; or all that is in it, but for a file larger than any manifest.
ALONE: Final = "tree:0"
WITH_FILES: Final = "blob:limit=1m"
_FILES: Final = "blob:none"
# A server may refuse a request of more than 10 MiB (`http.maxRequestBuffer`); Git sends up to 1 MiB in one piece.
_AT_ONCE: Final = 20_000
_IN_A_PIPE: Final = 512
_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def promising(chosen: str) -> tuple[str, ...]:
    """Arguments of git under which a clone is a partial one, whatever its settings say.

    Args:
        chosen: The filter; without one that it takes for its own, git would write it into the settings.
    """
    return ("-c", "remote.origin.promisor=true", "-c", f"remote.origin.partialclonefilter={chosen}")


def request(git: Git, oids: Iterable[str], chosen: str) -> None:
    """Ask the remote for objects, all of which are missing here.

    Args:
        git: A partial clone.
        oids: Their ids; git does nothing where one of them is here already.
        chosen: The filter: what comes with them.

    Raises:
        GitFailed: The remote cannot be reached, or does not give single objects.
    """
    waiting = iter(sorted(set(oids)))
    while batch := list(islice(waiting, _AT_ONCE)):
        git.run(
            *promising(chosen), "-c", "fetch.negotiationAlgorithm=noop", "fetch", "origin",
            "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no",
            "--no-auto-maintenance", f"--filter={chosen}", "--stdin",
            stdin="\n".join(batch).encode() + b"\n",
        )  # fmt: skip


def bring(git: Git, oids: Iterable[str]) -> None:
    """Fetch the blobs that are not here yet; a remote that cannot be reached is not complained of.

    Each blob is asked for again when it is read, and fails there with its name.

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
    with contextlib.suppress(GitFailed):
        request(git, (oid.decode() for oid in missing), _FILES)


def lacking(git: Git, folders: Sequence[str]) -> list[str]:
    """What is missing at or below some folders that are here, files too.

    Args:
        git: A partial clone.
        folders: Ids of trees that are here; what is below one that is missing is not known, nor told.
    """
    if not folders:
        return []
    # Without an order, git reads the trees once; `--quiet` prints what is missing and nothing else.
    out = git.run(
        "rev-list", "--quiet", "--objects", "--missing=print", "--no-object-names", "--stdin",
        stdin="\n".join(folders).encode() + b"\n",
    )  # fmt: skip
    return [line.removeprefix("?") for line in out.decode().split()]


class PromisedReader(BlobReader):
    """Reads the objects of a clone that git does not know to be partial: what is missing is brought, and nothing more."""

    def __init__(self, git: Git, env: Mapping[str, str] | None = None) -> None:
        super().__init__(git, env)
        self._remote = git

    def read(self, name: str, *, limit: int | None = None) -> tuple[str, str, bytes] | None:
        """See ``BlobReader.read``.

        Raises:
            GitTrouble: The git program went away.
            OfflineError: The object is missing and cannot be brought.
        """
        found = super().read(name, limit=limit)
        if found is None and _ID.fullmatch(name):
            self._bring([name])
            found = super().read(name, limit=limit)
        return found

    def read_many(
        self, names: Sequence[str], *, limit: int | None = None
    ) -> list[tuple[str, str, bytes] | None]:
        """See ``BlobReader.read_many``; what is missing comes in one request.

        Raises:
            GitTrouble: The git program went away.
            OfflineError: An object is missing and cannot be brought.
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
            request(self._remote, oids, ALONE)
        except GitFailed as exc:
            said = [w for w in exc.words.splitlines() if w.startswith(("fatal:", "error:", "ssh:"))]
            raise OfflineError(
                f"{oids[0]!a} cannot be read in {self._remote.place}: "
                + without_credentials((said or [exc.message])[0]),
                remedy="the clone leaves files on its remote until they are read: is it reachable?",
            ) from exc
