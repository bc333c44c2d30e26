"""Signatures of commits, by real keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import git, run_git
from support.staged_registries import ADA, BOB, Staged, key, signer

from registry_tool.signing.signatures import Signature, allowed_signers, judge_commit

Make = Callable[..., Staged]


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: key(tmp_path / "keys", name)


@pytest.fixture
def judge(staged: Make) -> Callable[..., Signature]:
    registry = staged()

    def judged(
        signers: str, *, key: Path | None = None, at: str = "2026-11-10T12:00:00Z"
    ) -> Signature:
        commit = registry.commit(key=key, at=at)
        return judge_commit(registry.line.git, commit, signers.encode())

    return judged


Keys = Callable[[str], Path]
Judge = Callable[..., Signature]


def test_a_known_key_is_good(judge: Judge, keys: Keys) -> None:
    ada = keys("ada")
    found = judge(signer(ADA, ada), key=ada)
    assert (found.state, found.signer) == ("good", "ada@example.org")
    assert found.key.startswith("SHA256:")


def test_a_commit_without_signature(judge: Judge, keys: Keys) -> None:
    assert judge(signer(ADA, keys("ada"))) == Signature("none")


@pytest.mark.parametrize("signers", ["", "nonsense\n", "ada@example.org notakey\n"])
def test_a_key_that_nobody_names_is_unknown(judge: Judge, keys: Keys, signers: str) -> None:
    found = judge(signers, key=keys("mallory"))
    assert (found.state, found.signer) == ("unknown key", "")
    assert found.key.startswith("SHA256:")


def test_the_key_of_somebody_else_does_not_help(judge: Judge, keys: Keys) -> None:
    assert judge(signer(ADA, keys("ada")), key=keys("mallory")).state == "unknown key"


def test_a_key_counts_at_the_time_of_the_commit(judge: Judge, keys: Keys) -> None:
    ada = keys("ada")
    line = signer(ADA, ada, 'valid-before="20261115"')
    assert judge(line, key=ada, at="2026-11-10T12:00:00Z").state == "good"
    assert judge(line, key=ada, at="2026-11-16T12:00:00Z").state == "unknown key"


def test_a_key_for_something_else_may_not_sign_commits(judge: Judge, keys: Keys) -> None:
    ada = keys("ada")
    assert judge(signer(ADA, ada, 'namespaces="file"'), key=ada).state == "bad"
    assert judge(signer(ADA, ada, 'namespaces="git"'), key=ada).state == "good"


def test_a_changed_commit_is_bad(staged: Make, keys: Keys) -> None:
    registry, ada = staged(), keys("ada")
    signed = run_git(registry.root, "cat-file", "commit", registry.commit(key=ada))
    forged = signed.replace(b"\n\nChange", b"\n\nAnother change")
    commit = (
        run_git(registry.root, "hash-object", "-t", "commit", "-w", "--stdin", stdin=forged)
        .decode()
        .strip()
    )
    assert judge_commit(registry.line.git, commit, signer(ADA, ada).encode()).state == "bad"


def test_another_kind_of_signature_is_told_apart(staged: Make) -> None:
    registry = staged()
    plain = run_git(registry.root, "cat-file", "commit", registry.head)
    head, _, message = plain.partition(b"\n\n")
    block = b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n\n"
    commit = run_git(
        registry.root, "hash-object", "-t", "commit", "-w", "--stdin", stdin=head + block + message
    )
    assert judge_commit(registry.line.git, commit.decode().strip(), b"").state == "other"


def test_a_signature_by_a_key_needs_no_openssh(
    judge: Judge, keys: Keys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ada = keys("ada")
    line = signer(ADA, ada)
    commit = judge(line, key=ada)
    assert commit.state == "good"
    import shutil

    there = shutil.which("git")
    assert there is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(there)
    registry = Staged(tmp_path / "second", {})
    signed = registry.commit(key=ada)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "bin"))
        found = judge_commit(registry.line.git, signed, line.encode())
        assert (found.state, found.signer) == ("good", "ada@example.org")
        unsigned = git(registry.root, "rev-parse", "HEAD~1")
        assert judge_commit(registry.line.git, unsigned, b"").state == "none"


def test_a_users_settings_change_nothing(staged: Make, keys: Keys, home: Path) -> None:
    registry, ada = staged(), keys("ada")
    commit = registry.commit(key=ada)
    revoked = home / "revoked"
    revoked.write_text(ada.with_suffix(".pub").read_text())
    for setting, value in {
        "gpg.ssh.revocationFile": str(revoked),
        "gpg.ssh.program": "/nowhere/ssh-keygen",
        "gpg.minTrustLevel": "ultimate",
        "log.showSignature": "true",
    }.items():
        git(home, "config", "--global", setting, value)
    assert judge_commit(registry.line.git, commit, signer(ADA, ada).encode()).state == "good"


def test_the_file_is_that_of_a_tree(staged: Make, keys: Keys) -> None:
    line = signer(BOB, keys("bob"))
    registry = staged(files={"allowed_signers": line})
    assert allowed_signers(registry.catalog()) == line.encode()
    assert allowed_signers(registry.catalog({"allowed_signers": ""})) == b""
    assert allowed_signers(Staged(registry.root.parent / "other", {}).catalog()) == b""
