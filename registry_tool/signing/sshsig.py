"""An SSH signature as data: the armour, and what lies in it.

The form is OpenSSH's, https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig. A signature names its
key, the namespace it was made for and the hash of the message; so it can be checked by itself, and cannot be used for
anything else. Whose the key is, it does not say.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from typing import Final, NamedTuple

__all__ = ["NAMESPACE", "Fields", "NotASignature", "SshSignature", "fingerprint_of", "parse"]

# What `ssh-keygen -Y sign -n` gets: a signature of a commit (`git`) or a file is none of a record, and the other way.
NAMESPACE: Final = "registry-tool"
_LIMIT: Final = 16 * 1024
_MAGIC: Final = b"SSHSIG"
_HASHES: Final = ("sha256", "sha512")
_ARMOUR: Final = re.compile(
    r"\s*-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----\s*"
)


def fingerprint_of(key: bytes) -> str:
    """The fingerprint of a public key, as ``ssh-keygen -l`` prints it."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


class NotASignature(ValueError):
    """The text is no SSH signature; the message says where it stops being one."""


class Fields:
    """Length-prefixed fields, read one after the other; NotASignature where they end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next bytes, as many as asked for."""
        if size > len(self._data) - self._at:
            raise NotASignature("it ends too early")
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
            raise NotASignature("bytes follow after its end")


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
        return fingerprint_of(self.key)

    def signed_bytes(self, message: bytes) -> bytes:
        """The bytes that the key signed, if the signature is one of this message."""
        digest = hashlib.new(self.hash_name, message).digest()
        parts = (self.namespace.encode(), self.reserved, self.hash_name.encode(), digest)
        return _MAGIC + b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _unarmoured(text: str) -> bytes:
    match = _ARMOUR.fullmatch(text) if len(text) <= _LIMIT else None
    if match is None:
        raise NotASignature("it does not stand between the lines BEGIN and END SSH SIGNATURE")
    try:
        return base64.b64decode("".join(match[1].split()), validate=True)
    except binascii.Error as exc:
        raise NotASignature("it is not Base64") from exc


def parse(text: str) -> SshSignature:
    """Read a signature.

    Args:
        text: The armour, as ``ssh-keygen -Y sign`` prints it.

    Raises:
        NotASignature: It is none, or of a kind that nobody writes yet.
    """
    fields = Fields(_unarmoured(text))
    if fields.take(len(_MAGIC)) != _MAGIC:
        raise NotASignature("it does not begin with SSHSIG")
    if (version := fields.number()) != 1:
        raise NotASignature(f"it is of version {version}, not 1")
    key, namespace, reserved = fields.string(), fields.string(), fields.string()
    hash_name, signature = fields.string().decode("ascii", "replace"), fields.string()
    fields.end()
    if hash_name not in _HASHES:
        raise NotASignature("it hashes the message in a way that is not known")
    found = SshSignature(key, namespace.decode("ascii", "replace"), reserved, hash_name, signature)
    _ = found.key_type  # a key without a type is none
    return found
