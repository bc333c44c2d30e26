"""Git settings of a server that receives pushes to a registry; its hook relies on them.

With these settings Git checks the format of pushed objects before the hook runs. So duplicate or misordered entries and
spellings of ``.git`` are refused on every branch and tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry_tool.git.command import Git
from registry_tool.git.config import is_true

__all__ = ["GUARD", "guard_settings", "missing_settings"]

# Set in a repository that is a registry: a shared hook checks it.
GUARD: Final = "registry.receive.guard"
_FSCK: Final = "receive.fsckObjects"
# Every reader understands a padded mode, so Git only warns; nothing that is in use today writes one.
_PADDED: Final = "receive.fsck.zeroPaddedFilemode"
_WANTED: Final = ((_FSCK, "true"), (_PADDED, "error"), (GUARD, "true"))


def _checks_objects(git: Git) -> bool:
    """As Git decides it: https://git-scm.com/docs/git-config#Documentation/git-config.txt-receivefsckObjects."""
    said = git.config(_FSCK)
    return is_true(git.config("transfer.fsckObjects") if said is None else said)


def _lacks(git: Git, setting: str, value: str) -> bool:
    if setting == _FSCK:
        return not _checks_objects(git)
    return (git.config(setting) or "").lower() != value


def guard_settings(git: Git) -> tuple[tuple[str, str], ...]:
    """Add missing settings to the configuration of a bare repository; returns the added ones.

    Raises:
        GitError: The configuration cannot be written.
    """
    made = tuple(wanted for wanted in _WANTED if _lacks(git, *wanted))
    for setting, value in made:
        git.run("config", "--local", setting, value)
    return made


def missing_settings(git: Git) -> Iterator[tuple[str, str, str]]:
    """The missing settings of a server: name, value and reason."""
    if not _checks_objects(git):
        yield _FSCK, "true", "so Git accepts malformed objects"
