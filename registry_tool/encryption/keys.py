"""Keys of age, the wraps they lie in, and the files that hold people's own.

Secrets are texts in memory for as long as a command runs. They are never written, printed, or part of a message.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from registry_tool.encryption.package import Identity, Recipient, pyrage_package
from registry_tool.errors import Refused, UsageError
from registry_tool.scanning.age_header import NotAge, decode_armour, read_header

__all__ = [
    "Key",
    "check_public_key",
    "new_key",
    "open_with_passphrase",
    "open_wrap",
    "read_identities",
    "recipient_of",
    "wrap",
    "wrap_with_passphrase",
]

_SECRET: Final = "AGE-SECRET-KEY-1"  # noqa: S105 (how every secret begins)
_POST_QUANTUM_SECRET: Final = "AGE-SECRET-KEY-PQ-1"  # noqa: S105 (how every such secret begins)
_POST_QUANTUM: Final = "age1pq1"
# As the reference implementation: more takes minutes and gigabytes.
_MOST_WORK: Final = 22
_NO_POST_QUANTUM: Final = (
    "post-quantum keys of age are not supported: the package pyrage has none of them"
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
            raise Refused("what a wrap holds is no age key") from exc
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


def recipient_of(public_key: str) -> Recipient:
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
            f"{public_key[:80]!a} is no public key that age knows",
            remedy="age1…, ssh-ed25519 … or ssh-rsa …",
        ) from exc


def check_public_key(public_key: str) -> str:
    """The public key itself, if age knows such.

    Raises:
        UsageError: It does not.
    """
    recipient_of(public_key)
    return public_key


def wrap(key: Key, public_keys: Sequence[str]) -> str:
    """The secret half of a key as an age file in its armour, for the holders of some keys.

    Raises:
        UsageError: One is no public key, or there is none.
    """
    recipients = [recipient_of(one) for one in dict.fromkeys(public_keys)]
    if not recipients:
        raise UsageError("there is nobody to wrap the key to")
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


def _checked(value: str) -> bytes:
    """The age file in a wrap, found to be well formed: the package opens some that the format forbids."""
    try:
        data = decode_armour(value)
        work = read_header(data).work
    except NotAge as exc:
        raise Refused(f"a wrap is broken: {exc}", remedy="registry check --all") from exc
    if work > _MOST_WORK:
        raise Refused(
            f"a wrap asks for 2^{work} steps of scrypt, and at most 2^{_MOST_WORK} are done"
        )
    return data


def open_wrap(value: str, identities: Sequence[Identity]) -> Key | None:
    """The key in a wrap; None where none of the identities opens it.

    Raises:
        Refused: It is no age file, or holds no key.
    """
    pyrage = pyrage_package()
    data = _checked(value)
    try:
        return Key(pyrage.decrypt(data, identities).decode("ascii", "replace"))
    except (pyrage.DecryptError, OSError):
        return None


def open_with_passphrase(value: str, passphrase: str) -> Key | None:
    """The key in a wrap; None where the passphrase does not open it.

    Raises:
        Refused: It is no age file, or holds no key.
    """
    pyrage = pyrage_package()
    data = _checked(value)
    try:
        return Key(pyrage.passphrase.decrypt(data, passphrase).decode("ascii", "replace"))
    except (pyrage.DecryptError, OSError):
        return None


def _from_lines(text: str, path: Path) -> list[Identity]:
    pyrage = pyrage_package()
    found: list[Identity] = []
    for line in text.splitlines():
        if line.strip().startswith(_POST_QUANTUM_SECRET):
            raise UsageError(f"{path}: {_NO_POST_QUANTUM}", remedy="make one: age-keygen -o FILE")
        if line.strip().startswith(_SECRET):
            try:
                found.append(pyrage.x25519.Identity.from_str(line.strip()))
            except pyrage.IdentityError as exc:
                raise UsageError(f"{path} has a line that is no age key") from exc
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
            f"{path} holds no age key and no SSH private key that can be used as it is",
            remedy="make one: age-keygen -o FILE; an SSH key must have no passphrase here",
        ) from exc
