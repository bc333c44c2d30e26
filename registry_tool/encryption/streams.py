"""Encrypting and decrypting what is read to what is written, in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from registry_tool.encryption.keys import Key, recipient_of
from registry_tool.encryption.package import Readable, Writable, pyrage_package
from registry_tool.errors import Refused
from registry_tool.scanning.age_header import (
    HEADER_LIMIT,
    NotAge,
    Unarmouring,
    is_armoured,
    read_header,
)

__all__ = ["decrypt_stream", "encrypt_stream"]

# Blanks that may stand before an armour, and its first line.
_ARMOUR_HEAD: Final = 1024 + 40
_PIECE: Final = 64 << 10


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


class _Checked:
    """An age file as the package reads it: without its armour, and only after its header was found to be well formed.

    The package opens some headers that the format forbids.
    """

    def __init__(self, inner: Readable) -> None:
        self._inner = inner
        self._armour: Unarmouring | None = None
        self._ahead = b""
        self._ended = False
        head = self._plain(_ARMOUR_HEAD)
        if is_armoured(head):
            self._armour = Unarmouring()
            head = self._armour.feed(head)
        self._ahead = head
        while not self._ended and b"\n--- " not in self._ahead and len(self._ahead) < HEADER_LIMIT:
            self._more()
        self._more()
        read_header(self._ahead[:HEADER_LIMIT])

    def _plain(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (piece := self._inner.read(size - len(found))):
            found += piece
        self._ended = len(found) < size
        return found

    def _more(self) -> None:
        if self._ended:
            return
        piece = self._inner.read(_PIECE)
        self._ended = not piece
        if self._armour is not None:
            piece = self._armour.feed(piece) if piece else b""
        self._ahead += piece

    def read(self, size: int, /) -> bytes:
        while not self._ahead and not self._ended:
            self._more()
        if self._ended and self._armour is not None:
            armour, self._armour = self._armour, None
            self._ahead += armour.close()
        found, self._ahead = self._ahead[:size], self._ahead[size:]
        return found


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
        checked = _Checked(reader)
        _run(lambda source, target: pyrage.decrypt_io(source, target, identities), checked, writer)
    except NotAge as exc:
        raise Refused(f"the key does not open the payload, which is no age file: {exc}") from exc
    except (pyrage.DecryptError, OSError) as exc:
        # The system's errors have a number; the package's own, for a byte that is wrong, have none.
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise Refused("the key does not open the payload, or a byte of it is wrong") from exc
