"""Signatures of artifacts' bytes by OpenSSF Model Signing: ours by its own command line, and the other way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, run_git, write_files
from support.model_signers import PemKey, model_signing, need_model_signing
from support.staged_registries import key as ssh_key
from support.staged_registries import signer

Cli = Callable[..., Ran]
VERSION = "nlp/lang-id@4"
EVIDENCE = "models/nlp/lang-id/versions/4/evidence"
FILES: dict[str, str | bytes] = {"config.json": "{}", "sub/weights.bin": b"\x00\xff" * 99}
ADD = ("version", "add", "nlp/lang-id", "--framework", "custom", "--commit")


@pytest.fixture(autouse=True)
def _needed() -> None:
    need_model_signing()


@pytest.fixture
def key(tmp_path: Path) -> PemKey:
    return PemKey(tmp_path / "keys")


@pytest.fixture
def folder(registry: Path, cli: Cli, tmp_path: Path) -> Path:
    """What version 4 stores, beside a file ``vocab.txt``."""
    write_files(tmp_path / "model", FILES)
    (tmp_path / "vocab.txt").write_text("words\n")
    artifacts = ("--artifact", str(tmp_path / "model"), "--artifact", str(tmp_path / "vocab.txt"))
    ran = cli(*ADD, *artifacts, cwd=registry)
    assert ran.code == 0, ran.err
    return tmp_path / "model"


@pytest.fixture
def sign(registry: Path, folder: Path, cli: Cli, key: PemKey) -> Callable[..., Ran]:
    """Signs version 4, in a commit."""

    def run(*more: str, private: Path = key.private) -> Ran:
        words = ("sign", VERSION, "--method", "model-signing", "--key", str(private), "--commit")
        return cli(*words, *more, cwd=registry)

    return run


@pytest.fixture
def verify(registry: Path, folder: Path, cli: Cli, key: PemKey) -> Callable[..., Ran]:
    """Verifies version 4, or a folder, with the public key."""

    def run(*more: str, subject: str = VERSION, public: Path = key.public) -> Ran:
        return cli("verify", subject, "--public-key", str(public), *more, cwd=registry)

    return run


@pytest.fixture
def add_evidence(registry: Path, folder: Path, cli: Cli) -> Callable[[str], None]:
    """Adds a bundle to the evidence of version 4, as somebody without our command would."""

    def add(text: str) -> None:
        fields = folder.parent / "fields.json"
        fields.write_text(json.dumps({"format": "model-signing", "value": text}))
        words = ("evidence", "add", VERSION, "--kind", "signature", "--file", str(fields))
        assert cli(*words, "--commit", cwd=registry).code == 0
        assert cli("check", "--all", cwd=registry).code == 0

    return add


def theirs(key: PemKey, folder: Path) -> Path:
    """The file with a bundle of a folder that the package's own command made."""
    made = folder.parent / f"{key.private.stem}.sig"
    ran = model_signing("sign", "key", folder, "--private_key", key.private, "--signature", made)
    assert ran.returncode == 0, ran.stderr
    return made


def recorded(registry: Path, cli: Cli, artifact: str) -> str:
    """The bundle of an artifact, as a reader takes it out of a record."""
    shown = json.loads(cli("show", VERSION, "--format", "json", cwd=registry).out)
    (one,) = [e for e in shown["evidence"] if e.get("text") == f"Of artifact {artifact}."]
    return str(one["value"])


def test_signed_and_verified(
    registry: Path, cli: Cli, sign: Callable[..., Ran], verify: Callable[..., Ran]
) -> None:
    ran = verify()
    assert (ran.code, "that key did not sign model, vocab.txt" in ran.err) == (1, True)
    ran = sign()
    assert (ran.code, ran.err) == (0, "")
    assert git(registry, "log", "-1", "--format=%s") == f"Add 2 signatures to {VERSION}"
    paths = git(registry, "show", "--name-only", "--format=").split()
    assert [path.rpartition("/")[0] for path in paths] == [EVIDENCE] * 2
    assert cli("check", "--all", cwd=registry).code == 0
    ran = verify()
    assert (ran.code, ran.err, ran.out.count("signed     artifact ")) == (0, "", 2)
    before = git(registry, "rev-parse", "HEAD")
    assert sign().out == f"the artifacts of {VERSION} are already signed with that key\n"
    assert git(registry, "rev-parse", "HEAD") == before


