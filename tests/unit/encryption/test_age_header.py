"""The header of an age file, read by hand."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.encryption.keys import new_key, wrap, wrap_with_passphrase
from registry_tool.scanning.age_header import NotAge, is_age, read_armour, read_header

pyrage = pytest.importorskip("pyrage")
GOOD = b"age-encryption.org/v1\n-> X25519 abc\n" + b"A" * 43 + b"\n--- " + b"B" * 43 + b"\nrest"


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
        (GOOD.replace(b"B" * 43, b"B" * 42), "no seal"),
        (GOOD.replace(b"-> X25519", b"=> X25519"), "broken"),
        (GOOD.replace(b"A" * 43, b"A" * 70), "broken"),
        (GOOD.replace(b"A" * 43, b"!"), "broken"),
        (GOOD.replace(b"A" * 43, b"A" * 64), "too early"),
        (GOOD.replace(b"-> X25519 abc\n", b"-> x-grease\n"), "no recipient"),
        (GOOD.replace(b"-> X25519 abc\n" + b"A" * 43, b"-> scrypt x 18\nA\n-> X25519 a\nA"), "company"),
        (b"age-encryption.org/v1\n" + b"-> X25519 a\nA\n" * 20_000, "does not end"),
    ],
)  # fmt: skip
def test_what_is_none_is_said(data: bytes, words: str) -> None:
    with pytest.raises(NotAge, match=words):
        read_header(data)


@pytest.mark.parametrize("text", ["", "-----BEGIN AGE ENCRYPTED FILE-----\nA\n-----END AGE ENCRYPTED FILE-----\n"])  # fmt: skip
def test_what_is_no_armour(text: str) -> None:
    with pytest.raises(NotAge):
        read_armour(text)


@given(st.lists(st.sampled_from([b"-> X25519 a", b"-> scrypt", b"A" * 64, b"A", b"", b"--- " + b"B" * 43, b"\xff"])))  # fmt: skip
def test_any_lines_are_read_or_refused(lines: list[bytes]) -> None:
    data = b"age-encryption.org/v1\n" + b"\n".join(lines)
    armour = base64.b64encode(data).decode()
    text = f"-----BEGIN AGE ENCRYPTED FILE-----\n{armour}\n-----END AGE ENCRYPTED FILE-----\n"
    try:
        assert read_header(data) == read_armour(text)
    except NotAge:
        return
