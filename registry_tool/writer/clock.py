"""The times of a writer's commits: milliseconds, each later than all before it, and none far ahead of the clock."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Final

from registry_tool.git.command import Git

__all__ = ["AHEAD", "Clock", "latest_time", "read_time", "write_time"]

# A commit that is dated further ahead than this says nothing about the time.
AHEAD: Final = 24 * 3600 * 1000
# Backdated commits count as a millisecond after the one before; further back they add up to less than a second.
_LOOKED_AT: Final = 1000
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z")


def write_time(milliseconds: int) -> str:
    """A time as the trailer ``Registry-Time`` has it: ``2026-11-30T09:10:11.123Z``."""
    moment = dt.datetime.fromtimestamp(milliseconds // 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def read_time(text: str) -> int | None:
    """The milliseconds since 1970 that such a text gives; None for any other text."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(f"{match[1]}+00:00")
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000 + int(match[2])


class Clock:
    """Gives each commit its time.

    Args:
        latest: The time of the newest commit that counts, in milliseconds since 1970; 0 for none.
    """

    def __init__(self, latest: int = 0) -> None:
        self._latest = latest

    def follow(self, latest: int) -> None:
        """Give only times after that of a commit."""
        self._latest = max(self._latest, latest)

    def next(self) -> int:
        """A time after all before: now, or a millisecond after the last one where the clock was set back.

        A last time of more than a day ahead counts for nothing: it came from a clock that was wrong then.
        """
        now = time.time_ns() // 1_000_000
        if self._latest > now + AHEAD:
            self._latest = 0
        self._latest = max(self._latest + 1, now)
        return self._latest


def latest_time(git: Git, tip: str, committer: str) -> int:
    """The time that the next commit after a tip must exceed, in milliseconds since 1970.

    Commits of a day or more ahead of the clock do not count. The trailer of a commit counts where it agrees with the
    commit's own date, so that a forged one gains nothing over a forged date.

    Args:
        git: The repository.
        tip: A full id of a commit.
        committer: Who writes the server's commits, as ``Name <email>``.

    Raises:
        GitError: The history cannot be read.
    """
    form = "%ct%x00%cn <%ce>%x00%(trailers:key=Registry-Time,valueonly,separator=%x2C)"
    asked = ("--first-parent", f"--max-count={_LOOKED_AT}", f"--format={form}")
    out = git.run("log", "-z", "--no-show-signature", *asked, "--end-of-options", tip, "--")
    fields = out.decode(errors="surrogateescape").split("\0")
    limit = time.time_ns() // 1_000_000 + AHEAD
    latest = 0
    for number in range(0, len(fields) - 2, 3):
        seconds, person, trailer = fields[number : number + 3]
        when = int(seconds) * 1000
        exact = read_time(trailer) if person == committer else None
        if exact is not None and exact // 1000 == int(seconds):
            when = exact
        if when <= limit:
            latest = max(latest, when + number // 3)
    return latest
