"""The header of an age file, read by hand."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.crypto.age import new_key, wrap, wrap_with_passphrase
from registry_tool.scanning.age_header import NotAgeError, is_age, read_armour, read_header

pyrage = pytest.importorskip("pyrage")
TEXT, SEAL = b"A" * 43, b"B" * 42 + b"A"  # 32 bytes each
GOOD = b"age-encryption.org/v1\n-> X25519 " + TEXT + b"\n" + TEXT + b"\n--- " + SEAL + b"\nrest"


def test_whom_a_file_is_for() -> None:
    keys = [new_key().recipient for _ in range(5)]
    assert read_armour(wrap(new_key(), keys)).stanzas == ("X25519",) * 5
    assert not read_armour(wrap(new_key(), keys)).is_passphrase
    found = read_armour(wrap_with_passphrase(new_key(), "word"))
    assert (found.stanzas, found.is_passphrase) == (("scrypt",), True)


def test_ssh_keys(ssh_keys: list[Path]) -> None:
    publics = [" ".join(k.with_suffix(".pub").read_text().split()[:2]) for k in ssh_keys]
    assert set(read_armour(wrap(new_key(), publics)).stanzas) == {"ssh-ed25519", "ssh-rsa"}


def test_a_whole_header() -> None:
    found = read_header(GOOD)
    assert found.stanzas == ("X25519",)
    assert GOOD[found.size :] == b"rest"
    assert is_age(GOOD)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "begin with"),
        (b"PK\x03\x04", "begin with"),
        (GOOD[:40], "does not end"),
        (GOOD.replace(SEAL, b"B" * 42), "no MAC"),
        (GOOD.replace(SEAL, b"B" * 43), "not canonical"),
        (GOOD.replace(b"-> X25519", b"=> X25519"), "invalid"),
        (GOOD.replace(TEXT + b"\n---", b"A" * 70 + b"\n---"), "invalid"),
        (GOOD.replace(TEXT + b"\n---", b"!\n---"), "invalid"),
        (GOOD.replace(TEXT + b"\n---", b"A" * 64 + b"\n---"), "too early"),
        (GOOD.replace(TEXT + b"\n---", b"AA\n---"), "X25519 is invalid"),
        (GOOD.replace(b"X25519 " + TEXT, b"X25519 " + TEXT + b" x"), "X25519 is invalid"),
        (GOOD.replace(b"X25519 " + TEXT, b"x-grease"), "no recipient"),
        (GOOD.replace(b"X25519 " + TEXT, b"scrypt " + TEXT + b" 18"), "passphrase is invalid"),
        (GOOD.replace(b"-> X25519", b"-> scrypt " + b"A" * 22 + b" 18\n" + TEXT + b"\n-> X25519"), "only recipient"),
        (b"age-encryption.org/v1\n" + b"-> X25519 a\nA\n" * 20_000, "does not end"),
    ],
)  # fmt: skip
def test_what_is_none_is_said(data: bytes, words: str) -> None:
    with pytest.raises(NotAgeError, match=words):
        read_header(data)


@pytest.mark.parametrize("text", ["", "-----BEGIN AGE ENCRYPTED FILE-----\nA\n-----END AGE ENCRYPTED FILE-----\n"])  # fmt: skip
def test_what_is_no_armour(text: str) -> None:
    with pytest.raises(NotAgeError):
        read_armour(text)


@given(st.lists(st.sampled_from([b"-> X25519 " + TEXT, b"-> other a", b"-> scrypt", TEXT, b"A" * 64, b"AA", b"", b"--- " + SEAL, b"\xff"])))  # fmt: skip
def test_any_lines_are_read_or_refused(lines: list[bytes]) -> None:
    data = b"age-encryption.org/v1\n" + b"\n".join(lines)
    armour = base64.encodebytes(data).decode().replace("\n", "")
    armour = "\n".join(armour[at : at + 64] for at in range(0, len(armour), 64))
    text = f"-----BEGIN AGE ENCRYPTED FILE-----\n{armour}\n-----END AGE ENCRYPTED FILE-----\n"
    try:
        assert read_header(data) == read_armour(text)
    except NotAgeError:
        return