def test_for_programs(sign: Callable[..., Ran], verify: Callable[..., Ran]) -> None:
    assert sign("--artifact", "vocab.txt").code == 0
    ran = verify("--format", "json")
    data = json.loads(ran.out)
    assert (ran.code, data["verified"]) == (1, False)
    (one,) = data["signatures"]
    assert (one["artifact"], one["state"], one["why"]) == ("vocab.txt", "good", None)
    assert json.loads(verify("--artifact", "vocab.txt", "--format", "json").out)["verified"]


def test_its_own_command_verifies_what_was_fetched(
    registry: Path, cli: Cli, sign: Callable[..., Ran], key: PemKey, tmp_path: Path
) -> None:
    assert sign().code == 0
    out = tmp_path / "out"
    assert cli("fetch", VERSION, "-o", str(out), cwd=registry).code == 0
    for artifact in ("model", "vocab.txt"):
        signature = tmp_path / "one.sig"
        signature.write_text(recorded(registry, cli, artifact))
        words = ("verify", "key", out / artifact, "--signature", signature)
        ran = model_signing(*words, "--public_key", key.public)
        assert (ran.returncode, ran.stdout) == (0, "Verification succeeded\n"), ran.stderr
    (out / "vocab.txt").write_text("Words\n")
    assert model_signing(*words, "--public_key", key.public).returncode == 1


def test_what_its_own_command_signed(
    verify: Callable[..., Ran], add_evidence: Callable[[str], None], folder: Path, key: PemKey
) -> None:
    """As a file of its own, and as evidence."""
    signature = theirs(key, folder)
    only = ("--artifact", "model")
    ran = verify(*only, "--bundle", str(signature))
    assert (ran.code, "signed     artifact model, by the key" in ran.out) == (0, True)
    assert verify(*only).code == 1
    add_evidence(signature.read_text())
    assert verify(*only).code == 0


def test_bytes_in_a_folder(
    registry: Path, cli: Cli, sign: Callable[..., Ran], verify: Callable[..., Ran], tmp_path: Path
) -> None:
    assert sign().code == 0
    out = tmp_path / "out"
    assert cli("fetch", VERSION, "-o", str(out), cwd=registry).code == 0
    words = ("--as", VERSION)
    assert verify(*words, subject=str(out)).code == 0
    (out / "model/link").symlink_to(tmp_path / "vocab.txt")
    ran = verify(*words, subject=str(out))
    assert ran.code == 1
    assert "unchecked  artifact model: its content differs from the record" in ran.out
    (out / "model/link").unlink()
    (out / "model/config.json").write_text("[]")
    ran = verify(*words, subject=str(out))
    assert (ran.code, "has different content in 'config.json'" in ran.out) == (1, True)


def test_another_key(sign: Callable[..., Ran], verify: Callable[..., Ran], tmp_path: Path) -> None:
    assert sign("--artifact", "model").code == 0
    other = PemKey(tmp_path / "keys", "other")
    ran = verify("--artifact", "model", public=other.public)
    assert ran.code == 1
    assert "unknown key by another key: " in ran.out
    assert sign("--artifact", "model", private=other.private).code == 0
    assert verify("--artifact", "model", public=other.public).code == 0


def test_forged(
    sign: Callable[..., Ran], verify: Callable[..., Ran], add_evidence: Callable[[str], None],
    folder: Path, key: PemKey,
) -> None:  # fmt: skip
    """A bundle that names the key and was made by another; nor does it keep that key from signing."""
    made = theirs(PemKey(folder.parent / "keys", "other"), folder)
    forged = json.loads(made.read_text())
    true = json.loads(theirs(key, folder).read_text())
    forged["verificationMaterial"] = true["verificationMaterial"]
    add_evidence(json.dumps(forged))
    add_evidence("{}")
    ran = verify("--artifact", "model")
    assert ran.code == 1
    assert "bad        artifact model: model-signing reports: InvalidSignature" in ran.out
    assert "bad        it is not a bundle: its mediaType is 'None'" in ran.out
    assert sign("--artifact", "model").out.startswith(f"Add signature to {VERSION}")
    assert verify("--artifact", "model").code == 0


