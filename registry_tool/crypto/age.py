"""The age format: keys, wrapped keys, identity files, and encryption of streams.

Secrets are strings in memory while a command runs. They are never written to disk, printed, or part of a message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from registry_tool.crypto.pyrage import Identity, Readable, Recipient, Writable, pyrage_package
from registry_tool.errors import RefusedError, UsageError
from registry_tool.scanning import (
    HEADER_LIMIT,
    NotAgeError,
    Unarmouring,
    decode_armour,
    is_armoured,
    read_header,
)

__all__ = [
    "Key",
    "check_public_key",
    "decrypt_stream",
    "encrypt_stream",
    "new_key",
    "open_with_passphrase",
    "open_wrap",
    "parse_recipient",
    "read_identities",
    "wrap",
    "wrap_with_passphrase",
]

_SECRET: Final = "AGE-SECRET-KEY-1"  # noqa: S105 (how every secret begins)
_POST_QUANTUM_SECRET: Final = "AGE-SECRET-KEY-PQ-1"  # noqa: S105 (how every such secret begins)
_POST_QUANTUM: Final = "age1pq1"
# As the reference implementation: more takes minutes and gigabytes.
_MOST_WORK: Final = 22
_NO_POST_QUANTUM: Final = (
    "post-quantum keys of age are not supported: the package pyrage does not implement them"
)
_FILE_LIMIT: Final = 64 * 1024


class Key:
    """An age key: what is encrypted to its public half opens with it.

    Attributes:
        recipient: The public half, ``age1…``.
    """

    def __init__(self, secret: str) -> None:
        pyrage = pyrage_package()
        try:
            self._identity = pyrage.x25519.Identity.from_str(secret.strip())
        except pyrage.IdentityError as exc:
            raise RefusedError("the wrapped key is not an age key") from exc
        self._secret = secret.strip()
        self.recipient = str(self._identity.to_public())

    def __repr__(self) -> str:
        return f"Key({self.recipient})"

    @property
    def identity(self) -> Identity:
        """What opens files."""
        return self._identity

    def _reveal(self) -> bytes:
        return f"{self._secret}\n".encode()


def new_key() -> Key:
    """A new key."""
    return Key(str(pyrage_package().x25519.Identity.generate()))


def parse_recipient(public_key: str) -> Recipient:
    """What a public key is for the package.

    Raises:
        UsageError: It is none.
    """
    if public_key.startswith(_POST_QUANTUM):
        raise UsageError(
            _NO_POST_QUANTUM,
            remedy="use a key that begins with age1 and was made by age-keygen without -pq",
        )
    pyrage = pyrage_package()
    kind = pyrage.ssh if public_key.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(public_key)
    except pyrage.RecipientError as exc:
        raise UsageError(
            f"{public_key[:80]!a} is not a public key that age supports",
            remedy="age1…, ssh-ed25519 … or ssh-rsa …",
        ) from exc


def check_public_key(public_key: str) -> str:
    """The public key itself, if age knows such.

    Raises:
        UsageError: It does not.
    """
    parse_recipient(public_key)
    return public_key


def wrap(key: Key, public_keys: Sequence[str]) -> str:
    """The secret half of a key as an age file in its armour, for the holders of some keys.

    Raises:
        UsageError: One is no public key, or there is none.
    """
    recipients = [parse_recipient(one) for one in dict.fromkeys(public_keys)]
    if not recipients:
        raise UsageError("the key needs at least one recipient")
    return pyrage_package().encrypt(key._reveal(), recipients, armored=True).decode()  # noqa: SLF001 (of this module)


def wrap_with_passphrase(key: Key, passphrase: str) -> str:
    """The secret half of a key as an age file in its armour, for whoever knows a passphrase.

    age derives the key that wraps from it with scrypt.

    Raises:
        UsageError: The passphrase is empty.
    """
    if not passphrase:
        raise UsageError("the passphrase is empty")
    return pyrage_package().passphrase.encrypt(key._reveal(), passphrase, armored=True).decode()  # noqa: SLF001 (of this module)


def _check_wrap(value: str) -> bytes:
    """The age file in a wrap, found to be well formed: the package opens some that the format forbids."""
    try:
        data = decode_armour(value)
        work = read_header(data).work
    except NotAgeError as exc:
        raise RefusedError(
            f"a wrapped key is invalid: {exc}", remedy="registry check --all"
        ) from exc
    if work > _MOST_WORK:
        raise RefusedError(
            f"a wrapped key requires 2^{work} steps of scrypt; the limit is 2^{_MOST_WORK}"
        )
    return data


def open_wrap(value: str, identities: Sequence[Identity]) -> Key | None:
    """The key in a wrap; None where none of the identities opens it.

    Raises:
        RefusedError: It is no age file, or holds no key.
    """
    pyrage = pyrage_package()
    data = _check_wrap(value)
    try:
        return Key(pyrage.decrypt(data, identities).decode("ascii", "replace"))
    except (pyrage.DecryptError, OSError):
        return None


def open_with_passphrase(value: str, passphrase: str) -> Key | None:
    """The key in a wrap; None where the passphrase does not open it.

    Raises:
        RefusedError: It is no age file, or holds no key.
    """
    pyrage = pyrage_package()
    data = _check_wrap(value)
    try:
        return Key(pyrage.passphrase.decrypt(data, passphrase).decode("ascii", "replace"))
    except (pyrage.DecryptError, OSError):
        return None


def _from_lines(text: str, path: Path) -> list[Identity]:
    pyrage = pyrage_package()
    found: list[Identity] = []
    for line in text.splitlines():
        if line.strip().startswith(_POST_QUANTUM_SECRET):
            raise UsageError(f"{path}: {_NO_POST_QUANTUM}", remedy="create one: age-keygen -o FILE")
        if line.strip().startswith(_SECRET):
            try:
                found.append(pyrage.x25519.Identity.from_str(line.strip()))
            except pyrage.IdentityError as exc:
                raise UsageError(f"{path} has a line that is not an age key") from exc
    return found


def read_identities(path: Path) -> list[Identity]:
    """The secrets in a file: lines ``AGE-SECRET-KEY-1…``, as ``age-keygen`` writes them, or one SSH private key.

    Raises:
        UsageError: The file cannot be read or holds none; or it is an SSH key with a passphrase, which age cannot use.
    """
    try:
        with path.expanduser().open("rb", buffering=0) as file:
            data = os.read(file.fileno(), _FILE_LIMIT)
    except OSError as exc:
        raise UsageError(f"the identity {path} cannot be read: {exc.strerror}") from exc
    found = _from_lines(data.decode("ascii", "replace"), path)
    if found:
        return found
    pyrage = pyrage_package()
    try:
        return [pyrage.ssh.Identity.from_buffer(data)]
    except (pyrage.IdentityError, ValueError) as exc:
        raise UsageError(
            f"{path} contains neither an age key nor an SSH private key without a passphrase",
            remedy="create one: age-keygen -o FILE; SSH keys with a passphrase are not supported",
        ) from exc


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
    pyrage, recipients = pyrage_package(), [parse_recipient(recipient)]
    _run(lambda source, target: pyrage.encrypt_io(source, target, recipients), reader, writer)


def decrypt_stream(reader: Readable, writer: Writable, key: Key) -> None:
    """Decrypt all that is read; what was written before an error is not to be trusted.

    Raises:
        RefusedError: It is no age file of that key, or a byte of it is wrong.
        BaseException: What reading and writing raise.
    """
    pyrage, identities = pyrage_package(), [key.identity]
    try:
        checked = _Checked(reader)
        _run(lambda source, target: pyrage.decrypt_io(source, target, identities), checked, writer)
    except NotAgeError as exc:
        raise RefusedError(f"the payload is not an age file: {exc}") from exc
    except (pyrage.DecryptError, OSError) as exc:
        # The system's errors have a number; the package's own, for a byte that is wrong, have none.
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise RefusedError(
            "the key does not decrypt the payload, or the payload is damaged"
        ) from exc
