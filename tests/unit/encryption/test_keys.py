"""Keys, wraps and streams, by the real packkeys."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from registry_tool.encryption import keys
from registry_tool.errors import EnvironmentTrouble, Refused, UsageError

pyrage = pytest.importorskip("pyrage")


def identity_file(place: Path) -> tuple[Path, str]:
    """A file as `age-keygen` writes it, and the public half."""
    identity = pyrage.x25519.Identity.generate()
    place.write_text(f"# created: today\n# public key: x\n{identity}\n")
    return place, str(identity.to_public())


def test_a_wrap_opens_for_each_of_its_people(tmp_path: Path, ssh_keys: list[Path]) -> None:
    key = keys.new_key()
    place, public = identity_file(tmp_path / "mine")
    publics = [" ".join(k.with_suffix(".pub").read_text().split()[:2]) for k in ssh_keys]
    wrapped = keys.wrap(key, [public, *publics])
    for one in (place, *ssh_keys):
        found = keys.open_wrap(wrapped, keys.read_identities(one))
        assert found is not None
        assert found.recipient == key.recipient
    other, _ = identity_file(tmp_path / "other")
    assert keys.open_wrap(wrapped, keys.read_identities(other)) is None


def test_a_passphrase() -> None:
    key = keys.new_key()
    wrapped = keys.wrap_with_passphrase(key, "correct horse")
    found = keys.open_with_passphrase(wrapped, "correct horse")
    assert found is not None
    assert found.recipient == key.recipient
    assert keys.open_with_passphrase(wrapped, "wrong horse") is None
    with pytest.raises(UsageError, match="empty"):
        keys.wrap_with_passphrase(key, "")


def test_a_secret_is_not_shown() -> None:
    key = keys.new_key()
    assert "SECRET" not in repr(key)
    assert "SECRET" not in keys.wrap(key, [key.recipient])


def test_a_wrap_that_holds_no_key(tmp_path: Path) -> None:
    place, public = identity_file(tmp_path / "mine")
    recipient = pyrage.x25519.Recipient.from_str(public)
    wrapped = pyrage.encrypt(b"no key", [recipient], armored=True).decode()
    with pytest.raises(Refused, match="no age key") as caught:
        keys.open_wrap(wrapped, keys.read_identities(place))
    assert "no key" not in str(caught.value).replace("no age key", "")
    with pytest.raises(Refused, match="a wrap is broken"):
        keys.open_wrap("nonsense", [])


@pytest.mark.parametrize("text", ["age1x", "ssh-ed25519 AAAA", "ssh-rsa x", ""])
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(UsageError, match="no public key"):
        keys.check_public_key(text)


def test_files_that_hold_no_identity(tmp_path: Path) -> None:
    for name, content in (("empty", ""), ("text", "words\n"), ("short", "AGE-SECRET-KEY-1X\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(UsageError):
            keys.read_identities(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read"):
        keys.read_identities(tmp_path / "none")
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "word", "-f", locked], check=True)
    with pytest.raises(UsageError, match="can be used as it is"):
        keys.read_identities(locked)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(EnvironmentTrouble, match="pyrage") as caught:
        keys.new_key()
    assert caught.value.remedy == 'pip install "registry-tool[encrypt]"'