def test_a_bundle_of_other_bytes(
    verify: Callable[..., Ran], folder: Path, key: PemKey, tmp_path: Path
) -> None:
    other = tmp_path / "other/model"
    write_files(other, {**FILES, "config.json": "[]"})
    words = ("--artifact", "model", "--bundle", str(theirs(key, other)))
    ran = verify(*words)
    assert ran.code == 1
    assert "bad        artifact model: it covers other content of 'config.json'" in ran.out
    (other / "more").write_text("more")
    theirs(key, other)
    assert "it also covers 'more', which the artifact does not have" in verify(*words).out


def test_a_bundle_of_another_artifact(
    verify: Callable[..., Ran], folder: Path, key: PemKey
) -> None:
    bundle = ("--bundle", str(theirs(key, folder)))
    ran = verify("--artifact", "vocab.txt", *bundle)
    assert (ran.code, "other      of an artifact that was not checked" in ran.out) == (1, True)
    folder.rename(folder.with_name("renamed"))
    bundle = ("--bundle", str(theirs(key, folder.with_name("renamed"))))
    assert verify("--artifact", "model", *bundle).code == 0  # what it is called counts for nothing
    ran = verify("--artifact", "vocab.txt", *bundle)
    assert "it covers a folder, but the artifact is a file" in ran.out


def test_every_file_must_be_signed(
    registry: Path, cli: Cli, verify: Callable[..., Ran], key: PemKey, tmp_path: Path
) -> None:
    """Its own command leaves out .gitattributes, ours does not."""
    folder = tmp_path / "hub"
    write_files(folder, {"config.json": "{}", ".gitattributes": "* text\n"})
    assert cli(*ADD, "--artifact", str(folder), cwd=registry).code == 0
    fifth = "nlp/lang-id@5"
    ran = verify("--bundle", str(theirs(key, folder)), subject=fifth)
    assert ran.code == 1
    assert "bad        artifact hub: it does not cover '.gitattributes'" in ran.out
    words = ("sign", fifth, "--method", "model-signing", "--key", str(key.private))
    made = tmp_path / "ours.sig"
    ran = cli(*words, "--bundle", str(made), cwd=registry)
    assert (ran.code, "needs --no-ignore-git-paths" in ran.err) == (0, True)
    assert verify("--bundle", str(made), subject=fifth).code == 0
    own = ("verify", "key", folder, "--signature", made, "--public_key", key.public)
    assert model_signing(*own).returncode == 1
    assert model_signing(*own, "--no-ignore-git-paths").returncode == 0


