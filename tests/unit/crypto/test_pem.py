"""Keys in PEM form: what is read, and what is said of others."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support import without
from support.model_signers import PemKey

from registry_tool.crypto.pem import is_encrypted, public_half, read_public
from registry_tool.errors import UsageError


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_both_halves_name_one_key(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    key = PemKey(tmp_path, curve=curve)
    found = public_half(key.private, None)
    assert found == read_public(key.public)
    assert found.digest == hashlib.sha256(key.public.read_bytes()).hexdigest()


def test_a_key_behind_a_passphrase(tmp_path: Path) -> None:
    key = PemKey(tmp_path, passphrase=b"open")
    assert is_encrypted(key.private)
    assert not is_encrypted(PemKey(tmp_path, "other").private)
    assert public_half(key.private, b"open") == read_public(key.public)
    with pytest.raises(UsageError, match="the passphrase does not open"):
        public_half(key.private, b"shut")


def test_a_key_that_openssl_made(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        without("openssl is missing: install it")
    place = tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(place)],
        check=True, capture_output=True,
    )  # fmt: skip
    assert len(public_half(place, None).digest) == 64


def test_other_files(tmp_path: Path) -> None:
    for name, content, words in (
        ("text", b"hello", "not a private key in PEM form"),
        ("large", b" " * (1 << 20), "too large for a key"),
    ):
        place = tmp_path / name
        place.write_bytes(content)
        with pytest.raises(UsageError, match=words):
            public_half(place, None)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_public(tmp_path / "none")
    with pytest.raises(UsageError, match="not a public key in PEM form"):
        read_public(tmp_path / "text")


def test_other_kinds_of_keys(tmp_path: Path) -> None:
    key = PemKey(tmp_path, curve=ec.SECP256K1())
    words = "not a key of the curve P-256, P-384 or P-521"
    with pytest.raises(UsageError, match=words):
        public_half(key.private, None)
    with pytest.raises(UsageError, match=words):
        read_public(key.public)
    with pytest.raises(UsageError, match="not a public key"):
        read_public(key.private)
