"""The ref updates of a push: the lines that Git writes to its hooks, parsed as data.

The user who pushes chooses the name of a ref. It may contain anything except control characters and a few characters of
Git's syntax, may not be UTF-8 and may be long. It is compared and shown, and never passed to a program; only object ids
are.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from registry_tool.errors import UsageError

__all__ = [
    "BRANCHES",
    "LOST_RACE",
    "MOVED",
    "REPLACEMENTS",
    "RESTORE",
    "Update",
    "outgoing_updates",
    "received_updates",
]

BRANCHES: Final = "refs/heads/"
REPLACEMENTS: Final = "refs/replace/"
RESTORE: Final = "registry.restore"
"""Git's setting with the full id of a commit that was published and that a merge took off the first-parent line."""

# The hook's message when a branch moved during a push. Clients retry when they see its last words, which older servers
# send too.
LOST_RACE: Final = "was faster"
# Clients of every release retry when they read this sentence, so its words stay.
MOVED: Final = f"somebody {LOST_RACE}"
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHOWN = 60


class Update(NamedTuple):
    """One ref that a push wants to change.

    Attributes:
        ref: Its full name on the server.
        old: The object it is at; zeros where it is new.
        new: The object it is to be at; zeros where it is to be deleted.
    """

    ref: str
    old: str
    new: str

    @property
    def creates(self) -> bool:
        """True when the server has no such ref yet."""
        return not self.old.strip("0")

    @property
    def deletes(self) -> bool:
        """True when the ref is to go."""
        return not self.new.strip("0")

    @property
    def is_branch(self) -> bool:
        """True for a branch, false for a tag and whatever else is pushed."""
        return self.ref.startswith(BRANCHES)

    @property
    def shown(self) -> str:
        """The name for people, at a length that fits a line."""
        name = self.ref.removeprefix(BRANCHES)
        return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"


def _fields(data: bytes, count: int) -> list[list[str]]:
    """The words of each line; only the first, what a client typed for a commit, can have spaces in it."""
    lines = data.decode(errors="surrogateescape").split("\n")
    if lines.pop():
        raise UsageError("the last line from Git is incomplete")
    found = [line.rsplit(" ", count - 1) for line in lines]
    if any(len(fields) != count for fields in found):
        raise UsageError("the input is not in the format that Git passes to this hook")
    return found


def _update(ref: str, old: str, new: str) -> Update:
    if not (_ID.fullmatch(old) and _ID.fullmatch(new) and ref.startswith("refs/")):
        raise UsageError("the input is not in the format that Git passes to this hook")
    return Update(ref, old, new)


def received_updates(data: bytes) -> tuple[Update, ...]:
    """What the hook pre-receive reads: ``OLD NEW REF`` lines.

    Raises:
        UsageError: The lines are not of that form.
    """
    return tuple(_update(ref, old, new) for old, new, ref in _fields(data, 3))


def outgoing_updates(data: bytes) -> tuple[Update, ...]:
    """What the hook pre-push reads: ``LOCAL_REF LOCAL_ID REMOTE_REF REMOTE_ID`` lines.

    Raises:
        UsageError: The lines are not of that form.
    """
    return tuple(_update(ref, old, new) for _, new, ref, old in _fields(data, 4))
