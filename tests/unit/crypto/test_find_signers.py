"""Our verification of SSH signatures, with ``ssh-keygen`` as the second opinion."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_tool.crypto import ssh_keygen
from registry_tool.crypto.find_signers import can_verify, find_signers
from registry_tool.crypto.sshsig import NAMESPACE, parse
from registry_tool.errors import OperationalError

Keys = Callable[..., Path]
MESSAGE = b"schema: version/v1\n"
NOON = dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)
# KEY is the key that signed, OTHER another one.
FILES = [
    "ada@example.org KEY",
    "ada@example.org,*@lab.org KEY",
    "!ada@example.org,*@example.org KEY",
    "*@example.org OTHER\nada@example.org KEY",
    'ada@example.org namespaces="git" KEY',
    'ada@example.org namespaces="git,registry-*" KEY',
    'ada@example.org namespaces="!registry-tool,*" KEY',
    'ada@example.org valid-after="20261101",valid-before="20261201" KEY',
    'ada@example.org valid-after="20261111" KEY',
    'ada@example.org valid-before="20261110115959Z" KEY',
    'ada@example.org valid-before="20261110115959Z" KEY\nbob@example.org KEY',
    "ada@example.org cert-authority KEY",
    "# ada@example.org KEY",
    "",
]


def public(key: Path) -> str:
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "p256", "p384", "p521"])
@pytest.mark.parametrize("message", [MESSAGE, MESSAGE + b" "])
def test_every_kind_of_key(make_key: Keys, kind: str, message: bytes) -> None:
    key = make_key(kind)
    armor, allowed = ssh_keygen.sign(MESSAGE, str(key)), f"ada@example.org {public(key)}".encode()
    expected = ["ada@example.org"] if message == MESSAGE else []
    assert find_signers(armor, message, allowed) == expected
    assert ssh_keygen.principals(armor, message, allowed) == expected


@pytest.mark.parametrize("file", FILES)
def test_a_file_means_what_it_means_to_ssh_keygen(make_key: Keys, file: str) -> None:
    key, other = make_key(), make_key(name="two")
    armor = ssh_keygen.sign(MESSAGE, str(key))
    allowed = file.replace("KEY", public(key)).replace("OTHER", public(other)).encode()
    found = find_signers(armor, MESSAGE, allowed, moment=NOON)
    assert found == ssh_keygen.principals(armor, MESSAGE, allowed, moment=NOON)


def test_a_signature_for_another_purpose_does_not_count(make_key: Keys) -> None:
    key = make_key()
    armor, allowed = ssh_keygen.sign(MESSAGE, str(key)), f"ada@example.org {public(key)}".encode()
    assert parse(armor).namespace == NAMESPACE
    assert find_signers(armor, MESSAGE, allowed, namespace="git") == []


def test_keys_need_no_openssh(make_key: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key()
    armor, allowed = ssh_keygen.sign(MESSAGE, str(key)), f"ada@example.org {public(key)}".encode()
    monkeypatch.setenv("PATH", "/nowhere")
    assert can_verify(parse(armor))
    assert find_signers(armor, MESSAGE, allowed) == ["ada@example.org"]


def test_a_certificate_needs_openssh(
    make_key: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, key = make_key(name="authority"), tmp_path / "ada"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "ada", "-n", "ada@example.org"]
    subprocess.run([*command, f"{key}.pub"], check=True)
    armor = ssh_keygen.sign(MESSAGE, f"{key}-cert.pub")
    allowed = f"*@example.org cert-authority {public(authority)}".encode()
    assert find_signers(armor, MESSAGE, allowed) == ["ada@example.org"]
    assert find_signers(armor, MESSAGE + b" ", allowed) == []
    monkeypatch.setenv("PATH", "/nowhere")
    assert not can_verify(parse(armor))
    with pytest.raises(OperationalError, match="ssh-keygen is not installed"):
        find_signers(armor, MESSAGE, allowed)
