"""Every exception this package raises on purpose.

A broken manifest is not an exception: it is a document with problems, or a finding of a check. What is raised
here is misuse, a broken environment, or a question that has no answer::

    RegistryError
    ├── UsageError            the caller asked for something that cannot be      (exit code 2)
    │   ├── InvalidNameError      a name or reference that is not well formed
    │   ├── NotARegistryError     no registry.yaml where one was expected
    │   ├── NotFoundError         no such model, version, alias, artifact
    │   └── VersionNotNamedError  a change of a version, and the reference names none
    ├── RefusedError          the engine says no                                 (exit code 1)
    │   ├── InvalidManifestError  a manifest that was asked for does not pass its schema
    │   ├── MalformedTreeError    a folder of a commit that Git would not write
    │   ├── CheckFailedError      an edit whose result would not pass the check
    │   └── WithdrawnError        the version was withdrawn or erased
    ├── ConflictError         somebody else was there first                      (exit code 1)
    │   ├── DirtyFilesError       uncommitted work is in the way
    │   └── StaleBaseError        the branch moved while the change was made
    └── OperationalError      the machine, Git or a remote                       (exit code 4)
        ├── GitError              git failed or is missing
        │   └── UntrustedRepositoryError  Git does not obey a repository of somebody else
        ├── ShallowHistoryError   the answer lies beyond what a shallow clone has
        ├── OfflineError          nothing cached and no way to fetch
        └── RemoteError           the artifact remote
            ├── NoRemoteError         none is configured
            ├── MissingObjectError    the remote does not have the bytes
            └── CorruptObjectError    the bytes are not what the manifest says

Each carries an optional ``remedy``: the next step in one sentence, or the command that mends it.
"""

from __future__ import annotations

__all__ = [
    "CheckFailedError",
    "ConflictError",
    "CorruptObjectError",
    "DirtyFilesError",
    "GitError",
    "InvalidManifestError",
    "InvalidNameError",
    "MalformedTreeError",
    "MissingObjectError",
    "NoRemoteError",
    "NotARegistryError",
    "NotFoundError",
    "OfflineError",
    "OperationalError",
    "RefusedError",
    "RegistryError",
    "RemoteError",
    "ShallowHistoryError",
    "StaleBaseError",
    "UntrustedRepositoryError",
    "UsageError",
    "VersionNotNamedError",
    "WithdrawnError",
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


class InvalidNameError(UsageError):
    """A name or a reference is not well formed."""


class NotARegistryError(UsageError):
    """There is no ``registry.yaml`` where one was expected."""


class NotFoundError(UsageError):
    """No such model, version, alias, tag, artifact or revision."""


class VersionNotNamedError(UsageError):
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


class RefusedError(RegistryError):
    """The engine says no."""

    exit_code = 1


class InvalidManifestError(RefusedError):
    """A manifest that was asked for does not pass its schema."""


class MalformedTreeError(RefusedError):
    """A tree object is not as Git writes one, so two programs could read different files from it.

    Args:
        message: What is wrong, with the tree and its entry.
        remedy: What the reader can do now.
        path: The folder, from the root; empty for the root itself.
    """

    def __init__(self, message: str, *, remedy: str = "", path: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.path = path


class CheckFailedError(RefusedError):
    """The result of an edit would not pass the check; nothing was written."""


class WithdrawnError(RefusedError):
    """The version was withdrawn or erased and is not served."""


class ConflictError(RegistryError):
    """Somebody else was there first."""

    exit_code = 1


class DirtyFilesError(ConflictError):
    """Uncommitted work is in the way of an edit; nothing was written."""


class StaleBaseError(ConflictError):
    """The branch moved while the change was made; make it again on the new tip."""


class OperationalError(RegistryError):
    """The machine, Git or a remote."""

    exit_code = 4


class GitError(OperationalError):
    """Git failed or is missing."""


class UntrustedRepositoryError(GitError):
    """Git does not obey a repository of somebody else, so nothing is changed in it, and nothing is fetched for it."""


class ShallowHistoryError(OperationalError):
    """The answer needs history that a shallow clone does not have; nothing is guessed."""


class OfflineError(OperationalError):
    """Nothing is cached and there is no way to fetch."""


class RemoteError(OperationalError):
    """The artifact remote could not be used."""


class NoRemoteError(RemoteError):
    """No artifact remote is configured."""


class MissingObjectError(RemoteError):
    """The remote does not have the bytes a manifest names."""


class CorruptObjectError(RemoteError):
    """The bytes are not what the manifest says; they were not kept."""
