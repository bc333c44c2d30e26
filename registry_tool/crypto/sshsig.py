"""SSH signatures: the armored format, and verification against the key that a signature names.

The format is OpenSSH's, https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig. A signature names its key, its
namespace and the hash of the message, so it can be verified by itself and cannot be used for another purpose. It does not
say whose the key is; ``find_signers`` does. Verification takes 0.1 ms and no program, and gives the same answer on every machine.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

__all__ = [
    "KNOWN",
    "NAMESPACE",
    "Fields",
    "NotASignatureError",
    "SshSignature",
    "compute_fingerprint",
    "holds",
    "parse",
]

# What `ssh-keygen -Y sign -n` gets: a signature of a commit (`git`) or a file is none of a record, and the other way.
NAMESPACE: Final = "registry-tool"
_LIMIT: Final = 16 * 1024
_MAGIC: Final = b"SSHSIG"
_HASHES: Final = ("sha256", "sha512")
_ARMOUR: Final = re.compile(
    r"\s*-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*"
)


def compute_fingerprint(key: bytes) -> str:
    """The fingerprint of a public key, as ``ssh-keygen -l`` prints it."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


class NotASignatureError(ValueError):
    """The text is no SSH signature; the message says where it stops being one."""


class Fields:
    """Length-prefixed fields, read one after the other; NotASignatureError where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes, as many as asked for."""
        if size > len(self._data) - self._at:
            raise NotASignatureError("it ends too early")
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def number(self) -> int:
        """A number of 32 bits."""
        (found,) = struct.unpack(">I", self.take(4))
        return int(found)

    def string(self) -> bytes:
        """Bytes behind their length."""
        return self.take(self.number())

    def integer(self) -> int:
        """A whole number that is not negative, of any size."""
        return int.from_bytes(self.string())

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise NotASignatureError("it has bytes after its end")


class SshSignature(NamedTuple):
    """One signature.

    Attributes:
        key: The public key, as SSH writes it.
        namespace: What it was made for.
        reserved: Empty today; part of what is signed.
        hash_name: ``sha256`` or ``sha512``.
        signature: The signature itself, behind the name of its algorithm.
    """

    key: bytes
    namespace: str
    reserved: bytes
    hash_name: str
    signature: bytes

    @property
    def key_type(self) -> str:
        """Such as ``ssh-ed25519``."""
        return Fields(self.key).string().decode("ascii", "replace")

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as ``ssh-keygen -l`` prints it."""
        return compute_fingerprint(self.key)

    def signed_bytes(self, message: bytes) -> bytes:
        """The bytes that the key signed, if the signature is one of this message."""
        digest = hashlib.new(self.hash_name, message).digest()
        parts = (self.namespace.encode(), self.reserved, self.hash_name.encode(), digest)
        return _MAGIC + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _remove_armour(text: str) -> bytes:
    match = _ARMOUR.fullmatch(text) if len(text) <= _LIMIT else None
    if match is None:
        raise NotASignatureError("the lines BEGIN and END SSH SIGNATURE are missing")
    try:
        return base64.b64decode("".join(match[1].split()), validate=True)
    except binascii.Error as exc:
        raise NotASignatureError("it is not Base64") from exc


def parse(text: str) -> SshSignature:
    """Read a signature.

    Args:
        text: The armour, as ``ssh-keygen -Y sign`` prints it.

    Raises:
        NotASignatureError: It is none, or of a kind that nobody writes yet.
    """
    fields = Fields(_remove_armour(text))
    if fields.take(len(_MAGIC)) != _MAGIC:
        raise NotASignatureError("it does not begin with SSHSIG")
    if (version := fields.number()) != 1:
        raise NotASignatureError(f"it is of version {version}, not 1")
    key, namespace, reserved = fields.string(), fields.string(), fields.string()
    hash_name, signature = fields.string().decode("ascii", "replace"), fields.string()
    fields.end()
    if hash_name not in _HASHES:
        raise NotASignatureError("its hash algorithm is unknown")
    found = SshSignature(key, namespace.decode("ascii", "replace"), reserved, hash_name, signature)
    _ = found.key_type  # a key without a type is none
    return found


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
        raise NotASignatureError("its RSA key is too short")
    chosen: HashAlgorithm = SHA256() if algorithm == "rsa-sha2-256" else SHA512()
    public = RSAPublicNumbers(exponent, modulus).public_key()
    # Some signers leave out leading zeroes.
    padded = signature.rjust((modulus.bit_length() + 7) // 8, b"\0")
    public.verify(padded, message, PKCS1v15(), chosen)


def _read_hardware_signature(
    application: bytes, rest: Fields, message: bytes
) -> tuple[bytes, bytes]:
    """Of a key in hardware: the signature, and what it signs; see OpenSSH's PROTOCOL.u2f."""
    signature, flags_and_counter = rest.string(), rest.take(5)
    rest.end()
    digests = hashlib.sha256(application).digest(), hashlib.sha256(message).digest()
    return signature, digests[0] + flags_and_counter + digests[1]


def _sk_ed25519(key: Fields, algorithm: str, rest: Fields, message: bytes) -> None:
    _same(algorithm, "sk-ssh-ed25519@openssh.com")
    public, application = key.string(), key.string()
    signature, signed = _read_hardware_signature(application, rest, message)
    _is_ed25519(public, signature, signed)


def _sk_ecdsa(key: Fields, algorithm: str, rest: Fields, message: bytes) -> None:
    _same(algorithm, "sk-ecdsa-sha2-nistp256@openssh.com")
    curve, point, application = key.string(), key.string(), key.string()
    _same(curve.decode("ascii", "replace"), "nistp256")
    signature, signed = _read_hardware_signature(application, rest, message)
    _is_ecdsa("nistp256", point, signature, signed)


def _same(found: str, *known: str) -> None:
    if found not in known:
        raise NotASignatureError("its key does not match its algorithm")


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
    except (InvalidSignature, UnsupportedAlgorithm, NotASignatureError, ValueError):
        return False
    return True
