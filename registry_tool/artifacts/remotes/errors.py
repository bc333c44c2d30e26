"""What a driver's exception means, and the command that fixes it.

Drivers raise classes of packages that may not be installed here, and each store reports the same conditions in its own
way. So the whole chain of an exception is classified by class names, HTTP statuses and error codes. Everything leaves
as ``RemoteError``, or as ``MissingObjectError`` where the store says that.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal

from registry_tool.artifacts.remotes.kinds import RemoteKind, find_kind
from registry_tool.errors import MissingObjectError, RegistryError, RemoteError

__all__ = [
    "ErrorTranslator",
    "_Translation",
    "already_exists",
    "is_absence",
    "is_unsupported",
    "upload_expired",
]

_GONE = frozenset({404, 410})
_TAKEN = frozenset({"PreconditionFailed", "412", "FileExistsError", "ConditionalRequestConflict"})
_UNKNOWN = frozenset({"NotImplemented", "501"})
_SHOWN = 300
_SECRET = re.compile(r"(?<=://)[^/@\s]+@|(?<=\?)[^\s'\"]+")
# What a store says, as names of exception classes and codes of errors.
_SAYS: Final = {
    "none": {
        "NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "CredentialUnavailableError",
        "AuthError",
    },
    "expired": {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestTimeTooSkewed"},
    "refused": {
        "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "PermissionDenied", "ClientAuthenticationError",
        "RefreshError", "InvalidToken", "KeyImportError", "KeyEncryptionError", "AuthenticationFailed",
    },
    "forbidden": {"403", "AccessDenied", "Forbidden", "PermissionError", "SFTPPermissionDenied"},
    "host": {"HostKeyNotVerifiable"},
    "place": {"NoSuchBucket", "InvalidBucketName", "ContainerNotFound", "BucketNotFound"},
    "full": {"507", "SFTPNoSpaceOnFilesystem", "SFTPQuotaExceeded", "QuotaExceeded", "StorageFull"},
    "method": {"405", "501", "MethodNotAllowed"},
    "certificate": {"SSLError", "SSLCertVerificationError", "ClientConnectorCertificateError"},
    "closed": {"IncompleteRead"},
    "unreachable": {
        "ConnectionRefusedError", "ConnectionResetError", "ConnectionLost", "ConnectError", "ConnectTimeout",
        "ConnectTimeoutError", "ClientConnectorError", "ClientOSError", "EndpointConnectionError", "ReadTimeout",
        "ServerDisconnectedError", "TimeoutError", "FSTimeoutError", "gaierror", "ServiceRequestError",
        "BrokenPipeError", "ConnectionClosedError", "RemoteProtocolError", "ReadTimeoutError", "DisconnectError",
        "SFTPNoConnection", "SFTPConnectionLost",
    },
}  # fmt: skip
_WORDS: Final = {
    "none": "no credentials for it were found on this machine",
    "expired": "the credentials have expired, or the clock is wrong",
    "refused": "it rejected the credentials",
    "forbidden": "it rejected the credentials, or they lack a permission",
    "host": "its host key differs from the one in known_hosts",
    "place": "the bucket, container or folder does not exist",
    "full": "it has no space left",
    "method": "it does not accept uploads by this method",
    "certificate": "its certificate cannot be verified",
    "closed": "the connection closed early",
    "unreachable": "it cannot be reached",
}


def _chain(exc: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )


def _says(exc: BaseException) -> Iterator[str]:
    """Names of classes, error codes and statuses of the whole chain."""
    for one in _chain(exc):
        yield from (kind.__name__ for kind in type(one).__mro__)
        own = getattr(one, "__dict__", {})
        response = own.get("response")
        if isinstance(response, dict):  # botocore
            yield str(response.get("Error", {}).get("Code", ""))
        for holder in (own, getattr(response, "__dict__", {})):
            for key in ("status", "status_code", "error_code", "code"):
                if isinstance(value := holder.get(key), int | str):
                    yield str(value)
        if "authentication failures" in str(one):  # OpenSSH hangs up after some keys
            yield "PermissionDenied"
        if isinstance(one, OSError) and one.errno in {errno.ENOSPC, errno.EDQUOT}:
            yield "507"


def _classify(exc: BaseException) -> str:
    said = set(_says(exc))
    return next((kind for kind in _WORDS if said & _SAYS[kind]), "")


def _in_words(exc: BaseException) -> str:
    """The first line of the innermost message that says something; URLs in it lose their credentials."""
    # urllib3 names the error of the socket in the arguments: ProtocolError("Connection aborted.", error).
    while (
        inner := exc.__cause__
        or next((one for one in exc.args[1:] if isinstance(one, Exception)), None)
    ) is not None:
        exc = inner
    text = next(iter(str(exc).strip().splitlines()), "")
    return _SECRET.sub("", text)[:_SHOWN] or type(exc).__name__


def is_absence(exc: BaseException) -> bool:
    """True when the driver says that the object does not exist.

    fsspec's HTTP raises FileNotFoundError for every failure, a refused connection too; its cause distinguishes them. S3
    says the same of a bucket as of an object.
    """
    if not isinstance(exc, FileNotFoundError) or _SAYS["place"].intersection(_says(exc)):
        return False
    cause = exc.__cause__
    status = getattr(cause, "status", None)
    if isinstance(status, int):
        return status in _GONE
    foreign = type(cause).__module__.partition(".")[0] == "aiohttp"
    return isinstance(cause, FileNotFoundError) or not (foreign or isinstance(cause, OSError))


def already_exists(exc: BaseException) -> bool:
    """True when a store did not write an object because one exists."""
    return bool(_TAKEN.intersection(_says(exc)))


def upload_expired(exc: BaseException) -> bool:
    """True when a multipart upload no longer exists: another process completed or aborted it."""
    return "NoSuchUpload" in set(_says(exc))


def is_unsupported(exc: BaseException) -> bool:
    """True when a store does not support a request."""
    return bool(_UNKNOWN.intersection(_says(exc)))


@dataclass(frozen=True)
class ErrorTranslator:
    """Words for one remote.

    Attributes:
        name: Its name in DVC's configuration.
        label: What messages call it.
        scheme: Of its URL.
        left_out: Options of the committed configuration that are not taken from there.
    """

    name: str
    label: str
    scheme: str
    left_out: tuple[str, ...] = ()

    def translate(self, doing: str, *, missing: str = "", remedy: str = "") -> _Translation:
        """A context in which a driver is used; ``missing`` is the message when the object does not exist."""
        return _Translation(self, doing, missing, remedy)

    def no_credentials(self) -> RemoteError:
        """What to say when the settings name a user, and nothing that proves it."""
        return RemoteError(
            f"{self.label} cannot be queried: {_WORDS['none']}", remedy=self._credentials()
        )

    def trouble(self, doing: str, exc: BaseException, *, remedy: str = "") -> RemoteError:
        """What happened, and what to do."""
        kind, found = _classify(exc), _in_words(exc)
        if not kind and not self._kind.can_list and is_absence(exc):
            kind = "method"  # where nothing is looked for, a web server means that it takes nothing there
        words = f"{_WORDS[kind]} ({found})" if kind else found
        return RemoteError(f"{self.label} {doing}: {words}", remedy=remedy or self._remedy(kind))

    @property
    def _kind(self) -> RemoteKind:
        return find_kind(self.scheme)

    def _set(self, setting: str, *, local: bool = True) -> str:
        return f"dvc remote modify {'--local ' if local else ''}{self.name} {setting}"

    def _credentials(self) -> str:
        kind = self._kind
        if not kind.credential_settings:
            return f"set its credentials: {self._set('OPTION VALUE')}"
        commands = " && ".join(self._set(setting) for setting in kind.credential_settings)
        return f"set them: {commands}" + (
            f"; {kind.credential_hint}" if kind.credential_hint else ""
        )

    def _own(self) -> str:
        """What the committed configuration sets in vain."""
        commands = ", ".join(self._set(f"{option} VALUE") for option in self.left_out)
        return f"options ignored in the committed .dvc/config must be set here: {commands}"

    def _remedy(self, kind: str) -> str:
        if self.left_out and kind in {"none", "refused", "forbidden", "certificate"}:
            return self._own()
        if kind in {"none", "expired", "refused", "forbidden"}:
            return self._credentials()
        by_kind = {
            "host": "if the host really has a new key: ssh-keygen -R HOST; then log in once: ssh HOST",
            "place": f"create it, or name another: {self._set('url URL', local=False)}",
            "full": "free some space there and run the same command again: the upload resumes",
            "method": f"if the server accepts PUT: {self._set('method PUT', local=False)}",
            "certificate": f"name your certificate authority: {self._set('ssl_verify FILE')}",
        }
        location = self._set(self._kind.location_setting, local=False)
        fallback = f"check the network and the address: {location}"
        return by_kind.get(kind, fallback)


@dataclass(frozen=True)
class _Translation:
    """Runs a driver's code: whatever it raises leaves as RemoteError, or as MissingObjectError."""

    errors: ErrorTranslator
    doing: str
    missing: str
    remedy: str

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None
    ) -> Literal[False]:
        if not isinstance(exc, Exception) or isinstance(exc, RegistryError):
            return False
        if self.missing and is_absence(exc):
            raise MissingObjectError(self.missing) from exc
        raise self.errors.trouble(self.doing, exc, remedy=self.remedy) from exc
