"""Signing a version, verifying it and its bytes, and fetching only what is signed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, run_git, write_files
from support.staged_registries import key, signer

import registry_tool
from registry_tool.errors import RefusedError

Cli = Callable[..., Ran]
ME = "A. Tester <tester@example.org>"
EVIDENCE = "models/nlp/lang-id/versions/3/evidence"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return key(tmp_path / "keys", "mine")


@pytest.fixture
def signed(registry: Path, cli: Cli, mine: Path) -> Path:
    """Version 3 is signed by somebody whom the registry knows."""
    write_files(registry, {"allowed_signers": signer(ME, mine)})
    git(registry, "add", "--all")
    git(registry, "commit", "--quiet", "-m", "Signers")
    ran = cli("sign", "nlp/lang-id@production", "--key", str(mine), "--commit", cwd=registry)
    assert (ran.code, ran.err) == (0, "")
    return registry


def test_a_signature_is_one_file_of_evidence(signed: Path, cli: Cli) -> None:
    (path,) = git(signed, "show", "--name-only", "--format=").split()
    assert path.startswith(f"{EVIDENCE}/")
    assert git(signed, "log", "-1", "--format=%s") == "Add signature to nlp/lang-id@3"
    text = (signed / path).read_text()
    assert f'by: "{ME}"' in text
    assert cli("check", "--all", cwd=signed).code == 0


def test_signing_twice_with_one_key_adds_nothing(signed: Path, cli: Cli, mine: Path) -> None:
    before = git(signed, "rev-parse", "HEAD")
    ran = cli("sign", "nlp/lang-id@3", "--key", str(mine), "--commit", cwd=signed)
    assert ran == Ran(0, "nlp/lang-id@3 is already signed with that key\n", "")
    assert git(signed, "rev-parse", "HEAD") == before


def test_a_second_signer_is_told_what_is_missing(signed: Path, cli: Cli, tmp_path: Path) -> None:
    other = key(tmp_path / "keys", "other")
    ran = cli("sign", "nlp/lang-id@3", "--key", str(other), "--commit", cwd=signed)
    assert ran.code == 0
    assert "allowed_signers does not contain this key" in ran.err
    line = ran.err.rpartition("add the line: ")[2]
    write_files(signed, {"allowed_signers": line})
    assert "by tester@example.org" in cli("verify", "nlp/lang-id@3", cwd=signed).out


def test_the_key_that_git_signs_with(registry: Path, cli: Cli, mine: Path) -> None:
    ran = cli("sign", "nlp/lang-id@3", cwd=registry)
    assert ran.code == 2
    assert "no signing key is given" in ran.err
    git(registry, "config", "user.signingKey", str(mine))
    assert cli("sign", "nlp/lang-id@3", cwd=registry).code == 2  # Git would take it for a GPG key
    git(registry, "config", "gpg.format", "ssh")
    assert cli("sign", "nlp/lang-id@3", cwd=registry).code == 0


def test_a_withdrawn_version_is_not_signed(registry: Path, cli: Cli, mine: Path) -> None:
    assert cli("sign", "nlp/lang-id@2", "--key", str(mine), cwd=registry).code == 1


def test_verify(signed: Path, cli: Cli) -> None:
    ran = cli("verify", "nlp/lang-id@production", cwd=signed)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("signed     by tester@example.org, SHA256:")


def test_verify_for_programs(signed: Path, cli: Cli) -> None:
    ran = cli("verify", "nlp/lang-id@3", "--bytes", "--format", "json", cwd=signed)
    data = json.loads(ran.out)
    assert (data["model"], data["version"], data["verified"]) == ("nlp/lang-id", "3", True)
    (one,) = data["signatures"]
    assert (one["state"], one["signer"], one["why"]) == ("good", "tester@example.org", None)
    assert [(a["name"], a["differences"]) for a in data["artifacts"]] == [
        ("model", []),
        ("vocab", []),
    ]


def test_an_unsigned_version_is_refused(signed: Path, cli: Cli) -> None:
    ran = cli("verify", "nlp/lang-id@1", cwd=signed)
    assert (ran.code, ran.out) == (1, "unsigned   nlp/lang-id@1\n")
    assert "nlp/lang-id@1 has no signature by an allowed signer" in ran.err


def test_a_reader_may_trust_nobody_but_their_own_signers(
    signed: Path, cli: Cli, tmp_path: Path
) -> None:
    own = tmp_path / "signers"
    own.write_text(signer("A <boss@example.org>", key(tmp_path / "keys", "boss")))
    for command in (("verify",), ("fetch", "-o", str(tmp_path / "out"))):
        ran = cli(*command, "nlp/lang-id@3", "--signers", str(own), cwd=signed)
        assert ran.code == 1
        assert "has no signature by an allowed signer" in ran.err
    assert not (tmp_path / "out").exists()
    assert cli("verify", "nlp/lang-id@3", "--signers", "nowhere", cwd=signed).code == 2


def test_fetch_of_a_signed_version(signed: Path, cli: Cli, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    ran = cli("fetch", "nlp/lang-id@3", "--require-signature", "-o", out, cwd=signed)
    assert ran.code == 0
    ran = cli("fetch", "nlp/lang-id@1", "--require-signature", cwd=signed)
    assert ran.code == 1
    assert "try:" in ran.err


def test_a_program_may_ask_for_signed_versions_only(signed: Path) -> None:
    with registry_tool.open(signed) as opened:
        assert opened.version("nlp/lang-id@3", signed=True).version == "3"
        with pytest.raises(RefusedError, match="no signature by an allowed signer"):
            opened.version("nlp/lang-id@1", signed=True)


def test_from_a_url_too(signed: Path, cli: Cli, tmp_path: Path) -> None:
    ran = cli("verify", "nlp/lang-id@3", "--repo", signed.as_uri(), cwd=tmp_path)
    assert ran.code == 0, ran.err


def test_a_record_that_was_changed_after_all(signed: Path, cli: Cli) -> None:
    path = "models/nlp/lang-id/versions/3/version.yaml"
    text = (signed / path).read_text()
    write_files(signed, {path: text.replace("0.97", "0.99")})
    ran = cli("verify", "nlp/lang-id@3", cwd=signed)
    assert ran.code == 1
    assert "bad        it is about other content" in ran.out


# --- bytes in a folder


def test_a_folder_that_was_fetched(signed: Path, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("fetch", "nlp/lang-id@3", "-o", str(out), cwd=signed).code == 0
    ran = cli("verify", str(out), "--as", "nlp/lang-id@3", cwd=signed)
    assert (ran.code, ran.out.count("same ")) == (0, 2)
    (out / "model.bin").write_bytes(b"nlp/lang-id@4")
    ran = cli("verify", str(out), "--as", "nlp/lang-id@3", cwd=signed)
    assert ran.code == 1
    assert "model.bin: has different content: sha256 " in ran.out
    assert "files of nlp/lang-id@3 differ from its record: model" in ran.err


def test_where_nobody_signs_the_bytes_decide(registry: Path, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("fetch", "nlp/lang-id@3", "-o", str(out), cwd=registry).code == 0
    ran = cli("verify", str(out), "--as", "nlp/lang-id@3", cwd=registry)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("unsigned   nlp/lang-id@3\n")


def test_a_folder_needs_to_be_told_its_version(registry: Path, cli: Cli, tmp_path: Path) -> None:
    ran = cli("verify", str(tmp_path), cwd=registry)
    assert ran.code == 2
    assert f"registry verify {tmp_path} --as REF" in ran.err
    assert cli("verify", "nowhere", "--as", "nlp/lang-id@3", cwd=registry).code == 2


# --- promotion


def test_a_gate_asks_for_a_signature(signed: Path, cli: Cli) -> None:
    text = (signed / "registry.yaml").read_text()
    gate = "stages:\n  production:\n    require:\n      - {evidence: signature}\n"
    write_files(signed, {"registry.yaml": text + gate})
    run_git(signed, "commit", "--quiet", "-a", "-m", "A gate")
    git(signed, "rm", "--quiet", "models/nlp/lang-id/aliases/production.yaml")
    run_git(signed, "commit", "--quiet", "-m", "Nobody is production")
    ran = cli("promote", "nlp/lang-id@3", "--to", "production", "--dry-run", cwd=signed)
    assert "pass     evidence: signature\n           by tester@example.org" in ran.out
    ran = cli("promote", "nlp/lang-id@1", "--to", "production", "--dry-run", cwd=signed)
    assert "try: registry sign nlp/lang-id@1" in ran.out
