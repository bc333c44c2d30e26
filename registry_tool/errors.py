"""Every exception this package raises on purpose.

A broken manifest is not an exception: it is a document with problems, or a finding of a check. What is raised
here is misuse, a broken environment, or a question that has no answer::

    RegistryError
    ├── UsageError            the caller asked for something that cannot be      (exit code 2)
    │   ├── InvalidName           a name or reference that is not well formed
    │   ├── NotARegistry          no registry.yaml where one was expected
    │   ├── NotFound              no such model, version, alias, artifact
    │   └── VersionNotNamed       a change of a version, and the reference names none
    ├── Refused               the engine says no                                 (exit code 1)
    │   ├── InvalidManifest       a manifest that was asked for does not pass its schema
    │   ├── MalformedTree         a folder of a commit that Git would not write
    │   ├── CheckFailed           an edit whose result would not pass the check
    │   └── Withdrawn             the version was withdrawn or erased
    ├── Conflict              somebody else was there first                      (exit code 1)
    │   ├── DirtyFiles            uncommitted work is in the way
    │   └── StaleBase             the branch moved while the change was made
    └── EnvironmentTrouble    the machine, Git or a remote                       (exit code 4)
        ├── GitTrouble            git failed or is missing
        │   └── UntrustedRepository   Git does not obey a repository of somebody else
        ├── ShallowHistory        the answer lies beyond what a shallow clone has
        ├── OfflineError          nothing cached and no way to fetch
        └── RemoteTrouble         the artifact remote
            ├── NoRemote              none is configured
            ├── MissingObject         the remote does not have the bytes
            └── CorruptObject         the bytes are not what the manifest says

Each carries an optional ``remedy``: the next step in one sentence, or the command that mends it.
"""

from __future__ import annotations

__all__ = [
    "CheckFailed",
    "Conflict",
    "CorruptObject",
    "DirtyFiles",
    "EnvironmentTrouble",
    "GitTrouble",
    "InvalidManifest",
    "InvalidName",
    "MalformedTree",
    "MissingObject",
    "NoRemote",
    "NotARegistry",
    "NotFound",
    "OfflineError",
    "Refused",
    "RegistryError",
    "RemoteTrouble",
    "ShallowHistory",
    "StaleBase",
    "UntrustedRepository",
    "UsageError",
    "VersionNotNamed",
    "Withdrawn",
]


class RegistryError(Exception):
    """The root: anything this package raises on purpose.

    Args:
        message: What happened, in one sentence, naming the thing it happened to.
        remedy: What the reader can do now; empty when there is nothing sensible to say.
    """

    exit_code = 4

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class UsageError(RegistryError):
    """The caller asked for something that cannot be."""

    exit_code = 2


class InvalidName(UsageError):
    """A name or a reference is not well formed."""


class NotARegistry(UsageError):
    """There is no ``registry.yaml`` where one was expected."""


class NotFound(UsageError):
    """No such model, version, alias, tag, artifact or revision."""


class VersionNotNamed(UsageError):
    """A change of a version whose reference names none: what changes is said, not assumed.

    Args:
        model: The model, as ``namespace/model``.
        latest: The version that ``latest`` means there.
    """

    def __init__(self, model: str, latest: str) -> None:
        super().__init__(
            f"{model} names no version, and only reading takes the latest by default",
            remedy=f"name the version: {model}@{latest}, or {model}@latest",
        )
        self.model = model
        self.latest = latest


class Refused(RegistryError):
    """The engine says no."""

    exit_code = 1


class InvalidManifest(Refused):
    """A manifest that was asked for does not pass its schema."""


class MalformedTree(Refused):
    """A tree object is not as Git writes one, so two programs could read different files from it.

    Args:
        message: What is wrong, with the tree and its entry.
        remedy: What the reader can do now.
        path: The folder, from the root; empty for the root itself.
    """

    def __init__(self, message: str, *, remedy: str = "", path: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.path = path


class CheckFailed(Refused):
    """The result of an edit would not pass the check; nothing was written."""


class Withdrawn(Refused):
    """The version was withdrawn or erased and is not served."""


class Conflict(RegistryError):
    """Somebody else was there first."""

    exit_code = 1


class DirtyFiles(Conflict):
    """Uncommitted work is in the way of an edit; nothing was written."""


class StaleBase(Conflict):
    """The branch moved while the change was made; make it again on the new tip."""


class EnvironmentTrouble(RegistryError):
    """The machine, Git or a remote."""

    exit_code = 4


class GitTrouble(EnvironmentTrouble):
    """Git failed or is missing."""


class UntrustedRepository(GitTrouble):
    """Git does not obey a repository of somebody else, so nothing is changed in it, and nothing is fetched for it."""


class ShallowHistory(EnvironmentTrouble):
    """The answer needs history that a shallow clone does not have; nothing is guessed."""


class OfflineError(EnvironmentTrouble):
    """Nothing is cached and there is no way to fetch."""


class RemoteTrouble(EnvironmentTrouble):
    """The artifact remote could not be used."""


class NoRemote(RemoteTrouble):
    """No artifact remote is configured."""


class MissingObject(RemoteTrouble):
    """The remote does not have the bytes a manifest names."""


class CorruptObject(RemoteTrouble):
    """The bytes are not what the manifest says; they were not kept."""
