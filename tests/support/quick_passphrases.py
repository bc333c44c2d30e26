"""Wraps for a passphrase that take no second of work: age files as the package makes them, with the least scrypt."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import textwrap

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["encrypt"]

_WORK = 1  # 2^1 steps; the package chooses what takes a second, which is 2^17 to 2^20
_CHUNK = 1 << 16


def _derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def _encode(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def encrypt(data: bytes, passphrase: str, *, armored: bool) -> bytes:
    """Stand in for ``pyrage.passphrase.encrypt``, by the format's document (https://age-encryption.org/v1).

    Args:
        data: Less than one chunk of the format, 64 KiB.
        passphrase: What opens it.
        armored: Always true here.
    """
    if not armored or len(data) >= _CHUNK:
        raise NotImplementedError
    file_key, salt, nonce = (os.urandom(16) for _ in range(3))
    name = b"age-encryption.org/v1"
    wrapping = hashlib.scrypt(
        passphrase.encode(), salt=name + b"/scrypt" + salt, n=1 << _WORK, r=8, p=1, dklen=32
    )
    body = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    head = b"%b\n-> scrypt %b %d\n%b\n---" % (name, _encode(salt), _WORK, _encode(body))
    mac = hmac.digest(_derive(file_key, b"", b"header"), head, "sha256")
    payload = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    sealed = payload.encrypt(bytes(11) + b"\x01", data, None)
    whole = b"%b %b\n%b%b" % (head, _encode(mac), nonce, sealed)
    lines = textwrap.wrap(base64.b64encode(whole).decode(), 64)
    edge = "-----{} AGE ENCRYPTED FILE-----"
    return "\n".join([edge.format("BEGIN"), *lines, edge.format("END"), ""]).encode()
