"""The package ``pyrage``, typed as far as it is used; it brings no types of its own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from registry_tool.errors import OperationalError
from registry_tool.installation import install_command

__all__ = ["Identity", "Pyrage", "Readable", "Recipient", "Writable", "pyrage_package"]


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most so many; none at the end."""


class Writable(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Write all of them."""

    def flush(self) -> None:
        """Nothing is kept back."""


class Identity(Protocol):
    """A secret that opens what is encrypted to its public half."""


class Recipient(Protocol):
    """A public half."""


class X25519Identity(Identity, Protocol):
    def to_public(self) -> Recipient: ...


class _IdentityClass(Protocol):
    def generate(self) -> X25519Identity: ...

    def from_str(self, text: str, /) -> X25519Identity: ...

    def from_buffer(self, data: bytes, /) -> Identity: ...


class _RecipientClass(Protocol):
    def from_str(self, text: str, /) -> Recipient: ...


class _Kind(Protocol):
    Identity: _IdentityClass
    Recipient: _RecipientClass


class _Passphrase(Protocol):
    def encrypt(self, data: bytes, passphrase: str, *, armored: bool) -> bytes: ...

    def decrypt(self, data: bytes, passphrase: str) -> bytes: ...


class Pyrage(Protocol):
    """What is used of the package; it brings no types of its own."""

    DecryptError: type[Exception]
    EncryptError: type[Exception]
    IdentityError: type[Exception]
    RecipientError: type[Exception]
    x25519: _Kind
    ssh: _Kind
    passphrase: _Passphrase

    def encrypt(self, data: bytes, recipients: Sequence[Recipient], *, armored: bool) -> bytes:
        """An age file of some bytes."""

    def decrypt(self, data: bytes, identities: Sequence[Identity]) -> bytes:
        """The bytes in an age file, armoured or not."""

    def encrypt_io(
        self, reader: Readable, writer: Writable, recipients: Sequence[Recipient]
    ) -> None:
        """An age file of a stream."""

    def decrypt_io(
        self, reader: Readable, writer: Writable, identities: Sequence[Identity]
    ) -> None:
        """The stream in an age file."""


def pyrage_package() -> Pyrage:
    """The package.

    Raises:
        OperationalError: It is not installed.
    """
    try:
        return cast("Pyrage", import_module("pyrage"))
    except ImportError as exc:
        raise OperationalError(
            "encrypted packages need the package pyrage",
            remedy=install_command("encrypt"),
        ) from exc
