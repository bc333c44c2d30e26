"""When each state of a branch was: milliseconds that always increase along the first-parent line.

A commit counts with its committer's time. Commits of the server carry a time in milliseconds, which counts where it is
of that same second: a forged one gains nothing over a forged date. Each time is later than the one before. A commit
dated more than a day ahead of the server's next commit, or of now, counts as one millisecond after the one before:
otherwise one wrong clock would date everything after it.

Records refer to commits by position, 1 for the first of the line, so an order by time is an order of small numbers, and
a commit that proves to be from the future changes no record.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

__all__ = ["DEFAULT_COMMITTER", "Line", "Stamp", "claimed_time", "restored_line"]

DEFAULT_COMMITTER: Final = "registry server <registry@localhost>"
_DAY: Final = 86_400_000
_SECOND: Final = 1000
_OID: Final = 20
_LATEST: Final = 1 << 40  # a commit may claim any number of seconds
_NEVER: Final = 1 << 60  # milliseconds, more than a commit may claim


class Stamp(NamedTuple):
    """What a commit says about its time.

    Attributes:
        commit: Its full id.
        when: The committer's time, in seconds since 1970 UTC.
        claimed: The milliseconds of its ``Registry-Time``; 0 where it has none.
        by_server: True where the committer is the server.
    """

    commit: str
    when: int
    claimed: int = 0
    by_server: bool = False

    @property
    def own(self) -> int:
        """The time that it claims, in milliseconds."""
        agrees = self.by_server and self.claimed // _SECOND == self.when
        return self.claimed if agrees else min(self.when, _LATEST) * _SECOND


def claimed_time(text: str) -> int:
    """The milliseconds of a ``Registry-Time`` trailer, such as ``2026-11-30T09:10:11.123Z``; 0 for other text."""
    if len(text) != len("2026-11-30T09:10:11.123Z"):
        return 0
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=None)  # noqa: DTZ007 (Z is UTC)
    except ValueError:
        return 0
    since = moment - datetime(1970, 1, 1)  # noqa: DTZ001
    return since.days * _DAY + since.seconds * _SECOND + since.microseconds // _SECOND


class _Written(NamedTuple):
    """What all lines of one branch share; it only grows."""

    commits: bytearray
    own: array[int]
    by_server: bytearray
    lock: threading.Lock


def _nothing() -> _Written:
    return _Written(bytearray(), array("q"), bytearray(), threading.Lock())


@dataclass(frozen=True, eq=False)
class Line:
    """The commits of a first-parent line, oldest first, with their times; immutable.

    Attributes:
        written: What the commits say; lines of one branch share it.
        times: In milliseconds.
        length: How many commits of ``written`` are on this line.
        newest: The latest time claimed since the server's last commit, that one included.
        is_unsure: True where a commit claims a time that is yet to come, and no commit of the server that follows says
            otherwise: once that time has come, the commit counts for it.
    """

    written: _Written = field(default_factory=_nothing)
    times: array[int] = field(default_factory=lambda: array("q"))
    length: int = 0
    newest: int = 0
    is_unsure: bool = False

    def __len__(self) -> int:
        return self.length

    @property
    def tip(self) -> str:
        """The full id of the last commit; empty before the first."""
        return self.commit(self.length) if self.length else ""

    def commit(self, position: int) -> str:
        """The full id of the commit at a position, from 1."""
        width = self._width
        return self.written.commits[(position - 1) * width : position * width].hex()

    @property
    def _width(self) -> int:
        return len(self.written.commits) // len(self.written.own) if self.written.own else _OID

    def time(self, position: int) -> int:
        """The time of the commit at a position, in milliseconds since 1970 UTC; 0 for position 0."""
        return self.times[position - 1] if position else 0

    @property
    def last_time(self) -> int:
        """The time of the last commit; 0 before the first."""
        return self.time(self.length)

    def position(self, commit: str) -> int | None:
        """The position of a commit, given by its full id; None where it is not on the line."""
        try:
            wanted = bytes.fromhex(commit)
        except ValueError:
            return None
        width = self._width
        if len(wanted) != width:
            return None
        place = self.written.commits.rfind(wanted, 0, self.length * width)
        while place >= 0 and place % width:
            place = self.written.commits.rfind(wanted, 0, place + width - 1)
        return None if place < 0 else place // width + 1

    def after(self, stamps: Sequence[Stamp], now: int) -> Line:
        """The line with more commits.

        Args:
            stamps: The next commits, oldest first.
            now: The present, in milliseconds since 1970 UTC.
        """
        longer = replace(self, written=self._shared(stamps), length=self.length + len(stamps))
        return (None if self.is_unsure else longer.advanced(stamps, now)) or longer.judged(now)

    def _shared(self, stamps: Iterable[Stamp]) -> _Written:
        """The lists with more at their end; copied where another line has gone on from here."""
        written = self.written
        with written.lock:
            if len(written.own) != self.length:
                width = self._width
                written = _Written(
                    written.commits[: self.length * width], written.own[: self.length],
                    written.by_server[: self.length], threading.Lock(),
                )  # fmt: skip
            for stamp in stamps:
                written.commits.extend(bytes.fromhex(stamp.commit))
                written.own.append(stamp.own)
                written.by_server.append(stamp.by_server)
        return written

    def advanced(self, stamps: Sequence[Stamp], now: int) -> Line | None:
        """The line with the times of its last commits; None where an earlier one must be judged again."""
        times = self.times[:]
        last, newest = times[-1] if times else 0, self.newest
        for stamp in stamps:
            own = stamp.own
            if own > now + _DAY or (stamp.by_server and newest > own + _DAY):
                return None
            last = max(last + 1, own)
            times.append(last)
            newest = own if stamp.by_server else max(newest, own)
        return replace(self, times=times, newest=newest)

    def judged(self, now: int) -> Line:
        """The line with all times computed from what the commits claim."""
        own, by_server = self.written.own, self.written.by_server
        limits = self._limits()
        last, newest, is_unsure = 0, 0, False
        times = array("q", bytes(8 * self.length))
        for number in range(self.length):
            ahead = own[number] > min(limits[number], now) + _DAY
            last = last + 1 if ahead else max(last + 1, own[number])
            times[number] = last
            newest = own[number] if by_server[number] else max(newest, own[number])
            # What the server's next commit says is final; else every commit to come would judge the whole line.
            is_unsure = is_unsure or (ahead and own[number] <= limits[number] + _DAY)
        return replace(self, times=times, newest=newest, is_unsure=is_unsure)

    def _limits(self) -> array[int]:
        """For each commit, the time of the server's next commit; later than every claim where none follows."""
        own, by_server = self.written.own, self.written.by_server
        limits = array("q", bytes(8 * self.length))
        limit = _NEVER
        for number in reversed(range(self.length)):
            limits[number] = limit
            if by_server[number]:
                limit = own[number]
        return limits

    def pieces(self) -> tuple[bytes, bytes, bytes, bytes]:
        """What ``restored_line`` takes: commits, claimed times, who committed, times."""
        end, width = self.length, self._width
        return (
            bytes(self.written.commits[: end * width]),
            self.written.own[:end].tobytes(),
            bytes(self.written.by_server[:end]),
            self.times.tobytes(),
        )


def restored_line(pieces: Sequence[bytes], newest: int, *, is_unsure: bool) -> Line:
    """A line from what ``Line.pieces`` gave.

    Raises:
        ValueError: The pieces do not fit together.
    """
    commits, own, by_server, times = pieces
    written = _Written(bytearray(commits), array("q"), bytearray(by_server), threading.Lock())
    written.own.frombytes(own)
    found = array("q")
    found.frombytes(times)
    length = len(found)
    if not length == len(written.own) == len(by_server) or len(commits) % max(length, 1):
        raise ValueError("pieces of different lengths")
    return Line(written, found, length, newest, is_unsure)
