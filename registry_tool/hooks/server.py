"""Git's own settings of a server that takes pushes to a registry: what its hook relies on.

Git checks the form of pushed objects before the hook sees them, when it is told to. Two entries of one name, names out of
order or a spelling of ``.git`` never come in then, on whatever branch or tag they lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry_tool.git.command import Git
from registry_tool.git.config import is_true

__all__ = ["GUARD", "guard_settings", "missing_settings"]

# Set in a repository that is a registry: a hook that others share asks for it.
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
    """Set what is not set yet in the configuration of a bare repository; the settings that were made.

    Raises:
        GitError: The configuration cannot be written.
    """
    made = tuple(wanted for wanted in _WANTED if _lacks(git, *wanted))
    for setting, value in made:
        git.run("config", "--local", setting, value)
    return made


def missing_settings(git: Git) -> Iterator[tuple[str, str, str]]:
    """A setting that a server should have, its value, and why: those that it lacks."""
    if not _checks_objects(git):
        yield _FSCK, "true", "so Git accepts malformed objects"
