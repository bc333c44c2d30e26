"""Encrypting and decrypting what is read to what is written, in pieces."""

from __future__ import annotations

from collections.abc import Callable

from registry_tool.encryption.keys import Key, recipient_of
from registry_tool.encryption.package import Readable, Writable, pyrage_package
from registry_tool.errors import Refused

__all__ = ["decrypt_stream", "encrypt_stream"]


class _Reading:
    """A reader whose error is not lost: the package makes another one of it."""

    def __init__(self, inner: Readable) -> None:
        self._inner = inner
        self.error: BaseException | None = None

    def read(self, size: int, /) -> bytes:
        try:
            return self._inner.read(size)
        except BaseException as exc:
            self.error = exc
            raise


class _Writing:
    """A writer whose error is not lost: of the last piece the package does not ask whether it was written."""

    def __init__(self, inner: Writable) -> None:
        self._inner = inner
        self.error: BaseException | None = None

    def write(self, data: bytes, /) -> int:
        try:
            self._inner.write(data)
        except BaseException as exc:
            self.error = exc
            raise
        return len(data)

    def flush(self) -> None:
        self._inner.flush()


def _run(act: Callable[[Readable, Writable], None], reader: Readable, writer: Writable) -> None:
    """Let the package read and write; what went wrong there is raised as it was."""
    source, target = _Reading(reader), _Writing(writer)
    try:
        act(source, target)
    except (
        Exception
    ):  # the package wraps what our streams raised in errors of its own, of several kinds
        error = source.error or target.error
        if error is not None:
            raise error from None
        raise
    if target.error is not None:
        raise target.error


def encrypt_stream(reader: Readable, writer: Writable, recipient: str) -> None:
    """Encrypt all that is read to one public key.

    Raises:
        UsageError: It is no public key.
        BaseException: What reading and writing raise.
    """
    pyrage, recipients = pyrage_package(), [recipient_of(recipient)]
    _run(lambda source, target: pyrage.encrypt_io(source, target, recipients), reader, writer)


def decrypt_stream(reader: Readable, writer: Writable, key: Key) -> None:
    """Decrypt all that is read; what was written before an error is not to be trusted.

    Raises:
        Refused: It is no age file of that key, or a byte of it is wrong.
        BaseException: What reading and writing raise.
    """
    pyrage, identities = pyrage_package(), [key.identity]
    try:
        _run(lambda source, target: pyrage.decrypt_io(source, target, identities), reader, writer)
    except (pyrage.DecryptError, OSError) as exc:
        # The system's errors have a number; the package's own, for a byte that is wrong, have none.
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise Refused("the key does not open the payload, or a byte of it is wrong") from exc
