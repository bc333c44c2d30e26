"""Repeated requests: a key that was used within a day is answered with what it did the first time.

Keys are in the commits (trailers ``Registry-Request`` and ``Registry-Content``), so a restart forgets none of them; the
commits of the last day are read once, at the start.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.checks.findings import Report
from registry_tool.edits.changeset import ChangeSet
from registry_tool.git.command import Git
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.objects.pool import ObjectPool
from registry_tool.manifests.layout import Layout
from registry_tool.names import Reference
from registry_tool.writer.clock import read_time
from registry_tool.writer.request import RepeatedRequestError, WriteRequest, Written
from registry_tool.writer.train import safe_word

__all__ = ["AnsweredRequests"]

_DAY: Final = 24 * 3600
# A day at full rate has more commits; a client that repeats a request does it within minutes.
_MOST: Final = 100_000
_FIELDS: Final = 6
_PASSES: Final = Report("pass", (), 0)


class _Answer(NamedTuple):
    """What a request did: its commit, in which everything else is. A day at full rate has many of them."""

    content: bytes
    time: int
    commit: bytes
    branch: str


def _digest(*words: str) -> bytes:
    return hashlib.sha256("\0".join(words).encode(errors="surrogatepass")).digest()[:16]


class AnsweredRequests:
    """The requests of the last day that had a key, by author and key.

    Args:
        pool: Reads what an earlier process wrote.
        committer: Who writes the server's commits, as ``Name <email>``; the trailers of others do not count.
    """

    def __init__(self, pool: ObjectPool, committer: str) -> None:
        self._pool = pool
        self._committer = committer
        self._answers: dict[bytes, _Answer] = {}

    def also_by(self, committer: str) -> AnsweredRequests:
        """The same requests for a server whose committer is another now."""
        found = AnsweredRequests(self._pool, committer)
        found._answers = self._answers
        return found

    def read(self, git: Git, tip: str, branch: str, *, since: str = "") -> None:
        """Take in the keys of a branch's commits of the last day.

        Args:
            git: The repository.
            tip: The full id of its commit.
            branch: Its name, without ``refs/heads/``.
            since: The full id of a commit whose history was read before; empty for none.

        Raises:
            GitError: The history cannot be read.
        """
        trailers = "%x00".join(
            f"%(trailers:key=Registry-{name},valueonly,separator=%x2C)"
            for name in ("Time", "Request", "Content")
        )
        form = f"--format=%H%x00%an <%ae>%x00%cn <%ce>%x00{trailers}"
        day = f"--since-as-filter=@{int(time.time()) - _DAY}"
        asked = ("--first-parent", f"--max-count={_MOST}", day, form, "--end-of-options", tip)
        known = [f"^{since}"] if since else []
        out = git.run("log", "-z", "--no-show-signature", *asked, *known, "--")
        fields = out.decode(errors="surrogateescape").split("\0")
        found: dict[bytes, _Answer] = {}
        for start in range(0, len(fields) - _FIELDS + 1, _FIELDS):
            commit, author, committer, when, key, content = fields[start : start + _FIELDS]
            moment = read_time(when)
            if key and moment is not None and committer == self._committer:
                answer = _Answer(_digest(content), moment, bytes.fromhex(commit), branch)
                found.setdefault(_digest(author, key), answer)
        self._answers |= found  # of one key the newest comes first

    def find(self, request: WriteRequest, layout: Layout) -> Written | None:
        """The answer to a request that was written before; None for a new one, or one without a key.

        Args:
            request: The request.
            layout: Where files lie in this registry.

        Raises:
            RepeatedRequestError: Its key was used for another content.
        """
        if not request.request_id:
            return None
        known = self._answers.get(_key(request))
        if known is None or known.time < (time.time() - _DAY) * 1000:
            return None
        if known.content != _digest(safe_word(request.content)):
            raise RepeatedRequestError(
                f"the idempotency key {request.request_id[:60]!a} was used for another request within the last day",
                remedy="use a new key for each request, and the same one only to repeat it",
            )
        return _read_again(self._pool, known, layout)._replace(repeated=True)

    def add(self, request: WriteRequest, written: Written) -> None:
        """Remember a request that was written."""
        if request.request_id and written.commit is not None:
            while len(self._answers) >= _MOST:
                del self._answers[next(iter(self._answers))]
            content, commit = _digest(safe_word(request.content)), bytes.fromhex(written.commit)
            self._answers[_key(request)] = _Answer(content, written.time, commit, written.branch)


def _key(request: WriteRequest) -> bytes:
    return _digest(str(request.author), safe_word(request.request_id))


def _read_again(pool: ObjectPool, known: _Answer, layout: Layout) -> Written:
    """An answer, from its commit."""
    commit = known.commit.hex()
    puts: dict[str, bytes] = {}
    deletes: set[str] = set()
    for touch in FirstParentHistory(pool.git, commit).touches(since=f"{commit}^"):
        found = None if touch.after is None else pool.read(touch.after.oid)
        if found is None:
            deletes.add(touch.path)
        else:
            puts[touch.path] = found[1]
    said = pool.read(commit) or ("commit", b"")
    message = said[1].partition(b"\n\n")[2].partition(b"\n\nRegistry-Time: ")[0]
    versions = tuple(_versions(puts, layout))
    change = ChangeSet(
        message.decode(errors="replace"), puts, frozenset(deletes), versions=versions
    )
    return Written(commit, change, _PASSES, known.time, known.branch)


def _versions(puts: dict[str, bytes], layout: Layout) -> Iterator[Reference]:
    """The versions whose records a commit writes: a published one is not written again."""
    for path in sorted(puts):
        place = layout.locate(path)
        if place is not None and place.kind == "version" and place.model and place.version:
            yield Reference(place.model, place.version)
