"""When a file was published, and which commit of a change introduces it.

The commit graph shows which step published a file; only the time comes from clocks. A step has its commit time, but is
not older than any of its ancestors; times in the future are ignored. So backdating a commit has no effect: its parent
has a date too.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from registry_tool.git.history import LITERAL, FirstParentHistory
from registry_tool.git.log import HistoryStep

__all__ = ["find_introducing_commit", "newest_ancestor_time", "publication_time", "to_datetime"]

# Git takes dates that no calendar has.
_LAST: Final = 253_402_300_799


def to_datetime(seconds: int) -> dt.datetime:
    """A time in seconds since 1970, in UTC; what no calendar has becomes the first or last second of one."""
    return dt.datetime.fromtimestamp(min(max(seconds, 0), _LAST), dt.UTC)


def newest_ancestor_time(line: FirstParentHistory, step: HistoryStep, now: int) -> int:
    """The time of the newest commit that a step follows, those dated in the future left out; else the step's own."""
    out = line.git.run(
        "log", "--no-show-signature", "--format=%ct", f"--since-as-filter=@{step.when}",
        "--end-of-options", step.commit, "--", env=LITERAL,
    )  # fmt: skip
    times = [int(field) for field in out.split() if field.isdigit()]
    return max((when for when in times if when <= now), default=step.when)


def publication_time(line: FirstParentHistory, step: HistoryStep, now: dt.datetime) -> dt.datetime:
    """When a step published its changes, by the commit graph.

    Args:
        line: The published history.
        step: A step of it.
        now: The time, in UTC.

    Raises:
        GitError: Git cannot read the history.
    """
    limit = int(now.timestamp())
    if step.when <= limit:
        return to_datetime(newest_ancestor_time(line, step, limit))
    # Its own date is in the future: the commits before it say since when it can have been there.
    before = newest_ancestor_time(line, step._replace(when=0), limit)
    return to_datetime(before) if before else now


def find_introducing_commit(line: FirstParentHistory, tip: str, path: str, oid: str) -> str:
    """The commit that gave a file its content, among those that a change adds to the line.

    Args:
        line: The published history.
        tip: The full id of the change's newest commit.
        path: The file.
        oid: The id of its content in the change.

    Returns:
        The commit's full id; empty where none of them did, such as for a file that is not committed yet.

    Raises:
        GitError: Git cannot read the history.
    """
    out = line.git.run(
        "log", "-1", "--no-show-signature", "--no-renames", "--format=%H", "--end-of-options",
        tip, f"^{line.tip}", "--", path, env=LITERAL,
    )  # fmt: skip
    commit = out.decode().strip()
    if not commit:
        return ""
    listed = line.git.run("ls-tree", "-z", "--full-tree", commit, "--", path, env=LITERAL)
    return commit if f" {oid}\t".encode() in listed else ""
