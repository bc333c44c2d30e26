"""The armour of an SSH signature, read without any program."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.crypto.ssh_keygen import sign
from registry_tool.crypto.sshsig import NotASignatureError, holds, parse

MESSAGE = b"schema: version/v1\n"
Keys = Callable[..., Path]


def armoured(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n"


def raw(armour: str) -> bytes:
    return base64.b64decode("".join(armour.splitlines()[1:-1]))


def test_what_a_signature_says(make_key: Keys) -> None:
    key = make_key()
    found = parse(sign(MESSAGE, str(key)))
    assert (found.namespace, found.hash_name, found.key_type) == (
        "registry-tool",
        "sha512",
        "ssh-ed25519",
    )
    listed = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key)], check=True, capture_output=True, text=True
    )
    assert found.fingerprint == listed.stdout.split()[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "BEGIN and END"),
        ("-----BEGIN PGP SIGNATURE-----\niQ==\n-----END PGP SIGNATURE-----\n", "BEGIN and END"),
        (armoured(b"x" * 20_000), "BEGIN and END"),
        ("-----BEGIN SSH SIGNATURE-----\nA\n-----END SSH SIGNATURE-----\n", "not Base64"),
        (armoured(b"PGPSIG"), "begin with SSHSIG"),
        (armoured(b"SSHS"), "too early"),
        (armoured(b"SSHSIG\0\0\0\2"), "version 2"),
        (armoured(b"SSHSIG\0\0\0\1\xff\xff\xff\xff"), "too early"),
    ],
)
def test_what_is_none_is_said(text: str, words: str) -> None:
    with pytest.raises(NotASignatureError, match=words):
        parse(text)


def test_nothing_may_follow(make_key: Keys) -> None:
    with pytest.raises(NotASignatureError, match="after its end"):
        parse(armoured(raw(sign(MESSAGE, str(make_key()))) + b"x"))


def test_a_hash_that_nobody_uses_is_refused(make_key: Keys) -> None:
    changed = raw(sign(MESSAGE, str(make_key()))).replace(b"sha512", b"sha511")
    with pytest.raises(NotASignatureError, match="hash algorithm is unknown"):
        parse(armoured(changed))


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, begins: bool) -> None:  # noqa: FBT001 (hypothesis gives it)
    try:
        found = parse(armoured(b"SSHSIG\0\0\0\1" + data if begins else data))
    except NotASignatureError:
        return
    assert holds(found, MESSAGE) in {False, None}
