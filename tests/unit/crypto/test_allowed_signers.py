"""``allowed_signers`` as data, held against ``ssh-keygen``."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.crypto import ssh_keygen
from registry_tool.crypto.allowed_signers import (
    is_pattern,
    list_signer_names,
    matches_pattern_list,
    signers_in,
)
from registry_tool.crypto.sshsig import NAMESPACE, parse

Keys = Callable[..., Path]
MESSAGE = b"schema: version/v1\n"
ASKED = ("me@x", "a@x", "ab@x", "b@y", "ME@x", "*@x")
# KEY and OTHER stand for public keys.
FILES = [
    "me@x KEY\n",
    "  me@x   KEY with a comment\n",
    "me@x,a@x KEY\n",
    "!me@x,*@x KEY\n",
    "*@x,!me@x KEY\n",
    "me@x,!me@x KEY\n",
    "!*@x,me@x KEY\n",
    "!me@x KEY\n",
    "?@x KEY\n",
    "?b@x,*@y KEY\n",
    "* KEY\n",
    "**@**x KEY\n",
    "*a*@x KEY\n",
    "ME@x KEY\n",
    '"me@x,a@x" KEY\n',
    '"me@x b",a@x KEY\n',
    '"me@x KEY\n',
    "me@x OTHER\na@x KEY\n",
    "# me@x KEY\n\na@x KEY\n",
    "garbage\nme@x KEY\n",
    "a@x notakey\nme@x KEY\n",
    "a@x ssh-ed25519 AAAA\nme@x KEY\n",
    'me@x namespaces="file" KEY\na@x KEY\n',
    'me@x namespaces="git,registry-tool" KEY\n',
    'me@x namespaces="registry-*" KEY\n',
    'me@x namespaces="!registry-tool,*" KEY\na@x namespaces="*,!git" KEY\n',
    'me@x valid-before="20200101" KEY\na@x KEY\n',
    'me@x valid-after="20200101" KEY\n',
    'me@x valid-after="20990101" KEY\n',
    'me@x valid-after="20200101",valid-before="20990101" KEY\n',
    'me@x valid-before="20200101",valid-after="20990101" KEY\n',
    'me@x valid-before="20990101,valid-after=20200101" KEY\n',
    'me@x valid-before="209901011200" KEY\na@x valid-before="20990101120000" KEY\n',
    'me@x valid-before="2099" KEY\na@x KEY\n',
    "me@x valid-before=20990101 KEY\na@x KEY\n",
    'me@x NAMESPACES="file" KEY\n',
    'me@x namespaces="file",namespaces="registry-tool" KEY\na@x KEY\n',
    "me@x cert-authority KEY\na@x KEY\n",
    'me@x cert-authority,namespaces="registry-tool" KEY\n',
    "me@x bogus KEY\na@x KEY\n",
    "me@x namespaces KEY\na@x KEY\n",
    'me@x namespaces="registry-tool", KEY\na@x KEY\n',
    "me@x KEY\r\na@x KEY\r\n",
    "me@x\tKEY\n",
    "me@x KEY",
    "",
]  # fmt: skip


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A signature of the message, and two public keys, the first of which made it."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("one", "two"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    one, two = (
        " ".join((folder / f"{name}.pub").read_text().split()[:2]) for name in ("one", "two")
    )
    return ssh_keygen.sign(MESSAGE, str(folder / "one")), one, two


def verified(folder: Path, allowed: str, armour: str, name: str) -> bool:
    """What ``ssh-keygen -Y verify`` says."""
    (folder / "signers").write_bytes(allowed.encode())
    (folder / "signature").write_text(armour)
    command = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", name]
    command += ["-f", str(folder / "signers"), "-s", str(folder / "signature")]
    env = {**os.environ, "TZ": "UTC0"}
    return not subprocess.run(
        command, input=MESSAGE, capture_output=True, env=env, check=False
    ).returncode


@pytest.mark.parametrize("file", FILES)
def test_a_file_means_what_it_means_to_ssh_keygen(
    signed: tuple[str, str, str], file: str, tmp_path: Path
) -> None:
    armour, one, two = signed
    allowed = file.replace("KEY", one).replace("OTHER", two)
    now = int(time.time())
    key = parse(armour).key
    for name in ASKED:
        ours = any(
            signer.key == key
            and not signer.is_authority
            and signer.is_valid(now)
            and signer.is_for(NAMESPACE)
            and matches_pattern_list(name, signer.principals)
            for signer in signers_in(allowed.encode())
        )
        assert ours is verified(tmp_path, allowed, armour, name), name
    names = list_signer_names(allowed.encode(), key, namespace=NAMESPACE, moment=now)
    assert ssh_keygen.principals(armour, MESSAGE, allowed.encode()) == names
    assert not any(name.startswith("!") for name in names)


@given(
    st.lists(st.text("!*?ab@,", max_size=6), max_size=4).map(",".join), st.text("ab@*", max_size=5)
)
def test_a_negated_match_wins_wherever_it_stands(patterns: str, name: str) -> None:
    there = matches_pattern_list(name, patterns)
    for excluding in (f"!{name},{patterns}", f"{patterns},!{name}"):
        if not is_pattern(name) and "," not in name:
            assert not matches_pattern_list(name, excluding)
    assert matches_pattern_list(name, ",".join(reversed(patterns.split(",")))) is there


def test_a_key_on_two_lines_has_the_names_of_both(signed: tuple[str, str, str]) -> None:
    armour, one, _ = signed
    key = parse(armour).key
    lines = f'*@x {one}\nold@x valid-before="20200101" {one}\nnew@x {one}\ngit@x namespaces="git" {one}\n'
    assert list_signer_names(lines.encode(), key, namespace=NAMESPACE, moment=1_790_000_000) == [
        "new@x",
        "*@x",
    ]
    assert list_signer_names(lines.encode(), key, namespace=NAMESPACE) == ["old@x", "new@x", "*@x"]
    assert list_signer_names(lines.encode(), key, namespace="git", moment=1_790_000_000) == [
        "new@x",
        "git@x",
        "*@x",
    ]


def test_a_pattern_takes_time_in_proportion() -> None:
    assert not matches_pattern_list("a" * 900, "*a" * 400 + "b")
    assert matches_pattern_list("a" * 900, "*a" * 400)
