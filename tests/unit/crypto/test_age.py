"""Keys, wraps and streams, by the real packkeys."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from registry_tool.crypto import age
from registry_tool.errors import OperationalError, RefusedError, UsageError

pyrage = pytest.importorskip("pyrage")


def identity_file(place: Path) -> tuple[Path, str]:
    """A file as `age-keygen` writes it, and the public half."""
    identity = pyrage.x25519.Identity.generate()
    place.write_text(f"# created: today\n# public key: x\n{identity}\n")
    return place, str(identity.to_public())


def test_a_wrap_opens_for_each_of_its_people(tmp_path: Path, ssh_keys: list[Path]) -> None:
    key = age.new_key()
    place, public = identity_file(tmp_path / "mine")
    publics = [" ".join(k.with_suffix(".pub").read_text().split()[:2]) for k in ssh_keys]
    wrapped = age.wrap(key, [public, *publics])
    for one in (place, *ssh_keys):
        found = age.open_wrap(wrapped, age.read_identities(one))
        assert found is not None
        assert found.recipient == key.recipient
    other, _ = identity_file(tmp_path / "other")
    assert age.open_wrap(wrapped, age.read_identities(other)) is None


def test_a_passphrase() -> None:
    key = age.new_key()
    wrapped = age.wrap_with_passphrase(key, "correct horse")
    found = age.open_with_passphrase(wrapped, "correct horse")
    assert found is not None
    assert found.recipient == key.recipient
    assert age.open_with_passphrase(wrapped, "wrong horse") is None
    with pytest.raises(UsageError, match="empty"):
        age.wrap_with_passphrase(key, "")


def test_a_secret_is_not_shown() -> None:
    key = age.new_key()
    assert "SECRET" not in repr(key)
    assert "SECRET" not in age.wrap(key, [key.recipient])


def test_a_wrap_that_holds_no_key(tmp_path: Path) -> None:
    place, public = identity_file(tmp_path / "mine")
    recipient = pyrage.x25519.Recipient.from_str(public)
    wrapped = pyrage.encrypt(b"no key", [recipient], armored=True).decode()
    with pytest.raises(RefusedError, match="not an age key") as caught:
        age.open_wrap(wrapped, age.read_identities(place))
    assert "no key" not in str(caught.value).replace("not an age key", "")
    with pytest.raises(RefusedError, match="a wrapped key is invalid"):
        age.open_wrap("nonsense", [])


@pytest.mark.parametrize("text", ["age1x", "ssh-ed25519 AAAA", "ssh-rsa x", ""])
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(UsageError, match="not a public key"):
        age.check_public_key(text)


def test_files_that_hold_no_identity(tmp_path: Path) -> None:
    for name, content in (("empty", ""), ("text", "words\n"), ("short", "AGE-SECRET-KEY-1X\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(UsageError):
            age.read_identities(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read"):
        age.read_identities(tmp_path / "none")
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "word", "-f", locked], check=True)
    with pytest.raises(UsageError, match="without a passphrase"):
        age.read_identities(locked)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(OperationalError, match="pyrage") as caught:
        age.new_key()
    assert caught.value.remedy == 'pip install "registry-tool[encrypt]"'
