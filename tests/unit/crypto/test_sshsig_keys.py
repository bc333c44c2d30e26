"""Signatures by real keys of every kind, checked without any program."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.crypto.ssh_keygen import sign
from registry_tool.crypto.sshsig import SshSignature, holds, parse

KINDS = ("ed25519", "rsa", "p256", "p384", "p521")
MESSAGE = b"schema: version/v1\n"
Keys = Callable[..., Path]


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_holds_for_its_message_only(make_key: Keys, kind: str) -> None:
    found = parse(sign(MESSAGE, str(make_key(kind))))
    assert holds(found, MESSAGE) is True
    assert holds(found, MESSAGE + b"\n") is False
    assert holds(found._replace(namespace="git"), MESSAGE) is False
    assert holds(found._replace(reserved=b"x"), MESSAGE) is False


@pytest.mark.parametrize("kind", KINDS)
def test_the_signature_of_another_key_does_not_hold(make_key: Keys, kind: str) -> None:
    found = parse(sign(MESSAGE, str(make_key(kind))))
    other = parse(sign(MESSAGE, str(make_key(kind, "two"))))
    assert holds(found._replace(key=other.key), MESSAGE) is False


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_of_the_signature_is_noticed(make_key: Keys, kind: str) -> None:
    found = parse(sign(MESSAGE, str(make_key(kind))))
    for at in range(0, len(found.signature) * 8, 29):
        changed = bytearray(found.signature)
        changed[at // 8] ^= 1 << (at % 8)
        assert holds(found._replace(signature=bytes(changed)), MESSAGE) is not True


def touched(sign_it: Callable[[bytes], bytes], message: SshSignature) -> bytes:
    """What a key in hardware signs: the message in an envelope with a flag for the touch and a counter."""
    flags = b"\1\0\0\0\7"
    inner = message.signed_bytes(MESSAGE)
    return (
        sign_it(hashlib.sha256(b"ssh:").digest() + flags + hashlib.sha256(inner).digest()) + flags
    )


def test_a_key_in_hardware() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kind = b"sk-ssh-ed25519@openssh.com"
    blob = string(kind) + string(public) + string(b"ssh:")
    empty = SshSignature(blob, "registry-tool", b"", "sha512", b"")
    made = string(kind) + touched(lambda data: string(key.sign(data)), empty)
    assert holds(empty._replace(signature=made), MESSAGE) is True
    assert holds(empty._replace(signature=made), b"else") is False
    assert holds(empty._replace(signature=made[:-1] + b"\x08"), MESSAGE) is False


def test_an_ecdsa_key_in_hardware() -> None:
    key = generate_private_key(SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    blob = string(kind) + string(b"nistp256") + string(point) + string(b"ssh:")
    empty = SshSignature(blob, "registry-tool", b"", "sha256", b"")

    def sign_it(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ECDSA(SHA256())))
        return string(mpint(r) + mpint(s))

    made = string(kind) + touched(sign_it, empty)
    assert holds(empty._replace(signature=made), MESSAGE) is True
    assert holds(empty._replace(signature=made), b"else") is False


def test_sha_1_is_no_hash_to_sign_with(make_key: Keys) -> None:
    found = parse(sign(MESSAGE, str(make_key("rsa"))))
    old = found.signature.replace(string(b"rsa-sha2-512"), string(b"ssh-rsa"))
    assert old != found.signature
    assert holds(found._replace(signature=old), MESSAGE) is False


def test_a_certificate_is_for_others_to_check() -> None:
    key = string(b"ssh-ed25519-cert-v01@openssh.com") + string(b"nonce")
    assert holds(SshSignature(key, "registry-tool", b"", "sha512", b""), MESSAGE) is None


@given(
    kind=st.sampled_from(
        ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"]
    ),
    key=st.binary(max_size=300),
    rest=st.binary(max_size=300),
)
def test_hostile_keys_and_signatures_only_fail(kind: str, key: bytes, rest: bytes) -> None:
    signature = SshSignature(
        string(kind.encode()) + key, "registry-tool", b"", "sha512", string(kind.encode()) + rest
    )
    assert holds(signature, MESSAGE) is False