def test_more_files_than_evidence_holds(
    registry: Path, cli: Cli, verify: Callable[..., Ran], key: PemKey, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    write_files(folder, {f"layer-{n:03}.bin": str(n) for n in range(120)})
    assert cli(*ADD, "--artifact", str(folder), cwd=registry).code == 0
    words = (
        "sign", "nlp/lang-id@5", "--method", "model-signing", "--key", str(key.private), "--commit"
    )  # fmt: skip
    ran = cli(*words, cwd=registry)
    assert ran.code == 2
    assert "evidence can store 16,384" in ran.err
    assert "--bundle FILE" in ran.err
    made, uri = tmp_path / "many.sig", "https://example.org/many.sig"
    ran = cli(*words, "--bundle", str(made), "--uri", uri, cwd=registry)
    assert (ran.code, ran.err) == (0, "")
    assert cli("check", "--all", cwd=registry).code == 0
    ran = verify(subject="nlp/lang-id@5")
    assert (ran.code, f"unchecked  its bundle is stored at {uri}" in ran.out) == (4, True)
    assert verify("--bundle", str(made), subject="nlp/lang-id@5").code == 0
    ran = cli(*words, "--bundle", str(made), cwd=registry)
    assert (ran.code, "already exists" in ran.err) == (2, True)


def test_it_counts_for_nothing_that_asks_for_a_signature_of_the_record(
    registry: Path, cli: Cli, sign: Callable[..., Ran], verify: Callable[..., Ran], tmp_path: Path
) -> None:
    mine = ssh_key(tmp_path / "keys", "mine")
    gate = "stages:\n  staging:\n    require:\n      - {evidence: signature}\n"
    settings = (registry / "registry.yaml").read_text()
    address = signer("A. Tester <tester@example.org>", mine)
    write_files(registry, {"allowed_signers": address, "registry.yaml": settings + gate})
    git(registry, "add", "--all")
    run_git(registry, "commit", "--quiet", "-m", "Signers")
    assert sign().code == 0
    ran = cli("verify", VERSION, cwd=registry)
    assert (ran.code, "other      of an artifact" in ran.out) == (1, True)
    assert cli("fetch", VERSION, "--require-signature", cwd=registry).code == 1
    promote = ("promote", VERSION, "--to", "staging", "--dry-run")
    assert f"try: registry sign {VERSION}" in cli(*promote, cwd=registry).out
    # A reader who brings a key for the artifacts says by --signers that the record matters too.
    assert verify().code == 0
    own = ("--signers", str(registry / "allowed_signers"))
    assert verify(*own).code == 1
    assert cli("sign", VERSION, "--key", str(mine), "--commit", cwd=registry).code == 0
    ran = verify(*own)
    assert (ran.code, ran.out.count("signed     ")) == (0, 3)
    assert "pass     evidence: signature" in cli(*promote, cwd=registry).out


@pytest.fixture
def _passphrases(quick_passphrases: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_NEW_PASSPHRASE", "open")
    monkeypatch.setenv("REGISTRY_PASSPHRASE", "open")


@pytest.mark.usefixtures("_passphrases")
def test_what_is_encrypted_is_signed_encrypted(
    registry: Path, cli: Cli, key: PemKey, verify: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "secret.bin").write_text("secret")
    sealed = ("--artifact", str(tmp_path / "secret.bin"), "--encrypt-passphrase")
    assert cli(*ADD, *sealed, cwd=registry).code == 0
    fifth = "nlp/lang-id@5"
    words = ("sign", fifth, "--method", "model-signing", "--key", str(key.private), "--commit")
    assert cli(*words, cwd=registry).code == 0
    assert verify(subject=fifth).code == 0
    out = tmp_path / "out"
    opened = ("decrypt", fifth, "-o", str(out), "--passphrase")
    assert cli(*opened, cwd=registry).code == 0
    ran = verify("--as", fifth, subject=str(out))
    assert ran.code == 4
    assert "its files are decrypted, and the signature is of the encrypted file" in ran.out


def test_bytes_from_a_folder_are_those_of_the_record(
    sign: Callable[..., Ran], folder: Path
) -> None:
    where = ("--artifact", "model", "--folder", str(folder.parent))
    assert sign(*where).code == 0
    (folder / "config.json").write_text("[]")
    ran = sign(*where)
    assert ran.code == 1
    assert (
        "differs from artifact model of the record: it has different content in 'config.json'"
        in ran.err
    )


def test_a_key_behind_a_passphrase(
    sign: Callable[..., Ran], verify: Callable[..., Ran], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    closed = PemKey(tmp_path / "keys", "closed", passphrase=b"open")
    ran = sign(private=closed.private)
    assert (ran.code, "set REGISTRY_KEY_PASSPHRASE" in ran.err) == (2, True)
    monkeypatch.setenv("REGISTRY_KEY_PASSPHRASE", "shut")
    assert "does not open the key" in sign(private=closed.private).err
    monkeypatch.setenv("REGISTRY_KEY_PASSPHRASE", "open")
    assert sign(private=closed.private).code == 0
    assert verify(public=closed.public).code == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--method", "ssh", "--artifact", "model"), "try:   --method model-signing"),
        (("--uri", "https://example.org/a"), "it requires --bundle FILE"),
        (("--bundle", "one.sig"), "--bundle is for one artifact"),
        (("--artifact", "model", "--bundle", "none/one.sig"), "cannot write"),
        (("--artifact", "none"), "stored artifacts: model, vocab.txt"),
        (("--key", "none"), "the key none cannot be read"),
    ],
)
def test_options_that_do_not_go_together(
    sign: Callable[..., Ran], more: tuple[str, ...], words: str
) -> None:
    ran = sign(*more)
    assert (ran.code, words in ran.err) == (2, True), ran.err


def test_a_bundle_needs_a_key(registry: Path, cli: Cli) -> None:
    ran = cli("verify", "nlp/lang-id@3", "--bundle", "one.sig", cwd=registry)
    assert (ran.code, "--public-key FILE" in ran.err) == (2, True)


def test_without_the_package(
    sign: Callable[..., Ran], verify: Callable[..., Ran], registry: Path, cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert sign().code == 0
    monkeypatch.setitem(sys.modules, "model_signing", None)
    for ran in (sign(), verify()):
        assert ran.code == 4
        assert 'pip install "registry-tool[model-signing]"' in ran.err
    assert "other      of an artifact" in cli("verify", VERSION, "--bytes", cwd=registry).out
