"""Every exception this package raises on purpose.

An invalid manifest in a registry is not an exception: it is a document with problems, or a finding of a check. The
exceptions are for misuse, a broken environment, and questions without an answer. Each class has a machine code for
programs (a server maps it to a status) and an exit code for the command line::

    class                         raised when                                            code           exit code
    RegistryError                 the root of all                                        unavailable    4
    ├── UsageError                the request cannot be valid                            usage          2
    │   ├── InvalidNameError          a name or reference is not well formed             usage          2
    │   ├── NotARegistryError         the repository has no registry.yaml                usage          2
    │   ├── NotFoundError             the model, version, alias, artifact does not exist not_found      2
    │   │   └── DraftError                the version is a draft, and not served yet     not_found      2
    │   └── VersionNotNamedError      a change needs a version and none was named        usage          2
    ├── RefusedError              a rule, a gate or a limit forbids it                   refused        1
    │   ├── InvalidManifestError      the manifest does not match its schema             invalid        1
    │   ├── MalformedTreeError        a Git tree is not in the form that Git writes      invalid        1
    │   ├── CheckFailedError          the edit was not written: its result fails a check refused        1
    │   ├── WithdrawnError            the version was withdrawn or erased                refused        1
    │   ├── UnauthenticatedError      the server does not know who asks                  unauthenticated 1
    │   └── ForbiddenError            the subject of a request lacks a scope             forbidden      1
    ├── ConflictError             another change came first                              conflict       1
    │   ├── DirtyFilesError           uncommitted changes would be overwritten           conflict       1
    │   └── StaleBaseError            the branch moved during the change                 conflict       1
    └── OperationalError          the machine, Git or a remote failed                    unavailable    4
        ├── GitError                  Git failed or is not installed                     unavailable    4
        │   └── UntrustedRepositoryError  another user owns the repository               unavailable    4
        ├── ShallowHistoryError       the clone is shallow and lacks the history         unavailable    4
        ├── OfflineError              nothing is cached and fetching is not possible     unavailable    4
        ├── MissingPackageError       a Python package is not installed                  unavailable    4
        └── RemoteError               the artifact remote cannot be used                 unavailable    4
            ├── NoRemoteError             no artifact remote is configured               unavailable    4
            ├── MissingObjectError        the remote lacks the object                    unavailable    4
            └── CorruptObjectError        the object does not match its digest           unavailable    4

An exception may have a ``remedy``: the next step in one sentence, or the command that fixes the problem.
"""

from __future__ import annotations

from typing import ClassVar, Literal

__all__ = [
    "CheckFailedError",
    "ConflictError",
    "CorruptObjectError",
    "DirtyFilesError",
    "DraftError",
    "ErrorCode",
    "ForbiddenError",
    "GitError",
    "InvalidManifestError",
    "InvalidNameError",
    "MalformedTreeError",
    "MissingObjectError",
    "MissingPackageError",
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
    "UnauthenticatedError",
    "UntrustedRepositoryError",
    "UsageError",
    "VersionNotNamedError",
    "WithdrawnError",
]


ErrorCode = Literal[
    "usage", "not_found", "refused", "unauthenticated", "forbidden", "invalid", "conflict", "unavailable"
]  # fmt: skip
"""The kind of error, for programs. New codes may be added; the meaning of a code does not change."""


class RegistryError(Exception):
    """The root: anything this package raises on purpose.

    Args:
        message: What happened and to which object, in one sentence.
        remedy: What the reader can do now; empty when there is no sensible advice.

    Attributes:
        code: The kind of error, for programs.
        exit_code: The exit status of a command that ends with it.
    """

    code: ClassVar[ErrorCode] = "unavailable"
    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class UsageError(RegistryError):
    """The request cannot be valid."""

    code: ClassVar[ErrorCode] = "usage"
    exit_code = 2


class InvalidNameError(UsageError):
    """A name or a reference is not well formed."""


class NotARegistryError(UsageError):
    """The repository has no ``registry.yaml``."""


class NotFoundError(UsageError):
    """The model, version, alias, tag, artifact or revision does not exist."""

    code: ClassVar[ErrorCode] = "not_found"


class DraftError(NotFoundError):
    """The version is a draft, which is not served before it is sealed."""


class VersionNotNamedError(UsageError):
    """A change needs a version, and the reference names none: reading defaults to the latest, changing does not.

    Args:
        model: The model, as ``namespace/model``.
        latest: The version that ``latest`` resolves to.
    """

    def __init__(self, model: str, latest: str) -> None:
        super().__init__(
            f"{model} names no version; a change requires one",
            remedy=f"name the version: {model}@{latest}, or {model}@latest",
        )
        self.model = model
        self.latest = latest


class RefusedError(RegistryError):
    """A rule, a gate or a limit forbids it."""

    code: ClassVar[ErrorCode] = "refused"
    exit_code = 1


class InvalidManifestError(RefusedError):
    """The requested manifest does not match its schema."""

    code: ClassVar[ErrorCode] = "invalid"


class MalformedTreeError(RefusedError):
    """A tree object is not in the form that Git writes, so two programs could read different files from it.

    Args:
        message: The error, with the tree and its entry.
        remedy: What the reader can do now.
        path: The folder, from the root; empty for the root itself.
    """

    code: ClassVar[ErrorCode] = "invalid"

    def __init__(self, message: str, *, remedy: str = "", path: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.path = path


class CheckFailedError(RefusedError):
    """The result of an edit would not pass the check; nothing was written."""


class WithdrawnError(RefusedError):
    """The version was withdrawn or erased and is not served."""


class UnauthenticatedError(RefusedError):
    """A server does not know who makes the request: it has no token, or one that is unknown or has expired."""

    code: ClassVar[ErrorCode] = "unauthenticated"


class ForbiddenError(RefusedError):
    """The subject of a request does not have the scope that it needs."""

    code: ClassVar[ErrorCode] = "forbidden"


class ConflictError(RegistryError):
    """Another change came first."""

    code: ClassVar[ErrorCode] = "conflict"
    exit_code = 1


class DirtyFilesError(ConflictError):
    """An edit would overwrite uncommitted changes; nothing was written."""


class StaleBaseError(ConflictError):
    """The branch moved during the change; repeat the change on the new tip."""


class OperationalError(RegistryError):
    """The machine, Git or a remote failed."""

    code: ClassVar[ErrorCode] = "unavailable"
    exit_code = 4


class GitError(OperationalError):
    """Git failed or is not installed."""


class UntrustedRepositoryError(GitError):
    """Another user owns the repository, so this program neither changes it nor fetches for it (``safe.directory``)."""


class ShallowHistoryError(OperationalError):
    """The answer needs history that a shallow clone does not have; this program does not guess."""


class OfflineError(OperationalError):
    """Nothing is cached, and fetching is not possible."""


class MissingPackageError(OperationalError):
    """A Python package is not installed: reading needs fewer than writing and checking."""


class RemoteError(OperationalError):
    """The artifact remote cannot be used."""


class NoRemoteError(RemoteError):
    """No artifact remote is configured."""


class MissingObjectError(RemoteError):
    """The remote lacks an object that a manifest names."""


class CorruptObjectError(RemoteError):
    """An object does not match the digest in its manifest; it was not stored."""
