"""Whether a signature was made of a message by the key that it names.

This says nothing about whose key that is. It costs a tenth of a millisecond and needs no program, so the check of a
registry can do it for each signature, and says the same on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from registry_tool.signing.sshsig import Fields, NotASignature, SshSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

__all__ = ["KNOWN", "holds"]

# A smaller key is refused by `ssh-keygen` too.
_RSA_BITS: Final = 2048
_CURVES: Final = ("nistp256", "nistp384", "nistp521")


def _is_ed25519(public: bytes, signature: bytes, message: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    Ed25519PublicKey.from_public_bytes(public).verify(signature, message)


def _is_ecdsa(curve: str, point: bytes, signature: bytes, message: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        ECDSA,
        SECP256R1,
        SECP384R1,
        SECP521R1,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

    kinds = {
        "nistp256": (SECP256R1(), SHA256()),
        "nistp384": (SECP384R1(), SHA384()),
        "nistp521": (SECP521R1(), SHA512()),
    }
    shape, algorithm = kinds[curve]
    public: EllipticCurvePublicKey = EllipticCurvePublicKey.from_encoded_point(shape, point)
    pair = Fields(signature)
    encoded = encode_dss_signature(pair.integer(), pair.integer())
    pair.end()
    public.verify(encoded, message, ECDSA(algorithm))


def _ed25519(key: Fields, algorithm: str, rest: Fields, message: bytes) -> None:
    _same(algorithm, "ssh-ed25519")
    public, signature = key.string(), rest.string()
    rest.end()
    _is_ed25519(public, signature, message)


def _ecdsa(key: Fields, algorithm: str, rest: Fields, message: bytes) -> None:
    curve = key.string().decode("ascii", "replace")
    _same(algorithm, *(f"ecdsa-sha2-{known}" for known in _CURVES if known == curve))
    point, signature = key.string(), rest.string()
    rest.end()
    _is_ecdsa(curve, point, signature, message)


def _rsa(key: Fields, algorithm: str, rest: Fields, message: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.hashes import SHA256, SHA512

    # `ssh-rsa` stands for SHA-1 there.
    _same(algorithm, "rsa-sha2-256", "rsa-sha2-512")
    exponent, modulus, signature = key.integer(), key.integer(), rest.string()
    rest.end()
    if modulus.bit_length() < _RSA_BITS:
        raise NotASignature("its RSA key is too short")
    chosen: HashAlgorithm = SHA256() if algorithm == "rsa-sha2-256" else SHA512()
    public = RSAPublicNumbers(exponent, modulus).public_key()
    # Some signers leave out leading zeroes.
    padded = signature.rjust((modulus.bit_length() + 7) // 8, b"\0")
    public.verify(padded, message, PKCS1v15(), chosen)


def _touched(application: bytes, rest: Fields, message: bytes) -> tuple[bytes, bytes]:
    """Of a key in hardware: the signature, and what it signs; see OpenSSH's PROTOCOL.u2f."""
    signature, flags_and_counter = rest.string(), rest.take(5)
    rest.end()
    digests = hashlib.sha256(application).digest(), hashlib.sha256(message).digest()
    return signature, digests[0] + flags_and_counter + digests[1]


def _sk_ed25519(key: Fields, algorithm: str, rest: Fields, message: bytes) -> None:
    _same(algorithm, "sk-ssh-ed25519@openssh.com")
    public, application = key.string(), key.string()
    signature, signed = _touched(application, rest, message)
    _is_ed25519(public, signature, signed)


def _sk_ecdsa(key: Fields, algorithm: str, rest: Fields, message: bytes) -> None:
    _same(algorithm, "sk-ecdsa-sha2-nistp256@openssh.com")
    curve, point, application = key.string(), key.string(), key.string()
    _same(curve.decode("ascii", "replace"), "nistp256")
    signature, signed = _touched(application, rest, message)
    _is_ecdsa("nistp256", point, signature, signed)


def _same(found: str, *known: str) -> None:
    if found not in known:
        raise NotASignature("its key and its algorithm do not belong together")


KNOWN: Final[Mapping[str, Callable[[Fields, str, Fields, bytes], None]]] = MappingProxyType(
    {
        "ssh-ed25519": _ed25519,
        "ssh-rsa": _rsa,
        **{f"ecdsa-sha2-{curve}": _ecdsa for curve in _CURVES},
        "sk-ssh-ed25519@openssh.com": _sk_ed25519,
        "sk-ecdsa-sha2-nistp256@openssh.com": _sk_ecdsa,
    }
)


def holds(signature: SshSignature, message: bytes) -> bool | None:
    """Whether the key that a signature names made it of a message.

    Returns:
        None for a type of key that is not in ``KNOWN``, such as a certificate: ``ssh-keygen`` may know it.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    key, rest = Fields(signature.key), Fields(signature.signature)
    check = KNOWN.get(key.string().decode("ascii", "replace"))
    if check is None:
        return None
    try:
        algorithm = rest.string().decode("ascii", "replace")
        check(key, algorithm, rest, signature.signed_bytes(message))
        key.end()
    except (InvalidSignature, UnsupportedAlgorithm, NotASignature, ValueError):
        return False
    return True
