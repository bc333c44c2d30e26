"""Keys of elliptic curves in PEM form, as Model Signing takes them: which one it is, and what is wrong with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import (
        PrivateKeyTypes,
        PublicKeyTypes,
    )

__all__ = ["PublicKey", "is_encrypted", "not_by_key", "public_half", "read_public"]

_LIMIT: Final = 64 * 1024
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
_MAKE: Final = "create one: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
_PUBLIC: Final = "write the public half of one: openssl ec -in key.pem -pubout -out key.pub"


class PublicKey(NamedTuple):
    """A public key: its PEM form, and the SHA-256 of that in hex, which bundles name it by."""

    pem: bytes
    digest: str


def _read(path: Path, make: str) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(_LIMIT + 1)
    except OSError as exc:
        raise UsageError(f"the key {path} cannot be read: {exc.strerror}", remedy=make) from exc
    if len(found) > _LIMIT:
        raise UsageError(f"{path} is too large for a key", remedy=make)
    return found


def _public(key: PublicKeyTypes, path: Path) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise UsageError(f"{path} is not a key of the curve P-256, P-384 or P-521", remedy=_MAKE)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(pem, hashlib.sha256(pem).hexdigest())


def is_encrypted(path: Path) -> bool:
    """True for a private key that a passphrase opens.

    Raises:
        UsageError: It cannot be read.
    """
    return b"ENCRYPTED" in _read(path, _MAKE)


def _private(path: Path, passphrase: bytes | None) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(_read(path, _MAKE), passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        if passphrase is not None:
            raise UsageError(f"the passphrase does not open the key {path}") from exc
        raise UsageError(f"{path} is not a private key in PEM form", remedy=_MAKE) from exc


def public_half(path: Path, passphrase: bytes | None) -> PublicKey:
    """The public half of a private key.

    Args:
        path: The private key.
        passphrase: What opens it; None for one that lies open.

    Raises:
        UsageError: It cannot be read or opened, or is of a kind that Model Signing does not take.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    key = _private(path, passphrase)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise UsageError(f"{path} is not a key of the curve P-256, P-384 or P-521", remedy=_MAKE)
    return _public(key.public_key(), path)


def read_public(path: Path) -> PublicKey:
    """A public key.

    Raises:
        UsageError: It cannot be read, or is of a kind that Model Signing does not take.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found = load_pem_public_key(_read(path, _PUBLIC))
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise UsageError(f"{path} is not a public key in PEM form", remedy=_PUBLIC) from exc
    return _public(found, path)


def not_by_key() -> tuple[type[Exception], ...]:
    """What is raised where a signature is not by a key."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    return InvalidSignature, UnsupportedAlgorithm
