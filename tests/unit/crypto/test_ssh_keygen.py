"""ssh-keygen: making signatures, and saying whose they are."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import without

from registry_tool.crypto import ssh_keygen
from registry_tool.crypto.allowed_signers import is_timed
from registry_tool.crypto.sshsig import holds, parse
from registry_tool.errors import OperationalError, UsageError

MESSAGE = b"schema: version/v1\n"
Keys = Callable[..., Path]


def public(key: Path) -> str:
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])


def line(who: str, key: Path, options: str = "") -> bytes:
    return f"{who} {options}{' ' if options else ''}{public(key)}\n".encode()


def test_whose_a_signature_is(make_key: Keys) -> None:
    one, two = make_key(), make_key(name="two")
    armour = ssh_keygen.sign(MESSAGE, str(one))
    both = line("bob@example.org", two) + line("ada@example.org", one)
    assert ssh_keygen.principals(armour, MESSAGE, both) == ["ada@example.org"]
    assert ssh_keygen.principals(armour, MESSAGE, line("bob@example.org", two)) == []
    assert ssh_keygen.principals(armour, b"other bytes", both) == []
    assert ssh_keygen.principals(armour, MESSAGE, b"") == []


def test_a_key_may_be_kept_to_a_purpose(make_key: Keys) -> None:
    key = make_key()
    armour = ssh_keygen.sign(MESSAGE, str(key))
    for options, there in (('namespaces="git"', False), ('namespaces="git,registry-tool"', True)):
        found = ssh_keygen.principals(armour, MESSAGE, line("ada@example.org", key, options))
        assert bool(found) is there


def test_a_key_counts_at_the_time_of_the_signature(make_key: Keys) -> None:
    key = make_key()
    armour = ssh_keygen.sign(MESSAGE, str(key))
    allowed = line("ada@example.org", key, 'valid-before="20261115120000"')
    noon = dt.datetime(2026, 11, 15, 12, tzinfo=dt.UTC)
    before, after = noon - dt.timedelta(seconds=2), noon + dt.timedelta(seconds=2)
    assert is_timed(allowed)
    assert ssh_keygen.principals(armour, MESSAGE, allowed, moment=before) == ["ada@example.org"]
    assert ssh_keygen.principals(armour, MESSAGE, allowed, moment=after) == []


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_the_zone_of_the_machine_plays_no_part(
    make_key: Keys, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    test_a_key_counts_at_the_time_of_the_signature(make_key)


def test_a_public_key_alone_cannot_sign(make_key: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(UsageError, match="cannot sign with that key"):
        ssh_keygen.sign(MESSAGE, f"key::{public(make_key())}")


def test_there_is_no_such_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        ssh_keygen.sign(MESSAGE, str(tmp_path / "none"))
    (tmp_path / "text").write_text("not a key\n")
    with pytest.raises(UsageError, match="cannot sign"):
        ssh_keygen.sign(MESSAGE, str(tmp_path / "text"))


def test_without_the_program(make_key: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_key()
    monkeypatch.setenv("PATH", "/nowhere")
    assert not ssh_keygen.is_there()
    with pytest.raises(OperationalError, match="ssh-keygen is not installed"):
        ssh_keygen.sign(MESSAGE, str(key))


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    socket = tmp_path / "agent"
    try:
        process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE, text=True
        )
    except FileNotFoundError:
        without("ssh-agent is missing: install the OpenSSH client")
    assert process.stdout is not None
    process.stdout.readline()  # it says where it listens, once it does
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield
    process.terminate()
    process.wait()
    process.stdout.close()


def test_a_key_in_the_agent_signs(agent: None, make_key: Keys, tmp_path: Path) -> None:
    key = make_key(name="for-the-agent")
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env=dict(os.environ))
    only = tmp_path / "only.pub"
    only.write_text(public(key) + "\n")
    for way in (str(only), f"key::{public(key)}"):
        assert holds(parse(ssh_keygen.sign(MESSAGE, way)), MESSAGE)
